//! SKEG.VDEL.

use skeg_engine::{Engine, Exec, ShardList};
use skeg_proto::{Args, Reply};
use skeg_vector::IdRef;

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vdel",
    arity: -3,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::Fast, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Removes vectors",
    complexity: "O(N) for N ids",
    syntax: "name id [id ...]",
    tips: &[],
    bound: BoundRule::ReleaseBy(bytes),
    run: Handler::Indexed(run, shards),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let name = args.get(1);
    let parts = exec.index_parts(name);
    let kind = exec.index_options(&parts)?.ids;
    let ids = args.iter().skip(2).map(|id| IdRef::read(kind, id)).collect::<Result<Vec<_>, _>>()?;
    for id in &ids {
        exec.shard_of_id(&parts, *id)?;
    }
    let mut removed = 0;
    for id in ids {
        let (shard, name) = exec.shard_of_id(&parts, id)?;
        removed += usize::from(shard.vector_remove(name, id)?);
    }
    reply.count(removed);
    Ok(())
}

fn shards(engine: &Engine, args: Args<'_>) -> ShardList {
    vector::shards_of_ids(engine, args.get(1), args.iter().skip(2))
}

/// Every effect names the index again.
fn bytes(args: Args<'_>) -> u64 {
    vector::effects_bytes(args, args.len())
}
