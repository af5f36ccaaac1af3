//! ZADD.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::adding;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zadd",
    arity: -4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Gives members of a sorted set scores, and adds those that are new",
    complexity: "O(log(N)) for each member",
    syntax: "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (options, pairs) = adding::Options::parse(args)?;
    adding::add(exec, cx, args.get(1), options, pairs, reply)
}
