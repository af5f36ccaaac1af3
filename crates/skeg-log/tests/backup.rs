//! Backups of a log that is open: exactly its history up to an epoch, whatever is removed meanwhile;
//! brought up to date they stay whole at every step; what is no backup is left alone.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::path::Path;

use common::{Collect, DIR, Harness, Record, records_of, small_options, snapshot};
use skeg_io::Disk;
use skeg_io::sim::{CrashPolicy, Damage};
use skeg_io::sync::Arc;
use skeg_log::{Copied, CopyOptions, ErrorKind, Log, LogError, LogOptions, Offline, SyncPolicy};

const TARGET: &str = "/safe/backup";
const UPDATE: CopyOptions = CopyOptions { link: false, update: true };
const LINK: CopyOptions = CopyOptions { link: true, update: true };

/// A log with several segments.
fn harness(seed: u64) -> Harness {
    let mut harness = Harness::new(seed, small_options(SyncPolicy::EverySecond));
    harness.open(0).unwrap();
    push_some(&mut harness, 300);
    harness
}

fn push_some(harness: &mut Harness, count: u16) {
    for number in 0..count {
        harness.push(number % 4, 700).unwrap();
        if number % 3 == 0 {
            harness.turn();
        }
    }
}

fn backup(harness: &Harness, options: CopyOptions) -> Result<Copied, LogError> {
    harness.log().backup(Path::new(TARGET), options, &mut |_, _| true)
}

/// What the backup holds: its last epoch and the records of each shard. It is checked, too.
fn content(harness: &Harness) -> Result<(u64, Vec<Vec<Record>>), LogError> {
    let io = harness.machine.io();
    let report = Offline::open(&io, Path::new(TARGET))?.check(&mut ())?;
    if let Some(damage) = report.damage.into_iter().next() {
        return Err(LogError::Corrupt(Box::new(damage)));
    }
    let mut told = Collect::default();
    let options = LogOptions { read_only: true, ..harness.options.clone() };
    let (log, recovered) = Log::open(&io, Path::new(TARGET), &options, &mut told)?;
    log.close()?;
    let of = |shard| told.records.iter().filter(|it| it.0 == shard).cloned().collect();
    Ok((recovered.last_epoch.0, (0..4).map(of).collect()))
}

/// What it must hold.
fn expected(harness: &Harness, epoch: u64) -> (u64, Vec<Vec<Record>>) {
    (epoch, (0..4).map(|shard| records_of(harness, shard, epoch)).collect())
}

#[test]
fn a_backup_has_what_was_pushed_before_it() {
    let mut harness = harness(1);
    let last = harness.log().last_epoch();
    let copied = backup(&harness, UPDATE).unwrap();
    assert_eq!((copied.last_epoch, copied.linked, copied.reused), (last, 0, 0));
    assert!(copied.files > 3, "{copied:?}");
    assert!(content(&harness).unwrap() == expected(&harness, last.0));

    push_some(&mut harness, 100);
    let last = harness.log().last_epoch();
    let again = backup(&harness, UPDATE).unwrap();
    assert!(again.last_epoch == last && again.reused >= copied.files - 2, "{again:?}");
    assert!(content(&harness).unwrap() == expected(&harness, last.0));
    harness.close().unwrap();
}

#[test]
fn snapshots_beside_a_backup_take_nothing_from_it() {
    for options in [UPDATE, LINK] {
        let mut harness = harness(2);
        let target = Path::new(TARGET);
        for _ in 0..3 {
            let last = harness.log().last_epoch().0;
            let log = Arc::clone(harness.log());
            let mut calls = 0;
            let copied = log.backup(target, options, &mut |_, _| {
                calls += 1;
                if calls == 2 {
                    snapshot(&mut harness, |_| {}).unwrap();
                    push_some(&mut harness, 60);
                    snapshot(&mut harness, |_| {}).unwrap();
                }
                true
            });
            assert_eq!(copied.unwrap().last_epoch.0, last);
            assert!(content(&harness).unwrap() == expected(&harness, last));
        }
        let named = harness.log().status().segments;
        let files = harness.machine.disk.read_dir(&Harness::path("log")).unwrap();
        let segments = files.iter().filter(|name| name.ends_with(".seg")).count();
        assert_eq!(segments as u64, named, "what was held is removed in the end");
        let names = harness.machine.disk.read_dir(&target.join("snap")).unwrap();
        assert_eq!(names.len(), 1, "and what the backup does without, too: {names:?}");
        assert!(harness.machine.disk.metadata(&target.join("BACKUP.unfinished")).is_err());
    }
}

/// A backup goes on where it was interrupted, and the source may have lost what was not durable.
#[test]
fn struck_at_every_operation_it_is_the_old_one_or_the_new() {
    for (seed, options) in [(3, UPDATE), (4, LINK)] {
        let mut before = None;
        let mut harness = harness(seed);
        let mut whole = 0;
        for change in 1.. {
            push_some(&mut harness, 9);
            if change % 5 == 0 {
                snapshot(&mut harness, |_| {}).unwrap();
            }
            let disk = harness.machine.disk.clone();
            // Begun anew each time, or brought up to date, at times from the middle.
            disk.stop_at(disk.changes() + 1 + change * 2 % 97);
            let copied = backup(&harness, options);
            harness.crash(CrashPolicy::AnySubset);
            let least = harness.disk;
            let history = harness.history.clone();
            let found = content(&harness);
            match (&found, &copied, &before) {
                (Ok(found), Ok(copied), _) => assert_eq!(found.0, copied.last_epoch.0),
                (Ok(_), Err(_), _) | (Err(_), Err(_), None) => {}
                (Err(error), _, _) => panic!("struck at {change}: {error}"),
            }
            if let Ok(found) = found {
                assert!(found == expected(&harness, found.0), "struck at {change}");
                assert!(before.is_none_or(|before| before <= found.0));
                before = Some(found.0);
            }
            whole += u32::from(copied.is_ok());
            if whole == 20 {
                break;
            }
            let mut told = Collect::default();
            let io = harness.machine.io();
            let path = Path::new(DIR);
            let (log, recovered) = Log::open(&io, path, &harness.options, &mut told).unwrap();
            let last = recovered.last_epoch.0;
            assert!(last >= least && before.is_none_or(|before| before <= last));
            harness.history = history;
            harness.history.split_off(&(last + 1));
            (harness.kernel, harness.disk) = (last, last);
            harness.log = Some(log);
        }
    }
}

/// A recovery cuts segments that it was given no length of, whatever their second names are.
#[test]
fn a_recovery_of_the_source_cuts_nothing_of_a_backup() {
    let mut harness = Harness::new(8, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    // Over the end of a segment that was synced up to its middle, so that no CURRENT gives it a length.
    for number in 0..120 {
        harness.push(number % 4, 700).unwrap();
        harness.log().maintain().unwrap();
        harness.write();
        if number == 20 {
            harness.log().sync().unwrap();
        }
    }
    let last = backup(&harness, LINK).unwrap().last_epoch.0;
    let before = expected(&harness, last);
    harness.kill();
    harness.open(0).unwrap();
    assert!(content(&harness).unwrap() == before);
}

#[cfg(feature = "failpoints")]
#[test]
fn flaw_segments_shared_that_a_recovery_cuts() {
    skeg_log::break_promise(Some(skeg_log::Broken::LinksWhatIsCut));
    let found = std::panic::catch_unwind(a_recovery_of_the_source_cuts_nothing_of_a_backup);
    skeg_log::break_promise(None);
    assert!(found.is_err(), "it was not caught");
}

#[test]
fn what_is_no_backup_of_it_is_left_alone() {
    let mut harness = harness(5);
    let disk = harness.machine.disk.clone();
    let io = harness.machine.io();
    let target = Path::new(TARGET);
    let refused = |harness: &Harness| {
        let error = backup(harness, UPDATE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Caller, "{error}");
    };
    // Somebody else's files.
    disk.import(&target.join("letter.txt"), b"dear").unwrap();
    refused(&harness);
    assert_eq!(disk.read_dir(target).unwrap(), ["letter.txt"]);
    disk.remove(&target.join("letter.txt")).unwrap();
    // One that was opened.
    backup(&harness, UPDATE).unwrap();
    let (log, _) = Log::open(&io, target, &harness.options, &mut ()).unwrap();
    assert_eq!(backup(&harness, UPDATE).unwrap_err().kind(), ErrorKind::Locked);
    log.close().unwrap();
    refused(&harness);
    // One that has lost its MANIFEST.
    disk.remove(&target.join("MANIFEST")).unwrap();
    refused(&harness);
    disk.import(&target.join("BACKUP.unfinished"), b"").unwrap();
    refused(&harness);
    // Another database.
    let elsewhere = Path::new("/other/db");
    let (other, _) = Log::open(&io, elsewhere, &harness.options, &mut ()).unwrap();
    let copy = Path::new("/other/copy");
    other.backup(copy, UPDATE, &mut |_, _| true).unwrap();
    other.close().unwrap();
    let error = harness.log().backup(copy, UPDATE, &mut |_, _| true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Caller, "{error}");
    // The database itself.
    let inside = harness.log().backup(&Harness::path("copy"), UPDATE, &mut |_, _| true);
    assert_eq!(inside.unwrap_err().kind(), ErrorKind::Caller);
    harness.close().unwrap();
}

#[test]
fn one_that_is_called_off_is_made_again() {
    let harness = harness(6);
    let target = Path::new(TARGET);
    let ended = harness.log().backup(target, UPDATE, &mut |done, total| done < total / 2);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Closed);
    let error = content(&harness).unwrap_err();
    assert!(matches!(error, LogError::NotFound { .. } | LogError::Corrupt(_)), "{error}");
    let error = Log::open(&harness.machine.io(), target, &harness.options, &mut ()).unwrap_err();
    assert!(error.to_string().contains("BACKUP.unfinished"), "{error}");
    backup(&harness, UPDATE).unwrap();
    let last = harness.log().last_epoch().0;
    assert!(content(&harness).unwrap() == expected(&harness, last));
}

#[test]
fn damage_of_a_backup_is_found_by_a_check() {
    let harness = harness(7);
    backup(&harness, UPDATE).unwrap();
    let file = Path::new(TARGET).join("log/00000002.seg");
    harness.machine.disk.damage(&file, &Damage::Zero { offset: 4096, len: 8 }).unwrap();
    assert_eq!(content(&harness).unwrap_err().kind(), ErrorKind::Corrupt);
}
