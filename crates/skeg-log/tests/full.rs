//! A full disk: growth is refused, deletes go on, nothing is lost, and the store is healthy again by
//! itself when there is space. And what poisons instead.

mod common;

use common::{Harness, small_options};
use skeg_io::sim::{CrashPolicy, Failure, Fault, FaultRates, Injection, Operation};
use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicU64, Ordering::SeqCst};
use skeg_io::{Disk, OpenMode};
use skeg_log::{
    Epoch, ErrorKind, Health, Level, LogOptions, Notify, Purpose, ReserveError, ShardId,
    SyncPolicy, Want, Wrote,
};

const PLENTY: u64 = 1 << 40;

/// Pushes until growth is refused; how many records went in.
fn fill(harness: &mut Harness) -> u64 {
    for count in 0..100_000 {
        match harness.push(0, 3000) {
            Ok(_) => {
                harness.turn();
                harness.observe();
            }
            Err(ReserveError::NoSpace) => return count,
            Err(error) => panic!("refused for another reason: {error}"),
        }
    }
    panic!("the disk never fills up");
}

#[test]
fn growth_is_refused_until_there_is_space_again() {
    for full in [Failure::OutOfSpace, Failure::OverQuota] {
        let mut harness = Harness::new(1, small_options(SyncPolicy::EverySecond));
        harness.machine.disk.set_capacity(3 << 20, full);
        harness.open(0).unwrap();
        let mut count = 0;
        loop {
            let more = fill(&mut harness);
            count += more;
            harness.sleep_ms(200);
            harness.turn();
            // While there is a little space left, growth goes on after a while.
            if more == 0 {
                break;
            }
        }
        assert!(count > 400, "most of the disk was used: {count} records");
        assert_eq!(harness.log().status().health, Health::Full);
        assert_eq!(harness.push(0, 3000).unwrap_err(), ReserveError::NoSpace, "still full");
        harness.machine.disk.set_capacity(PLENTY, full);
        harness.turn();
        harness.sleep_ms(200);
        harness.turn();
        assert_eq!(harness.log().status().health, Health::Healthy, "by itself");
        harness.push(0, 3000).unwrap();
        harness.write();
        harness.log().sync().unwrap();
        harness.crash(CrashPolicy::DropAll);
        harness.open(count + 1).unwrap();
    }
}

#[test]
fn releases_use_the_spare_when_growth_is_refused() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::EverySecond));
    harness.machine.disk.set_capacity(3 << 20, Failure::OutOfSpace);
    harness.open(0).unwrap();
    fill(&mut harness);
    let mut released = 0;
    for number in 0..20_000_u64 {
        match harness.reserve_patiently(30, Purpose::Release) {
            Ok(mut reservation) => {
                let payload = number.to_le_bytes();
                harness.log().push(&mut reservation, ShardId(1), 2, &payload);
                harness.log().settle(reservation);
                harness.turn();
                released += 1;
            }
            Err(ReserveError::NoSpace) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(released > 1000, "{released} deletes were possible on a full disk");
    assert_eq!(harness.push(0, 3000).unwrap_err(), ReserveError::NoSpace);
    assert_eq!(harness.log().status().overdrawn_bytes, 0);
    harness.log().sync().unwrap();
    harness.log().close().unwrap();
}

#[test]
fn a_release_waits_for_what_another_one_gives_back() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.machine.disk.set_capacity(3 << 20, Failure::OutOfSpace);
    harness.open(0).unwrap();
    fill(&mut harness);
    let disk = harness.machine.disk.clone();
    let spare_bytes = || disk.metadata(&Harness::path("log/spare")).unwrap().len;
    let all = spare_bytes();
    while spare_bytes() == all {
        let mut reservation = harness.reserve_patiently(30, Purpose::Release).unwrap();
        harness.log().push(&mut reservation, ShardId(1), 2, &[0; 30]);
        harness.log().settle(reservation);
        harness.turn();
    }
    let log = harness.log();
    log.sync().unwrap();
    log.maintain().unwrap();
    disk.set_capacity(disk.used_bytes(), Failure::OutOfSpace);
    // More than half of what there is, found out without asking for more than that.
    let subscription = log.subscribe(Arc::new(Count::default()));
    let fits = |bytes: &u64| subscription.want_space(*bytes, Purpose::Release) == Want::Reached;
    let bytes = (0..10).map(|step| (256 << 10) >> step).find(fits).unwrap();
    for _ in 0..3 {
        let first = harness.reserve(bytes, Purpose::Release).unwrap();
        let second = harness.reserve(bytes, Purpose::Release).unwrap_err();
        assert_eq!(second, ReserveError::Wait, "there is room for one after the other");
        harness.log().settle(first);
        harness.sleep_ms(200);
        harness.log().maintain().unwrap();
        assert_eq!(harness.log().status().health, Health::Full);
    }
    let first = harness.reserve(bytes, Purpose::Release).unwrap();
    assert_eq!(harness.reserve(bytes, Purpose::Release).unwrap_err(), ReserveError::Wait);
    harness.sleep_ms(200);
    harness.log().maintain().unwrap();
    match harness.reserve(bytes, Purpose::Release) {
        Ok(second) => harness.log().settle(second),
        Err(error) => assert_eq!(error, ReserveError::Wait, "the first one is to come to its end"),
    }
    harness.log().settle(first);
}

#[test]
fn a_full_disk_opens_after_a_kill_and_after_power_loss() {
    for seed in 0..8 {
        let mut harness = Harness::new(seed, small_options(SyncPolicy::EverySecond));
        harness.machine.disk.set_capacity((2 << 20) + seed * 4096, Failure::OutOfSpace);
        harness.open(0).unwrap();
        fill(&mut harness);
        let mut least = harness.kernel;
        harness.kill();
        for _ in 0..5 {
            harness.open(least).unwrap();
            while harness.push(1, 40).is_ok() && harness.log().status().unsynced_bytes < 50_000 {
                harness.write();
            }
            harness.observe();
            least = harness.disk;
            harness.crash(CrashPolicy::AnySubset);
        }
        harness.open(least).unwrap();
    }
}

#[test]
fn a_spare_whose_blocks_a_power_loss_took_is_filled_or_given_up() {
    for room in [PLENTY, 300 << 10] {
        let mut harness = Harness::new(1, small_options(SyncPolicy::EverySecond));
        harness.open(0).unwrap();
        harness.crash(CrashPolicy::DropAll);
        let disk = harness.machine.disk.clone();
        let spare = disk.open(&Harness::path("log/spare"), OpenMode::ReadWrite).unwrap();
        let bytes = spare.len().unwrap();
        spare.set_len(0).unwrap();
        spare.set_len(bytes).unwrap();
        spare.sync_all().unwrap();
        drop(spare);
        let used = disk.used_bytes();
        disk.set_capacity(used + room, Failure::OutOfSpace);
        harness.open(0).unwrap();
        let found = disk.metadata(&Harness::path("log/spare")).unwrap().len;
        if room == PLENTY {
            assert!(disk.used_bytes() > bytes, "its blocks are there again");
            assert_eq!(found, bytes);
        } else {
            assert_eq!(found, 128 << 10, "no more than there is, no less than recovery needs");
        }
    }
}

#[test]
fn a_block_is_kept_and_written_again_at_the_same_place() {
    for full in [Failure::OutOfSpace, Failure::OverQuota] {
        let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
        harness.open(0).unwrap();
        harness.push(0, 5000).unwrap();
        harness.write();
        let disk = harness.machine.disk.clone();
        disk.set_fault_rates(FaultRates { short_per_million: 900_000, ..FaultRates::default() });
        let strike = Injection::once(Operation::Write, Fault::Fail(full)).on(".seg").after(2);
        disk.inject(Injection { times: 3, ..strike });
        let epoch = harness.push(1, 60_000).unwrap();
        for _ in 0..3 {
            assert_eq!(harness.log().try_write(), Wrote::Full);
            assert_eq!(harness.log().status().health, Health::Full);
            assert!(harness.log().reached(Level::Kernel) < epoch, "not acknowledged");
            assert_eq!(harness.push(2, 10).unwrap_err(), ReserveError::NoSpace);
        }
        assert_eq!(harness.log().try_write(), Wrote::Wrote(epoch));
        assert_eq!(harness.log().status().health, Health::Healthy);
        harness.push(2, 10).unwrap();
        harness.write();
        harness.kill();
        assert_eq!(harness.open(3).unwrap().records, 3);
    }
}

#[test]
fn a_change_too_large_for_the_disk_is_refused_and_small_ones_go_on() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.machine.disk.set_capacity(6 << 20, Failure::OutOfSpace);
    harness.open(0).unwrap();
    let refused = harness.reserve_patiently(20 << 20, Purpose::Growth).unwrap_err();
    assert_eq!(refused, ReserveError::NoSpace);
    for _ in 0..50 {
        harness.push(1, 1000).unwrap();
        harness.turn();
    }
    assert_eq!(harness.log().status().health, Health::Healthy);
    harness.machine.disk.set_capacity(PLENTY, Failure::OutOfSpace);
    harness.sleep_ms(200);
    harness.turn();
    harness.push(1, 20 << 20).unwrap();
    harness.write();
    harness.log().sync().unwrap();
    // What was allocated for it alone is given back in time.
    harness.sleep_ms(20_000);
    harness.turn();
    let used = harness.machine.disk.used_bytes();
    assert!(used < (20 << 20) + (2 << 20), "{used} bytes in use");
}

#[test]
fn too_large_for_any_disk_is_told_at_once() {
    let mut harness = Harness::new(1, LogOptions::default());
    harness.open(0).unwrap();
    assert_eq!(harness.reserve(3 << 30, Purpose::Growth).unwrap_err(), ReserveError::TooLarge);
    assert_eq!(harness.reserve(u64::MAX, Purpose::Release).unwrap_err(), ReserveError::TooLarge);
}

#[test]
fn no_space_for_current_or_a_segment_is_a_state_and_not_a_failure() {
    for part in ["CURRENT.new", ".seg", "spare"] {
        for operation in [Operation::Create, Operation::Allocate, Operation::Write] {
            let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
            harness.open(0).unwrap();
            let full = Fault::Fail(Failure::OutOfSpace);
            let strike = Injection::once(operation, full).on(part);
            harness.machine.disk.inject(Injection { times: 5, ..strike });
            for _ in 0..200 {
                match harness.push(0, 2000) {
                    Ok(_) | Err(ReserveError::NoSpace) => {}
                    Err(error) => panic!("{operation:?} on {part}: {error}"),
                }
                harness.turn();
                harness.sleep_ms(30);
                harness.observe();
            }
            assert_eq!(harness.log().status().health, Health::Healthy, "{operation:?} on {part}");
            let least = harness.kernel;
            harness.kill();
            harness.open(least).unwrap();
        }
    }
}

/// Counts notifications.
#[derive(Default)]
struct Count(AtomicU64);

impl Notify for Count {
    fn notify(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn poison_is_told_to_everybody_who_waits() {
    for operation in [Operation::Write, Operation::Sync] {
        let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
        harness.open(0).unwrap();
        let count = Arc::new(Count::default());
        let subscription = harness.log().subscribe(Arc::<Count>::clone(&count));
        let epoch = harness.push(0, 100).unwrap();
        assert_eq!(subscription.want(Level::Disk, epoch), Want::Waiting);
        let fault = Fault::Fail(Failure::Io);
        harness.machine.disk.inject(Injection::once(operation, fault).on(".seg"));
        harness.write();
        assert_eq!(harness.log().sync().unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(count.0.load(SeqCst), 1);
        assert_eq!(subscription.want(Level::Disk, epoch), Want::Never);
        assert_eq!(harness.log().status().health, Health::Poisoned);
        assert!(harness.log().status().reason.is_some_and(|reason| reason.contains(".seg")));
        assert_eq!(harness.log().wait(Level::Disk, epoch).unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(harness.log().try_write() == Wrote::Refused, operation == Operation::Write);
        assert_eq!(harness.log().close().unwrap_err().kind(), ErrorKind::Poisoned);
    }
}

#[test]
fn a_notification_comes_once_for_each_that_was_wanted() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    let count = Arc::new(Count::default());
    let subscription = harness.log().subscribe(Arc::<Count>::clone(&count));
    assert_eq!(subscription.want(Level::Disk, Epoch(0)), Want::Reached);
    let first = harness.push(0, 10).unwrap();
    assert_eq!(subscription.want(Level::Kernel, Epoch(first.0 + 1)), Want::Waiting);
    assert_eq!(subscription.want(Level::Kernel, first), Want::Waiting);
    assert_eq!(subscription.want(Level::Disk, first), Want::Waiting);
    harness.write();
    assert_eq!(count.0.load(SeqCst), 1, "for the smallest epoch at `kernel`");
    assert!(harness.log().maintain().unwrap().sync_due, "an fsync was requested");
    harness.log().sync().unwrap();
    assert_eq!(count.0.load(SeqCst), 2);
    harness.push(0, 10).unwrap();
    harness.write();
    assert_eq!(count.0.load(SeqCst), 2, "nothing more was wanted");
    drop(subscription);
}

#[test]
fn who_waits_for_space_is_told() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    let count = Arc::new(Count::default());
    let subscription = harness.log().subscribe(Arc::<Count>::clone(&count));
    assert_eq!(subscription.want_space(10, Purpose::Growth), Want::Reached);
    assert_eq!(harness.reserve(500_000, Purpose::Growth).unwrap_err(), ReserveError::Wait);
    assert_eq!(subscription.want_space(500_000, Purpose::Growth), Want::Waiting);
    assert_eq!(count.0.load(SeqCst), 0);
    harness.log().maintain().unwrap();
    assert_eq!(count.0.load(SeqCst), 1);
    let reservation = harness.reserve(500_000, Purpose::Growth).unwrap();
    assert_eq!(subscription.want_space(500_000, Purpose::Growth), Want::Waiting);
    harness.log().settle(reservation);
    assert_eq!(count.0.load(SeqCst), 2, "what is given back may be what somebody waits for");
}

#[test]
fn who_adds_to_a_reservation_waits_for_the_whole_of_it() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::Never));
    harness.open(0).unwrap();
    for bytes in [200_000, 400_000, 900_000] {
        // As a command does that finds out while it runs: what it held it gives back and asks for again.
        let granted = (0..20).any(|_| {
            let mut reservation = harness.reserve_patiently(10_000, Purpose::Growth).unwrap();
            let log = harness.log();
            let more = log.reserve_more(&mut reservation, bytes, Purpose::Growth);
            log.settle(reservation);
            harness.turn();
            more.is_ok()
        });
        assert!(granted, "{bytes}: {:?}", harness.log().status());
    }
}

#[test]
fn everysec_holds_acknowledgements_back_behind_a_late_fsync() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::EverySecond));
    harness.open(0).unwrap();
    let first = harness.push(0, 10).unwrap();
    harness.write();
    assert_eq!(harness.log().reached(Level::Kernel), first);
    assert!(!harness.log().maintain().unwrap().sync_due, "not at once");
    harness.sleep_ms(1000);
    assert!(harness.log().maintain().unwrap().sync_due, "within a second");
    harness.sleep_ms(2500);
    let second = harness.push(0, 10).unwrap();
    harness.write();
    assert_eq!(harness.log().reached(Level::Kernel), first, "written, but acknowledgements wait");
    harness.log().sync().unwrap();
    assert_eq!(harness.log().reached(Level::Kernel), second);
}

#[test]
fn an_idle_log_names_its_durable_epoch_once() {
    let mut harness = Harness::new(1, small_options(SyncPolicy::EverySecond));
    harness.open(0).unwrap();
    harness.push(0, 10).unwrap();
    harness.write();
    harness.log().sync().unwrap();
    let before = harness.log().status().bytes;
    let next_ns = harness.log().maintain().unwrap().next_ns.expect("the watermark is due");
    harness.sleep_ms(1 + next_ns / 1_000_000);
    assert_eq!(harness.log().maintain().unwrap().next_ns, None, "nothing more is due");
    let after = harness.log().status().bytes;
    assert_eq!(after - before, 48, "a watermark is a header");
    harness.sleep_ms(10_000);
    harness.log().maintain().unwrap();
    assert_eq!(harness.log().status().bytes, after);
    harness.kill();
    assert_eq!(harness.open(1).unwrap().rewritten_blocks, 0, "the block is known to be durable");
}
