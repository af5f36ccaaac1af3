//! SINTER.

use crate::cmd::set::algebra::{self, Operation};
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "sinter",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RO.with(KeyFlags::ACCESS) },
    categories: &[Category::Read, Category::Set, Category::Slow],
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns the members that all of several sets have",
    complexity: "O(N*M) for N members of the smallest of M sets",
    syntax: "key [key ...]",
    tips: &["nondeterministic_output_order"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    algebra::reply_members(exec, cx.db(), Operation::Inter, args.tail(1), reply)
}
