//! SORT.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::generic::sorting;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "sort",
    arity: -2,
    flags: Flags::GROW,
    keys: Keys::OneAnd {
        flags: KeyFlags::RO.with(KeyFlags::ACCESS),
        find: sorting::destination,
        found: KeyFlags::OW.with(KeyFlags::UPDATE),
    },
    categories: &[
        Category::Write,
        Category::Set,
        Category::List,
        Category::SortedSet,
        Category::Dangerous,
        Category::Slow,
    ],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Sorts a list, a set or a sorted set",
    complexity: "O(N + M * log(M)) for N elements, M of which are returned",
    syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]",
    tips: &[],
    bound: BoundRule::GrowLater(sorting::most_bytes),
    run: Handler::Reaching(run, sorting::REACH),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    sorting::run(exec, cx, args, true, reply)
}
