//! SKEG.MEXISTS.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.mexists",
    arity: -2,
    flags: Flags::READ_FAST,
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RO },
    categories: &[Category::Keyspace, Category::Read, Category::Fast],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Tells of each key whether it exists",
    complexity: "O(N) for N keys",
    syntax: "key [key ...]",
    tips: &["request_policy:multi_shard"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let keys = args.tail(1);
    reply.array(keys.len());
    for key in keys {
        reply.count(usize::from(exec.shard(key).exists(cx.db(), key)));
    }
    Ok(())
}
