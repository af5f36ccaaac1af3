//! SCARD.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "scard",
    arity: 2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::Set, Category::Fast],
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns the number of members of a set",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let set = exec.shard(args.get(1)).read_set(cx.db(), args.get(1))?;
    reply.count(set.map_or(0, |set| set.len()));
    Ok(())
}
