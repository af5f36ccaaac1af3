//! Strings that are read part by part: what they were when the reading began, whatever happens to their
//! keys, their segments, and their bytes on the disk.

use std::ops::Range;

use skeg_engine::{
    Engine, EngineOptions, Expiry, LogErrorKind, PartError, ReadError, Reading, StrRef, WrongType,
};
use skeg_io::Io;
use skeg_io::sync::Arc;

use crate::support::{Mailbox, keys};
use crate::values::{memory, open, run, set, settle, take_snapshot};

/// Some parts, the last of them not whole.
const BYTES: usize = 600_000;

fn value(number: u8) -> Vec<u8> {
    (0..BYTES).map(|at| number ^ (at % 251) as u8).collect()
}

fn begin(engine: &Engine, key: &[u8]) -> Arc<Reading> {
    let key = key.to_vec();
    let reading = run(engine, true, move |exec| exec.begin_reading(0, &key)).0;
    Arc::new(reading.expect("a string").expect("it is there"))
}

fn part(
    engine: &Engine,
    reading: &Arc<Reading>,
    range: Range<usize>,
) -> Result<Vec<u8>, PartError> {
    let found = Mailbox::new();
    let for_take = Arc::clone(&found);
    engine.read_part(reading, range, Box::new(move |part| for_take.put(part)));
    found.take().map(|bytes| bytes.to_vec())
}

/// Everything, in parts that are no divisor of anything.
fn all(engine: &Engine, reading: &Arc<Reading>) -> Result<Vec<u8>, PartError> {
    let mut bytes = Vec::new();
    while bytes.len() < reading.len() {
        bytes.extend(part(engine, reading, bytes.len()..bytes.len() + 99_991)?);
    }
    Ok(bytes)
}

fn remove(engine: &Engine, key: &[u8]) {
    let key = key.to_vec();
    run(engine, true, move |exec| exec.shard(&key).remove(0, &key));
}

fn oldest_segment(dir: &std::path::Path) -> String {
    let files = std::fs::read_dir(dir.join("log")).expect("it is a database");
    let names = files.map(|entry| entry.expect("it can be listed").file_name());
    let oldest = names.min().expect("there is a segment");
    oldest.into_string().expect("its name has digits")
}

/// A database whose only string is in the log, and the string's key.
fn one_in_the_log(cache_bytes: usize) -> (tempfile::TempDir, Engine, Vec<u8>) {
    let dir = tempfile::tempdir().expect("a folder of its own");
    let engine = open(dir.path(), cache_bytes);
    let key = keys(&engine)[0].clone();
    set(&engine, &key, value(1));
    settle(&engine, 64 << 10);
    (dir, engine, key)
}

#[test]
fn a_string_in_the_log_is_read_in_parts_of_any_size() {
    let (_dir, engine, key) = one_in_the_log(0);
    let reading = begin(&engine, &key);
    assert_eq!(reading.len(), BYTES);
    assert!(all(&engine, &reading) == Ok(value(1)));
    for range in
        [0..1, 262_143..262_145, BYTES - 1..BYTES + 9, BYTES + 3..BYTES + 9, 9..9, 0..BYTES]
    {
        let cut = range.start.min(BYTES)..range.end.min(BYTES);
        assert!(part(&engine, &reading, range.clone()) == Ok(value(1)[cut].to_vec()), "{range:?}");
    }
    assert!(memory(&engine) < 64 << 10, "it stays in the log");
    let missing = run(&engine, true, |exec| exec.begin_reading(0, b"{a}missing")).0;
    assert!(matches!(missing, Ok(None)));
    engine.close().unwrap();
    assert_eq!(
        part(&engine, &reading, 0..1),
        Err(PartError::Refused(skeg_engine::Refusal::Closed)),
        "nobody is left to read it",
    );
}

#[test]
fn what_is_read_stays_as_it_was_and_its_segment_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 0);
    let keys = keys(&engine);
    set(&engine, &keys[0], value(1));
    set(&engine, &keys[1], value(2));
    settle(&engine, 64 << 10);
    let readings = [&keys[0], &keys[1]].map(|key| begin(&engine, key));
    let beginnings = [0, 1].map(|at| part(&engine, &readings[at], 0..1_000).unwrap());
    set(&engine, &keys[0], value(3));
    remove(&engine, &keys[1]);
    for round in 0..6 {
        set(&engine, &keys[2], value(round));
    }
    settle(&engine, 64 << 10);
    let first = oldest_segment(dir.path());
    for _ in 0..2 {
        take_snapshot(&engine);
        assert_eq!(oldest_segment(dir.path()), first, "it is being read");
    }
    for (at, number) in [(0, 1), (1, 2)] {
        assert_eq!(beginnings[at], value(number)[..1_000]);
        assert!(all(&engine, &readings[at]) == Ok(value(number)), "{number}");
    }
    drop(readings);
    take_snapshot(&engine);
    assert!(oldest_segment(dir.path()) > first, "nobody needs it any more");
    assert!(all(&engine, &begin(&engine, &keys[0])) == Ok(value(3)));
    engine.close().unwrap();
}

#[test]
fn what_compaction_moves_is_read_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 0);
    let key = keys(&engine)[0].clone();
    let name = |number: u8| [b"{".as_slice(), &key, b"}", &[number]].concat();
    // Less than half of a segment, which others fill.
    let moved = &value(0)[..300_000];
    set(&engine, &name(0), moved.to_vec());
    for number in 1..12 {
        set(&engine, &name(number), value(number)[..100_000].to_vec());
    }
    settle(&engine, 64 << 10);
    let reading = begin(&engine, &name(0));
    let beginning = part(&engine, &reading, 0..1_000).unwrap();
    for number in 1..12 {
        remove(&engine, &name(number));
    }
    take_snapshot(&engine);
    assert_eq!(engine.value_figures().restated_bytes, 300_000);
    set(&engine, &name(1), value(1));
    take_snapshot(&engine);
    assert_eq!(beginning, moved[..1_000]);
    assert!(all(&engine, &reading).as_deref() == Ok(moved));
    assert!(all(&engine, &begin(&engine, &name(0))).as_deref() == Ok(moved));
    engine.close().unwrap();
}

#[test]
fn a_string_in_memory_is_read_there_until_its_key_changes() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { shards: Some(4), ..EngineOptions::default() };
    for dir in [None, Some(dir.path())] {
        let engine = Engine::open(&Io::real(), dir, &options).unwrap();
        let key = keys(&engine)[3].clone();
        let patch = |byte: &'static [u8]| {
            let key = key.clone();
            run(&engine, true, move |exec| exec.shard(&key).set_range(0, &key, 7, byte)).0.unwrap();
        };
        set(&engine, &key, value(1));
        patch(b"x");
        let mut expected = value(1);
        expected[7] = b'x';
        let (one, two) = (begin(&engine, &key), begin(&engine, &key));
        assert!(all(&engine, &one) == Ok(expected));
        drop(one);
        patch(b"y");
        assert_eq!(part(&engine, &two, 0..9), Err(PartError::Changed));
        remove(&engine, &key);
        assert_eq!(part(&engine, &two, 0..9), Err(PartError::Changed), "it stays so");
        engine.close().unwrap();
    }
}

#[test]
fn a_string_that_goes_to_the_log_meanwhile_is_read_on_there() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 0);
    let key = keys(&engine)[2].clone();
    set(&engine, &key, value(5));
    // Nothing of it is away yet, or all of it: the parts are the same.
    let reading = begin(&engine, &key);
    let beginning = part(&engine, &reading, 0..1_000).unwrap();
    settle(&engine, 64 << 10);
    let middle = part(&engine, &reading, 1_000..300_000).unwrap();
    set(&engine, &key, value(6));
    let end = part(&engine, &reading, 300_000..BYTES).unwrap();
    assert!([beginning, middle, end].concat() == value(5));
    engine.close().unwrap();
}

#[test]
fn short_strings_are_copied_and_other_kinds_refused() {
    let engine = Engine::open(&Io::real(), None, &EngineOptions::default()).unwrap();
    let key = keys(&engine)[0].clone();
    set(&engine, &key, b"1234".to_vec());
    let reading = begin(&engine, &key);
    set(&engine, &key, b"other".to_vec());
    assert_eq!(part(&engine, &reading, 1..3), Ok(b"23".to_vec()));
    let hash = key.clone();
    let refused = run(&engine, true, move |exec| {
        exec.shard(&hash).remove(0, &hash);
        exec.shard(&hash).hash_set(0, &hash, b"f", b"v").unwrap();
        exec.begin_reading(0, &hash).map(|_| ())
    });
    assert_eq!(refused.0, Err(WrongType));
    engine.close().unwrap();
}

#[test]
fn nothing_of_a_damaged_string_is_handed_out() {
    let (dir, engine, key) = one_in_the_log(0);
    let beginning = &value(1)[..64];
    let files = std::fs::read_dir(dir.path().join("log")).unwrap();
    let found = files.map(|entry| entry.unwrap().path()).find_map(|path| {
        let bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(64).position(|window| window == beginning)?;
        Some((path, bytes, at))
    });
    let (path, mut bytes, at) = found.expect("it is in the log");
    bytes[at + BYTES - 1] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let reading = begin(&engine, &key);
    let refused = part(&engine, &reading, 0..10);
    let Err(PartError::Unreadable(ReadError::Unreadable { kind, .. })) = refused else {
        panic!("it was served: {refused:?}");
    };
    assert_eq!(kind, LogErrorKind::Corrupt);
    bytes[at + BYTES - 1] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(part(&engine, &reading, 0..10) == Ok(value(1)[..10].to_vec()), "it is mended");
    // It was verified once: what is damaged now is noticed part by part.
    bytes[at + BYTES - 1] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(part(&engine, &reading, 0..10) == Ok(value(1)[..10].to_vec()));
    assert!(part(&engine, &reading, BYTES - 9..BYTES).is_err());
    engine.close().unwrap();
}

#[test]
fn a_range_is_read_without_the_rest() {
    let (_dir, engine, key) = one_in_the_log(16 << 20);
    let range = |range: Range<usize>| {
        let key = key.clone();
        run(&engine, false, move |exec| {
            let found = exec.shard(&key).read_range(0, &key, |_| range.clone());
            found.map(|found| match found.expect("it is there") {
                (StrRef::Bytes(bytes), range) => bytes[range].to_vec(),
                (StrRef::Int(_), _) => unreachable!("it is no number"),
            })
        })
    };
    for (wanted, runs) in [(5..9, 2), (100..200_000, 1), (262_000..262_200, 2), (7..7, 1)] {
        let expected = Ok(value(1)[wanted.clone()].to_vec());
        assert!(range(wanted.clone()) == (expected, runs), "{wanted:?}");
    }
    let cached = engine.value_figures().cache;
    assert_eq!(cached.values, 2, "the parts that were asked for");
    assert!(range(0..BYTES) == (Ok(value(1)), 2), "all of it is one value");
    let expiring = key.clone();
    run(&engine, true, move |exec| {
        let soon = exec.now_ms() + 1;
        exec.shard(&expiring).set(0, &expiring, b"short", Expiry::At(soon));
    });
    std::thread::sleep(std::time::Duration::from_millis(5));
    let gone = key.clone();
    let found = run(&engine, true, move |exec| {
        exec.shard(&gone).read_range(0, &gone, |_| 0..1).map(|found| found.is_none())
    });
    assert_eq!(found.0, Ok(true), "it has expired");
    engine.close().unwrap();
}

#[test]
fn a_range_comes_out_of_the_value_that_is_at_hand() {
    let (_dir, engine, key) = one_in_the_log(0);
    let (found, runs) = run(&engine, false, move |exec| {
        exec.shard(&key).want(0, &key);
        if exec.must_wait() {
            return None;
        }
        let found = exec.shard(&key).read_range(0, &key, |_| 5..9);
        Some(found.map(|found| match found.expect("it is there") {
            (StrRef::Bytes(bytes), range) => bytes[range].to_vec(),
            (StrRef::Int(_), _) => unreachable!("it is no number"),
        }))
    });
    assert_eq!((found, runs), (Some(Ok(value(1)[5..9].to_vec())), 2), "nothing else is read");
    engine.close().unwrap();
}
