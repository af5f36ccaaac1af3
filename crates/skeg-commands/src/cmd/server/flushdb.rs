//! FLUSHDB.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};
use std::ops::RangeInclusive;

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "flushdb",
    arity: -1,
    flags: Flags::WRITE,
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Write, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Removes every key of the selected database",
    complexity: "O(1) for a fixed number of shards: what was there is freed elsewhere",
    syntax: "[ASYNC | SYNC]",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    bound: BoundRule::Release,
    run: Handler::AllShards(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    check_mode(args)?;
    let db = cx.db();
    flush(exec, db..=db);
    reply.ok();
    Ok(())
}

/// ASYNC and SYNC are the same here; anything else is a syntax error.
pub(super) fn check_mode(args: Args<'_>) -> Outcome {
    let known = |word| parse::one_of(word, "ASYNC", "SYNC").is_some();
    match args.len() {
        1 => Ok(()),
        2 if known(args.get(1)) => Ok(()),
        _ => Err(CommandError::SYNTAX),
    }
}

/// Empties databases on every shard; what they held is freed where no latch is held.
pub(super) fn flush(exec: &mut Exec<'_>, databases: RangeInclusive<u8>) {
    let mut discarded = Vec::new();
    for shard in exec.shards() {
        discarded.extend(databases.clone().filter_map(|db| shard.flush(db)));
    }
    discarded.into_iter().for_each(|contents| exec.discard(contents));
}
