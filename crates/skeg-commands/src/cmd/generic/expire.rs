//! EXPIRE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::generic::expiring;
use crate::cx::Cx;
use crate::deadline::{self, From, Unit};
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "expire",
    arity: -3,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Keyspace, Category::Write, Category::Fast],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Gives a key a time to live in seconds",
    complexity: "O(1)",
    syntax: "key seconds [NX | XX | GT | LT]",
    tips: &[],
    bound: BoundRule::GrowUnless(is_removal),
    run: Handler::Keyed(run),
};

fn is_removal(args: Args<'_>) -> bool {
    deadline::is_surely_past(args.get(2), Unit::Seconds, From::Now)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    expiring::expire(exec, cx, args, Unit::Seconds, From::Now, reply)
}
