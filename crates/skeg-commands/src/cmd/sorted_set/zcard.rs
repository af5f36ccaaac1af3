//! ZCARD.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zcard",
    arity: 2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns the number of members of a sorted set",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let key = args.get(1);
    reply.count(exec.shard(key).read_sorted_set(cx.db(), key)?.map_or(0, |set| set.len()));
    Ok(())
}
