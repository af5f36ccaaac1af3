//! Older snapshots on a full disk: they and the log behind them are given up before anything is refused, one after
//! the other, and a crash on the way loses nothing.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{DIR, Harness, files, open, push_some, small_options, snapshot};
use skeg_io::sim::{CrashPolicy, Failure};
use skeg_io::sync::Arc;
use skeg_log::{CopyOptions, LogOptions, Offline, ReserveError, SyncPolicy};

/// Rounds of upkeep that are enough for a full disk.
const ROUNDS: usize = 20;

/// Three snapshots with the log behind the oldest.
fn with_older_snapshots(seed: u64) -> Harness {
    let options = LogOptions { keep_snapshots: 3, ..small_options(SyncPolicy::Never) };
    let mut harness = Harness::new(seed, options);
    open(&mut harness, 0).unwrap();
    for _ in 0..3 {
        push_some(&mut harness, 200);
        snapshot(&mut harness, |_| ()).unwrap();
    }
    harness.turn();
    harness.log().sync().unwrap();
    harness.turn();
    assert_eq!(harness.log().status().snapshots, 3);
    harness
}

/// The disk has no more than it holds and so many bytes.
fn leave(harness: &Harness, bytes: u64) {
    let disk = &harness.machine.disk;
    disk.set_capacity(disk.used_bytes() + bytes, Failure::OutOfSpace);
}

/// Whether growth by a large record goes on within some rounds of upkeep.
fn grows(harness: &mut Harness) -> bool {
    for _ in 0..ROUNDS {
        match harness.push(0, 30_000) {
            Ok(_) => return true,
            Err(ReserveError::NoSpace) => {
                harness.sleep_ms(200);
                harness.turn();
            }
            // The disk has stopped.
            Err(ReserveError::Poisoned) => return false,
            Err(error) => panic!("{error}"),
        }
    }
    false
}

/// Writes until growth is refused for good.
fn fill(harness: &mut Harness) {
    while grows(harness) {
        harness.write();
        harness.turn();
    }
}

#[test]
fn older_snapshots_are_given_up_one_by_one_before_growth_is_refused() {
    // Little is left, and nothing: then the spare has the CURRENT that does without them.
    for bytes in [200 << 10, 0] {
        let mut harness = with_older_snapshots(1);
        leave(&harness, bytes);
        let mut counts = vec![3];
        while grows(&mut harness) {
            harness.write();
            harness.turn();
            let status = harness.log().status();
            counts.push(status.snapshots);
            assert_eq!(status.snapshots_given_up, 3 - status.snapshots);
            assert_eq!(files(&harness, ".snap").len() as u64, status.snapshots);
        }
        counts.dedup();
        assert_eq!(counts, [3, 2, 1], "one after the other, and the newest stays");
        let status = harness.log().status();
        assert_eq!(status.older_bytes, 0);
        harness.log().sync().unwrap();
        let last = harness.log().last_epoch().0;
        harness.crash(CrashPolicy::DropAll);
        open(&mut harness, last).unwrap();
        harness.close().unwrap();
        let offline = Offline::open(&harness.machine.io(), Path::new(DIR)).unwrap();
        let report = offline.check(&mut ()).unwrap();
        assert!(report.is_sound() && report.leftovers.is_empty(), "{report:?}");
    }
}

#[test]
fn there_is_room_for_the_next_snapshot_without_older_ones() {
    let mut harness = with_older_snapshots(2);
    // As large as all that was pushed.
    let bytes = harness.log().status().snapshot.unwrap().bytes;
    harness.log().expect_snapshot(bytes, 0);
    leave(&harness, bytes);
    for _ in 0..10 {
        fill(&mut harness);
        snapshot(&mut harness, |_| ()).unwrap();
        let bytes = harness.log().status().snapshot.unwrap().bytes;
        harness.log().expect_snapshot(bytes, 0);
        harness.sleep_ms(200);
        harness.turn();
        harness.turn();
    }
    assert!(harness.log().status().snapshots_given_up > 2, "{:?}", harness.log().status());
}

#[test]
fn a_backup_keeps_them_until_it_has_ended() {
    let mut harness = with_older_snapshots(3);
    let log = Arc::clone(harness.log());
    let mut is_tried = false;
    let copied = log.backup(Path::new("/data/backup"), CopyOptions::default(), &mut |_, _| {
        if !std::mem::replace(&mut is_tried, true) {
            leave(&harness, 0);
            fill(&mut harness);
            assert_eq!((log.status().snapshots, files(&harness, ".snap").len()), (3, 3));
            harness.machine.disk.set_capacity(u64::MAX, Failure::OutOfSpace);
        }
        true
    });
    copied.unwrap();
    assert!(is_tried);
    leave(&harness, 0);
    assert!(grows(&mut harness), "{:?}", log.status());
    assert_eq!(log.status().snapshots, 2);
}

#[test]
fn giving_up_may_be_struck_anywhere() {
    let mut struck_at = BTreeSet::new();
    for (seed, power) in
        [(4, None), (5, Some(CrashPolicy::DropAll)), (6, Some(CrashPolicy::AnySubset))]
    {
        for change in 1.. {
            let mut harness = with_older_snapshots(seed);
            leave(&harness, 0);
            harness.machine.disk.stop_at(harness.machine.disk.changes() + change);
            for _ in 0..ROUNDS {
                if harness.log().status().snapshots == 1 || harness.machine.disk.is_stopped() {
                    break;
                }
                // Nothing is refused for a stopped disk before somebody has seen that it is.
                if grows(&mut harness) {
                    let _ = harness.log().try_write();
                    let _ = harness.log().maintain();
                }
            }
            let was_struck = harness.machine.disk.is_stopped();
            harness.observe();
            harness.machine.disk.stop();
            match power {
                None => harness.kill(),
                Some(policy) => harness.crash(policy),
            }
            let least = if power.is_none() { harness.kernel } else { harness.disk };
            // What was removed but not durably takes up space again, as on a real disk.
            leave(&harness, 0);
            open(&mut harness, least).unwrap_or_else(|error| panic!("at {change}: {error}"));
            struck_at.insert(harness.log().status().snapshots);
            if !was_struck {
                break;
            }
        }
    }
    assert_eq!(struck_at.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
}
