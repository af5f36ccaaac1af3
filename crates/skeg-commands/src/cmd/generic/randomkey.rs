//! RANDOMKEY.

use skeg_engine::{Exec, Shard};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "randomkey",
    arity: 1,
    flags: Flags::READONLY,
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Read, Category::Slow],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Returns a random key",
    complexity: "O(1) for a fixed number of shards",
    syntax: "",
    tips: &["request_policy:all_shards", "nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::AllShards(run),
};

/// Keys drawn before a database full of expired keys counts as empty.
const DRAWS_MAX: usize = 128;

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let db = cx.db();
    exec.shards().for_each(Shard::see_all);
    for _ in 0..DRAWS_MAX {
        let keys: usize = exec.shards().map(|shard| shard.len(db)).sum();
        let entropy = &cx.engine().io().entropy;
        let Some(mut place) = entropy.next_u64().checked_rem(keys as u64) else { break };
        // The shard in whose share of the keys the place is: each key has the same chance.
        let shard = exec.shards().find(|shard| match place.checked_sub(shard.len(db) as u64) {
            Some(rest) => {
                place = rest;
                false
            }
            None => true,
        });
        let Some(shard) = shard else { break };
        let Some(key) = shard.random(db, entropy.next_u64()).map(<[u8]>::to_vec) else { break };
        // Removes the key if its deadline has passed.
        if shard.exists(db, &key) {
            reply.bulk(&key);
            return Ok(());
        }
    }
    reply.null();
    Ok(())
}
