//! EXISTS. A key that is named twice counts twice.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "exists",
    arity: -2,
    flags: Flags::READ_FAST,
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RO },
    categories: &[Category::Keyspace, Category::Read, Category::Fast],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Counts how many of the keys exist",
    complexity: "O(N) for N keys",
    syntax: "key [key ...]",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

pub(super) fn run(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    let keys = args.iter().skip(1);
    reply.count(keys.filter(|key| exec.shard(key).exists(cx.db(), key)).count());
    Ok(())
}
