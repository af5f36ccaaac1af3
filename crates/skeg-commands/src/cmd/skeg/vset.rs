//! SKEG.VSET.

use skeg_engine::{Engine, Exec, Incoming, ShardList};
use skeg_proto::{Args, Reply};
use skeg_vector::IdRef;

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::string_options::Condition;
use crate::vector;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vset",
    arity: -4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::Fast, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Stores a vector",
    complexity: "O(D) for D dimensions",
    syntax: "name id vector [NX | XX]",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Indexed(run, shards),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let name = args.get(1);
    let condition = condition(args)?;
    let parts = exec.index_parts(name);
    let id = IdRef::read(exec.index_options(&parts)?.ids, args.get(2))?;
    let row = vector::row(args.get(3))?;
    let (shard, name) = exec.shard_of_id(&parts, id)?;
    if let Some(condition) = condition
        && shard.vector_exists(name, id)? != (condition == Condition::Present)
    {
        reply.null();
        return Ok(());
    }
    shard.vector_room(name, Incoming::new(1, args.payload_bytes()))?;
    shard.vector_set(name, id, &row)?;
    reply.ok();
    Ok(())
}

fn shards(engine: &Engine, args: Args<'_>) -> ShardList {
    vector::shards_of_ids(engine, args.get(1), args.iter().skip(2).take(1))
}

fn condition(args: Args<'_>) -> Result<Option<Condition>, CommandError> {
    let mut condition = None;
    for word in args.iter().skip(4) {
        if parse::is_word(word, "PAYLOAD") || parse::is_word(word, "ATTR") {
            return Err(vector::unsupported("PAYLOAD and ATTR"));
        }
        let one = match parse::one_of(word, "NX", "XX") {
            Some(true) => Condition::Missing,
            Some(false) => Condition::Present,
            None => return Err(CommandError::SYNTAX),
        };
        if condition.is_some_and(|before| before != one) {
            return Err(CommandError::SYNTAX);
        }
        condition = Some(one);
    }
    Ok(condition)
}
