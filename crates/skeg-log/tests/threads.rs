//! The log's own threads: on the real machine, and on a simulated disk whose fsyncs stand still.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod common;

use std::time::{Duration, Instant};

use common::{Collect, small_options};
use skeg_io::sim::SimMachine;
use skeg_io::sync::{Arc, thread};
use skeg_io::{Io, RealThreads};
use skeg_log::{
    Epoch, Health, Level, Log, LogOptions, Purpose, Reservation, ReserveError, ShardId, SyncPolicy,
    Wrote,
};

fn push(log: &Log, shard: u16, payload: &[u8]) -> Epoch {
    let mut reservation = Reservation::default();
    while let Err(error) = log.reserve_more(&mut reservation, payload.len() as u64, Purpose::Growth)
    {
        assert_eq!(error, ReserveError::Wait);
        thread::yield_now();
    }
    let epoch = log.push(&mut reservation, ShardId(shard), 0, payload);
    log.settle(reservation);
    epoch
}

fn within(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn many_threads_push_and_everything_is_there_in_order() {
    for sync in [SyncPolicy::Never, SyncPolicy::EverySecond, SyncPolicy::Always] {
        let dir = tempfile::tempdir().unwrap();
        let options = LogOptions { segment_bytes: 1 << 20, ..small_options(sync) };
        let (log, _) = Log::open(&Io::real(), dir.path(), &options, &mut ()).unwrap();
        log.start_threads().unwrap();
        let workers: Vec<_> = (0..4_u16)
            .map(|worker| {
                let log = Arc::clone(&log);
                thread::spawn(move || {
                    for round in 0..500_u32 {
                        let mut payload = vec![0; 4 + (round as usize * 37) % 5000];
                        payload[..4].copy_from_slice(&round.to_le_bytes());
                        let epoch = push(&log, worker, &payload);
                        if worker % 2 == 0 {
                            log.try_write()
                        } else {
                            wake(&log)
                        };
                        if round % 100 == 99 {
                            log.wait(Level::Disk, epoch).unwrap();
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        let status = log.status();
        assert_eq!((status.health, status.overdrawn_bytes), (Health::Healthy, 0));
        log.close().unwrap();
        let mut replayed = Collect::default();
        let (log, recovered) = Log::open(&Io::real(), dir.path(), &options, &mut replayed).unwrap();
        assert_eq!((recovered.records, recovered.cut_bytes), (2000, 0));
        for shard in 0..4 {
            let rounds = replayed.records.iter().filter(|(s, _, _)| *s == shard).map(|r| &r.2[..4]);
            assert!(rounds.eq((0..500_u32).map(u32::to_le_bytes)), "the order of a shard is kept");
        }
        log.close().unwrap();
    }
}

fn wake(log: &Log) -> Wrote {
    log.wake_writer();
    Wrote::Nothing
}

#[test]
fn everysec_syncs_by_itself_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let options = small_options(SyncPolicy::EverySecond);
    let (log, _) = Log::open(&Io::real(), dir.path(), &options, &mut ()).unwrap();
    log.start_threads().unwrap();
    for _ in 0..2 {
        let began = Instant::now();
        let epoch = push(&log, 0, b"x");
        log.try_write();
        log.wait(Level::Kernel, epoch).unwrap();
        assert!(within(LONG, || log.reached(Level::Disk) >= epoch));
        let taken = began.elapsed();
        assert!(taken > Duration::from_millis(500), "not at once: {taken:?}");
    }
    // An idle log sleeps; nothing keeps it awake.
    assert!(within(LONG, || log.status().bytes > 2 * 80));
    log.close().unwrap();
}

#[test]
fn dropping_an_open_log_frees_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let options = small_options(SyncPolicy::EverySecond);
    for round in 0..20_u64 {
        let (log, recovered) = Log::open(&Io::real(), dir.path(), &options, &mut ()).unwrap();
        log.start_threads().unwrap();
        assert_eq!(recovered.records, round, "the kernel has what was acknowledged");
        let epoch = push(&log, 0, b"x");
        log.wait(Level::Kernel, epoch).unwrap();
    }
}

/// Real threads on a simulated disk.
fn open_simulated(sync: SyncPolicy) -> (SimMachine, Arc<Log>) {
    let machine = SimMachine::new(1);
    let io = Io { threads: Arc::new(RealThreads::new()), ..machine.io() };
    let options = small_options(sync);
    let (log, _) = Log::open(&io, std::path::Path::new("/db"), &options, &mut ()).unwrap();
    log.start_threads().unwrap();
    (machine, log)
}

#[test]
fn an_fsync_that_stands_still_holds_back_acknowledgements_and_nothing_else() {
    let (machine, log) = open_simulated(SyncPolicy::EverySecond);
    let first = push(&log, 0, b"first");
    log.try_write();
    machine.disk.pause_syncs();
    log.request_sync(first);
    let second = push(&log, 0, b"second");
    // The log thread writes beside the fsync.
    assert!(within(LONG, || {
        log.try_write();
        log.reached(Level::Kernel) >= second
    }));
    machine.clock.advance(Duration::from_secs(60));
    let third = push(&log, 0, b"third");
    assert!(within(LONG, || {
        log.try_write();
        log.status().written >= third
    }));
    assert_eq!(log.reached(Level::Kernel), second, "written, but not acknowledged");
    assert!(log.reached(Level::Disk) < first);
    machine.disk.resume_syncs();
    assert!(within(LONG, || log.reached(Level::Kernel) >= third));
    log.wait(Level::Disk, third).unwrap();
    log.close().unwrap();
}

#[test]
fn under_always_an_fsync_that_stands_still_holds_back_durability_and_nothing_else() {
    let (machine, log) = open_simulated(SyncPolicy::Always);
    machine.disk.pause_syncs();
    let first = push(&log, 0, b"first");
    log.try_write();
    log.request_sync(first);
    log.wait(Level::Kernel, first).unwrap();
    let second = push(&log, 0, b"second");
    log.try_write();
    log.wait(Level::Kernel, second).unwrap();
    assert!(log.reached(Level::Disk) < first);
    machine.disk.resume_syncs();
    log.wait(Level::Disk, second).unwrap();
    log.close().unwrap();
}

#[test]
fn under_always_a_commit_is_one_block_and_one_fsync() {
    let (machine, log) = open_simulated(SyncPolicy::Always);
    machine.disk.pause_syncs();
    let first = push(&log, 0, b"first");
    log.try_write();
    log.wait(Level::Kernel, first).unwrap();
    // What is pushed before the fsync has begun may get a block before it.
    assert!(within(LONG, || machine.disk.waiting_syncs() > 0));
    let before = log.status().blocks_written;
    for _ in 0..100 {
        push(&log, 1, b"during the fsync");
        log.try_write();
    }
    let last = log.last_epoch();
    machine.disk.resume_syncs();
    log.wait(Level::Disk, last).unwrap();
    assert_eq!(log.status().blocks_written, before + 1);
    log.close().unwrap();
}

#[test]
fn memory_stays_bounded_behind_an_fsync_that_stands_still() {
    let (machine, log) = open_simulated(SyncPolicy::Always);
    let first = push(&log, 0, b"first");
    log.try_write();
    assert!(within(LONG, || log.status().written >= first));
    machine.disk.pause_syncs();
    log.request_sync(push(&log, 0, b"second"));
    let mut refused = false;
    for _ in 0..10_000 {
        match log.reserve(1000, Purpose::Growth) {
            Ok(mut reservation) => {
                log.push(&mut reservation, ShardId(1), 0, &[0; 1000]);
                log.settle(reservation);
                log.try_write();
            }
            Err(error) => {
                assert_eq!(error, ReserveError::Wait);
                refused = true;
                break;
            }
        }
    }
    assert!(refused, "what waits for the fsync is bounded");
    let status = log.status();
    assert!(status.outstanding_bytes + status.unsynced_bytes < 1 << 20, "{status:?}");
    machine.disk.resume_syncs();
    let last = log.last_epoch();
    log.wait(Level::Disk, last).unwrap();
    log.close().unwrap();
}

#[test]
fn a_full_disk_heals_under_the_threads() {
    let (machine, log) = open_simulated(SyncPolicy::EverySecond);
    machine.disk.set_capacity(2 << 20, skeg_io::sim::Failure::OutOfSpace);
    let filled = within(LONG, || {
        machine.clock.advance(Duration::from_millis(5));
        match log.reserve(10_000, Purpose::Growth) {
            Ok(mut reservation) => {
                log.push(&mut reservation, ShardId(1), 0, &[0; 10_000]);
                log.settle(reservation);
                log.try_write();
                false
            }
            Err(ReserveError::NoSpace) => true,
            Err(_) => false,
        }
    });
    assert!(filled, "{:?}", log.status());
    machine.disk.set_capacity(1 << 40, skeg_io::sim::Failure::OutOfSpace);
    let healed = within(LONG, || {
        machine.clock.advance(Duration::from_millis(10));
        match log.reserve(10_000, Purpose::Growth) {
            Ok(reservation) => {
                log.settle(reservation);
                true
            }
            Err(_) => false,
        }
    });
    assert!(healed, "by itself: {:?}", log.status());
    log.close().unwrap();
}
