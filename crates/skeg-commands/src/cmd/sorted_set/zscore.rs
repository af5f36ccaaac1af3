//! ZSCORE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::members;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zscore",
    arity: 3,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns the score of a member of a sorted set",
    complexity: "O(1)",
    syntax: "key member",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let key = args.get(1);
    let set = exec.shard(key).read_sorted_set(cx.db(), key)?;
    members::reply_score(reply, set.and_then(|set| set.score(args.get(2))));
    Ok(())
}
