//! ZINCRBY.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::adding;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zincrby",
    arity: 4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Adds to the score of a member of a sorted set",
    complexity: "O(log(N))",
    syntax: "key increment member",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    adding::add(exec, cx, args.get(1), adding::Options::increment(), args.tail(2), reply)
}
