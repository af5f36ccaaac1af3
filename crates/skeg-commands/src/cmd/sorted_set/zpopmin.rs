//! ZPOPMIN.

use skeg_engine::{End, Exec};
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::popping;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zpopmin",
    arity: -2,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "5.0.0",
    summary: "Removes and returns the members of the lowest scores of a sorted set",
    complexity: "O(M * log(N)) for M members of N",
    syntax: "key [count]",
    tips: &[],
    bound: BoundRule::StoredRelease(stored_bytes),
    run: Handler::Keyed(run),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    popping::stored_bytes(exec, cx, args, End::Front)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    popping::pop(exec, cx, args, End::Front, reply)
}
