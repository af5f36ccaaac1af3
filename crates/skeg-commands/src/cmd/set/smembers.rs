//! SMEMBERS.

use crate::value;
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "smembers",
    arity: 2,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Set, Category::Slow],
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns all members of a set",
    complexity: "O(N) for N members",
    syntax: "key",
    tips: &["nondeterministic_output_order"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let set = exec.shard(args.get(1)).read_set(cx.db(), args.get(1))?;
    reply.set(set.map_or(0, |set| set.len()));
    set.into_iter().flatten().for_each(|member| value::reply_string(reply, member));
    Ok(())
}
