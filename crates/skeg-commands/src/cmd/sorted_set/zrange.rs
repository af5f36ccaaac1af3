//! ZRANGE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::ranging;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zrange",
    arity: -4,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Returns members of a sorted set in a range of ranks, of scores or of the order of bytes",
    complexity: "O(log(N) + M) for M members of N",
    syntax: "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let query = ranging::Query::parse(args.tail(1), ranging::Preset::RANGE)?;
    ranging::range(exec, cx, args.get(1), &query, reply)
}
