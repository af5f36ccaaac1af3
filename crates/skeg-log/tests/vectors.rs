//! Segments of vectors: published and replaced in one step, whatever crash comes; damage is named; a
//! full disk and a failed write leave everything as it was.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::path::{Path, PathBuf};

use common::{Collect, DIR, Harness, small_options, was_stopped};
use skeg_io::Disk;
use skeg_io::sim::{CrashPolicy, Failure, Fault, Injection, Operation};
use skeg_log::{
    CopyOptions, Epoch, ErrorKind, Level, Log, LogError, Offline, Replay, ReplayError, ShardId,
    SyncPolicy, VectorEntry, VectorFile,
};

/// Notes the segments that an open shows, with their first bytes.
#[derive(Default)]
struct Shown {
    segments: Vec<(u64, u64, u16, Vec<u8>)>,
    rest: Collect,
}

impl Replay for Shown {
    fn start(&mut self, shards: u16) -> Result<(), ReplayError> {
        self.rest.start(shards)
    }

    fn vectors(&mut self, file: &VectorFile) -> Result<(), LogError> {
        assert!(self.rest.records.is_empty(), "segments come before records");
        let mut bytes = vec![0; 5000];
        file.file.read_exact_at(&mut bytes, 0).unwrap();
        self.segments.push((file.id, file.index, file.shard.0, bytes));
        Ok(())
    }

    fn record(&mut self, shard: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
        self.rest.record(shard, kind, payload)
    }
}

/// What is in the segment with a number.
fn content(id: u64) -> Vec<u8> {
    vec![id as u8; 5000]
}

/// Writes a segment of index `index` in the place of others: its number.
fn publish(harness: &mut Harness, index: u64, replaces: &[u64]) -> Result<u64, LogError> {
    let covered = harness.push(2, 100).map_err(|_| LogError::ReadOnly)?;
    let log = std::sync::Arc::clone(harness.log());
    let mut writer = log.start_vectors(5000)?;
    let id = writer.id();
    writer.write(&content(id), 0)?;
    writer.complete(5000)?;
    log.wait(Level::Disk, covered)?;
    let sum = u32::try_from(id).unwrap();
    match writer.publish(&VectorEntry { index, shard: ShardId(2), sum, covered, replaces })? {
        Some(left) => Err(left),
        None => Ok(id),
    }
}

/// Opens and gives the numbers of the segments shown, which must be what was written.
fn open(harness: &mut Harness) -> Result<Vec<u64>, LogError> {
    let mut shown = Shown::default();
    let io = harness.machine.io();
    let (log, recovered) = Log::open(&io, Path::new(DIR), &harness.options, &mut shown)?;
    let last = recovered.last_epoch.0;
    harness.history.split_off(&(last + 1));
    harness.log = Some(log);
    for (id, index, shard, bytes) in &shown.segments {
        assert_eq!((*shard, bytes), (2, &content(*id)), "segment {id} of index {index}");
    }
    Ok(shown.segments.iter().map(|(id, ..)| *id).collect())
}

fn files(harness: &Harness) -> Vec<String> {
    let mut files = harness.machine.disk.files();
    files.retain(|file| file.ends_with(".vec"));
    files
}

#[test]
fn a_segment_takes_the_place_of_others() {
    let mut harness = Harness::new(3, small_options(SyncPolicy::EverySecond));
    assert_eq!(open(&mut harness).unwrap(), []);
    let (a, b) = (publish(&mut harness, 7, &[]).unwrap(), publish(&mut harness, 8, &[]).unwrap());
    harness.kill();
    assert_eq!(open(&mut harness).unwrap(), [a, b]);
    let c = publish(&mut harness, 7, &[a]).unwrap();
    assert_eq!(files(&harness).len(), 2);
    harness.crash(CrashPolicy::DropAll);
    assert_eq!(open(&mut harness).unwrap(), [b, c]);
    let gone = harness.push(2, 10).unwrap();
    harness.log().wait(Level::Disk, gone).unwrap();
    assert!(harness.log().drop_vectors(8, gone).unwrap().is_none());
    assert_eq!(files(&harness).len(), 1);
    harness.close().unwrap();
    assert_eq!(open(&mut harness).unwrap(), [c]);
}

#[test]
fn a_number_that_was_named_never_comes_again() {
    let mut harness = Harness::new(3, small_options(SyncPolicy::EverySecond));
    assert_eq!(open(&mut harness).unwrap(), []);
    let mut last = 0;
    for _ in 0..4 {
        for _ in 0..9 {
            let named = publish(&mut harness, 7, &[]).unwrap();
            assert!(named > last, "{named} after {last}");
            last = named;
        }
        let gone = harness.push(2, 10).unwrap();
        harness.log().wait(Level::Disk, gone).unwrap();
        assert!(harness.log().drop_vectors(7, gone).unwrap().is_none());
        harness.close().unwrap();
        assert_eq!(open(&mut harness).unwrap(), []);
    }
}

#[test]
fn a_segment_that_is_given_up_leaves_nothing() {
    let mut harness = Harness::new(3, small_options(SyncPolicy::EverySecond));
    open(&mut harness).unwrap();
    let mut writer = harness.log().start_vectors(100).unwrap();
    writer.write(&[1; 9000], 0).unwrap();
    assert_eq!(files(&harness).len(), 1);
    drop(writer);
    assert!(files(&harness).is_empty());
    let mut writer = harness.log().start_vectors(100).unwrap();
    writer.write(&[1; 9000], 0).unwrap();
    // As a process that dies leaves it.
    harness.machine.disk.stop();
    drop(writer);
    harness.kill();
    assert_eq!(files(&harness).len(), 1);
    assert_eq!(open(&mut harness).unwrap(), []);
    assert!(files(&harness).is_empty(), "the next open removes it");
}

/// What a crash in the middle of a segment's how manieth change leaves: whether there was one.
fn crash_in_a_segment(seed: u64, change: u64, power: Option<CrashPolicy>) -> bool {
    let mut harness = Harness::new(seed, small_options(SyncPolicy::Never));
    open(&mut harness).unwrap();
    let mut before = vec![publish(&mut harness, 1, &[]).unwrap()];
    before.push(publish(&mut harness, 1, &[]).unwrap());
    before.push(publish(&mut harness, 2, &[]).unwrap());
    harness.machine.disk.stop_at(harness.machine.disk.changes() + change);
    let done = publish(&mut harness, 1, &before[..2]);
    let was_stopped_in_it = harness.machine.disk.is_stopped();
    assert!(done.is_ok() || was_stopped_in_it, "{done:?}");
    harness.machine.disk.stop();
    match power {
        None => harness.kill(),
        Some(policy) => harness.crash(policy),
    }
    harness.machine.disk.stop_at(harness.machine.disk.changes() + 1 + change % 11);
    if let Err(error) = open(&mut harness) {
        assert!(was_stopped(&harness, &error), "{error}");
    }
    harness.log = None;
    harness.machine.crash(CrashPolicy::AnySubset);
    let found = open(&mut harness).unwrap();
    let is_after = matches!(found[..], [kept, new] if kept == before[2] && new > kept);
    assert!(found == before || is_after, "{found:?}");
    assert!(done.is_err() || is_after, "what was published stays");
    assert_eq!(files(&harness).len(), found.len(), "{:?}", files(&harness));
    was_stopped_in_it
}

#[test]
fn a_crash_at_any_step_leaves_the_old_or_the_new() {
    for (seed, power) in [
        (1, None),
        (2, Some(CrashPolicy::DropAll)),
        (3, Some(CrashPolicy::AnySubset)),
        (4, Some(CrashPolicy::KeepAll)),
    ] {
        let mut change = 1;
        while crash_in_a_segment(seed * 1000 + change, change, power) {
            change += 1;
        }
        assert!(change > 10, "the end was not tried: {change} changes");
    }
}

#[test]
fn a_file_that_is_missing_or_of_another_length_stops_the_open() {
    let mut harness = Harness::new(9, small_options(SyncPolicy::Never));
    open(&mut harness).unwrap();
    let id = publish(&mut harness, 1, &[]).unwrap();
    harness.close().unwrap();
    let file = PathBuf::from(DIR).join(format!("vectors/{id:08}.vec"));
    let healthy = harness.machine.disk.clone();
    for damage in [Some(4999), Some(5001), None] {
        harness.machine.disk = healthy.after_kill();
        match damage {
            Some(length) => {
                let mode = skeg_io::OpenMode::ReadWrite;
                harness.machine.disk.open(&file, mode).unwrap().set_len(length).unwrap();
            }
            None => harness.machine.disk.remove(&file).unwrap(),
        }
        match open(&mut harness) {
            Err(LogError::Corrupt(found)) => assert_eq!(found.file, file, "{found:?}"),
            other => panic!("damage was not found: {other:?}"),
        }
        let offline = Offline::open(&harness.machine.io(), Path::new(DIR)).unwrap();
        let report = offline.check(&mut ()).unwrap();
        assert_eq!(report.damage[0].file, file);
    }
}

#[test]
fn a_copy_has_them_too() {
    let mut harness = Harness::new(9, small_options(SyncPolicy::Never));
    open(&mut harness).unwrap();
    let id = publish(&mut harness, 1, &[]).unwrap();
    harness.close().unwrap();
    let io = harness.machine.io();
    let offline = Offline::open(&io, Path::new(DIR)).unwrap();
    for (link, to) in [(true, "/data/linked"), (false, "/data/copied")] {
        let options = CopyOptions { link, update: false };
        let copied = offline.copy_to(Path::new(to), options, &mut || Box::new(())).unwrap();
        assert!(copied.bytes > 5000);
        let mut shown = Shown::default();
        let (log, _) = Log::open(&io, Path::new(to), &harness.options, &mut shown).unwrap();
        assert_eq!(shown.segments[0].3, content(id));
        log.close().unwrap();
    }
}

#[test]
fn what_fails_leaves_everything_as_it_was() {
    for (operation, times) in [
        (Operation::Write, 0),
        (Operation::Sync, 0),
        (Operation::SyncDir, 0),
        (Operation::Create, 0),
        (Operation::Allocate, 0),
    ] {
        let mut harness = Harness::new(6, small_options(SyncPolicy::EverySecond));
        open(&mut harness).unwrap();
        let a = publish(&mut harness, 1, &[]).unwrap();
        let covered = harness.push(2, 100).unwrap();
        harness.log().wait(Level::Disk, covered).unwrap();
        let fault = Injection::once(operation, Fault::Fail(Failure::Io)).after(times);
        harness.machine.disk.inject(fault);
        let written = harness.log().start_vectors(5000).and_then(|mut writer| {
            writer.write(&content(writer.id()), 0)?;
            writer.complete(5000)
        });
        assert_eq!(written.unwrap_err().kind(), ErrorKind::Io, "{operation:?}");
        assert_eq!(files(&harness).len(), 1, "{operation:?}");
        let b = publish(&mut harness, 1, &[a]).unwrap();
        harness.crash(CrashPolicy::DropAll);
        assert_eq!(open(&mut harness).unwrap(), [b]);
    }
}

#[test]
fn a_disk_without_room_refuses_a_segment_and_nothing_else() {
    let mut harness = Harness::new(6, small_options(SyncPolicy::EverySecond));
    open(&mut harness).unwrap();
    let room = harness.machine.disk.used_bytes() + (100 << 10);
    harness.machine.disk.set_capacity(room, Failure::OutOfSpace);
    let error = harness.log().start_vectors(90 << 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(files(&harness).is_empty());
    harness.push(1, 100).unwrap();
    harness.machine.disk.set_capacity(1 << 40, Failure::OutOfSpace);
    publish(&mut harness, 1, &[]).unwrap();
}

#[test]
#[should_panic(expected = "nothing is published before what it covers is durable")]
fn nothing_is_published_before_it_is_durable() {
    let mut harness = Harness::new(6, small_options(SyncPolicy::Never));
    open(&mut harness).unwrap();
    let mut writer = harness.log().start_vectors(10).unwrap();
    writer.write(&[1], 0).unwrap();
    writer.complete(1).unwrap();
    let entry =
        VectorEntry { index: 1, shard: ShardId(0), sum: 0, covered: Epoch(9), replaces: &[] };
    let _ = writer.publish(&entry);
}
