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
