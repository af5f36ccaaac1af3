//! Where a snapshot's walks put what they hand out, and the snapshot's thread takes it out.
//!
//! Invariants: how much is in it is known without the lock; once it is closed nobody waits for it any more.
//! May not know: shards, what is handed out when.

use skeg_io::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use skeg_io::sync::{Arc, Mutex};

use super::Handed;
use crate::fetch::Suspended;
use crate::home::Bell;

/// How much an [`Outlet`] takes, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// With so much in it writers wait.
    pub(crate) full: usize,
    /// As much as is written together: with so much in it nobody walks along.
    pub(crate) block: usize,
    /// What one slice may cost.
    pub(crate) slice: usize,
}

/// Where a walk puts what it hands out.
#[derive(Debug)]
pub(crate) struct Outlet {
    handed: Mutex<Handed>,
    /// Bytes in it, to be looked at without the lock.
    bytes: AtomicUsize,
    sizes: Sizes,
    /// Rings when writers are about to find it full.
    bell: Arc<Bell>,
    /// Jobs that wait for the end of a large value.
    waiting: Mutex<Vec<Suspended>>,
    /// The snapshot is over, or was given up: nobody takes anything out any more.
    closed: AtomicBool,
}

impl Outlet {
    pub(crate) fn new(sizes: Sizes, bell: &Arc<Bell>) -> Self {
        Self {
            handed: Mutex::default(),
            bytes: AtomicUsize::new(0),
            sizes: Sizes { block: sizes.block.min(sizes.full / 2), ..sizes },
            bell: Arc::clone(bell),
            waiting: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// What one slice may cost.
    pub(super) fn slice_bytes(&self) -> usize {
        self.sizes.slice
    }

    /// Changes what is in it.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut Handed) -> R) -> R {
        let mut handed = self.handed.lock();
        let result = change(&mut handed);
        let before = self.bytes.swap(handed.effects.len(), Ordering::SeqCst);
        if before < self.sizes.full / 2 && self.is_half_full() {
            self.bell.ring();
        }
        result
    }

    /// Takes everything out.
    pub(crate) fn take(&self) -> Handed {
        self.with(std::mem::take)
    }

    /// Whether writers must wait until somebody has taken everything out.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) >= self.sizes.full && !self.is_closed()
    }

    /// Whether writers are about to find it full.
    pub(crate) fn is_half_full(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) >= self.sizes.full / 2
    }

    /// Whether there is room for what nobody waits for.
    pub(super) fn takes_more(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) < self.sizes.block && !self.is_closed()
    }

    /// Keeps a job until a large value has come to its end; gives it back when nothing comes any more.
    pub(crate) fn keep_waiting(&self, job: Suspended) -> Option<Suspended> {
        let mut waiting = self.waiting.lock();
        if self.is_closed() {
            return Some(job);
        }
        waiting.push(job);
        None
    }

    /// Whether a job waits for the end of a large value.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.waiting.lock().is_empty()
    }

    /// The jobs that wait, to be run again.
    pub(crate) fn take_waiting(&self) -> Vec<Suspended> {
        std::mem::take(&mut *self.waiting.lock())
    }

    /// Walks that use it are over, wherever they are; jobs that wait are to be run again.
    #[must_use]
    pub(crate) fn close(&self) -> Vec<Suspended> {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.take());
        self.take_waiting()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}
