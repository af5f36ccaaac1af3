//! ZREMRANGEBYRANK.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::ranging;
use crate::cmd::sorted_set::removing;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zremrangebyrank",
    arity: 4,
    flags: Flags::WRITE,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Removes the members of a sorted set in a range of ranks",
    complexity: "O(M * log(N)) for M members of N",
    syntax: "key start stop",
    tips: &[],
    bound: BoundRule::StoredRelease(stored_bytes),
    run: Handler::Keyed(run),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    removing::stored_bytes(exec, cx, args, ranging::By::Rank)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    removing::remove(exec, cx, args, ranging::By::Rank, reply)
}
