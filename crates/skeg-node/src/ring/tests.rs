use super::*;
use skeg_io::sync::atomic::AtomicUsize;
use skeg_io::sync::{Arc, Condvar, thread};

/// A thread that collects when it is woken, as Node's event loop does.
#[derive(Default)]
struct Loop {
    wakes: Mutex<usize>,
    changed: Condvar,
    total: AtomicUsize,
}

impl Wake for Arc<Loop> {
    fn wake(&self) {
        *self.wakes.lock() += 1;
        self.total.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }
}

impl Loop {
    /// Waits for a wake-up: a lost one is a deadlock.
    fn turn(&self) {
        let mut wakes = self.wakes.lock();
        while *wakes == 0 {
            wakes = self.changed.wait(wakes);
        }
        *wakes -= 1;
    }
}

fn ring() -> (Arc<Loop>, Arc<Ring<usize, Arc<Loop>>>) {
    let events = Arc::new(Loop::default());
    (Arc::clone(&events), Arc::new(Ring::new(events)))
}

/// Two threads push, one notifies of a level it raised first; everything is seen, in each
/// thread's order, and no wake-up is lost.
fn everything_arrives() {
    const EACH: usize = 3;
    const MOST: usize = 2;
    let (events, ring) = ring();
    let level = Arc::new(AtomicUsize::new(0));
    let pushers: Vec<_> = (0..2)
        .map(|number| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || (0..EACH).for_each(|item| ring.push(number * EACH + item)))
        })
        .collect();
    let notifier = {
        let (ring, level) = (Arc::clone(&ring), Arc::clone(&level));
        thread::spawn(move || {
            level.store(7, Ordering::SeqCst);
            ring.notify();
        })
    };
    let mut seen = Vec::new();
    let mut reached = 0;
    while seen.len() < 2 * EACH || reached != 7 {
        events.turn();
        loop {
            let taken = ring.collect(MOST);
            let is_all = taken.len() < MOST;
            seen.extend(taken);
            if is_all {
                break;
            }
        }
        reached = level.load(Ordering::SeqCst);
    }
    for thread in pushers {
        thread.join().expect("a pusher does not panic");
    }
    notifier.join().expect("the notifier does not panic");
    for number in 0..2 {
        let of_one = seen.iter().filter(|item| **item / EACH == number);
        assert!(of_one.is_sorted(), "one thread's items keep their order: {seen:?}");
    }
}

/// An environment that ends while others push: nobody is woken afterwards, nothing is kept.
fn ends_in_the_middle() {
    let (events, ring) = ring();
    let pusher = {
        let ring = Arc::clone(&ring);
        thread::spawn(move || (0..3).for_each(|item| ring.push(item)))
    };
    let left = ring.detach().len();
    let woken = events.total.load(Ordering::SeqCst);
    pusher.join().expect("the pusher does not panic");
    assert!(left <= 3);
    assert_eq!(events.total.load(Ordering::SeqCst), woken, "woken after the end");
    assert!(ring.collect(1).is_empty());
}

#[cfg(not(feature = "shuttle"))]
#[test]
fn wake_ups_are_coalesced() {
    let (events, ring) = ring();
    (0..1_000).for_each(|item| ring.push(item));
    assert_eq!(events.total.load(Ordering::SeqCst), 1);
    assert_eq!(ring.collect(600).len(), 600);
    ring.push(1_000);
    assert_eq!(events.total.load(Ordering::SeqCst), 1, "whoever left something comes by himself");
    assert_eq!(ring.collect(600).len(), 401);
    ring.notify();
    assert_eq!(events.total.load(Ordering::SeqCst), 2);
}

#[cfg(not(feature = "shuttle"))]
#[test]
fn threads_lose_nothing() {
    for _ in 0..200 {
        everything_arrives();
        ends_in_the_middle();
    }
}

#[cfg(feature = "shuttle")]
#[test]
fn shuttle_everything_arrives() {
    shuttle::check_random(everything_arrives, 10_000);
}

#[cfg(feature = "shuttle")]
#[test]
fn shuttle_ends_in_the_middle() {
    shuttle::check_random(ends_in_the_middle, 10_000);
}
