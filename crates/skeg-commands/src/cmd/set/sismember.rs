//! SISMEMBER.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "sismember",
    arity: 3,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::Set, Category::Fast],
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns whether something is a member of a set",
    complexity: "O(1)",
    syntax: "key member",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let set = exec.shard(args.get(1)).read_set(cx.db(), args.get(1))?;
    reply.int(i64::from(set.is_some_and(|set| set.contains(args.get(2)))));
    Ok(())
}
