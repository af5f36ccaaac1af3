//! What is written is read, what is damaged or contradicts itself is refused, what is kept is enough.

use super::*;
use crate::ErrorKind;

fn example() -> Current {
    let end = End { length: 4096, position: Position { epoch: 9, chain: 0xdead_beef } };
    Current {
        database_id: 5 << 77,
        generation: 3,
        durable: 12,
        next_segment: 8,
        shards: 16,
        start_segment: 2,
        start: Position { epoch: 4, chain: 17 },
        snapshot: Some(SnapshotRef { id: 3, length: 4_000, covered: 11, sum: 9 }),
        older: Vec::new(),
        segments: vec![NamedSegment::sealed(2, end), NamedSegment::open(7)],
        vectors: vec![
            VectorRef { id: 9, index: 5 << 44, length: 8192, covered: 12, sum: 77, shard: 3 },
            VectorRef { id: 2, index: 1, length: 4096, covered: 1, sum: 1, shard: 0 },
        ],
        values: Vec::new(),
    }
}

fn value(id: u64, needed: u8) -> ValueRef {
    ValueRef { id, length: 64 + 5_000, sum: 0xfeed, needed }
}

#[test]
fn what_is_written_is_read() {
    let bytes = example().encode();
    assert_eq!(bytes.len(), 124 + 2 * 32 + 2 * 40, "docs/format/current.md");
    assert_eq!(Current::decode(Path::new("CURRENT"), &bytes).unwrap(), Some(example()));
    let without = Current { snapshot: None, ..example() };
    let bytes = without.encode();
    assert_eq!(bytes[88..120], [0; 32], "docs/format/current.md");
    assert_eq!(Current::decode(Path::new("CURRENT"), &bytes).unwrap(), Some(without));
}

/// The example with a snapshot before its own, and a segment for values of each.
fn with_older() -> Current {
    let end = End { length: 4096, position: Position { epoch: 3, chain: 5 } };
    let for_values = |id, needed| NamedSegment { needed, ..NamedSegment::sealed(id, end) };
    let snapshot = SnapshotRef { id: 1, length: 3_000, covered: 3, sum: 8 };
    let older = Older { snapshot, start_segment: 1, start: Position { epoch: 2, chain: 6 } };
    let mut current = Current { older: vec![older], ..example() };
    let more = [for_values(0, 2), for_values(1, 1)];
    current.segments.splice(0..0, more);
    current
}

#[test]
fn older_snapshots_are_kept_with_what_they_need() {
    let current = with_older();
    let bytes = current.encode();
    assert_eq!(bytes.len(), 124 + 4 * 32 + 2 * 40 + 48, "docs/format/current.md");
    assert_eq!(Current::decode(Path::new("CURRENT"), &bytes).unwrap(), Some(current.clone()));
    let ids = |current: &Current| -> Vec<(u64, u8)> {
        current.segments.iter().map(|named| (named.id, named.needed)).collect()
    };

    let older = current.without_newest().unwrap();
    assert_eq!((older.snapshot.unwrap().id, older.start_segment, older.start.epoch), (1, 1, 2));
    assert_eq!((ids(&older), older.older.len()), (vec![(0, 0), (1, 0), (2, 0), (7, 0)], 0));
    assert_eq!(older.without_newest(), None);
    assert_eq!(ids(&current.clone().newest_alone()), [(1, 0), (2, 0), (7, 0)]);

    assert_eq!(current.without_oldest(), Some(current.clone().newest_alone()));

    let newest = SnapshotRef { id: 4, ..current.snapshot.unwrap() };
    let mut next = current.clone();
    next.take_snapshot(newest, 3);
    assert_eq!(ids(&next), [(0, 4), (1, 2), (2, 0), (7, 0)]);
    // What it has from segment 2 on, the one before the newest needs for its log.
    let two = next.without_oldest().unwrap();
    assert_eq!(ids(&two), [(1, 2), (2, 0), (7, 0)]);
    assert_eq!(two.snapshots().map(|named| named.id).collect::<Vec<_>>(), [4, 3]);
    assert_eq!(ids(&two.without_oldest().unwrap()), [(2, 0), (7, 0)]);
    assert_eq!(next.snapshots().map(|named| named.id).collect::<Vec<_>>(), [4, 3, 1]);
    assert_eq!((next.older[0].start_segment, next.older[1].start_segment), (2, 1));
    next.take_snapshot(SnapshotRef { id: 5, ..newest }, 2);
    assert_eq!(ids(&next), [(0, 0), (1, 0), (2, 0), (7, 0)]);
    assert_eq!(next.snapshots().map(|named| named.id).collect::<Vec<_>>(), [5, 4]);
    let mut alone = Current { older: Vec::new(), ..current }.newest_alone();
    alone.take_snapshot(newest, 8);
    assert_eq!(ids(&alone), [(0, 2), (1, 2), (2, 0), (7, 0)], "all before the start was for it");
}

#[test]
fn files_of_values_are_named_in_a_version_of_their_own() {
    for before in [example(), with_older()] {
        let needed = before.all_snapshots();
        let values = vec![value(2, needed), value(7, 1)];
        let current = Current { values, ..before.clone() };
        let bytes = current.encode();
        assert_eq!(bytes.len(), before.encode().len() + 4 + 2 * 24, "docs/format/current.md");
        assert_eq!(bytes[8..12], [3, 0, 0, 0]);
        assert_eq!(Current::decode(Path::new("CURRENT"), &bytes).unwrap(), Some(current));
    }
}

#[test]
fn files_of_values_are_kept_as_long_as_a_snapshot_needs_them() {
    let ids = |current: &Current| -> Vec<(u64, u8)> {
        current.values.iter().map(|named| (named.id, named.needed)).collect()
    };
    let values = vec![value(1, 2), value(2, 1), value(3, 3)];
    let current = Current { values, ..with_older() };
    assert_eq!(ids(&current.without_newest().unwrap()), [(1, 1), (3, 1)]);
    assert_eq!(ids(&current.clone().newest_alone()), [(2, 1), (3, 1)]);
    let newest = SnapshotRef { id: 4, ..current.snapshot.unwrap() };
    let mut next = current.clone();
    next.take_snapshot(newest, 3);
    assert_eq!(ids(&next), [(1, 4), (2, 2), (3, 6)], "whether the newest does is for others");
    assert_eq!(ids(&next.without_oldest().unwrap()), [(2, 2), (3, 2)]);
    let mut next = current;
    next.take_snapshot(newest, 1);
    assert_eq!(ids(&next), [(1, 0), (2, 0), (3, 0)]);
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let bytes = Current { values: vec![value(1, 2)], ..with_older() }.encode();
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match Current::decode(Path::new("CURRENT"), &bytes) {
            Ok(None) => assert!(bit < 64, "only the magic makes it foreign"),
            Ok(Some(_)) => panic!("bit {bit} was not noticed"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}"),
        }
    }
    for length in 8..bytes.len() {
        let error = Current::decode(Path::new("CURRENT"), &bytes[..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "length {length}");
    }
}

#[test]
fn contradictions_are_damage() {
    let refused = |change: fn(&mut Current)| {
        let mut current = example();
        change(&mut current);
        let error = Current::decode(Path::new("CURRENT"), &current.encode()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    };
    refused(|current| current.shards = 3);
    refused(|current| current.segments.reverse());
    refused(|current| current.start_segment = 3);
    refused(|current| current.next_segment = 7);
    refused(|current| current.start.epoch = u64::MAX);
    refused(|current| current.durable = 10);
    refused(|current| current.snapshot.as_mut().unwrap().id = u64::MAX);
    refused(|current| current.vectors[0].covered = 13);
    refused(|current| current.vectors[0].shard = 16);
    refused(|current| current.vectors[0].id = 2);
    refused(|current| current.vectors[1].id = 0);
    refused(|current| current.segments[0].needed = 1);
    refused(|current| current.values = vec![value(0, 1)]);
    refused(|current| current.values = vec![value(u64::MAX, 1)]);
    refused(|current| current.values = vec![value(1, 0)]);
    refused(|current| current.values = vec![value(8, 1)]);
    refused(|current| current.values = vec![value(1, 2)]);
    refused(|current| current.values = vec![value(2, 1), value(2, 1)]);
    refused(|current| current.values = vec![ValueRef { length: 63, ..value(1, 1) }]);
    refused(|current| *current = Current { snapshot: None, ..with_older() });
    refused(|current| {
        *current = with_older();
        current.older[0].snapshot.id = 3;
    });
    refused(|current| {
        *current = with_older();
        current.older[0].start_segment = 9;
    });
    refused(|current| {
        *current = with_older();
        current.older[0].start.epoch = 5;
    });
    refused(|current| {
        *current = with_older();
        current.segments[0].needed = 4;
    });
}
