//! One place for one boxed value that threads take out and put back: a latch that carries what it
//! guards.
//!
//! Invariants: whoever took the value out owns it alone; there is at most one value; a `put` is
//! seen by the next `take` together with all that was done to the value.
//!
//! Order: `put` has a full fence behind it and `take` one before it. So of two threads, one that
//! does `put; look at the queue` and one that does `push to the queue; take`, at least one sees
//! what the other did: either the first finds the work or the second gets the value. Nobody can
//! sleep while work waits beside a free latch.

use std::fmt::{self, Debug};

use super::atomic::{AtomicBool, Ordering, fence};

#[cfg(not(feature = "shuttle"))]
use crossbeam_utils::atomic::AtomicCell;

/// A latch that holds its value. See the module's header for what it promises.
pub struct Slot<T> {
    #[cfg(not(feature = "shuttle"))]
    cell: AtomicCell<Option<Box<T>>>,
    #[cfg(feature = "shuttle")]
    cell: super::Mutex<Option<Box<T>>>,
    /// Set before the value goes in and cleared after it has gone out: false is never said of a
    /// value at rest.
    present: AtomicBool,
}

impl<T> Slot<T> {
    /// A slot with a value in it.
    #[must_use]
    pub fn new(value: Box<T>) -> Self {
        Self::with(Some(value))
    }

    /// A slot whose value is still to come.
    #[must_use]
    pub fn empty() -> Self {
        Self::with(None)
    }

    fn with(value: Option<Box<T>>) -> Self {
        let present = AtomicBool::new(value.is_some());
        #[cfg(not(feature = "shuttle"))]
        let cell = AtomicCell::new(value);
        #[cfg(feature = "shuttle")]
        let cell = super::Mutex::new(value);
        Self { cell, present }
    }

    /// Takes the value out, if it is there. Never waits.
    #[must_use]
    pub fn take(&self) -> Option<Box<T>> {
        fence(Ordering::SeqCst);
        let value = self.swap(None);
        if value.is_some() {
            self.present.store(false, Ordering::Relaxed);
        }
        value
    }

    /// Puts the value back.
    ///
    /// # Panics
    /// When there is one already: then two owners existed, and the state is lost either way.
    pub fn put(&self, value: Box<T>) {
        self.present.store(true, Ordering::Relaxed);
        let former = self.swap(Some(value));
        assert!(former.is_none(), "a slot was given a second value");
        fence(Ordering::SeqCst);
    }

    /// Whether a `take` is worth trying. Only a hint: by the time it is read it may be wrong in
    /// both directions.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.present.load(Ordering::Relaxed)
    }

    fn swap(&self, value: Option<Box<T>>) -> Option<Box<T>> {
        #[cfg(not(feature = "shuttle"))]
        return self.cell.swap(value);
        #[cfg(feature = "shuttle")]
        return std::mem::replace(&mut *self.cell.lock(), value);
    }
}

impl<T> Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("present", &self.is_present()).finish_non_exhaustive()
    }
}

/// A boxed value moves by one atomic swap of a pointer, never under a hidden lock.
#[cfg(not(feature = "shuttle"))]
const _: () = assert!(AtomicCell::<Option<Box<u8>>>::is_lock_free());

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use crate::sync::atomic::AtomicU32;
    use crate::sync::{Arc, Mutex, thread};

    #[test]
    fn holds_at_most_one_value() {
        let slot = Slot::empty();
        assert!(!slot.is_present());
        assert!(slot.take().is_none());
        slot.put(Box::new(1));
        assert!(slot.is_present());
        assert_eq!(slot.take().as_deref(), Some(&1));
        assert!(!slot.is_present());
        assert!(slot.take().is_none());
    }

    #[test]
    #[should_panic(expected = "a slot was given a second value")]
    fn refuses_a_second_value() {
        Slot::new(Box::new(1)).put(Box::new(2));
    }

    #[test]
    fn drops_what_is_left_in_it() {
        let value = Arc::new(());
        drop(Slot::new(Box::new(Arc::clone(&value))));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn nobody_leaves_work_beside_a_free_slot() {
        const THREADS: u32 = 4;
        const ROUNDS: u32 = 2_000;
        let slot = Arc::new(Slot::new(Box::new(0u32)));
        let queued = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (slot, queued) = (Arc::clone(&slot), Arc::clone(&queued));
                thread::spawn(move || {
                    for _ in 0..ROUNDS {
                        queued.fetch_add(1, Ordering::Relaxed);
                        while let Some(mut done) = slot.take() {
                            *done += queued.swap(0, Ordering::Relaxed);
                            slot.put(done);
                            if queued.load(Ordering::Relaxed) == 0 {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        assert_eq!(slot.take().as_deref(), Some(&(THREADS * ROUNDS)));
    }

    #[test]
    fn locks_are_entered_after_a_panic() {
        let lock = Arc::new(Mutex::new(1));
        let held = Arc::clone(&lock);
        let end = thread::spawn(move || {
            let _guard = held.lock();
            std::panic::resume_unwind(Box::new(()));
        })
        .join();
        assert!(end.is_err());
        assert_eq!(*lock.lock(), 1);
        assert!(lock.try_lock().is_some());
    }
}
