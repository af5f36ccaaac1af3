//! SKEG.VGET.
//!
//! A vector in memory is returned at once; one in a segment is read on the engine's pool.

use skeg_engine::{Engine, Exec, ShardList};
use skeg_proto::{Args, Reply};
use skeg_vector::{IdRef, Row, SearchScratch};

use crate::error::CommandError;
use crate::flow::Flow;
use crate::parse;
use crate::pool::{self, Part};
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vget",
    arity: -3,
    flags: Flags::READ_FAST.with(Flags::NO_MULTI),
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Fast, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Returns a vector",
    complexity: "O(D) for D dimensions",
    syntax: "name id",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

/// Whose vector is asked for.
struct Question {
    id: Box<[u8]>,
}

impl pool::Question for Question {
    type Taken = Option<Row<'static>>;
    type Share = Option<Vec<u8>>;

    fn shards(&self, engine: &Engine, name: &[u8]) -> ShardList {
        vector::shards_of_ids(engine, name, std::iter::once(&*self.id))
    }

    fn take(&self, exec: &mut Exec<'_>, name: &[u8]) -> Result<Self::Taken, CommandError> {
        let parts = exec.index_parts(name);
        let id = IdRef::read(exec.index_options(&parts)?.ids, &self.id)?;
        let (shard, name) = exec.shard_of_id(&parts, id)?;
        Ok(shard.vector_get(name, id)?.map(Row::into_owned))
    }

    fn is_at_hand(taken: &Self::Taken) -> bool {
        !matches!(taken, Some(Row::Stored(_)))
    }

    fn answer(
        &self,
        row: &Self::Taken,
        _: Part,
        _: &mut SearchScratch,
    ) -> Result<Self::Share, CommandError> {
        let numbers = row.as_ref().map(Row::read).transpose().map_err(vector::refused)?;
        Ok(numbers.map(|numbers| vector::to_bytes(&numbers)))
    }

    fn write(&self, shares: Vec<Self::Share>, reply: &mut Reply) -> Outcome {
        match shares.into_iter().next().flatten() {
            Some(bytes) => reply.bulk(&bytes),
            None => reply.null(),
        }
        Ok(())
    }
}

fn run(turn: &mut Turn<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    if args.len() > 3 {
        let payload = args.len() == 4 && parse::is_word(args.get(3), "WITHPAYLOAD");
        let error = if payload { vector::unsupported("WITHPAYLOAD") } else { CommandError::SYNTAX };
        return Err(error);
    }
    pool::ask(turn, args.get(1), Question { id: args.get(2).into() }, reply)
}
