//! EXPIREAT.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::generic::expiring;
use crate::cx::Cx;
use crate::deadline::{From, Unit};
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "expireat",
    arity: -3,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Keyspace, Category::Write, Category::Fast],
    group: Group::Generic,
    since: "1.2.0",
    summary: "Gives a key a deadline in seconds since 1970",
    complexity: "O(1)",
    syntax: "key unix-time-seconds [NX | XX | GT | LT]",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    expiring::expire(exec, cx, args, Unit::Seconds, From::Epoch, reply)
}
