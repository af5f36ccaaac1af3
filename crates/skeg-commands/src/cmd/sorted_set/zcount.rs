//! ZCOUNT.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::bounds;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zcount",
    arity: 4,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Counts the members of a sorted set whose scores are in a range",
    complexity: "O(log(N))",
    syntax: "key min max",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let bounds = bounds::Scores::parse(args.get(2), args.get(3))?;
    let key = args.get(1);
    let set = exec.shard(key).read_sorted_set(cx.db(), key)?;
    reply.count(set.map_or(0, |set| bounds.ranks(set).len()));
    Ok(())
}
