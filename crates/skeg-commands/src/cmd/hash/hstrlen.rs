//! HSTRLEN.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hstrlen",
    arity: 3,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::Hash, Category::Fast],
    group: Group::Hash,
    since: "3.2.0",
    summary: "Returns the length of the value of a field of a hash",
    complexity: "O(1)",
    syntax: "key field",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let hash = exec.shard(args.get(1)).read_hash(cx.db(), args.get(1))?;
    let value = hash.and_then(|hash| hash.get(args.get(2)));
    reply.count(value.map_or(0, |value| value.len()));
    Ok(())
}
