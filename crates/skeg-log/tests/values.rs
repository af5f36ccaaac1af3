//! Values that stay in the log: read back from their places, wherever recovery has put them, and never
//! removed as long as somebody needs them.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{DIR, Harness, small_options};
use skeg_io::sim::{CrashPolicy, Damage, SimRng};
use skeg_io::sync::Arc;
use skeg_log::{
    Epoch, ErrorKind, Level, Log, Logged, Moved, PART_BYTES, Place, Purpose, RECORD_OVERHEAD_BYTES,
    Replay, ReplayError, ShardId, ShardPlace, SyncPolicy, ValueReader,
};

const SHARDS: u16 = 4;

/// What a replay says of values: each record is one.
#[derive(Default)]
struct Keeper {
    values: Vec<Logged>,
    reader: Option<Arc<ValueReader>>,
}

impl Replay for Keeper {
    fn values(&mut self, reader: &Arc<ValueReader>) {
        self.reader = Some(Arc::clone(reader));
    }

    fn record(&mut self, _: ShardId, _: u8, _: &[u8]) -> Result<(), ReplayError> {
        Ok(())
    }

    fn record_at(
        &mut self,
        place: Place,
        _: ShardId,
        _: u8,
        payload: &[u8],
    ) -> Result<(), ReplayError> {
        self.values.push(logged(place, payload));
        let read = self.reader.as_ref().unwrap().read(self.values.last().unwrap()).unwrap();
        assert_eq!(*read, *payload, "it can be read while it is replayed");
        Ok(())
    }

    fn moved(&mut self, moved: &[Moved]) {
        for value in &mut self.values {
            if let Some(place) = moved.iter().find_map(|moved| moved.apply(value.place)) {
                value.place = place;
            }
        }
    }
}

fn logged(place: Place, bytes: &[u8]) -> Logged {
    Logged { place, bytes: bytes.len() as u32, sum: Logged::sum(bytes) }
}

/// A log whose records are values, and what should be in it.
struct Store {
    harness: Harness,
    /// By epoch and order: what was pushed, and where it is once that is known.
    pushed: Vec<(ShardId, ShardPlace, Vec<u8>, Option<Place>)>,
}

impl Store {
    fn new(seed: u64) -> Self {
        let harness = Harness::new(seed, small_options(SyncPolicy::EverySecond));
        let mut store = Self { harness, pushed: Vec::new() };
        store.open();
        store
    }

    /// Opens it: what is replayed is a prefix, and can be read back.
    fn open(&mut self) {
        let mut keeper = Keeper::default();
        let io = self.harness.machine.io();
        let opened = Log::open(&io, Path::new(DIR), &self.harness.options, &mut keeper);
        let (log, recovered) = opened.unwrap();
        let last = recovered.last_epoch;
        assert!(last.0 >= self.harness.kernel, "what was acknowledged is there");
        self.pushed.retain(|(_, place, _, _)| place.epoch <= last);
        self.pushed.sort_by_key(|(shard, place, _, _)| (place.epoch, *shard, place.offset));
        assert_eq!(keeper.values.len(), self.pushed.len());
        for (value, (_, _, bytes, place)) in keeper.values.iter().zip(&mut self.pushed) {
            *place = Some(value.place);
            assert_eq!(*log.values().read(value).unwrap(), **bytes);
        }
        self.harness.log = Some(log);
    }

    fn push(&mut self, shards: &[u16], bytes: usize) {
        let payloads: Vec<_> = shards.iter().map(|_| self.harness.payload(bytes)).collect();
        let total: u64 = payloads.iter().map(|it| it.len() as u64 + RECORD_OVERHEAD_BYTES).sum();
        let mut space = self.harness.reserve_patiently(total, Purpose::Growth).unwrap();
        let log = self.harness.log();
        let places = if let ([shard], [payload]) = (shards, payloads.as_slice()) {
            vec![log.push_traced(&mut space, ShardId(*shard), 1, payload)]
        } else {
            let parts: Vec<_> = shards
                .iter()
                .zip(&payloads)
                .map(|(shard, payload)| (ShardId(*shard), 1, payload.as_slice()))
                .collect();
            log.push_many_traced(&mut space, &parts)
        };
        log.settle(space);
        for ((shard, place), payload) in shards.iter().zip(places).zip(payloads) {
            self.pushed.push((ShardId(*shard), place, payload, None));
        }
    }

    /// Learns the places of what was written, and reads it back.
    fn learn(&mut self) {
        let log = Arc::clone(self.harness.log());
        let reached = log.reached(Level::Kernel);
        for shard in (0..SHARDS).map(ShardId) {
            for written in log.take_written(shard) {
                for (_, at, _, place) in self
                    .pushed
                    .iter_mut()
                    .filter(|(of, at, _, _)| *of == shard && at.epoch == written.epoch)
                {
                    assert_eq!(*place, None, "each is told once");
                    *place = Some(written.place.plus(at.offset));
                }
            }
        }
        for (_, at, bytes, place) in &self.pushed {
            assert_eq!(place.is_some(), at.epoch <= reached, "{at:?} of {reached:?}");
            if let Some(place) = place {
                assert_eq!(*log.values().read(&logged(*place, bytes)).unwrap(), **bytes);
            }
        }
    }
}

#[test]
fn values_are_read_back_wherever_a_crash_has_left_them() {
    for seed in 0..12 {
        let mut rng = SimRng::new(seed);
        let mut store = Store::new(seed);
        for round in 0..6 {
            for number in 0..rng.below(60) {
                let shard = rng.below(u64::from(SHARDS)) as u16;
                let shards = if number % 5 == 0 { vec![0, 2, 3] } else { vec![shard] };
                store.push(&shards, 200 + rng.below(2_000) as usize);
                match rng.below(4) {
                    0 => store.harness.write(),
                    1 => store.harness.turn(),
                    _ => {}
                }
            }
            store.harness.write();
            store.learn();
            match (round + seed) % 3 {
                0 => store.harness.kill(),
                1 => store.harness.crash(CrashPolicy::AnySubset),
                _ => store.harness.close().unwrap(),
            }
            store.open();
        }
    }
}

#[test]
fn segments_whose_values_are_needed_outlive_the_snapshot() {
    let mut store = Store::new(7);
    for number in 0..400_u16 {
        store.push(&[number % SHARDS], 900);
        if number % 3 == 0 {
            store.harness.turn();
        }
    }
    store.harness.write();
    store.learn();
    let places = store.pushed.iter().map(|(_, _, _, place)| place.unwrap());
    let segments: BTreeSet<u64> = places.clone().map(|place| place.segment).collect();
    assert!(segments.len() > 4);
    let kept: BTreeSet<u64> = segments.iter().copied().skip(1).step_by(2).take(2).collect();
    snapshot(&store.harness, &kept);
    let files = |store: &Store| {
        let files = store.harness.machine.disk.files();
        files.iter().filter(|file| file.ends_with(".seg")).count() as u64
    };
    let status = store.harness.log().status();
    assert_eq!(status.segments, files(&store));
    assert!((3..=4).contains(&status.segments), "{status:?}");
    let values: Vec<_> = store.pushed.drain(..).collect();
    for reopened in 0..4 {
        let log = store.harness.log();
        for (_, _, bytes, place) in &values {
            let value = logged(place.unwrap(), bytes);
            let read = log.values().read(&value);
            match kept.contains(&value.place.segment) {
                true => assert_eq!(*read.unwrap(), **bytes),
                false if segments.last() == Some(&value.place.segment) => {}
                false => assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt),
            }
        }
        match reopened {
            0 => store.harness.kill(),
            1 => store.harness.crash(CrashPolicy::DropAll),
            _ => store.harness.close().unwrap(),
        }
        // The snapshot has everything, so nothing is replayed.
        store.open();
    }
    snapshot(&store.harness, &BTreeSet::new());
    assert!(files(&store) <= 2, "nobody needs the others any more");
}

#[cfg(feature = "failpoints")]
#[test]
fn flaw_segments_with_values_dropped() {
    skeg_log::break_promise(Some(skeg_log::Broken::DropsValues));
    let found = std::panic::catch_unwind(segments_whose_values_are_needed_outlive_the_snapshot);
    skeg_log::break_promise(None);
    assert!(found.is_err(), "it was not caught");
}

/// A snapshot of everything pushed so far, without entries.
fn snapshot(harness: &Harness, kept: &BTreeSet<u64>) {
    let log = harness.log();
    let mut writer = log.start_snapshot().unwrap();
    let places: Vec<_> = (0..SHARDS).map(|shard| log.place(ShardId(shard))).collect();
    let awaited = writer.complete(&places).unwrap();
    log.wait(Level::Disk, awaited).unwrap();
    writer.publish(kept).unwrap();
}

#[test]
fn a_changed_value_is_named_and_never_handed_out() {
    let mut store = Store::new(3);
    store.push(&[1], 5_000);
    store.harness.write();
    store.learn();
    let (_, _, bytes, place) = store.pushed[0].clone();
    let value = logged(place.unwrap(), &bytes);
    let reader = Arc::clone(store.harness.log().values());
    let elsewhere = [
        Logged { place: value.place.plus(1), ..value },
        Logged { bytes: value.bytes - 1, ..value },
        Logged { bytes: u32::MAX, ..value },
        Logged { place: Place { segment: 99, offset: 64 }, ..value },
        Logged { place: Place { offset: u64::MAX, ..value.place }, ..value },
    ];
    for wrong in elsewhere {
        assert_eq!(reader.read(&wrong).unwrap_err().kind(), ErrorKind::Corrupt, "{wrong:?}");
        assert_eq!(reader.read_resident(&wrong), None);
    }
    let file = format!("log/{:08}.seg", value.place.segment);
    let path = Harness::path(&file);
    let damage = Damage::FlipBit { offset: value.place.offset + 4_000, bit: 3 };
    store.harness.machine.disk.damage(&path, &damage).unwrap();
    let error = reader.read(&value).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let said = error.to_string();
    assert!(said.contains(&file) && said.contains(&value.place.offset.to_string()), "{said}");
    assert_eq!(store.harness.log().reached(Level::Kernel), Epoch(1), "nothing else is wrong");
}

#[test]
fn parts_of_a_value_are_verified_each_by_itself() {
    let mut store = Store::new(4);
    let part = PART_BYTES as usize;
    for bytes in [1, part, 2 * part + 1_000] {
        store.push(&[2], bytes);
        store.harness.write();
    }
    store.learn();
    let reader = Arc::clone(store.harness.log().values());
    for (_, _, bytes, place) in &store.pushed {
        let value = logged(place.unwrap(), bytes);
        let sums = reader.sum_parts(&value).unwrap();
        assert_eq!(sums.len(), bytes.len().div_ceil(part));
        for (number, (chunk, sum)) in bytes.chunks(part).zip(&*sums).enumerate() {
            assert_eq!(*reader.read(&value.part(number as u32, *sum)).unwrap(), *chunk);
        }
        let wrong = reader.sum_parts(&Logged { sum: !value.sum, ..value });
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    let (_, _, bytes, place) = store.pushed.last().unwrap();
    let value = logged(place.unwrap(), bytes);
    let sums = reader.sum_parts(&value).unwrap();
    let path = Harness::path(&format!("log/{:08}.seg", value.place.segment));
    let damage = Damage::FlipBit { offset: value.place.offset + part as u64 + 7, bit: 1 };
    store.harness.machine.disk.damage(&path, &damage).unwrap();
    let is_whole = |number: u32| reader.read(&value.part(number, sums[number as usize])).is_ok();
    assert_eq!([0, 1, 2].map(is_whole), [true, false, true]);
    assert_eq!(reader.sum_parts(&value).unwrap_err().kind(), ErrorKind::Corrupt);
}
