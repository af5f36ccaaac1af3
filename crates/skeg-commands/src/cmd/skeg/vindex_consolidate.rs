//! SKEG.VINDEX.CONSOLIDATE: makes one segment of all of an index, and answers when it is in its place.
//!
//! Searches and writes go on meanwhile. Whoever calls it off leaves the index as it was.

use skeg_engine::{ConsolidateDone, Engine, Exec, Receipt, ShardList, VectorsError};
use skeg_io::sync::Arc;
use skeg_log::ErrorKind;
use skeg_proto::{Args, Reply};
use skeg_vector::SearchScratch;

use crate::error::CommandError;
use crate::flow::{Completion, Flow};
use crate::parse;
use crate::pool;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vindex.consolidate",
    arity: -2,
    flags: Flags::WRITE.with(Flags::NO_MULTI),
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS)),
    categories: &[Category::Write, Category::Slow, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Makes one segment of all of a vector index, and waits for it",
    complexity: "O(N * D) for N vectors of D dimensions; others are served meanwhile",
    syntax: "name [ASYNC]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    let waits = match args.try_get(2) {
        None => true,
        Some(word) if parse::is_word(word, "ASYNC") && args.len() == 3 => false,
        Some(_) => return Err(CommandError::SYNTAX),
    };
    let (engine, name) = (turn.session.context.engine().clone(), args.get(1));
    if !waits {
        return pool::ask(turn, name, Beginning { engine, name: name.into() }, reply);
    }
    turn.holder.release();
    let (state, complete) = (turn.session.state, Arc::clone(turn.complete));
    let client = Arc::clone(&turn.session.client);
    // What was called off before is over.
    client.stop_waiting();
    let goes_on = {
        let client = Arc::clone(&client);
        Box::new(move |_| !client.is_called_off())
    };
    let done: ConsolidateDone = Box::new(move |result| {
        client.stop_waiting();
        let mut reply = Reply::new(state.version);
        match result {
            Ok(()) => reply.ok(),
            Err(error) => refused(error).write_to(&mut reply),
        }
        complete.complete(Completion { reply, receipt: Receipt::default(), state });
    });
    match engine.consolidate(name, goes_on, done) {
        Ok(()) => Ok(Flow::Pending),
        // There is nothing to be made one.
        Err(VectorsError::NoSegments) => {
            pool::ask(turn, name, Beginning { engine, name: name.into() }, reply)
        }
        Err(error) => Err(refused(error)),
    }
}

/// Has it begun, if there is such an index.
struct Beginning {
    engine: Engine,
    name: Box<[u8]>,
}

impl pool::Question for Beginning {
    type Taken = ();
    type Share = ();

    fn shards(&self, engine: &Engine, name: &[u8]) -> ShardList {
        engine.index_shards(name, 0)
    }

    fn take(&self, exec: &mut Exec<'_>, name: &[u8]) -> Result<(), CommandError> {
        exec.index_options(&exec.index_parts(name))?;
        Ok(())
    }

    fn is_at_hand((): &()) -> bool {
        true
    }

    fn answer(&self, (): &(), _: pool::Part, _: &mut SearchScratch) -> Result<(), CommandError> {
        match self.engine.consolidate(&self.name, Box::new(|_| true), Box::new(drop)) {
            Ok(()) | Err(VectorsError::NoSegments) => Ok(()),
            Err(error) => Err(refused(error)),
        }
    }

    fn write(&self, _: Vec<()>, reply: &mut Reply) -> Outcome {
        reply.ok();
        Ok(())
    }
}

/// Why it was not done, as a client reads it.
fn refused(error: VectorsError) -> CommandError {
    match error {
        VectorsError::Refused(refusal) => refusal.into(),
        VectorsError::Vector(error) => vector::refused(error),
        VectorsError::NoIndex => skeg_engine::IndexError::NotFound.into(),
        VectorsError::Aborted => CommandError::constant("UNBLOCKED the consolidation was given up"),
        VectorsError::Failed { kind: ErrorKind::Full, reason } => {
            CommandError::owned(format!("NOSPACE {reason}"))
        }
        VectorsError::Failed { reason, .. } => CommandError::owned(format!("MISCONF {reason}")),
        other => CommandError::owned(format!("ERR {other}")),
    }
}
