//! PTTL.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::generic::expiring::{self, Show};
use crate::cx::Cx;
use crate::deadline::Unit;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "pttl",
    arity: 2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Keyspace, Category::Read, Category::Fast],
    group: Group::Generic,
    since: "2.6.0",
    summary: "Returns the time to live of a key in milliseconds; -1 without deadline, -2 without key",
    complexity: "O(1)",
    syntax: "key",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    expiring::show(exec, cx, args.get(1), Show::Remaining, Unit::Milliseconds, reply);
    Ok(())
}
