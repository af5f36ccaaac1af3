//! SKEG.VDEL.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

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
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let name = args.get(1);
    let shard = exec.shard(name);
    let kind = shard.index_options(name)?.ids;
    let ids = args.iter().skip(2).map(|id| vector::id(kind, id)).collect::<Result<Vec<_>, _>>()?;
    let mut removed = 0;
    for id in ids {
        removed += usize::from(shard.vector_remove(name, id)?);
    }
    reply.count(removed);
    Ok(())
}

/// Every effect names the index again.
fn bytes(args: Args<'_>) -> u64 {
    vector::effects_bytes(args, args.len())
}
