//! LPOP.

use skeg_engine::{End, Exec};
use skeg_proto::{Args, Reply};

use crate::cmd::list::popping;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lpop",
    arity: -2,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::List, Category::Fast],
    group: Group::List,
    since: "1.0.0",
    summary: "Removes and returns items of the front of a list",
    complexity: "O(N) for N items that are returned",
    syntax: "key [count]",
    tips: &[],
    bound: BoundRule::Release,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    popping::pop(exec, cx, args, End::Front, reply)
}
