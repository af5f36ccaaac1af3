//! HLEN.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hlen",
    arity: 2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::Hash, Category::Fast],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns the number of fields of a hash",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let hash = exec.shard(args.get(1)).read_hash(cx.db(), args.get(1))?;
    reply.count(hash.map_or(0, |hash| hash.len()));
    Ok(())
}
