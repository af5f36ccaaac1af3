//! Crashes at any operation: what is recovered is a prefix of the history, with everything that was
//! acknowledged at the level that the crash may not take back, and every crash opens unaided.
//!
//! `SKEG_SEEDS=10000 cargo test -p skeg-log --release --test crash` runs more; `SKEG_SEED=7` one.

mod common;

use common::{Harness, small_options, was_stopped};
use skeg_io::sim::{CrashPolicy, FaultRates, SimRng};
use skeg_log::{ErrorKind, Health, Level, LogOptions, Purpose, ReserveError, SyncPolicy};

fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
    match number("SKEG_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SKEG_SEEDS").unwrap_or(default),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Kill,
    Power(CrashPolicy),
}

fn draw_end(rng: &mut SimRng) -> End {
    match rng.below(8) {
        0..3 => End::Kill,
        3 => End::Power(CrashPolicy::DropAll),
        4 => End::Power(CrashPolicy::KeepAll),
        _ => End::Power(CrashPolicy::AnySubset),
    }
}

fn draw_bytes(rng: &mut SimRng) -> usize {
    match rng.below(40) {
        0 => rng.index(100_000),
        1..4 => rng.index(9000),
        _ => rng.index(300),
    }
}

/// Random work until the machine stops or it has done enough. Failures that a stopped machine
/// explains end it.
fn work(harness: &mut Harness, rng: &mut SimRng, steps: u64) {
    for _ in 0..steps {
        let result = match rng.below(20) {
            0..8 => harness.push(rng.below(4) as u16, draw_bytes(rng)).map(drop),
            8..10 => {
                let shards: Vec<u16> = (0..4).filter(|_| rng.coin()).collect();
                harness.push_many(&shards, draw_bytes(rng) / 4).map(drop)
            }
            10..14 => {
                harness.log().try_write();
                Ok(())
            }
            14..16 => {
                let _ = harness.log().sync();
                Ok(())
            }
            16..18 => {
                harness.turn();
                Ok(())
            }
            _ => {
                harness.sleep_ms(rng.below(1500));
                Ok(())
            }
        };
        if harness.machine.disk.is_stopped() {
            return;
        }
        match result {
            Ok(()) => {}
            Err(ReserveError::Poisoned) => return,
            Err(ReserveError::NoSpace) => harness.sleep_ms(50),
            Err(error) => panic!("refused without a reason: {error}"),
        }
        if rng.below(3) == 0 {
            harness.observe();
        }
    }
}

fn strike(harness: &mut Harness, end: End) {
    match end {
        End::Kill => harness.kill(),
        End::Power(policy) => harness.crash(policy),
    }
}

/// What a crash may not take back.
fn least(harness: &Harness, end: End) -> u64 {
    match end {
        End::Kill => harness.kernel,
        End::Power(_) => harness.disk,
    }
}

fn run(seed: u64) {
    let mut rng = SimRng::new(seed ^ 0x5eed);
    let policy = [SyncPolicy::Never, SyncPolicy::EverySecond, SyncPolicy::Always][rng.index(3)];
    let mut options = small_options(policy);
    if rng.below(4) == 0 {
        options.segment_bytes = 16 << 10;
    }
    let mut harness = Harness::new(seed, options);
    if rng.coin() {
        let rates = FaultRates {
            short_per_million: 50_000,
            interrupted_per_million: 20_000,
            out_of_space_per_million: if rng.coin() { 30_000 } else { 0 },
            ..FaultRates::default()
        };
        harness.machine.disk.set_fault_rates(rates);
    }
    let mut end = End::Kill;
    for _ in 0..6 {
        // Opening may itself be struck, any number of times in a row.
        for attempt in 0.. {
            if attempt < 5 && rng.below(3) == 0 {
                let changes = harness.machine.disk.changes();
                harness.machine.disk.stop_at(changes + 1 + rng.below(30));
            }
            let at_least = least(&harness, end);
            match harness.open(at_least) {
                Ok(_) => break,
                Err(error) if was_stopped(&harness, &error) => {
                    end = draw_end(&mut rng);
                    strike(&mut harness, end);
                }
                // There is no space just now: as little is lost as by a crash.
                Err(error) if error.kind() == ErrorKind::Full => {
                    end = End::Kill;
                    harness.kill();
                }
                Err(error) => panic!("a crash without damage did not open unaided: {error}"),
            }
        }
        if rng.below(3) > 0 && !harness.machine.disk.is_stopped() {
            let changes = harness.machine.disk.changes();
            harness.machine.disk.stop_at(changes + 1 + rng.below(120));
        }
        let steps = rng.below(150);
        work(&mut harness, &mut rng, steps);
        if !harness.machine.disk.is_stopped() && rng.below(4) == 0 {
            let _ = harness.close();
        }
        end = draw_end(&mut rng);
        strike(&mut harness, end);
    }
}

#[test]
fn every_crash_leaves_a_prefix_with_all_that_was_acknowledged() {
    for seed in seeds(150) {
        let result = std::panic::catch_unwind(|| run(seed));
        assert!(result.is_ok(), "seed {seed} failed: repeat with SKEG_SEED={seed}");
    }
}

/// A short run is struck at every single operation that changes the disk, in each way.
#[test]
fn every_operation_may_be_the_last() {
    let script = |harness: &mut Harness| -> Option<()> {
        harness.open(0).ok()?;
        for number in 0..12 {
            harness.push(number % 4, 3000).ok()?;
            if number % 2 == 0 {
                harness.push_many(&[0, 2, 3], 700).ok()?;
            }
            harness.write();
            if number % 5 == 4 {
                harness.log().sync().ok()?;
            }
            harness.turn();
        }
        harness.close().ok()
    };
    let options = LogOptions { segment_bytes: 16 << 10, ..small_options(SyncPolicy::EverySecond) };
    let mut whole = Harness::new(3, options.clone());
    script(&mut whole).expect("nothing strikes here");
    let changes = whole.machine.disk.changes();
    assert!(changes > 50, "the script does enough: {changes}");
    let ends = [
        End::Kill,
        End::Power(CrashPolicy::DropAll),
        End::Power(CrashPolicy::KeepAll),
        End::Power(CrashPolicy::AnySubset),
        End::Power(CrashPolicy::AnySubset),
    ];
    for change in 1..=changes {
        for (number, end) in ends.into_iter().enumerate() {
            let mut harness = Harness::new(3 + number as u64, options.clone());
            harness.machine.disk.stop_at(change);
            script(&mut harness);
            strike(&mut harness, end);
            let at_least = least(&harness, end);
            if let Err(error) = harness.open(at_least) {
                panic!("struck at {change} by {end:?}, it did not open: {error}");
            }
        }
    }
}

/// Recovery itself is struck at each of its operations, three times in a row.
#[test]
fn recovery_may_be_struck_three_times_in_a_row() {
    for strike_at in 1..40 {
        let mut harness = Harness::new(strike_at, small_options(SyncPolicy::Never));
        harness.open(0).unwrap();
        for number in 0..30 {
            harness.push(number % 4, 2000).unwrap();
            harness.write();
            if number == 10 {
                harness.log().sync().unwrap();
            }
        }
        harness.kill();
        let at_least = harness.kernel;
        for again in 0..3 {
            harness.machine.disk.stop_at(strike_at + again);
            if let Err(error) = harness.open(at_least) {
                assert!(was_stopped(&harness, &error), "{error}");
            }
            harness.log = None;
            harness.machine.kill();
        }
        let recovered = harness.open(at_least).unwrap();
        assert_eq!(recovered.last_epoch.0, 30);
        harness.crash(CrashPolicy::DropAll);
        harness.open(30).unwrap();
    }
}

/// What was acknowledged as written a second before the power fails, or as long as the looks of threads are apart earlier,
/// is there.
#[test]
fn everysec_loses_no_more_than_the_last_second() {
    const LOOK_MS: u64 = 50;
    let mut lost = 0;
    for seed in seeds(60) {
        let mut rng = SimRng::new(seed);
        let mut harness = Harness::new(seed, small_options(SyncPolicy::EverySecond));
        harness.open(0).unwrap();
        let (mut now_ms, mut acknowledged) = (0, vec![(0, 0)]);
        for _ in 0..50 + rng.below(150) {
            if rng.below(3) > 0 {
                harness.push(rng.below(4) as u16, rng.index(300)).unwrap();
                harness.write();
            }
            acknowledged.push((now_ms, harness.log().reached(Level::Kernel).0));
            let ms = rng.below(LOOK_MS);
            harness.sleep_ms(ms);
            now_ms += ms;
            harness.turn();
        }
        let before = acknowledged.iter().rev().find(|(ms, _)| ms + 1_000 + LOOK_MS <= now_ms);
        let least = before.map_or(0, |(_, epoch)| *epoch);
        let last = harness.log().last_epoch().0;
        harness.crash(CrashPolicy::DropAll);
        lost += last - harness.open(least).unwrap().last_epoch.0;
    }
    assert!(lost > 0, "a second of writes is at stake");
}

/// After a failed write or fsync nothing more is acknowledged; what was is kept.
#[test]
fn failures_poison_and_lose_nothing_acknowledged() {
    for seed in seeds(150) {
        let mut rng = SimRng::new(seed);
        let mut harness = Harness::new(seed, small_options(SyncPolicy::EverySecond));
        harness.open(0).unwrap();
        harness.machine.disk.set_fault_rates(FaultRates {
            write_failed_per_million: 20_000,
            sync_failed_per_million: 30_000,
            ..FaultRates::default()
        });
        work(&mut harness, &mut rng, 300);
        harness.observe();
        let end = draw_end(&mut rng);
        if harness.log().status().health == Health::Poisoned {
            let (kernel, disk) = (harness.kernel, harness.disk);
            assert_eq!(harness.reserve(1, Purpose::Release).unwrap_err(), ReserveError::Poisoned);
            assert_eq!(harness.log().sync().unwrap_err().kind(), ErrorKind::Poisoned);
            harness.turn();
            harness.observe();
            assert_eq!((kernel, disk), (harness.kernel, harness.disk), "nothing after poison");
        }
        strike(&mut harness, end);
        harness.machine.disk.set_fault_rates(FaultRates::default());
        // A system that fails to write a page back may drop it: then even a kill takes more.
        let at_least = harness.disk;
        harness.open(at_least).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}
