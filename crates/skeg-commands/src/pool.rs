//! Commands that take something from an index under the latch and make their reply of it on the
//! engine's pool: searches, and rows that have to be read from disk.
//!
//! May not know: what is asked.

use skeg_engine::{Bound, Engine, Exec, Job, Progress, Receipt, Refusal, Shard, ShardList};
use skeg_io::sync::{Arc, Mutex};
use skeg_proto::Reply;
use skeg_vector::SearchScratch;

use crate::delegate::Return;
use crate::dispatch;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::Turn;
use crate::spec::Outcome;

/// What is asked of an index.
pub(crate) trait Question: Send + 'static {
    /// What is taken from it.
    type Taken: Send + 'static;

    /// Takes it, under the latch.
    fn take(&self, shard: &mut Shard, name: &[u8]) -> Result<Self::Taken, CommandError>;

    /// Whether the answer takes no time.
    fn is_at_hand(taken: &Self::Taken) -> bool;

    /// Makes the reply, without the latch.
    fn answer(&self, taken: Self::Taken, scratch: &mut SearchScratch, reply: &mut Reply)
    -> Outcome;
}

/// Asks the index called `name`.
pub(crate) fn ask<Q: Question>(
    turn: &mut Turn<'_>,
    name: &[u8],
    question: Q,
    reply: &mut Reply,
) -> Result<Flow, CommandError> {
    let Turn { session, holder, complete, spec } = turn;
    let shard = holder.engine().shard_of(name);
    if holder.try_hold_one(shard)? {
        let taken =
            holder.run_one(shard, Bound::READ, |exec| question.take(exec.shard_at(shard), name));
        let (taken, receipt) = taken?;
        let taken = taken?;
        if Q::is_at_hand(&taken) {
            question.answer(taken, &mut SearchScratch::default(), reply)?;
            return Ok(Flow::Done(receipt));
        }
        let back = session.back(spec, complete);
        holder.release();
        submit(holder.engine(), question, taken, back, receipt);
        return Ok(Flow::Pending);
    }
    let job = TakeJob {
        engine: holder.engine().clone(),
        name: name.into(),
        shards: ShardList::one(shard),
        question,
        taken: None,
        back: session.back(spec, complete),
    };
    Ok(dispatch::post(holder, Box::new(job)))
}

/// Answers on the pool and sends the answer, or the pool's refusal.
fn submit<Q: Question>(
    engine: &Engine,
    question: Q,
    taken: Q::Taken,
    back: Return,
    receipt: Receipt,
) {
    let parts = Arc::new(Mutex::new(Some((question, taken, back))));
    let theirs = Arc::clone(&parts);
    let submitted = engine.search(Box::new(move |scratch| {
        let parts = theirs.lock().take();
        if let Some((question, taken, mut back)) = parts {
            let outcome = question.answer(taken, scratch, &mut back.reply);
            back.send(outcome.map(|()| receipt));
        }
    }));
    if let Err(refusal) = submitted {
        let parts = parts.lock().take();
        if let Some((_, _, back)) = parts {
            back.send(Err(refusal.into()));
        }
    }
}

/// Takes it when the shard's latch was not free.
struct TakeJob<Q: Question> {
    engine: Engine,
    name: Box<[u8]>,
    shards: ShardList,
    question: Q,
    taken: Option<Result<Q::Taken, CommandError>>,
    back: Return,
}

impl<Q: Question> Job for TakeJob<Q> {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        Bound::READ
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        self.taken = Some(self.question.take(exec.shard(&self.name), &self.name));
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Self { engine, question, taken, back, .. } = *self;
        match (outcome, taken) {
            (Ok(receipt), Some(Ok(taken))) => submit(&engine, question, taken, back, receipt),
            (Ok(_), Some(Err(error))) => back.send(Err(error)),
            (Ok(_), None) => back.send(Err(Refusal::Closed.into())),
            (Err(refusal), _) => back.send(Err(refusal.into())),
        }
    }
}
