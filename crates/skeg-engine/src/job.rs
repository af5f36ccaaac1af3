//! Jobs: work on shards that owns the latches it needs, wherever it is run.
//!
//! A job that needs several shards queues at the lowest; when it is reached it keeps that latch and
//! queues at the next; at the last it runs and frees all. The order is ascending, so there is no
//! deadlock, and queues are first in, first out, so there is no starvation.

use skeg_io::sync::Arc;
use skeg_log::{Epoch, Purpose, ShardId};

use crate::error::Refusal;
use crate::exec::Exec;
use crate::fetch::Fetching;
use crate::router::ShardList;
use crate::shard::Group;
use crate::values::Fetched;

/// The log space that a command may need at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Bytes of effects.
    pub bytes: u64,
    /// Whether it grows the database or makes room.
    pub purpose: Purpose,
}

impl Bound {
    /// Of a command that only reads: nothing.
    pub const READ: Self = Self { bytes: 0, purpose: Purpose::Release };

    /// Of a command that may grow the database by effects of this many bytes.
    #[must_use]
    pub fn grow(bytes: u64) -> Self {
        Self { bytes: bytes + crate::shard::EFFECT_SLACK, purpose: Purpose::Growth }
    }

    /// Of a command that only removes.
    #[must_use]
    pub fn release(bytes: u64) -> Self {
        Self { bytes: bytes + crate::shard::EFFECT_SLACK, purpose: Purpose::Release }
    }

    /// Both, one after the other: growth if either grows.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let grows = self.purpose == Purpose::Growth || other.purpose == Purpose::Growth;
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            purpose: if grows { Purpose::Growth } else { Purpose::Release },
        }
    }
}

/// What the reply to a command waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The epoch of the command's own effects; 0 when it had none.
    pub written: Epoch,
    /// The youngest pending change that the reply may show; 0 when it shows none.
    pub seen: Epoch,
}

impl Receipt {
    /// Both receipts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { written: self.written.max(other.written), seen: self.seen.max(other.seen) }
    }
}

/// How a job goes on after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has done its work on the latches it was given.
    Done,
    /// It wants another slice on this shard, after what waits there (only [`Hold::Each`]).
    Again,
}

/// How a job holds its shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// All at once: the job runs one time, atomically.
    Together,
    /// One after the other: the job runs at least once on each, and holds no latch in between.
    Each,
}

/// Work on shards. It may run on any thread of the engine, and on any that serves it.
pub trait Job: Send {
    /// The shards it needs; not empty.
    fn shards(&self) -> &ShardList;

    /// How it holds them.
    fn hold(&self) -> Hold {
        Hold::Together
    }

    /// The log space that one run needs at most.
    fn bound(&self) -> Bound;

    /// Runs under the latches. For a bounded time: what is long returns [`Progress::Again`].
    fn run(&mut self, exec: &mut Exec<'_>) -> Progress;

    /// Whether nobody may overtake it while a value that it needs is read from the disk, or handed out to
    /// a snapshot. What came after it on its shard waits as well then.
    fn keeps_place(&self) -> bool {
        true
    }

    /// Whether those that keep their place while they wait may be waiting for it: it goes before them
    /// then, and is admitted however many queue.
    fn overtakes(&self) -> bool {
        false
    }

    /// The job is over: it ran, or was refused. Called once, on any thread; the latch of its last shard may
    /// still be held. It must not block.
    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>);
}

/// A job on its way.
pub(crate) struct Ticket {
    pub(crate) job: Box<dyn Job>,
    /// The latches it owns already.
    pub(crate) held: Group,
    /// Ascends in the order in which jobs were first queued, anywhere; 0 before.
    pub(crate) number: u64,
    /// Index of the shard that it queues at.
    pub(crate) at: usize,
    /// Of the runs so far, those included that had to wait.
    pub(crate) receipt: Receipt,
    /// It waits for log space or room, first in its queue but for what is older and holds latches: nobody may
    /// hold one behind it.
    pub(crate) stalls: bool,
    /// Values that it needs and that are being read, while it keeps its place.
    pub(crate) fetching: Option<Arc<Fetching>>,
    /// Values that were read for it.
    pub(crate) fetched: Vec<Fetched>,
}

impl Ticket {
    pub(crate) fn new(job: Box<dyn Job>) -> Self {
        Self::going_on(job, Receipt::default())
    }

    /// Of a job that does what a command has begun that had to wait.
    pub(crate) fn going_on(job: Box<dyn Job>, receipt: Receipt) -> Self {
        Self {
            job,
            held: Group::new(),
            number: 0,
            at: 0,
            receipt,
            stalls: false,
            fetching: None,
            fetched: Vec::new(),
        }
    }

    /// It has left its queue.
    pub(crate) fn taken_up(mut self) -> Self {
        self.stalls = false;
        self
    }

    /// The shard that it queues at.
    pub(crate) fn next_shard(&self) -> ShardId {
        self.job.shards().as_slice()[self.at]
    }

    /// The job is to be run again: from its first shard on, if it holds all of them for that.
    pub(crate) fn begin_again(&mut self) {
        if self.job.hold() == Hold::Together {
            self.at = 0;
        }
    }
}
