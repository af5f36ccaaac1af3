//! What comes back to one JavaScript environment: finished work, and the news that an epoch has
//! reached a level. All of it arrives through one wake-up, however much there is.
//!
//! Invariants:
//! - after a push or a notification the environment is woken, unless a wake-up is on its way that
//!   has not begun to collect: nothing is left behind, and nothing is queued twice;
//! - what is left behind by an environment that takes only so much is its own to come back for;
//! - nobody waits here for JavaScript; once detached, nothing is kept and nobody is woken.
//!
//! May not know: what the items are, how waking works.

use std::collections::VecDeque;

use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicBool, Ordering};

/// Wakes the environment's thread.
pub(crate) trait Wake: Send + Sync {
    /// Has [`Ring::collect`] called soon on the environment's thread. Must not block.
    fn wake(&self);
}

/// The way back to one environment.
#[derive(Debug)]
pub(crate) struct Ring<T, W> {
    inside: Mutex<Inside<T, W>>,
    /// A wake-up is on its way.
    scheduled: AtomicBool,
}

#[derive(Debug)]
struct Inside<T, W> {
    items: VecDeque<T>,
    /// Gone when the environment is.
    waker: Option<W>,
}

impl<T, W: Wake> Ring<T, W> {
    pub(crate) fn new(waker: W) -> Self {
        let inside = Inside { items: VecDeque::new(), waker: Some(waker) };
        Self { inside: Mutex::new(inside), scheduled: AtomicBool::new(false) }
    }

    /// Hands an item to the environment. An environment that has ended drops it.
    pub(crate) fn push(&self, item: T) {
        let mut inside = self.inside.lock();
        if inside.waker.is_none() {
            // Not under the lock: dropping an item may close a store.
            drop(inside);
            drop(item);
            return;
        }
        inside.items.push_back(item);
        drop(inside);
        self.notify();
    }

    /// Wakes the environment to look at what it knows of by itself.
    pub(crate) fn notify(&self) {
        if self.scheduled.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(waker) = &self.inside.lock().waker {
            waker.wake();
        }
    }

    /// Takes what has come, up to `most` items. What comes later wakes again, so whatever else the
    /// environment looks at must be looked at after this. Whoever gets `most` has to come again by
    /// himself: while items are left here nobody wakes him.
    pub(crate) fn collect(&self, most: usize) -> VecDeque<T> {
        self.scheduled.store(false, Ordering::SeqCst);
        let mut inside = self.inside.lock();
        if inside.items.len() <= most {
            return std::mem::take(&mut inside.items);
        }
        self.scheduled.store(true, Ordering::SeqCst);
        inside.items.drain(..most).collect()
    }

    /// Lets the waker do something else than waking, unless the environment is gone.
    pub(crate) fn with_waker(&self, act: impl FnOnce(&W)) {
        if let Some(waker) = &self.inside.lock().waker {
            act(waker);
        }
    }

    /// The environment ends: returns what it has not collected, to be dropped.
    pub(crate) fn detach(&self) -> VecDeque<T> {
        let mut inside = self.inside.lock();
        inside.waker = None;
        std::mem::take(&mut inside.items)
    }
}

#[cfg(test)]
mod tests;
