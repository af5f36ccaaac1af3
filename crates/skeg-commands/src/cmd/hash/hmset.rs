//! HMSET.

use crate::cmd::hash::hset;
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hmset",
    arity: -4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::Hash, Category::Fast],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Gives fields of a hash values",
    complexity: "O(N) for N fields",
    syntax: "key field value [field value ...]",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    hset::set_all(exec, cx, args)?;
    reply.ok();
    Ok(())
}
