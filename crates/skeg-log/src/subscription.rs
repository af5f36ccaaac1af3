//! Telling threads that an epoch has reached a level, or that there is room again.
//!
//! Invariants: who wants something registers first and looks afterwards; who brings it about
//! publishes first and looks for registrations afterwards (all sequentially consistent): one of both
//! sees the other, so no wake-up is lost. A registration is taken out by whoever notifies for it:
//! one notification each.
//! May not know: what the notified thread does.

use std::fmt::{self, Debug};

use skeg_io::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use skeg_io::sync::{Arc, Mutex};

use crate::core::Core;
use crate::types::{Epoch, Level, Purpose};

/// Whoever wants to be told. Called on the thread that wrote or synced: must not block, and must
/// not call back into the log but to read [`Log::reached`](crate::Log::reached).
pub trait Notify: Send + Sync {
    /// Something that was wanted has happened (or the log is poisoned or closed): look again, and
    /// want the next. May come once too often, never too few times.
    fn notify(&self);

    /// Whether it brings more to sync soon after it was told that something is durable, and says then that
    /// it [has gathered](Subscription::gathered).
    fn gathers(&self) -> bool {
        false
    }
}

/// What [`Subscription::want`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// It has happened already; nothing is registered.
    Reached,
    /// Registered: one notification will come when it does (for the smallest epoch wanted at that
    /// level since the last one).
    Waiting,
    /// It never will: the log is poisoned or closed.
    Never,
}

const NOTHING: u64 = u64::MAX;

struct Subscriber {
    kernel: AtomicU64,
    disk: AtomicU64,
    space: AtomicBool,
    /// It was told that something is durable, and has not said that it has gathered.
    gathering: AtomicBool,
    notify: Arc<dyn Notify>,
}

impl Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("kernel", &self.kernel)
            .field("disk", &self.disk)
            .field("space", &self.space)
            .field("gathering", &self.gathering)
            .finish_non_exhaustive()
    }
}

impl Subscriber {
    fn wanted(&self, level: Level) -> &AtomicU64 {
        if level == Level::Disk { &self.disk } else { &self.kernel }
    }

    /// Takes a registration out if `epoch` satisfies it.
    fn take(&self, level: Level, epoch: Epoch) -> bool {
        let wanted = self.wanted(level);
        let mut now = wanted.load(SeqCst);
        while now != NOTHING && now <= epoch.0 {
            match wanted.compare_exchange(now, NOTHING, SeqCst, SeqCst) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }
}

/// All registrations of a log.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    list: Mutex<Arc<Vec<Arc<Subscriber>>>>,
}

impl Subscribers {
    fn list(&self) -> Arc<Vec<Arc<Subscriber>>> {
        Arc::clone(&self.list.lock())
    }

    fn add(&self, subscriber: Arc<Subscriber>) {
        let mut list = self.list.lock();
        Arc::make_mut(&mut list).push(subscriber);
    }

    fn remove(&self, subscriber: &Arc<Subscriber>) {
        let mut list = self.list.lock();
        Arc::make_mut(&mut list).retain(|other| !Arc::ptr_eq(other, subscriber));
    }

    /// `epoch` was published as having reached `level`.
    pub(crate) fn reached(&self, level: Level, epoch: Epoch) {
        for subscriber in self.list().iter() {
            if subscriber.take(level, epoch) {
                if level == Level::Disk && subscriber.notify.gathers() {
                    subscriber.gathering.store(true, SeqCst);
                }
                subscriber.notify.notify();
            }
        }
    }

    /// Whether somebody was told that something is durable, and is about to bring more.
    pub(crate) fn anybody_gathers(&self) -> bool {
        self.list().iter().any(|subscriber| subscriber.gathering.load(SeqCst))
    }

    /// There may be room for reservations.
    pub(crate) fn room(&self) {
        for subscriber in self.list().iter() {
            if subscriber.space.swap(false, SeqCst) {
                subscriber.notify.notify();
            }
        }
    }

    /// Nothing that anybody waits for will happen any more.
    pub(crate) fn never(&self) {
        for subscriber in self.list().iter() {
            subscriber.kernel.store(NOTHING, SeqCst);
            subscriber.disk.store(NOTHING, SeqCst);
            subscriber.space.store(false, SeqCst);
            subscriber.notify.notify();
        }
    }
}

/// A registration for notifications. Dropping it ends them.
#[derive(Debug)]
pub struct Subscription {
    core: Arc<Core>,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    pub(crate) fn new(core: &Arc<Core>, notify: Arc<dyn Notify>) -> Self {
        let subscriber = Arc::new(Subscriber {
            kernel: AtomicU64::new(NOTHING),
            disk: AtomicU64::new(NOTHING),
            space: AtomicBool::new(false),
            gathering: AtomicBool::new(false),
            notify,
        });
        core.subscribers.add(Arc::clone(&subscriber));
        Self { core: Arc::clone(core), subscriber }
    }

    /// Asks for one notification when `epoch` has reached `level`. At [`Level::Disk`] an fsync is
    /// requested as well; writing is not (see [`Log::try_write`](crate::Log::try_write)).
    pub fn want(&self, level: Level, epoch: Epoch) -> Want {
        if self.core.reached(level) >= epoch {
            return Want::Reached;
        }
        match level {
            Level::Disk => self.core.request_sync(epoch),
            Level::Kernel => self.core.want_written(epoch),
            Level::Memory => {}
        }
        self.subscriber.wanted(level).fetch_min(epoch.0, SeqCst);
        if self.core.reached(level) >= epoch {
            self.subscriber.take(level, epoch);
            return Want::Reached;
        }
        if self.core.condition.refusal().is_some() {
            return Want::Never;
        }
        Want::Waiting
    }

    /// Whether it was told that something is durable, and has not said that it has gathered.
    pub fn is_gathering(&self) -> bool {
        self.subscriber.gathering.load(SeqCst)
    }

    /// Whoever [gathers](Notify::gathers) has nothing more at hand: what there is may be synced.
    pub fn gathered(&self) {
        let was_gathering = self.is_gathering() && self.subscriber.gathering.swap(false, SeqCst);
        if was_gathering && !self.core.subscribers.anybody_gathers() {
            self.core.end_gathering();
        }
    }

    /// Asks for one notification when it is worth while to try a reservation again that was
    /// answered with [`ReserveError::Wait`](crate::ReserveError::Wait).
    pub fn want_space(&self, payload_bytes: u64, purpose: Purpose) -> Want {
        self.subscriber.space.store(true, SeqCst);
        self.core.space.start_waiting();
        if self.core.condition.refusal().is_some() {
            return Want::Never;
        }
        if self.core.space.would_fit(payload_bytes, purpose) {
            self.subscriber.space.store(false, SeqCst);
            return Want::Reached;
        }
        Want::Waiting
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.core.subscribers.remove(&self.subscriber);
        self.gathered();
    }
}
