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

fn stats(exec: &mut Exec<'_>, _: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let mut sum = ShardFigures::default();
    exec.shards().for_each(|shard| sum.add(&shard.figures()));
    let fields = fields(&sum);
    reply.map(fields.len());
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

/// Names and figures. Values are never read from disk yet, so that the cache is empty.
fn fields(figures: &ShardFigures) -> [(&'static str, u64); 13] {
    [
        ("cache_bytes", 0),
        ("cache_evictions", 0),
        ("keys", figures.keys.iter().sum()),
        ("cache_budget", 0),
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
