//! ZREVRANK.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::ranking;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zrevrank",
    arity: -3,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "2.0.0",
    summary: "Returns the rank of a member of a sorted set, the highest score first",
    complexity: "O(log(N))",
    syntax: "key member [WITHSCORE]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    ranking::rank(exec, cx, args, true, reply)
}
