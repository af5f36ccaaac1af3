//! SMISMEMBER.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "smismember",
    arity: -3,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::Set, Category::Fast],
    group: Group::Set,
    since: "6.2.0",
    summary: "Returns which of several things are members of a set",
    complexity: "O(N) for N members",
    syntax: "key member [member ...]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let set = exec.shard(args.get(1)).read_set(cx.db(), args.get(1))?;
    reply.array(args.len() - 2);
    for member in args.iter().skip(2) {
        reply.int(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}
