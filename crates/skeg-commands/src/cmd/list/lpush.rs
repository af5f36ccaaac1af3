//! LPUSH.

use skeg_engine::{End, Exec};
use skeg_proto::{Args, Reply};

use crate::cmd::list::pushing;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lpush",
    arity: -3,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::INSERT)),
    categories: &[Category::Write, Category::List, Category::Fast],
    group: Group::List,
    since: "1.0.0",
    summary: "Adds items to the front of a list, which is created if it is missing",
    complexity: "O(N) for N items",
    syntax: "key element [element ...]",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    pushing::push(exec, cx, args, End::Front, false, reply)
}
