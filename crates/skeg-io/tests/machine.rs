//! The real and the simulated machine around the disk: clocks, randomness, threads, restarts.
#![cfg(not(feature = "shuttle"))]
#![allow(clippy::unwrap_used)]

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use skeg_io::sim::{CrashPolicy, SimClock, SimEntropy, SimMachine};
use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicU32, Ordering};
use skeg_io::{Clock, Disk, Entropy, Io, OpenMode};

#[test]
fn real_threads_run_and_report_their_end() {
    let io = Io::real();
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let body = Box::new(move || {
        assert_eq!(std::thread::current().name(), Some("skeg-test"));
        counted.fetch_add(1, Ordering::SeqCst);
    });
    io.threads.spawn("skeg-test", body).unwrap().join().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let end =
        io.threads.spawn("skeg-test", Box::new(|| panic!("went {}", "wrong"))).unwrap().join();
    std::panic::set_hook(quiet);
    assert_eq!(end.unwrap_err().message, "went wrong");
}

#[test]
fn real_clocks_and_randomness_move() {
    let io = Io::real();
    assert!(io.clock.now_ms() > 1_700_000_000_000);
    let before = io.clock.monotonic_ns();
    std::thread::sleep(Duration::from_millis(2));
    assert!(io.clock.monotonic_ns() >= before + 2_000_000);
    assert_ne!(io.entropy.next_u64(), io.entropy.next_u64());
    let mut bytes = [0; 33];
    io.entropy.fill(&mut bytes);
    assert_ne!(bytes, [0; 33]);
}

#[test]
fn simulated_clocks_move_when_told() {
    let clock = SimClock::new();
    let start_ms = clock.now_ms();
    clock.advance(Duration::from_millis(1500));
    assert_eq!((clock.now_ms(), clock.monotonic_ns()), (start_ms + 1500, 1_500_000_000));
    clock.set_now_ms(start_ms - 3_600_000);
    clock.advance(Duration::from_millis(1));
    assert_eq!((clock.now_ms(), clock.monotonic_ns()), (start_ms - 3_599_999, 1_501_000_000));
}

#[test]
fn simulated_randomness_comes_from_the_seed() {
    let draw = |seed| {
        let mut bytes = [0; 20];
        SimEntropy::new(seed).fill(&mut bytes);
        bytes
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn simulated_machines_restart_without_threads() {
    let mut machine = SimMachine::new(1);
    let io = machine.io();
    let refused = io.threads.spawn("skeg-test", Box::new(|| {})).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let path = Path::new("/a");
    io.disk.open(path, OpenMode::CreateNew).unwrap();
    machine.kill();
    assert!(io.disk.metadata(path).is_err());
    assert!(machine.io().disk.metadata(path).is_ok());
    machine.crash(CrashPolicy::DropAll);
    assert_eq!(machine.disk.metadata(path).unwrap_err().kind(), ErrorKind::NotFound);
}
