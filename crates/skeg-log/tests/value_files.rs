//! Files of one value each: written in pieces, named before the record that gives them to a key, there as long as that may
//! be replayed or a snapshot names them, whatever crash comes; damage is named; what fails leaves everything as it was.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{DIR, Harness, small_options, snapshot, snapshot_keeping, was_stopped};
use skeg_io::Disk;
use skeg_io::sim::{CrashPolicy, Damage, Failure, Fault, Injection, Operation};
use skeg_log::{
    CopyOptions, ErrorKind, Level, LogError, LogOptions, Logged, Offline, SyncPolicy, ValueFile,
};

const BYTES: usize = 300_000;

fn content(number: u8) -> Vec<u8> {
    (0..BYTES).map(|at| number ^ (at % 251) as u8).collect()
}

/// Writes a value in pieces, and lets CURRENT name it.
fn publish(harness: &Harness, number: u8) -> Result<ValueFile, LogError> {
    let mut writer = harness.log().start_value()?;
    for piece in content(number).chunks(70_001) {
        writer.write(piece)?;
    }
    assert_eq!(writer.bytes(), BYTES as u64);
    writer.publish()
}

/// The same, with a record that stands for the one that gives it to a key.
fn record(harness: &mut Harness, number: u8) -> Result<Logged, LogError> {
    let file = publish(harness, number)?;
    let epoch = harness.push(1, 40).map_err(|_| LogError::ReadOnly)?;
    file.recorded(epoch);
    Ok(file.value())
}

fn options() -> LogOptions {
    small_options(SyncPolicy::EverySecond)
}

fn files(harness: &Harness) -> Vec<String> {
    let mut files = harness.machine.disk.files();
    files.retain(|file| file.ends_with(".val"));
    files
}

fn read(harness: &Harness, value: &Logged) -> Vec<u8> {
    harness.log().values().read(value).unwrap().to_vec()
}

/// So much that a snapshot leaves the segments before behind.
fn fill(harness: &mut Harness) {
    for _ in 0..40 {
        harness.push(0, 4_000).unwrap();
        harness.write();
        harness.turn();
    }
}

#[test]
fn a_value_is_read_back_from_its_file() {
    let mut harness = Harness::new(3, options());
    harness.open(0).unwrap();
    let values = [1, 2].map(|number| record(&mut harness, number).unwrap());
    let numbers = values.map(|value| value.place.own_file().unwrap());
    assert!(numbers[0] < numbers[1]);
    assert_eq!(values[0].sum, Logged::sum(&content(1)));
    let last = harness.log().last_epoch();
    harness.log().wait(Level::Disk, last).unwrap();
    for _ in 0..3 {
        for (value, number) in values.iter().zip([1, 2]) {
            assert!(read(&harness, value) == content(number));
            let sums = harness.log().values().sum_parts(value).unwrap();
            assert_eq!(
                *sums,
                *content(number).chunks(256 << 10).map(Logged::sum).collect::<Vec<_>>()
            );
        }
        harness.crash(CrashPolicy::DropAll);
        harness.open(last.0).unwrap();
    }
    assert_eq!(harness.log().status().kept_bytes, 2 * (BYTES as u64 + 64));
    for number in numbers {
        assert!(files(&harness).iter().any(|file| file.ends_with(&format!("{number:08}.val"))));
    }
    harness.write();
    snapshot(&mut harness, |_| {}).unwrap();
    fill(&mut harness);
    snapshot(&mut harness, |_| {}).unwrap();
    assert!(files(&harness).is_empty());
    harness.close().unwrap();
    let io = harness.machine.io();
    harness.log =
        Some(skeg_log::Log::open(&io, Path::new(DIR), &harness.options, &mut ()).unwrap().0);
    let third = record(&mut harness, 3).unwrap();
    assert!(third.place.own_file() > Some(numbers[1]), "numbers are not used twice");
    harness.close().unwrap();
}

#[test]
fn a_value_that_is_given_up_leaves_nothing() {
    let mut harness = Harness::new(3, options());
    harness.open(0).unwrap();
    let mut writer = harness.log().start_value().unwrap();
    writer.write(&content(1)).unwrap();
    assert_eq!(files(&harness).len(), 1);
    drop(writer);
    assert!(files(&harness).is_empty());
    let named = publish(&harness, 2).unwrap();
    named.discard().unwrap();
    drop(named);
    assert!(files(&harness).is_empty(), "CURRENT named it");
    // Of one that nobody discards, the next snapshot knows.
    drop(publish(&harness, 3).unwrap());
    assert_eq!(files(&harness).len(), 1);
    snapshot(&mut harness, |_| {}).unwrap();
    assert!(files(&harness).is_empty());
    // As a process that dies leaves it.
    let mut writer = harness.log().start_value().unwrap();
    writer.write(&content(1)).unwrap();
    harness.machine.disk.stop();
    drop(writer);
    harness.kill();
    assert_eq!(files(&harness).len(), 1);
    harness.open(0).unwrap();
    assert!(files(&harness).is_empty(), "the next open removes it");
    harness.close().unwrap();
}

#[test]
fn a_file_stays_while_its_record_is_replayed_or_somebody_needs_it() {
    let mut harness = Harness::new(5, options());
    harness.open(0).unwrap();
    let held = publish(&harness, 1).unwrap();
    let value = record(&mut harness, 2).unwrap();
    // Records of the epoch that a snapshot begins in may be replayed.
    harness.write();
    snapshot(&mut harness, |_| {}).unwrap();
    assert_eq!(files(&harness).len(), 1, "nothing needs the recorded one behind the snapshot");
    assert!(harness.log().values().read(&value).is_err());
    let late = record(&mut harness, 3).unwrap();
    held.recorded(harness.push(1, 40).unwrap());
    assert!(read(&harness, &held.value()) == content(1));
    drop(held);
    harness.write();
    // Both are recorded while the shards are walked: behind the place of the first one.
    let kept = BTreeSet::from([late.place.segment]);
    let mut between = Vec::new();
    snapshot_keeping(&mut harness, &kept, |harness| {
        if between.is_empty() {
            between.push(record(harness, 4).unwrap());
        }
    })
    .unwrap();
    assert_eq!(files(&harness).len(), 2, "one is kept, one may be replayed");
    assert!(read(&harness, &late) == content(3) && read(&harness, &between[0]) == content(4));
    let last = harness.log().last_epoch();
    harness.log().wait(Level::Disk, last).unwrap();
    harness.crash(CrashPolicy::DropAll);
    // What an open has found is looked at as if its record were the last.
    let io = harness.machine.io();
    let opened = skeg_log::Log::open(&io, Path::new(DIR), &harness.options, &mut ()).unwrap();
    let log = opened.0;
    assert!(*log.values().read(&late).unwrap() == *content(3));
    drop(log);
}

#[test]
fn older_snapshots_keep_what_they_need() {
    let mut harness = Harness::new(7, LogOptions { keep_snapshots: 2, ..options() });
    harness.open(0).unwrap();
    let value = record(&mut harness, 1).unwrap();
    let kept = BTreeSet::from([value.place.segment]);
    snapshot_keeping(&mut harness, &kept, |_| {}).unwrap();
    fill(&mut harness);
    snapshot(&mut harness, |_| {}).unwrap();
    assert_eq!(files(&harness).len(), 1, "the older one needs it");
    assert!(harness.log().status().older_bytes > BYTES as u64);
    fill(&mut harness);
    snapshot(&mut harness, |_| {}).unwrap();
    assert!(files(&harness).is_empty());
    harness.close().unwrap();
}

/// What a crash in the middle of a value's how manieth change leaves: whether there was one.
fn crash_in_a_value(seed: u64, change: u64, power: Option<CrashPolicy>) -> bool {
    let mut harness = Harness::new(seed, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    let first = record(&mut harness, 1).unwrap();
    let safe = harness.log().last_epoch();
    harness.log().wait(Level::Disk, safe).unwrap();
    harness.machine.disk.stop_at(harness.machine.disk.changes() + change);
    let mut recorded = None;
    let done = (|| {
        let file = publish(&harness, 2)?;
        let epoch = harness.push(1, 40).map_err(|_| LogError::ReadOnly)?;
        file.recorded(epoch);
        recorded = Some((epoch, file.value()));
        harness.log().wait(Level::Disk, epoch)?;
        // The first is needed no more.
        let kept = BTreeSet::from([file.value().place.segment]);
        snapshot_keeping(&mut harness, &kept, |_| {}).map(drop)
    })();
    let was_stopped_in_it = harness.machine.disk.is_stopped();
    assert!(done.is_ok() || was_stopped_in_it, "{done:?}");
    harness.machine.disk.stop();
    let snapshot_is_there = done.is_ok();
    match power {
        None => harness.kill(),
        Some(policy) => harness.crash(policy),
    }
    harness.machine.disk.stop_at(harness.machine.disk.changes() + 1 + change % 11);
    let io = harness.machine.io();
    if let Err(error) = skeg_log::Log::open(&io, Path::new(DIR), &harness.options, &mut ()) {
        assert!(was_stopped(&harness, &error), "{error}");
    }
    harness.kill();
    let io = harness.machine.io();
    let opened = skeg_log::Log::open(&io, Path::new(DIR), &harness.options, &mut ());
    let (log, recovered) = opened.unwrap_or_else(|error| panic!("change {change}: {error}"));
    if let Some((epoch, value)) = recorded
        && recovered.last_epoch >= epoch
    {
        assert!(*log.values().read(&value).unwrap() == *content(2), "change {change}");
    }
    let has_first = log.values().read(&first).is_ok();
    let has_snapshot = log.status().snapshot.is_some();
    assert!(has_first || has_snapshot, "change {change}: {snapshot_is_there}");
    let offline_files = files(&harness).len() as u64;
    drop(log);
    let report = Offline::open(&io, Path::new(DIR)).unwrap().check(&mut ()).unwrap();
    assert!(report.is_sound(), "change {change}: {:?}", report.damage);
    assert!(report.leftovers.iter().all(|(path, _)| !path.to_string_lossy().ends_with(".val")));
    assert!(offline_files <= 2);
    was_stopped_in_it
}

#[test]
fn a_crash_at_any_step_leaves_a_record_with_its_value_or_none() {
    use CrashPolicy::{AnySubset, DropAll, KeepAll};
    for power in [None, Some(DropAll), Some(KeepAll), Some(AnySubset)] {
        let mut change = 0;
        while crash_in_a_value(change, change + 1, power) {
            change += 1;
        }
        assert!(change > 20, "{power:?}: {change} changes");
    }
}

/// A closed database with one value: the value's path.
fn closed(harness: &mut Harness) -> String {
    harness.open(0).unwrap();
    record(harness, 1).unwrap();
    harness.close().unwrap();
    files(harness).pop().unwrap()
}

#[test]
fn damage_is_found_and_named() {
    for offset in [0, 9, 17, 30, 50, 63, 64, 200_000, 64 + BYTES as u64 - 1] {
        let mut harness = Harness::new(11, options());
        let path = closed(&mut harness);
        let flip = Damage::FlipBit { offset, bit: 3 };
        harness.machine.disk.damage(Path::new(&path), &flip).unwrap();
        let io = harness.machine.io();
        let report = Offline::open(&io, Path::new(DIR)).unwrap().check(&mut ()).unwrap();
        assert_eq!(report.damage.len(), 1, "offset {offset}");
        assert_eq!(report.damage[0].file, Path::new(&path));
        let opened = harness.open(0);
        // What is in the value is looked at when it is read.
        assert_eq!(opened.is_ok(), offset >= 64, "offset {offset}");
    }
    let lost: [fn(&Harness, &Path); 2] = [
        |harness, path| harness.machine.disk.remove(path).unwrap(),
        |harness, path| {
            let file = harness.machine.disk.open(path, skeg_io::OpenMode::ReadWrite).unwrap();
            file.set_len(1_000).unwrap();
        },
    ];
    for lose in lost {
        let mut harness = Harness::new(11, options());
        let path = closed(&mut harness);
        lose(&harness, Path::new(&path));
        let error = harness.open(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(&path), "{error}");
        let io = harness.machine.io();
        let offline = Offline::open_to_write(&io, Path::new(DIR), "a test").unwrap();
        let refused = offline.plan_repair(None, &mut || Box::new(()), &mut |_, _| {}).unwrap_err();
        assert!(refused.to_string().contains("restore a backup"), "{refused}");
    }
}

#[test]
fn what_a_repair_keeps_has_its_values() {
    for lost in ["CURRENT", "MANIFEST"] {
        let mut harness = Harness::new(13, options());
        let path = closed(&mut harness);
        let number: u64 = Path::new(&path).file_stem().unwrap().to_str().unwrap().parse().unwrap();
        harness.machine.disk.remove(&Harness::path(lost)).unwrap();
        let io = harness.machine.io();
        let offline = Offline::open_to_write(&io, Path::new(DIR), "a test").unwrap();
        let plan =
            offline.plan_repair(Some(4), &mut || Box::new(()), &mut |_, _| {}).unwrap().unwrap();
        offline.repair(&plan, &mut || Box::new(())).unwrap();
        drop(offline);
        harness.open(0).unwrap();
        let place = skeg_log::Place { segment: 1 << 63 | number, offset: 64 };
        let value = Logged { place, bytes: BYTES as u32, sum: Logged::sum(&content(1)) };
        assert!(read(&harness, &value) == content(1), "{lost}");
        harness.close().unwrap();
    }
}

#[test]
fn a_backup_has_the_values() {
    for link in [false, true] {
        let mut harness = Harness::new(17, options());
        harness.open(0).unwrap();
        let first = record(&mut harness, 1).unwrap();
        let target = Path::new("/data/backup");
        let options = CopyOptions { link, update: true };
        harness.log().backup(target, options, &mut |_, _| true).unwrap();
        let second = record(&mut harness, 2).unwrap();
        let copied = harness.log().backup(target, options, &mut |_, _| true).unwrap();
        assert!(copied.reused >= 1 && copied.bytes > 2 * BYTES as u64);
        harness.close().unwrap();
        let io = harness.machine.io();
        assert!(Offline::open(&io, target).unwrap().check(&mut ()).unwrap().is_sound());
        let (log, _) = skeg_log::Log::open(&io, target, &harness.options, &mut ()).unwrap();
        assert!(*log.values().read(&first).unwrap() == *content(1));
        assert!(*log.values().read(&second).unwrap() == *content(2));
        log.close().unwrap();
    }
}

#[test]
fn a_full_disk_refuses_a_value_and_leaves_everything_as_it_was() {
    let mut harness = Harness::new(19, options());
    harness.open(0).unwrap();
    let before = record(&mut harness, 1).unwrap();
    harness.turn();
    let used = harness.machine.disk.used_bytes();
    for room in (0..8).map(|step| step * 40_000) {
        harness.machine.disk.set_capacity(used + room, Failure::OutOfSpace);
        let error = publish(&harness, 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{room}: {error}");
        assert_eq!(files(&harness).len(), 1, "{room}");
    }
    harness.machine.disk.set_capacity(u64::MAX, Failure::OutOfSpace);
    // And one that shows when CURRENT is to be replaced.
    let full = Injection::once(Operation::Create, Fault::Fail(Failure::OutOfSpace)).after(1);
    harness.machine.disk.inject(full);
    assert_eq!(publish(&harness, 2).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(files(&harness).len(), 1);
    let after = record(&mut harness, 3).unwrap();
    assert!(read(&harness, &before) == content(1) && read(&harness, &after) == content(3));
    harness.close().unwrap();
}

#[test]
fn a_failed_fsync_of_current_poisons() {
    let mut harness = Harness::new(23, options());
    harness.open(0).unwrap();
    let mut writer = harness.log().start_value().unwrap();
    writer.write(&content(1)).unwrap();
    let failed = Injection::once(Operation::SyncDir, Fault::Fail(Failure::Io)).after(1);
    harness.machine.disk.inject(failed);
    assert_eq!(writer.publish().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(publish(&harness, 2).unwrap_err().kind(), ErrorKind::Poisoned);
    harness.kill();
    harness.open(0).unwrap();
    harness.close().unwrap();
}
