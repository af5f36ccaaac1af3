//! DECRBY.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::string::counter;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "decrby",
    arity: 3,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::String,
    since: "1.0.0",
    summary: "Subtracts from an integer",
    complexity: "O(1)",
    syntax: "key decrement",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    counter::add(exec, cx, args.get(1), delta(args.get(2))?, reply)
}

/// What is added.
///
/// # Errors
/// It is no integer, or cannot be negated.
pub(crate) fn delta(decrement: &[u8]) -> Result<i64, CommandError> {
    let overflow = CommandError::constant("ERR decrement would overflow");
    parse::int_arg(decrement)?.checked_neg().ok_or(overflow)
}
