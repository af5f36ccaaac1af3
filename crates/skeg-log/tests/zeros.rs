//! Zeros behind small blocks: what writing them costs, and what becomes of it when it fails.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use common::{Harness, small_options};
use skeg_io::sim::{CrashPolicy, Failure, Fault, Injection, Operation};
use skeg_log::{Epoch, Health, Level, SyncPolicy};

fn open(seed: u64) -> Harness {
    let mut harness = Harness::new(seed, small_options(SyncPolicy::Always));
    harness.open(0).unwrap();
    let _ = harness.log().disk_turn();
    harness
}

/// One commit of the thread that syncs, and how often it has changed the disk.
fn commit(harness: &mut Harness) -> (Epoch, u64) {
    let epoch = harness.push(0, 100).unwrap();
    let before = harness.machine.disk.changes();
    let _ = harness.log().disk_turn();
    (epoch, harness.machine.disk.changes() - before)
}

/// Strikes the second write of the next commit: the first is the block.
fn strike_zeros(harness: &Harness, failure: Failure) {
    let injection = Injection::once(Operation::Write, Fault::Fail(failure)).on(".seg").after(1);
    harness.machine.disk.inject(injection);
}

#[test]
fn one_commit_writes_zeros_and_the_next_ones_do_with_a_write_and_a_sync() {
    let mut harness = open(1);
    let changes: Vec<u64> = (0..20).map(|_| commit(&mut harness).1).collect();
    assert_eq!(changes[0], 3, "block, zeros, sync");
    assert_eq!(changes[1..], [2; 19]);
}

#[test]
fn blocks_written_over_zeros_survive_a_power_loss() {
    for seed in 0..50 {
        let mut harness = open(seed);
        let mut last = Epoch(0);
        for _ in 0..300 {
            last = commit(&mut harness).0;
        }
        assert_eq!(harness.log().reached(Level::Disk), last);
        harness.crash(CrashPolicy::AnySubset);
        harness.open(last.0).unwrap();
    }
}

#[test]
fn a_disk_too_full_for_zeros_takes_the_block_all_the_same() {
    let mut harness = open(2);
    strike_zeros(&harness, Failure::OutOfSpace);
    let (epoch, _) = commit(&mut harness);
    assert_eq!(harness.log().reached(Level::Disk), epoch);
    assert_eq!(harness.log().status().health, Health::Healthy);
}

#[test]
fn zeros_that_cannot_be_written_are_a_failed_write() {
    let mut harness = open(3);
    strike_zeros(&harness, Failure::Io);
    let (epoch, _) = commit(&mut harness);
    assert!(harness.log().reached(Level::Disk) < epoch);
    assert_eq!(harness.log().status().health, Health::Poisoned);
}
