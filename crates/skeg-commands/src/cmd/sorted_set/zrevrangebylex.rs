//! ZREVRANGEBYLEX.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::ranging;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zrevrangebylex",
    arity: -4,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "2.8.9",
    summary: "Returns the members of a sorted set that are in a range of the order of bytes, the last first",
    complexity: "O(log(N) + M) for M members of N",
    syntax: "key max min [LIMIT offset count]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let query = ranging::Query::parse(args.tail(1), ranging::Preset::of(ranging::By::Lex, true))?;
    ranging::range(exec, cx, args.get(1), &query, reply)
}
