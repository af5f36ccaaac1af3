//! SORT_RO.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::generic::sorting;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "sort_ro",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[
        Category::Read,
        Category::Set,
        Category::List,
        Category::SortedSet,
        Category::Dangerous,
        Category::Slow,
    ],
    group: Group::Generic,
    since: "7.0.0",
    summary: "Sorts a list, a set or a sorted set, and cannot store the result",
    complexity: "O(N + M * log(M)) for N elements, M of which are returned",
    syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Reaching(run, sorting::REACH),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    sorting::run(exec, cx, args, false, reply)
}
