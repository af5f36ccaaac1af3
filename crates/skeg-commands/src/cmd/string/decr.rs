//! DECR.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::string::counter;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "decr",
    arity: 2,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::String,
    since: "1.0.0",
    summary: "Subtracts one from an integer",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    counter::add(exec, cx, args.get(1), -1, reply)
}
