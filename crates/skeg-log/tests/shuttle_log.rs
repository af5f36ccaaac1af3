//! Interleavings of pushing, writing, syncing, waiting and closing, tried by a scheduler that decides
//! who runs next. A lost wake-up shows as a deadlock, a gap or a reordering as a wrong replay.
//!
//! `cargo test -p skeg-log --features shuttle shuttle_`
#![cfg(feature = "shuttle")]
#![allow(clippy::unwrap_used, reason = "what helps a test is a test")]

use std::path::Path;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};
use skeg_io::sim::{CrashPolicy, SimDisk, SimMachine, SimRng};
use skeg_io::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use skeg_io::sync::{Arc, Condvar, Mutex, thread};
use skeg_io::{Io, RealThreads};
use skeg_log::{
    Level, Log, LogOptions, Notify, Purpose, RECORD_OVERHEAD_BYTES, Replay, ReplayError,
    ReserveError, ShardId, SyncPolicy, Want,
};

const DIR: &str = "/db";
const ITERATIONS: usize = 300;

fn check(model: impl Fn() + Send + Sync + 'static) {
    let model = Arc::new(model);
    let iterations = std::env::var("SKEG_ITERATIONS").ok().and_then(|n| n.parse().ok());
    let iterations = iterations.unwrap_or(ITERATIONS);
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.max_steps = shuttle::MaxSteps::FailAfter(10_000_000);
    let random = Arc::clone(&model);
    Runner::new(RandomScheduler::new(iterations), config.clone()).run(move || random());
    Runner::new(PctScheduler::new(3, iterations), config).run(move || model());
}

fn options(sync: SyncPolicy) -> LogOptions {
    LogOptions {
        shards: Some(2),
        segment_bytes: 16 << 10,
        unsynced_bytes_max: 64 << 10,
        sync,
        ..LogOptions::default()
    }
}

struct Setup {
    machine: SimMachine,
    io: Io,
    log: Arc<Log>,
}

fn open(sync: SyncPolicy, threads: bool) -> Setup {
    let machine = SimMachine::new(1);
    let io = Io { threads: Arc::new(RealThreads::new()), ..machine.io() };
    let (log, _) = Log::open(&io, Path::new(DIR), &options(sync), &mut ()).unwrap();
    if threads {
        log.start_threads().unwrap();
    }
    Setup { machine, io, log }
}

fn push(log: &Log, shard: u16, payload: &[u8]) -> skeg_log::Epoch {
    let mut reservation = log.reserve(payload.len() as u64, Purpose::Growth).unwrap();
    let epoch = log.push(&mut reservation, ShardId(shard), 0, payload);
    log.settle(reservation);
    epoch
}

fn push_both(log: &Log, payload: &[u8]) -> skeg_log::Epoch {
    let bytes = 2 * (payload.len() as u64 + RECORD_OVERHEAD_BYTES);
    let mut reservation = log.reserve(bytes, Purpose::Growth).unwrap();
    let parts = [(ShardId(0), 1, payload), (ShardId(1), 1, payload)];
    let epoch = log.push_many(&mut reservation, &parts);
    log.settle(reservation);
    epoch
}

#[derive(Default)]
struct Seen(Vec<(u16, Vec<u8>)>);

impl Replay for Seen {
    fn record(&mut self, shard: ShardId, _: u8, payload: &[u8]) -> Result<(), ReplayError> {
        self.0.push((shard.0, payload.to_vec()));
        Ok(())
    }
}

impl Seen {
    fn of(disk: SimDisk, io: &Io) -> Self {
        let io = Io { disk: Arc::new(disk), ..io.clone() };
        let mut seen = Self::default();
        let options = LogOptions { read_only: true, ..options(SyncPolicy::Never) };
        Log::open(&io, Path::new(DIR), &options, &mut seen).unwrap();
        seen
    }

    fn has(&self, shard: u16, payload: &[u8]) -> bool {
        self.0.iter().any(|(s, p)| *s == shard && p == payload)
    }
}

#[test]
fn shuttle_no_push_is_left_behind() {
    check(no_push_is_left_behind);
}

/// Without log threads: whoever gives up the writer's role looks again, so when all have tried,
/// nothing is left.
fn no_push_is_left_behind() {
    let setup = open(SyncPolicy::Never, false);
    let handles: Vec<_> = (0..3_u16)
        .map(|number| {
            let log = Arc::clone(&setup.log);
            thread::spawn(move || {
                for round in 0..2 {
                    push(&log, number % 2, &[number as u8, round]);
                    log.try_write();
                }
            })
        })
        .collect();
    for handle in handles {
        handle.join().unwrap();
    }
    assert!(!setup.log.has_unwritten(), "a push was left behind");
    assert_eq!(setup.log.reached(Level::Kernel), setup.log.last_epoch());
    assert_eq!(Seen::of(setup.machine.disk.after_kill(), &setup.io).0.len(), 6);
}

#[test]
fn shuttle_no_push_is_left_behind_an_fsync() {
    check(no_push_is_left_behind_an_fsync);
}

/// As before, with an fsync going on: what serving threads leave to the syncer is not forgotten.
fn no_push_is_left_behind_an_fsync() {
    let setup = open(SyncPolicy::Always, false);
    let syncer = {
        let log = Arc::clone(&setup.log);
        thread::spawn(move || {
            for _ in 0..3 {
                log.sync().unwrap();
            }
        })
    };
    let pusher = {
        let log = Arc::clone(&setup.log);
        thread::spawn(move || {
            for round in 0..3 {
                push(&log, 0, &[round]);
                log.try_write();
            }
        })
    };
    pusher.join().unwrap();
    syncer.join().unwrap();
    assert!(!setup.log.has_unwritten(), "a push was left behind");
}

#[test]
fn shuttle_every_moment_is_a_prefix() {
    check(every_moment_is_a_prefix);
}

/// Any moment's files hold a prefix: transactions whole, nothing without what happened before it.
fn every_moment_is_a_prefix() {
    let setup = open(SyncPolicy::Never, false);
    let first_done = Arc::new(AtomicBool::new(false));
    let transactions = {
        let (log, first_done) = (Arc::clone(&setup.log), Arc::clone(&first_done));
        thread::spawn(move || {
            let before = push(&log, 1, b"before");
            first_done.store(true, SeqCst);
            let both = push_both(&log, b"both");
            assert!(before <= both, "program order");
            log.try_write();
        })
    };
    let follower = {
        let (log, first_done) = (Arc::clone(&setup.log), Arc::clone(&first_done));
        thread::spawn(move || {
            if first_done.load(SeqCst) {
                push(&log, 0, b"after");
            }
            log.try_write();
            push_both(&log, b"more");
            log.try_write();
        })
    };
    for _ in 0..2 {
        let seen = Seen::of(setup.machine.disk.after_kill(), &setup.io);
        for both in [b"both", b"more"] {
            assert_eq!(seen.has(0, both), seen.has(1, both), "whole or absent");
        }
        assert!(!seen.has(0, b"after") || seen.has(1, b"before"), "cause before effect");
        assert!(!seen.has(0, b"both") || seen.has(1, b"before"), "program order");
        thread::yield_now();
    }
    transactions.join().unwrap();
    follower.join().unwrap();
}

/// With log threads, in every way to get a block written: waiting always ends.
#[test]
fn shuttle_whoever_waits_is_woken() {
    for policy in [SyncPolicy::Never, SyncPolicy::Always] {
        check(move || {
            let setup = open(policy, true);
            let serving = {
                let log = Arc::clone(&setup.log);
                thread::spawn(move || {
                    let epoch = push(&log, 0, b"serving");
                    log.try_write();
                    log.wait(Level::Disk, epoch).unwrap();
                    assert!(log.reached(Level::Disk) >= epoch);
                })
            };
            let script = {
                let log = Arc::clone(&setup.log);
                thread::spawn(move || {
                    let epoch = push(&log, 1, b"script");
                    log.wake_writer();
                    log.wait(Level::Kernel, epoch).unwrap();
                })
            };
            serving.join().unwrap();
            script.join().unwrap();
            let mut rng = SimRng::new(1);
            let left = setup.machine.disk.after_power_loss(&mut rng, CrashPolicy::DropAll);
            assert!(Seen::of(left, &setup.io).has(0, b"serving"), "durable means durable");
            setup.log.close().unwrap();
        });
    }
}

/// A server's thread: pushes, ends its turn, and sleeps until it is told.
fn serve(log: &Arc<Log>, number: u16, level: Level, sleeper: Sleeper) -> thread::JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let sleeper = Arc::new(sleeper);
        let subscription = log.subscribe(Arc::<Sleeper>::clone(&sleeper));
        for round in 0..2 {
            let epoch = push(&log, number, &[round]);
            log.try_write();
            while subscription.want(level, epoch) == Want::Waiting {
                subscription.gathered();
                sleeper.sleep();
            }
            assert!(log.reached(level) >= epoch);
        }
    })
}

/// Nobody but serving threads wakes anybody.
#[test]
fn shuttle_a_serving_thread_is_answered() {
    for policy in [SyncPolicy::Never, SyncPolicy::Always] {
        check(move || {
            let setup = open(policy, true);
            let serve = |number, level| serve(&setup.log, number, level, Sleeper::default());
            let threads = [serve(0, Level::Kernel), serve(1, Level::Disk)];
            for thread in threads {
                thread.join().unwrap();
            }
            setup.log.close().unwrap();
        });
    }
}

#[test]
fn shuttle_who_gathers_is_waited_for_and_answered() {
    check(who_gathers_is_waited_for_and_answered);
}

/// Threads that end their turns by saying that they have gathered, beside one that only wants to see its
/// change written: time ends no wait here, and all are answered.
fn who_gathers_is_waited_for_and_answered() {
    let setup = open(SyncPolicy::Always, true);
    let gatherer = || Sleeper { gathers: true, ..Sleeper::default() };
    let threads = [0, 1].map(|number| serve(&setup.log, number, Level::Disk, gatherer()));
    let sleeper = Arc::new(Sleeper::default());
    let subscription = setup.log.subscribe(Arc::<Sleeper>::clone(&sleeper));
    let epoch = push(&setup.log, 1, b"written");
    setup.log.wake_writer();
    while subscription.want(Level::Kernel, epoch) == Want::Waiting {
        sleeper.sleep();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    setup.log.close().unwrap();
}

#[test]
fn shuttle_an_fsync_does_not_hold_up_who_only_wants_it_written() {
    check(an_fsync_does_not_hold_up_who_only_wants_it_written);
}

/// Under `always`, where the syncer writes: beside an fsync that stands still, what somebody wants
/// written is, whether it came before, during or after the syncer's last look.
fn an_fsync_does_not_hold_up_who_only_wants_it_written() {
    let setup = open(SyncPolicy::Always, true);
    setup.machine.disk.pause_syncs();
    let durable = {
        let log = Arc::clone(&setup.log);
        thread::spawn(move || {
            let epoch = push(&log, 0, b"durable");
            log.try_write();
            log.wait(Level::Disk, epoch).unwrap();
        })
    };
    let sleeper = Arc::new(Sleeper::default());
    let subscription = setup.log.subscribe(Arc::<Sleeper>::clone(&sleeper));
    let epoch = push(&setup.log, 1, b"written");
    setup.log.wake_writer();
    while subscription.want(Level::Kernel, epoch) == Want::Waiting {
        sleeper.sleep();
    }
    assert!(setup.log.reached(Level::Disk) < epoch);
    setup.machine.disk.resume_syncs();
    durable.join().unwrap();
    setup.log.close().unwrap();
}

/// A script's thread that wants its write durable: one wake-up, whatever the policy, and the thread
/// that syncs writes as well.
#[test]
fn shuttle_what_is_wanted_durable_is_written_and_synced() {
    for policy in [SyncPolicy::Never, SyncPolicy::EverySecond, SyncPolicy::Always] {
        check(move || {
            let setup = open(policy, true);
            let serving = {
                let log = Arc::clone(&setup.log);
                thread::spawn(move || {
                    push(&log, 0, b"serving");
                    log.try_write();
                })
            };
            let sleeper = Arc::new(Sleeper::default());
            let subscription = setup.log.subscribe(Arc::<Sleeper>::clone(&sleeper));
            for round in 0..2 {
                let epoch = push(&setup.log, 1, &[round]);
                while subscription.want(Level::Disk, epoch) == Want::Waiting {
                    sleeper.sleep();
                }
                assert!(setup.log.reached(Level::Disk) >= epoch);
            }
            serving.join().unwrap();
            setup.log.close().unwrap();
        });
    }
}

/// Sleeps until it is told.
#[derive(Default)]
struct Sleeper {
    told: Mutex<bool>,
    changed: Condvar,
    gathers: bool,
}

impl Notify for Sleeper {
    fn notify(&self) {
        *self.told.lock() = true;
        self.changed.notify_one();
    }

    fn gathers(&self) -> bool {
        self.gathers
    }
}

impl Sleeper {
    fn sleep(&self) {
        let mut told = self.told.lock();
        while !*told {
            told = self.changed.wait(told);
        }
        *told = false;
    }
}

/// Remembers that it was told.
#[derive(Default)]
struct Bell(AtomicU64);

impl Notify for Bell {
    fn notify(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Registering beside publishing: reached, told, or both; never neither.
#[test]
fn shuttle_a_subscription_is_never_missed() {
    check(|| {
        let setup = open(SyncPolicy::Never, false);
        let bell = Arc::new(Bell::default());
        let subscription = setup.log.subscribe(Arc::<Bell>::clone(&bell));
        let epoch = push(&setup.log, 0, b"x");
        let writer = {
            let log = Arc::clone(&setup.log);
            thread::spawn(move || {
                log.try_write();
                log.sync().unwrap();
            })
        };
        let kernel = subscription.want(Level::Kernel, epoch);
        let told = bell.0.load(SeqCst);
        let disk = subscription.want(Level::Disk, epoch);
        writer.join().unwrap();
        let waits = u64::from(kernel == Want::Waiting) + u64::from(disk == Want::Waiting);
        assert!(bell.0.load(SeqCst) >= waits, "{kernel:?} {disk:?} {told}");
    });
}

/// Poison beside registering: told, or never; the waiter does not sleep on.
#[test]
fn shuttle_poison_reaches_whoever_waits() {
    check(|| {
        use skeg_io::sim::{Failure, Fault, Injection, Operation};
        let setup = open(SyncPolicy::Always, true);
        let fault = Fault::Fail(Failure::Io);
        setup.machine.disk.inject(Injection::once(Operation::Sync, fault).on(".seg"));
        let waiter = {
            let log = Arc::clone(&setup.log);
            thread::spawn(move || {
                let Ok(mut reservation) = log.reserve(1, Purpose::Growth) else { return };
                let epoch = log.push(&mut reservation, ShardId(0), 0, b"x");
                log.settle(reservation);
                log.try_write();
                log.wait(Level::Disk, epoch).unwrap_err();
            })
        };
        waiter.join().unwrap();
        setup.log.close().unwrap_err();
    });
}

/// Room is never granted twice, and whoever waits for it is told when it is given back.
#[test]
fn shuttle_room_is_granted_once_and_its_return_is_told() {
    check(|| {
        let setup = open(SyncPolicy::Never, true);
        let held = Arc::new(Mutex::new(0_u64));
        let handles: Vec<_> = (0..2_u16)
            .map(|number| {
                let (log, held) = (Arc::clone(&setup.log), Arc::clone(&held));
                thread::spawn(move || {
                    let bell = Arc::new(Bell::default());
                    let subscription = log.subscribe(Arc::<Bell>::clone(&bell));
                    let bytes = 9000;
                    let mut reservation = loop {
                        match log.reserve(bytes, Purpose::Growth) {
                            Ok(reservation) => break reservation,
                            Err(ReserveError::Wait) => {}
                            Err(error) => panic!("{error}"),
                        }
                        let told = bell.0.load(SeqCst);
                        if subscription.want_space(bytes, Purpose::Growth) == Want::Waiting {
                            while bell.0.load(SeqCst) == told {
                                thread::yield_now();
                            }
                        }
                    };
                    *held.lock() += 1;
                    log.push(&mut reservation, ShardId(number), 0, &[1; 8000]);
                    log.settle(reservation);
                    log.try_write();
                })
            })
            .collect();
        for handle in handles {
            handle.join().unwrap();
        }
        assert_eq!(*held.lock(), 2);
        assert_eq!(setup.log.status().overdrawn_bytes, 0);
        setup.log.close().unwrap();
    });
}

/// Space given back beside a thread that is about to wait for it: granted, or told.
#[test]
fn shuttle_who_waits_is_told_what_is_given_back() {
    check(|| {
        let setup = open(SyncPolicy::Never, false);
        let first = setup.log.reserve(9000, Purpose::Growth).unwrap();
        let bell = Arc::new(Bell::default());
        let subscription = setup.log.subscribe(Arc::<Bell>::clone(&bell));
        let holder = {
            let log = Arc::clone(&setup.log);
            thread::spawn(move || log.settle(first))
        };
        let want = subscription.want_space(9000, Purpose::Growth);
        holder.join().unwrap();
        if want == Want::Waiting {
            assert!(bell.0.load(SeqCst) > 0, "not told");
        }
        setup.log.settle(setup.log.reserve(9000, Purpose::Growth).unwrap());
    });
}

/// Closing beside the log's threads at work: everything pushed before is durable, nobody hangs.
#[test]
fn shuttle_closing_ends_the_threads_and_loses_nothing() {
    check(|| {
        let setup = open(SyncPolicy::Always, true);
        for number in 0..3 {
            push(&setup.log, number % 2, &[number as u8]);
            setup.log.wake_writer();
        }
        setup.log.close().unwrap();
        let mut rng = SimRng::new(1);
        let left = setup.machine.disk.after_power_loss(&mut rng, CrashPolicy::DropAll);
        assert_eq!(Seen::of(left, &setup.io).0.len(), 3);
    });
}

/// The models bite: a log with one promise broken is caught.
#[cfg(feature = "failpoints")]
mod flaws {
    use std::panic::catch_unwind;

    use skeg_log::{Broken, break_promise};

    use super::{
        an_fsync_does_not_hold_up_who_only_wants_it_written, check, every_moment_is_a_prefix,
        no_push_is_left_behind, no_push_is_left_behind_an_fsync,
        who_gathers_is_waited_for_and_answered,
    };

    fn is_caught(broken: Broken, model: fn()) {
        break_promise(Some(broken));
        let found = catch_unwind(|| check(model));
        break_promise(None);
        assert!(found.is_err(), "{broken:?} was not caught");
    }

    #[test]
    fn shuttle_flaw_an_epoch_read_outside_the_lock() {
        is_caught(Broken::ReadsEpochOutside, no_push_is_left_behind);
    }

    #[test]
    fn shuttle_flaw_a_transaction_in_parts() {
        is_caught(Broken::SplitsTransactions, every_moment_is_a_prefix);
    }

    #[test]
    fn shuttle_flaw_a_role_given_up_without_a_look() {
        is_caught(Broken::LooksOnce, no_push_is_left_behind_an_fsync);
    }

    #[test]
    fn shuttle_flaw_an_fsync_without_a_look() {
        is_caught(Broken::SyncsBlindly, an_fsync_does_not_hold_up_who_only_wants_it_written);
    }

    #[test]
    fn shuttle_flaw_a_wait_for_who_has_gathered() {
        is_caught(Broken::GathersOn, who_gathers_is_waited_for_and_answered);
    }
}
