//! Commands that go from shard to shard in slices (KEYS, SCAN).
//!
//! A walk holds one latch at a time and for a bounded number of entries, so the reply shows each
//! shard at its own moment; what is there all the time is shown. Inside EXEC every shard is held,
//! and the walk is one atomic step.

use skeg_engine::{
    Bound, Exec, Hold, Holder, Job, Progress, Receipt, Refusal, Shard, ShardId, ShardList,
};
use skeg_proto::Reply;

use crate::delegate::Return;
use crate::error::CommandError;

/// Entries that one slice visits.
pub(crate) const SLICE_ENTRIES: usize = 512;
/// Places in a shard's table are below this.
pub(crate) const PLACES: u64 = 1 << 48;
/// Slices, beside one for each shard, that the serving thread itself runs before it leaves the rest to
/// jobs.
const SLICES_IN_PLACE: usize = 4;

/// What a step has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more on this shard.
    Again,
    /// This shard is done; the next one follows.
    NextShard,
    /// The walk is over.
    Finished,
}

/// A command on its way through the shards.
pub trait Walk: Send {
    /// The shard that it starts at.
    fn first(&self) -> ShardId;

    /// Whether it is content to end before the last shard (SCAN goes on with its next call).
    fn may_stop(&self) -> bool;

    /// Visits a bounded number of entries, some hundreds.
    fn step(&mut self, shard: &mut Shard) -> Step;

    /// Writes the reply to what was visited.
    fn finish(&mut self, reply: &mut Reply);
}

/// What came of a walk on the serving thread.
pub(crate) enum InPlace {
    /// It is over and has replied.
    Finished(Receipt),
    /// It needs latches that are taken, or too much time.
    Unfinished {
        /// The walk as far as it has come.
        walk: Box<dyn Walk>,
        /// The shard it goes on with.
        at: ShardId,
        /// What it has seen.
        receipt: Receipt,
    },
}

/// Runs a walk as far as latches can be had and a bounded number of slices reaches.
pub(crate) fn in_place(
    mut walk: Box<dyn Walk>,
    holder: &mut Holder,
    reply: &mut Reply,
) -> Result<InPlace, Refusal> {
    let shards = holder.engine().shards();
    let mut at = walk.first();
    let mut receipt = Receipt::default();
    let mut slices = 0;
    while at.0 < shards {
        let stop = slices >= usize::from(shards) + SLICES_IN_PLACE || !holder.try_hold_one(at)?;
        if stop && walk.may_stop() && slices > 0 {
            break;
        }
        if stop {
            return Ok(InPlace::Unfinished { walk, at, receipt });
        }
        let (step, seen) = holder.run_one(at, Bound::READ, |exec| walk.step(exec.shard_at(at)))?;
        receipt = receipt.and(seen);
        slices += 1;
        match step {
            Step::Again => {}
            Step::NextShard => at = ShardId(at.0 + 1),
            Step::Finished => break,
        }
    }
    walk.finish(reply);
    Ok(InPlace::Finished(receipt))
}

/// Runs a whole walk on shards that are all held.
pub(crate) fn atomically(walk: &mut dyn Walk, exec: &mut Exec<'_>, shards: u16, reply: &mut Reply) {
    let mut at = walk.first();
    while at.0 < shards {
        match walk.step(exec.shard_at(at)) {
            Step::Again => {}
            Step::NextShard => at = ShardId(at.0 + 1),
            Step::Finished => break,
        }
    }
    walk.finish(reply);
}

/// A walk as a job: shard after shard, slice after slice, behind what waits there.
pub(crate) struct WalkJob {
    walk: Box<dyn Walk>,
    shards: ShardList,
    back: Return,
    receipt: Receipt,
    finished: bool,
}

impl WalkJob {
    /// From `at` on; only that shard when the walk may stop there.
    pub(crate) fn new(
        walk: Box<dyn Walk>,
        at: ShardId,
        shards: u16,
        receipt: Receipt,
        back: Return,
    ) -> Self {
        let end = if walk.may_stop() { at.0 + 1 } else { shards };
        let shards = (at.0..end).map(ShardId).collect();
        Self { walk, shards, back, receipt, finished: false }
    }
}

impl Job for WalkJob {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn hold(&self) -> Hold {
        Hold::Each
    }

    fn bound(&self) -> Bound {
        Bound::READ
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        if self.finished {
            return Progress::Done;
        }
        let step = exec.shards().next().map(|shard| self.walk.step(shard));
        match step {
            Some(Step::Again) => Progress::Again,
            Some(Step::NextShard) | None => Progress::Done,
            Some(Step::Finished) => {
                self.finished = true;
                Progress::Done
            }
        }
    }

    fn done(mut self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        match outcome {
            Ok(receipt) => {
                self.walk.finish(&mut self.back.reply);
                let receipt = self.receipt.and(receipt);
                self.back.send(Ok(receipt));
            }
            Err(refusal) => self.back.send(Err(CommandError::Refused(refusal))),
        }
    }
}
