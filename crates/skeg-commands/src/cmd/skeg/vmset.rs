//! SKEG.VMSET.

use skeg_engine::{Engine, Exec, ShardList};
use skeg_proto::{Args, Reply};
use skeg_vector::IdRef;

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vmset",
    arity: -5,
    flags: Flags::GROW,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::Slow, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Stores several vectors, all or none",
    complexity: "O(N * D) for N vectors of D dimensions",
    syntax: "name n id vector [id vector ...]",
    tips: &[],
    bound: BoundRule::GrowBy(bytes),
    run: Handler::Indexed(run, shards),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let name = args.get(1);
    let count = parse::int_arg(args.get(2))?;
    let (pairs, rest) = ((args.len() - 3) / 2, (args.len() - 3) % 2);
    if rest != 0 || usize::try_from(count) != Ok(pairs) {
        return Err(CommandError::constant("ERR n must be the number of pairs of id and vector"));
    }
    let parts = exec.index_parts(name);
    let ids = exec.index_options(&parts)?.ids;
    let (mut rows, mut incoming) = (Vec::with_capacity(pairs), vector::Rows::new());
    for index in (3..args.len()).step_by(2) {
        let id = IdRef::read(ids, args.get(index))?;
        let row = vector::row(args.get(index + 1))?;
        let (shard, name) = exec.shard_of_id(&parts, id)?;
        shard.vector_check(name, id, &row)?;
        incoming.entry(name.into()).or_default().add(args.get(index).len(), row.len());
        rows.push((id, row));
    }
    for (part, incoming) in incoming {
        exec.part_shard(&part)?.vector_room(&part, incoming)?;
    }
    for (id, row) in &rows {
        let (shard, name) = exec.shard_of_id(&parts, *id)?;
        shard.vector_set(name, *id, row)?;
    }
    reply.count(rows.len());
    Ok(())
}

fn shards(engine: &Engine, args: Args<'_>) -> ShardList {
    vector::shards_of_ids(engine, args.get(1), args.iter().skip(3).step_by(2))
}

/// Every effect names the index again.
fn bytes(args: Args<'_>) -> u64 {
    vector::effects_bytes(args, args.len() / 2)
}
