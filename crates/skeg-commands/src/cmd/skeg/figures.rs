//! SKEG.STATS and SKEG.SHARDS: figures of the store and of each shard.

use skeg_engine::{Exec, ShardFigures};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SHARDS_SPEC: Spec = Spec {
    name: "skeg.shards",
    arity: 1,
    flags: Flags::READONLY,
    keys: Keys::None,
    categories: &[Category::Read, Category::Slow],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Returns figures of every shard",
    complexity: "O(1) for a fixed number of shards",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::AllShards(shards),
};

pub(crate) const STATS_SPEC: Spec = Spec {
    name: "skeg.stats",
    arity: 1,
    flags: Flags::READONLY,
    keys: Keys::None,
    categories: &[Category::Read, Category::Slow],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Returns figures of the store",
    complexity: "O(1) for a fixed number of shards",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::AllShards(stats),
};

fn stats(exec: &mut Exec<'_>, cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let mut sum = ShardFigures::default();
    exec.shards().for_each(|shard| sum.add(&shard.figures()));
    let cache = cx.context.engine().value_figures().cache;
    let fields = fields(&sum);
    reply.map(3 + fields.len());
    write(
        reply,
        &[
            ("cache_bytes", cache.bytes),
            ("cache_evictions", cache.evicted),
            ("cache_budget", cache.bytes_max),
        ],
    );
    write(reply, &fields);
    Ok(())
}

fn shards(exec: &mut Exec<'_>, _: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let all: Vec<ShardFigures> = exec.shards().map(|shard| shard.figures()).collect();
    reply.array(all.len());
    for figures in all {
        let fields = fields(&figures);
        reply.map(1 + fields.len());
        write(reply, &[("shard", u64::from(figures.shard))]);
        write(reply, &fields);
    }
    Ok(())
}

/// Names and figures of a shard, or of all together.
fn fields(figures: &ShardFigures) -> [(&'static str, u64); 10] {
    [
        ("keys", figures.keys.iter().sum()),
        ("expiring", figures.expiring.iter().sum()),
        ("memory_bytes", figures.memory_bytes),
        ("indexes", figures.indexes),
        ("vectors", figures.vectors),
        ("vector_bytes", figures.vector_bytes),
        ("hits", figures.counters.hits),
        ("misses", figures.counters.misses),
        ("expired", figures.counters.expired),
        ("commands", figures.counters.commands),
    ]
}

fn write(reply: &mut Reply, fields: &[(&str, u64)]) {
    for (name, value) in fields {
        reply.bulk_str(name);
        reply.int(i64::try_from(*value).unwrap_or(i64::MAX));
    }
}
