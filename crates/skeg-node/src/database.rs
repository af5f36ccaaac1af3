//! One open database of an environment: the lease, the latches it can borrow, the work it has
//! queued, and what it waits for.
//!
//! Invariant: a call runs at once on a shard only when this handle has nothing queued there, so
//! that its calls take effect in their order.

use skeg_engine::{Drain, Engine, Holder, Job, Log, Notify, Refusal, ShardId, Subscription};
use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicU32, Ordering};
use skeg_io::sync::thread::yield_now;

use crate::environment::WayBack;
use crate::error::Failure;
use crate::registry::Lease;

/// How long a synchronous call tries, in nanoseconds.
const SYNC_WAIT_NS: u64 = 2_000_000;

/// How many jobs of a handle are queued at each shard.
pub(crate) type Queued = Arc<[AtomicU32]>;

/// See the module.
pub(crate) struct Database {
    pub(crate) holder: Holder,
    queued: Queued,
    subscription: Option<Subscription>,
    lease: Lease,
}

/// Wakes an environment when the log has news for it.
struct News(Arc<WayBack>);

impl Notify for News {
    fn notify(&self) {
        self.0.notify();
    }
}

impl Database {
    pub(crate) fn new(lease: Lease, back: &Arc<WayBack>) -> Self {
        let engine = lease.engine();
        let news = || Arc::new(News(Arc::clone(back)));
        Self {
            holder: Holder::new(engine, Drain::WakeOnly),
            queued: (0..engine.shards()).map(|_| AtomicU32::new(0)).collect(),
            subscription: engine.log().map(|log| log.subscribe(news())),
            lease,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.lease.engine()
    }

    pub(crate) fn log(&self) -> Option<&Arc<Log>> {
        self.engine().log()
    }

    pub(crate) fn subscription(&self) -> Option<&Subscription> {
        self.subscription.as_ref()
    }

    /// Takes the latch of a shard if a call may run there now.
    #[inline]
    pub(crate) fn try_hold(&mut self, shard: ShardId) -> Result<bool, Refusal> {
        if self.queued[usize::from(shard.0)].load(Ordering::Acquire) > 0 {
            return Ok(false);
        }
        self.holder.try_hold_one(shard)
    }

    /// As [`Database::try_hold`], but lets others run for up to [`SYNC_WAIT_NS`] when the latch is
    /// taken: for calls that can only fail otherwise. Latches are held for microseconds, unless
    /// whoever holds one was put aside by the scheduler.
    pub(crate) fn try_hold_for_sync(&mut self, shard: ShardId) -> Result<bool, Refusal> {
        if self.try_hold(shard)? {
            return Ok(true);
        }
        let clock = Arc::clone(&self.engine().io().clock);
        let end_ns = clock.monotonic_ns() + SYNC_WAIT_NS;
        loop {
            yield_now();
            if self.try_hold(shard)? {
                return Ok(true);
            }
            if clock.monotonic_ns() > end_ns {
                return Ok(false);
            }
        }
    }

    /// The count of a shard's queued jobs, to be given to a job that is posted there.
    pub(crate) fn queue(&self, shard: ShardId) -> Ticket {
        let queued = Arc::clone(&self.queued);
        queued[usize::from(shard.0)].fetch_add(1, Ordering::AcqRel);
        Ticket { queued, shard }
    }

    pub(crate) fn post(&self, job: Box<dyn Job>) -> Result<(), Failure> {
        // The job that comes back is dropped, and its ticket with it.
        self.engine().post(job, Drain::WakeOnly).map_err(|(_, refusal)| refusal.into())
    }

    /// Gives up the database; what it was subscribed to goes first.
    pub(crate) fn into_lease(self) -> Lease {
        self.lease
    }
}

/// A queued job's entry in the count of its shard, until it is dropped.
pub(crate) struct Ticket {
    queued: Queued,
    shard: ShardId,
}

impl Ticket {
    pub(crate) fn shard(&self) -> ShardId {
        self.shard
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queued[usize::from(self.shard.0)].fetch_sub(1, Ordering::AcqRel);
    }
}
