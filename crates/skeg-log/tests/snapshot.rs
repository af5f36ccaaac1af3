//! Snapshots: loaded and replayed together they are the history, each record once; crashes at every
//! step leave the old or the new; damage is named; a full disk hurts nobody.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::path::{Path, PathBuf};

use common::{
    DIR, Harness, files, open, push_some, records_of, small_options, snapshot, snapshot_keeping,
    was_stopped,
};
use skeg_io::Disk;
use skeg_io::sim::{CrashPolicy, Damage, Failure, Fault, Injection, Operation};
use skeg_log::{
    ErrorKind, Health, Log, LogError, LogOptions, Offline, RepairPlan, Replay, ReplayError,
    ShardId, SyncPolicy,
};

#[test]
fn a_snapshot_takes_the_place_of_the_log_before_it() {
    let mut harness = Harness::new(3, small_options(SyncPolicy::EverySecond));
    open(&mut harness, 0).unwrap();
    push_some(&mut harness, 400);
    let before = harness.log().status();
    assert!(before.segments > 3 && before.snapshot.is_none(), "{before:?}");
    let info = snapshot(&mut harness, |harness| push_some(harness, 7)).unwrap();
    let after = harness.log().status();
    assert!(after.segments <= 2, "what is superfluous is gone: {after:?}");
    assert_eq!(after.snapshot, Some(info));
    assert!(after.behind_bytes < before.behind_bytes / 4, "{after:?}");
    assert_eq!(files(&harness, ".seg").len() as u64, after.segments);
    push_some(&mut harness, 20);
    harness.write();
    let last = harness.log().last_epoch().0;
    harness.kill();
    let recovered = open(&mut harness, last).unwrap();
    assert_eq!(recovered.last_epoch.0, last);
    assert!(recovered.snapshot_entries >= 400 && recovered.records < 60, "{recovered:?}");
    assert_eq!(recovered.cut_bytes, 0, "{recovered:?}");
}

#[test]
fn the_next_snapshot_takes_the_place_of_the_last() {
    let mut harness = Harness::new(4, small_options(SyncPolicy::Never));
    open(&mut harness, 0).unwrap();
    for round in 1..=5 {
        push_some(&mut harness, 150);
        let info = snapshot(&mut harness, |_| ()).unwrap();
        assert_eq!(info.id, round);
        assert_eq!(files(&harness, ".snap").len(), 1);
        if round % 2 == 0 {
            harness.close().unwrap();
            open(&mut harness, 0).unwrap();
        }
    }
    let status = harness.log().status();
    assert!(status.segments <= 2, "{status:?}");
    harness.options.read_only = true;
    harness.close().unwrap();
    let changes = harness.machine.disk.changes();
    open(&mut harness, 0).unwrap();
    let error = harness.log().start_snapshot().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    harness.close().unwrap();
    assert_eq!(harness.machine.disk.changes(), changes, "a look changes nothing");
}

/// What a crash in the middle of the snapshot's how manieth change leaves.
fn crash_in_a_snapshot(seed: u64, change: u64, power: Option<CrashPolicy>) -> bool {
    let mut harness = Harness::new(seed, small_options(SyncPolicy::Never));
    open(&mut harness, 0).unwrap();
    for _ in 0..2 {
        push_some(&mut harness, 90);
        snapshot(&mut harness, |harness| push_some(harness, 2)).unwrap();
    }
    push_some(&mut harness, 40);
    harness.observe();
    harness.machine.disk.stop_at(harness.machine.disk.changes() + change);
    let done = snapshot(&mut harness, |harness| {
        // Nothing is refused for a stopped disk before somebody has seen that it is.
        let _ = harness.push(change as u16 % 4, 500);
        let _ = harness.log().try_write();
    });
    let was_stopped_in_it = harness.machine.disk.is_stopped();
    assert!(done.is_ok() || was_stopped_in_it, "{done:?}");
    harness.machine.disk.stop();
    match power {
        None => harness.kill(),
        Some(policy) => harness.crash(policy),
    }
    let least = if power.is_none() { harness.kernel } else { harness.disk };
    // A crash in the recovery that follows makes no difference.
    harness.machine.disk.stop_at(harness.machine.disk.changes() + 1 + change % 11);
    match open(&mut harness, least) {
        Ok(_) => {}
        Err(error) => assert!(was_stopped(&harness, &error), "{error}"),
    }
    harness.log = None;
    harness.machine.crash(CrashPolicy::AnySubset);
    let least = harness.disk;
    open(&mut harness, least).unwrap();
    assert!(files(&harness, ".snap").len() <= 1, "{:?}", files(&harness, ".snap"));
    push_some(&mut harness, 30);
    snapshot(&mut harness, |_| ()).unwrap();
    harness.close().unwrap();
    open(&mut harness, 0).unwrap();
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
        // Every write and sync of a small snapshot would do, but most are alike.
        while crash_in_a_snapshot(seed * 1000 + change, change, power) {
            change += if (8..400).contains(&change) { 61 } else { 1 };
        }
        assert!(change > 445, "the end was not tried: {change} changes");
    }
}

#[test]
fn damage_in_a_snapshot_stops_the_open_with_its_place() {
    let mut harness = Harness::new(9, small_options(SyncPolicy::Never));
    open(&mut harness, 0).unwrap();
    push_some(&mut harness, 60);
    let info = snapshot(&mut harness, |_| ()).unwrap();
    harness.close().unwrap();
    let file = PathBuf::from(DIR).join(format!("snap/{:08}.snap", info.id));
    let (healthy, history) = (harness.machine.disk.clone(), harness.history.clone());
    let mut is_refused = |damage: &dyn Fn(&Harness)| {
        harness.machine.disk = healthy.after_kill();
        harness.history.clone_from(&history);
        damage(&harness);
        match open(&mut harness, 0) {
            Err(LogError::Corrupt(found)) => {
                assert_eq!(found.file, file, "{found:?}");
                assert!(found.remedy.contains("repair"), "{found:?}");
            }
            other => panic!("damage was not found: {other:?}"),
        }
        harness.log = None;
    };
    for at in (0..info.bytes).step_by(97).chain([8, 60, info.bytes - 1]) {
        let bit = u8::try_from(at % 8).unwrap();
        is_refused(&|harness: &Harness| {
            harness.machine.disk.damage(&file, &Damage::FlipBit { offset: at, bit }).unwrap();
        });
    }
    for length in [0, 63, 64, info.bytes / 2, info.bytes - 1] {
        is_refused(&|harness: &Harness| {
            let opened = harness.machine.disk.open(&file, skeg_io::OpenMode::ReadWrite).unwrap();
            opened.set_len(length).unwrap();
        });
    }
    is_refused(&|harness: &Harness| harness.machine.disk.remove(&file).unwrap());
}

#[test]
fn damage_in_the_newest_of_two_snapshots_loses_nothing() {
    let options = LogOptions { keep_snapshots: 2, ..small_options(SyncPolicy::Never) };
    let mut harness = Harness::new(9, options);
    open(&mut harness, 0).unwrap();
    let mut infos = Vec::new();
    for count in [300, 40, 200] {
        push_some(&mut harness, count);
        infos.push(snapshot(&mut harness, |harness| push_some(harness, 3)).unwrap());
    }
    push_some(&mut harness, 20);
    let status = harness.log().status();
    assert_eq!((status.snapshots, status.snapshot), (2, Some(infos[2])));
    assert_eq!(files(&harness, ".snap").len(), 2);
    harness.write();
    let last = harness.log().last_epoch().0;
    harness.close().unwrap();
    let [older, newest] = [1, 2]
        .map(|number: usize| PathBuf::from(DIR).join(format!("snap/{:08}.snap", infos[number].id)));
    let (healthy, history) = (harness.machine.disk.clone(), harness.history.clone());
    let flip = |harness: &Harness, file: &Path, at: u64| {
        let damage = Damage::FlipBit { offset: at, bit: u8::try_from(at % 8).unwrap() };
        harness.machine.disk.damage(file, &damage).unwrap();
    };
    for at in (0..infos[2].bytes).step_by(9_973).chain([8, 60, infos[2].bytes - 1]) {
        harness.machine.disk = healthy.after_kill();
        harness.history.clone_from(&history);
        flip(&harness, &newest, at);
        let found = open(&mut harness, last).unwrap().damaged_snapshots;
        assert_eq!(found.iter().map(|it| &it.file).collect::<Vec<_>>(), [&newest]);
        assert_eq!(harness.log().status().snapshot, Some(infos[1]));
        // From here on it is as if there had never been another.
        push_some(&mut harness, 30);
        let info = snapshot(&mut harness, |_| ()).unwrap();
        harness.close().unwrap();
        assert_eq!(open(&mut harness, last).unwrap().snapshot_bytes, info.bytes);
        harness.log = None;
    }
    harness.machine.disk = healthy.after_kill();
    harness.history.clone_from(&history);
    harness.machine.disk.remove(&newest).unwrap();
    flip(&harness, &older, 100);
    let Err(LogError::Corrupt(found)) = open(&mut harness, last) else {
        panic!("both are damaged")
    };
    assert_eq!(found.file, newest, "the first damage is told");
}

/// A database with three snapshots, two of which are kept, closed; the last epoch, and the file of the newest.
/// That one has values in a segment that only the log of the first one had.
fn with_an_older_snapshot() -> (Harness, u64, PathBuf) {
    let options = LogOptions { keep_snapshots: 2, ..small_options(SyncPolicy::Never) };
    let mut harness = Harness::new(10, options);
    open(&mut harness, 0).unwrap();
    push_some(&mut harness, 200);
    snapshot(&mut harness, |_| ()).unwrap();
    push_some(&mut harness, 200);
    let segments = files(&harness, ".seg");
    let between = Path::new(&segments[segments.len() / 2]).file_stem().unwrap();
    let between: u64 = between.to_str().unwrap().parse().unwrap();
    snapshot(&mut harness, |_| ()).unwrap();
    push_some(&mut harness, 100);
    let newest = snapshot_keeping(&mut harness, &[between].into(), |_| ()).unwrap();
    assert!(harness.log().status().kept_bytes > 0, "{between} of {segments:?}");
    push_some(&mut harness, 9);
    harness.write();
    let last = harness.log().last_epoch().0;
    harness.close().unwrap();
    (harness, last, PathBuf::from(DIR).join(format!("snap/{:08}.snap", newest.id)))
}

#[test]
fn going_back_to_an_older_snapshot_may_be_struck_anywhere() {
    let (mut harness, last, newest) = with_an_older_snapshot();
    let damage = Damage::FlipBit { offset: 100, bit: 3 };
    harness.machine.disk.damage(&newest, &damage).unwrap();
    let (damaged, history) = (harness.machine.disk.clone(), harness.history.clone());
    for strike_at in 1.. {
        harness.machine.disk = damaged.after_kill();
        harness.history.clone_from(&history);
        let mut was_struck = false;
        for again in 0..3 {
            harness.machine.disk.stop_at(strike_at + again);
            if let Err(error) = open(&mut harness, last) {
                assert!(was_stopped(&harness, &error), "{error}");
                was_struck = true;
            }
            harness.log = None;
            harness.machine.crash(CrashPolicy::DropAll);
        }
        open(&mut harness, last).unwrap();
        harness.log = None;
        if !was_struck {
            assert!(strike_at > 10, "it changes more than {strike_at} files");
            break;
        }
    }
}

/// Refuses what only a newer skeg could apply.
struct Older(Vec<u8>);

impl Replay for Older {
    fn record(&mut self, _: ShardId, _: u8, payload: &[u8]) -> Result<(), ReplayError> {
        if payload == self.0 { Err(ReplayError("an effect of later".into())) } else { Ok(()) }
    }
}

#[test]
fn a_snapshot_of_a_newer_skeg_is_not_damaged() {
    let (mut harness, last, newest) = with_an_older_snapshot();
    let (_, _, unknown) = records_of(&harness, 0, last)[0].clone();
    // The older snapshot has it, too: it is never looked at.
    let opened = Log::open(
        &harness.machine.io(),
        Path::new(DIR),
        &LogOptions { read_only: true, ..harness.options.clone() },
        &mut Older(unknown),
    );
    let Err(LogError::Corrupt(found)) = opened else { panic!("it was opened") };
    assert_eq!((found.file, found.found.as_str()), (newest, "an effect of later"));
    open(&mut harness, last).unwrap();
}

#[test]
fn a_disk_without_room_for_a_snapshot_refuses_it_and_nothing_else() {
    let mut harness = Harness::new(6, small_options(SyncPolicy::EverySecond));
    open(&mut harness, 0).unwrap();
    push_some(&mut harness, 300);
    let room = harness.machine.disk.used_bytes() + (200 << 10);
    harness.machine.disk.set_capacity(room, Failure::OutOfSpace);
    let error = snapshot(&mut harness, |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(files(&harness, ".snap").is_empty(), "what was begun is gone");
    push_some(&mut harness, 20);
    assert_eq!(harness.log().status().health, Health::Healthy);
    harness.machine.disk.set_capacity(1 << 40, Failure::OutOfSpace);
    snapshot(&mut harness, |_| ()).unwrap();
}

#[test]
fn a_snapshot_that_fails_leaves_the_log_as_it_was() {
    for (operation, times) in [
        (Operation::Write, 1),
        (Operation::Write, 40),
        (Operation::Sync, 0),
        (Operation::SyncDir, 0),
        (Operation::Create, 0),
        (Operation::Allocate, 0),
    ] {
        let mut harness = Harness::new(7, small_options(SyncPolicy::Never));
        open(&mut harness, 0).unwrap();
        push_some(&mut harness, 50);
        harness.write();
        harness.log().sync().unwrap();
        // The first snapshot makes the folder.
        snapshot(&mut harness, |_| ()).unwrap();
        let fault = Injection::once(operation, Fault::Fail(Failure::Io)).after(times);
        harness.machine.disk.inject(fault);
        let error = snapshot(&mut harness, |_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{operation:?}: {error}");
        harness.machine.disk.clear_injections();
        let status = harness.log().status();
        assert_eq!(status.health, Health::Healthy, "{operation:?}: {status:?}");
        assert_eq!(status.snapshot.map(|snapshot| snapshot.id), Some(1));
        assert_eq!(files(&harness, ".snap").len(), 1, "{operation:?}");
        push_some(&mut harness, 50);
        assert_eq!(snapshot(&mut harness, |_| ()).unwrap().id, 2);
    }
}

#[test]
fn a_folder_whose_sync_has_failed_is_made_again() {
    // What a failed sync loses is up to the seed.
    for seed in 0..20 {
        let mut harness = Harness::new(seed, small_options(SyncPolicy::Never));
        harness.open(0).unwrap();
        push_some(&mut harness, 20);
        // The first sync is that of the database's own entry.
        let fault = Injection::once(Operation::SyncDir, Fault::Fail(Failure::Io)).after(1);
        harness.machine.disk.inject(fault);
        assert_eq!(snapshot(&mut harness, |_| {}).unwrap_err().kind(), ErrorKind::Io);
        harness.machine.disk.clear_injections();
        let taken = snapshot(&mut harness, |_| {}).unwrap();
        harness.crash(CrashPolicy::DropAll);
        let recovered = open(&mut harness, taken.covered.0).unwrap();
        assert_eq!(recovered.snapshot_bytes, taken.bytes);
    }
}

fn plan(harness: &Harness) -> Result<Option<RepairPlan>, LogError> {
    let offline = Offline::open(&harness.machine.io(), Path::new(DIR))?;
    offline.plan_repair(None, &mut || Box::new(()), &mut |_, _| {})
}

fn repair(harness: &Harness) -> Result<RepairPlan, LogError> {
    let offline = Offline::open_to_write(&harness.machine.io(), Path::new(DIR), "a repair")?;
    let plan = offline.plan_repair(None, &mut || Box::new(()), &mut |_, _| {})?.unwrap();
    offline.repair(&plan, &mut || Box::new(()))?;
    Ok(plan)
}

/// A closed database with a snapshot and several segments behind it, one of which is damaged in the
/// middle; the epoch that the snapshot covers.
fn damaged_behind_a_snapshot() -> (Harness, u64) {
    let options = LogOptions { segment_bytes: 16 << 10, ..small_options(SyncPolicy::EverySecond) };
    let mut harness = Harness::new(21, options);
    open(&mut harness, 0).unwrap();
    push_some(&mut harness, 40);
    let covered = snapshot(&mut harness, |harness| push_some(harness, 2)).unwrap().covered.0;
    push_some(&mut harness, 60);
    harness.close().unwrap();
    let mut segments = files(&harness, ".seg");
    segments.sort();
    let file = PathBuf::from(&segments[segments.len() - 2]);
    let zero = Damage::Zero { offset: 6_000, len: 100 };
    harness.machine.disk.damage(&file, &zero).unwrap();
    (harness, covered)
}

#[test]
fn what_is_damaged_behind_a_snapshot_is_repaired_to_the_prefix_before_it() {
    let (mut harness, covered) = damaged_behind_a_snapshot();
    assert_eq!(open(&mut harness, 0).unwrap_err().kind(), ErrorKind::Corrupt);
    let before = harness.machine.disk.changes();
    let planned = plan(&harness).unwrap().unwrap();
    assert_eq!(harness.machine.disk.changes(), before, "a plan changes nothing");
    assert!(planned.snapshot.is_some() && planned.last_epoch.0 > covered, "{planned:?}");
    assert!(!planned.drops.is_empty());
    let done = repair(&harness).unwrap();
    assert_eq!(done.last_epoch, planned.last_epoch);
    assert!(plan(&harness).unwrap().is_none(), "nothing is left to repair");
    let recovered = open(&mut harness, planned.last_epoch.0).unwrap();
    assert_eq!(recovered.last_epoch, planned.last_epoch);
    assert!(recovered.snapshot_entries > 0);
    // It goes on from there.
    push_some(&mut harness, 40);
    snapshot(&mut harness, |_| {}).unwrap();
    harness.close().unwrap();
    open(&mut harness, 0).unwrap();
}

#[test]
fn a_repair_behind_a_snapshot_may_be_struck_at_every_operation() {
    for change in 1.. {
        let (mut harness, _) = damaged_behind_a_snapshot();
        let planned = plan(&harness).unwrap().unwrap().last_epoch;
        let disk = harness.machine.disk.clone();
        disk.stop_at(disk.changes() + change);
        let done = repair(&harness).is_ok();
        harness.machine.crash(CrashPolicy::AnySubset);
        if plan(&harness).unwrap().is_some() {
            assert!(!done, "struck at {change}");
            repair(&harness).unwrap();
        }
        assert_eq!(open(&mut harness, planned.0).unwrap().last_epoch, planned, "at {change}");
        if done {
            return;
        }
    }
}

#[test]
fn a_damaged_snapshot_is_done_without_only_if_the_log_has_all() {
    // The log still begins at the beginning.
    let mut harness = Harness::new(22, small_options(SyncPolicy::EverySecond));
    open(&mut harness, 0).unwrap();
    push_some(&mut harness, 20);
    snapshot(&mut harness, |_| {}).unwrap();
    push_some(&mut harness, 20);
    let last = harness.log().last_epoch();
    harness.close().unwrap();
    let file = PathBuf::from(&files(&harness, ".snap")[0]);
    harness.machine.disk.damage(&file, &Damage::FlipBit { offset: 200, bit: 1 }).unwrap();
    assert_eq!(repair(&harness).unwrap().last_epoch, last);
    assert_eq!(open(&mut harness, last.0).unwrap().snapshot_entries, 0);
    let kept = files(&harness, ".snap");
    assert!(kept.len() == 1 && kept[0].contains("damaged-1/snap/"), "the original stays: {kept:?}");
    // It does not any more.
    push_some(&mut harness, 300);
    snapshot(&mut harness, |_| {}).unwrap();
    harness.close().unwrap();
    let file = files(&harness, ".snap").into_iter().find(|file| file.contains("db/snap")).unwrap();
    let flip = Damage::FlipBit { offset: 200, bit: 1 };
    harness.machine.disk.damage(Path::new(&file), &flip).unwrap();
    let before = harness.machine.disk.changes();
    let error = plan(&harness).unwrap_err();
    assert!(error.to_string().contains("the snapshot is damaged"), "{error}");
    assert_eq!(harness.machine.disk.changes(), before);
}
