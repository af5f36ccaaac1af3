//! Opening, writing, closing, reopening.

mod common;

use std::path::Path;

use common::{Collect, DIR, Harness, small_options};
use skeg_io::sim::CrashPolicy;
use skeg_io::{Disk, Io};
use skeg_log::{
    ErrorKind, Level, Log, LogOptions, Replay, ReplayError, ReserveError, ShardId, SyncPolicy,
    Wrote,
};

#[test]
fn a_fresh_store_is_small_and_empty() {
    let mut harness = Harness::new(1, LogOptions::default());
    let recovered = harness.open(0).unwrap();
    assert!(recovered.created);
    assert_eq!(recovered.shards, 16);
    assert_eq!((recovered.records, recovered.last_epoch.0), (0, 0));
    let used = harness.machine.disk.used_bytes();
    assert!(used < 3 << 19, "a fresh store takes {used} bytes");
}

#[test]
fn what_was_pushed_is_replayed_after_closing() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    for number in 0..100 {
        harness.push(number % 4, number as usize * 10).unwrap();
        if number % 3 == 0 {
            harness.write();
        }
    }
    let last = harness.log().last_epoch();
    harness.close().unwrap();
    assert_eq!(harness.disk, last.0, "closing makes everything durable");
    harness.crash(CrashPolicy::DropAll);
    let recovered = harness.open(last.0).unwrap();
    assert!(!recovered.created);
    assert_eq!((recovered.cut_bytes, recovered.rewritten_blocks), (0, 0));
}

/// A reader reads a mebibyte at a time.
#[test]
fn blocks_are_replayed_wherever_one_ends_among_what_is_read_at_once() {
    let mut harness = Harness::new(1, LogOptions::default());
    harness.open(0).unwrap();
    for (number, kib) in [700, 700, 1, 1_500, 3, 1_024, 2_300, 64, 900].into_iter().enumerate() {
        harness.push(number as u16 % 4, kib << 10).unwrap();
        harness.write();
    }
    let last = harness.log().last_epoch();
    harness.close().unwrap();
    harness.open(last.0).unwrap();
}

#[test]
fn a_directory_with_files_of_others_is_left_alone() {
    let mut harness = Harness::new(1, LogOptions::default());
    harness.machine.disk.create_dir(Path::new(DIR)).unwrap();
    for name in [".gitkeep", "lost+found"] {
        harness.machine.disk.import(&Harness::path(name), b"").unwrap();
    }
    let theirs = Harness::path("notes.txt");
    harness.machine.disk.import(&theirs, b"precious").unwrap();
    let before = harness.machine.disk.files();
    let error = harness.open(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Caller);
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(harness.machine.disk.files(), before, "nothing was begun there");
    harness.machine.disk.remove(&theirs).unwrap();
    assert!(
        harness.open(0).unwrap().created,
        "what is hidden or the file system's is no hindrance"
    );
}

#[test]
fn many_reopenings_leave_few_files() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    for round in 0..50 {
        harness.open(0).unwrap();
        if round == 7 {
            harness.push(0, 100).unwrap();
        }
        harness.close().unwrap();
    }
    let segments = harness.machine.disk.files().iter().filter(|f| f.ends_with(".seg")).count();
    assert!(segments <= 2, "segments without records are dropped: {segments}");
}

#[test]
fn levels_advance_in_their_order() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    let epoch = harness.push(1, 50).unwrap();
    let reached = |harness: &Harness| {
        [Level::Memory, Level::Kernel, Level::Disk]
            .map(|level| harness.log().reached(level) >= epoch)
    };
    assert_eq!(reached(&harness), [true, false, false]);
    assert_eq!(harness.log().try_write(), Wrote::Wrote(epoch));
    assert_eq!(reached(&harness), [true, true, false]);
    assert_eq!(harness.log().sync().unwrap(), epoch);
    assert_eq!(reached(&harness), [true, true, true]);
    assert_eq!(harness.log().try_write(), Wrote::Nothing, "an empty epoch is not opened");
    assert_eq!(harness.push(1, 50).unwrap().0, epoch.0 + 1, "epochs have no gaps");
}

#[test]
fn a_closed_log_refuses() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    let log = std::sync::Arc::clone(harness.log());
    harness.close().unwrap();
    assert_eq!(log.reserve(1, skeg_log::Purpose::Growth).unwrap_err(), ReserveError::Closed);
    assert_eq!(log.sync().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(log.maintain().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(log.try_write(), Wrote::Nothing);
    log.close().unwrap();
}

#[test]
fn a_database_is_not_created_unasked() {
    let mut harness =
        Harness::new(1, LogOptions { create_if_missing: false, ..LogOptions::default() });
    assert_eq!(harness.open(0).unwrap_err().kind(), ErrorKind::Caller);
    assert!(harness.machine.disk.files().is_empty());
    harness.options = LogOptions { read_only: true, ..LogOptions::default() };
    assert_eq!(harness.open(0).unwrap_err().kind(), ErrorKind::Caller);
}

#[test]
fn a_second_opener_is_refused_until_the_first_has_closed() {
    let mut harness =
        Harness::new(1, LogOptions { holder: "pid 7".into(), ..LogOptions::default() });
    harness.open(0).unwrap();
    let io = harness.machine.io();
    let error =
        Log::open(&io, Path::new(DIR), &harness.options, &mut Collect::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("pid 7"), "{error}");
    harness.log = None;
    harness.open(0).unwrap();
}

/// Tries to open a database whenever another open of it replays a record.
struct Rival<'a> {
    io: &'a Io,
    dir: &'a Path,
    refused: usize,
}

impl Replay for Rival<'_> {
    fn record(&mut self, _: ShardId, _: u8, _: &[u8]) -> Result<(), ReplayError> {
        for read_only in [false, true] {
            let options = LogOptions { read_only, ..LogOptions::default() };
            let opened = Log::open(self.io, self.dir, &options, &mut ());
            assert_eq!(opened.map(drop).map_err(|error| error.kind()), Err(ErrorKind::Locked));
            self.refused += 1;
        }
        Ok(())
    }
}

#[test]
fn a_second_opener_is_refused_while_the_first_recovers() {
    let machine = skeg_io::sim::SimMachine::new(1);
    let real = tempfile::tempdir().unwrap();
    for (io, dir) in [(machine.io(), Path::new(DIR)), (Io::real(), real.path())] {
        let options = small_options(SyncPolicy::Never);
        let (log, _) = Log::open(&io, dir, &options, &mut ()).unwrap();
        for _ in 0..3 {
            let mut reservation = log.reserve(10, skeg_log::Purpose::Growth).unwrap();
            log.push(&mut reservation, ShardId(1), 1, b"a record");
            log.settle(reservation);
            log.try_write();
        }
        // As if it had died: there is a tail to be written again.
        drop(log);
        let mut rival = Rival { io: &io, dir, refused: 0 };
        let (log, recovered) = Log::open(&io, dir, &options, &mut rival).unwrap();
        assert_eq!((recovered.records, rival.refused), (3, 6));
        log.close().unwrap();
    }
}

#[test]
fn another_shard_count_is_refused() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    harness.close().unwrap();
    harness.options.shards = Some(8);
    assert_eq!(harness.open(0).unwrap_err().kind(), ErrorKind::Caller);
    harness.options.shards = None;
    assert_eq!(harness.open(0).unwrap().shards, 4);
}

#[test]
fn options_out_of_range_are_refused() {
    let refused = |change: fn(&mut LogOptions)| {
        let mut options = LogOptions::default();
        change(&mut options);
        assert_eq!(Harness::new(1, options).open(0).unwrap_err().kind(), ErrorKind::Caller);
    };
    refused(|options| options.shards = Some(0));
    refused(|options| options.shards = Some(3));
    refused(|options| options.segment_bytes = 1);
    refused(|options| options.unsynced_bytes_max = 1);
}

#[test]
fn reading_only_replays_and_writes_nothing() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    for _ in 0..20 {
        harness.push(2, 500).unwrap();
        harness.write();
    }
    harness.kill();
    let files = |harness: &Harness| -> Vec<_> {
        let disk = &harness.machine.disk;
        let names = disk.files().into_iter().filter(|name| !name.ends_with("LOCK"));
        names.map(|name| (disk.contents(Path::new(&name)).unwrap(), name)).collect()
    };
    let before = files(&harness);
    harness.options.read_only = true;
    let recovered = harness.open(harness.kernel).unwrap();
    assert_eq!(recovered.records, 20);
    assert_eq!(harness.reserve(1, skeg_log::Purpose::Release).unwrap_err(), ReserveError::ReadOnly);
    assert_eq!(harness.log().sync().unwrap_err().kind(), ErrorKind::ReadOnly);
    harness.log().close().unwrap();
    harness.log = None;
    assert!(files(&harness) == before, "nothing has changed");
    harness.machine.disk.set_read_only(true);
    harness.open(harness.kernel).unwrap();
}

#[test]
fn a_block_larger_than_a_segment_gets_its_own() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    harness.push(0, 10_000).unwrap();
    harness.write();
    harness.push(1, 1_000_000).unwrap();
    harness.write();
    harness.push(2, 10).unwrap();
    harness.write();
    harness.log().sync().unwrap();
    harness.kill();
    let recovered = harness.open(3).unwrap();
    assert_eq!(recovered.records, 3);
}

#[test]
fn segments_follow_each_other_and_sealed_ones_are_trimmed() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    for _ in 0..600 {
        harness.push(0, 1000).unwrap();
        harness.write();
        harness.turn();
    }
    let status = harness.log().status();
    assert!(status.segments >= 9, "{status:?}");
    let used = harness.machine.disk.used_bytes();
    assert!(used < status.bytes + (1 << 20), "{used} bytes for {}", status.bytes);
    harness.kill();
    harness.open(600).unwrap();
}
