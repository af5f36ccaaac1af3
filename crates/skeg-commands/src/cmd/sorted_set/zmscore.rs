//! ZMSCORE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::members;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zmscore",
    arity: -3,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns the scores of members of a sorted set",
    complexity: "O(M) for M members",
    syntax: "key member [member ...]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let key = args.get(1);
    let set = exec.shard(key).read_sorted_set(cx.db(), key)?;
    reply.array(args.len() - 2);
    for member in args.iter().skip(2) {
        members::reply_score(reply, set.and_then(|set| set.score(member)));
    }
    Ok(())
}
