//! Commands that take something from an index under the latch and make their reply of it on the
//! engine's pool: searches, and rows that have to be read from disk.
//!
//! What is a lot (several searches at once) is answered in parts, side by side on the pool's threads;
//! whoever ends last writes the reply.
//!
//! May not know: what is asked.

use std::ops::Range;

use skeg_engine::{Bound, Engine, Exec, Job, Progress, Receipt, Refusal, ShardList};
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
pub(crate) trait Question: Send + Sync + 'static {
    /// What is taken from it.
    type Taken: Send + Sync + 'static;
    /// What a part of it comes to.
    type Share: Send + 'static;

    /// The shards that it is taken from.
    fn shards(&self, engine: &Engine, name: &[u8]) -> ShardList;

    /// Takes it, under their latches.
    fn take(&self, exec: &mut Exec<'_>, name: &[u8]) -> Result<Self::Taken, CommandError>;

    /// Whether the answer takes no time.
    fn is_at_hand(taken: &Self::Taken) -> bool;

    /// How many parts there are at most.
    fn parts(&self, _: &Self::Taken) -> usize {
        1
    }

    /// Answers a part, without the latch.
    fn answer(
        &self,
        taken: &Self::Taken,
        part: Part,
        scratch: &mut SearchScratch,
    ) -> Result<Self::Share, CommandError>;

    /// Makes the reply of the parts, in their order.
    fn write(&self, shares: Vec<Self::Share>, reply: &mut Reply) -> Outcome;
}

/// A part of what is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    number: usize,
    of: usize,
}

impl Part {
    const WHOLE: Self = Self { number: 0, of: 1 };

    /// Its range of so many things.
    pub(crate) fn of(self, things: usize) -> Range<usize> {
        things * self.number / self.of..things * (self.number + 1) / self.of
    }
}

/// Asks the index called `name`.
pub(crate) fn ask<Q: Question>(
    turn: &mut Turn<'_>,
    name: &[u8],
    question: Q,
    reply: &mut Reply,
) -> Result<Flow, CommandError> {
    let Turn { session, holder, complete, spec } = turn;
    let shards = question.shards(holder.engine(), name);
    if holder.try_hold(&shards)? {
        let taken = holder.run(&shards, Bound::READ, |exec| question.take(exec, name));
        let (taken, receipt) = taken?;
        let taken = taken?;
        if Q::is_at_hand(&taken) {
            let share = question.answer(&taken, Part::WHOLE, &mut SearchScratch::default())?;
            question.write(vec![share], reply)?;
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
        shards,
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
    let of = question.parts(&taken).clamp(1, engine.search_threads());
    let shares = (0..of).map(|_| None).collect();
    let left = Mutex::new(Left { shares, count: of, back: Some(back) });
    let asked = Arc::new(Asked { question, taken, left, receipt });
    for number in 0..of {
        let theirs = Arc::clone(&asked);
        let submitted = engine.search(Box::new(move |scratch| {
            let share = theirs.question.answer(&theirs.taken, Part { number, of }, scratch);
            theirs.end(number, share);
        }));
        if let Err(refusal) = submitted {
            asked.end(number, Err(refusal.into()));
        }
    }
}

/// A question whose parts are being answered.
struct Asked<Q: Question> {
    question: Q,
    taken: Q::Taken,
    receipt: Receipt,
    left: Mutex<Left<Q::Share>>,
}

struct Left<S> {
    shares: Vec<Option<Result<S, CommandError>>>,
    /// Parts that are not answered yet.
    count: usize,
    back: Option<Return>,
}

impl<Q: Question> Asked<Q> {
    /// A part is answered; the last one sends the reply, or the first error.
    fn end(&self, number: usize, share: Result<Q::Share, CommandError>) {
        let (shares, back) = {
            let mut left = self.left.lock();
            left.shares[number] = Some(share);
            left.count -= 1;
            if left.count > 0 {
                return;
            }
            (std::mem::take(&mut left.shares), left.back.take())
        };
        let Some(mut back) = back else { return };
        let shares: Result<Vec<_>, _> = shares.into_iter().flatten().collect();
        let outcome = shares.and_then(|shares| self.question.write(shares, &mut back.reply));
        back.send(outcome.map(|()| self.receipt));
    }
}

/// Takes it when a latch was not free.
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
        if self.taken.is_none() {
            self.back.complete.taken();
        }
        self.taken = Some(self.question.take(exec, &self.name));
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
