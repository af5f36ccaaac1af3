//! DBSIZE. Keys whose deadline has passed count until they are removed.

use skeg_engine::Exec;
use skeg_engine::Shard;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "dbsize",
    arity: 1,
    flags: Flags::READ_FAST,
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Read, Category::Fast],
    group: Group::Server,
    since: "1.0.0",
    summary: "Returns the number of keys in the selected database",
    complexity: "O(1) for a fixed number of shards",
    syntax: "",
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    bound: BoundRule::Read,
    run: Handler::AllShards(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let count = |shard: &mut Shard| {
        shard.see_all();
        shard.len(cx.db())
    };
    reply.count(exec.shards().map(count).sum());
    Ok(())
}
