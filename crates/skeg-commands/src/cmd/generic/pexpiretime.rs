//! PEXPIRETIME.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::generic::expiring::{self, Show};
use crate::cx::Cx;
use crate::deadline::Unit;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "pexpiretime",
    arity: 2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Keyspace, Category::Read, Category::Fast],
    group: Group::Generic,
    since: "7.0.0",
    summary: "Returns the deadline of a key in milliseconds since 1970; -1 without deadline, -2 without key",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    expiring::show(exec, cx, args.get(1), Show::At, Unit::Milliseconds, reply);
    Ok(())
}
