//! FLUSHALL. Vector indexes are no keys and stay.

use skeg_engine::DATABASES;
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::server::flushdb;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "flushall",
    arity: -1,
    flags: Flags::WRITE,
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Write, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Removes every key of all databases",
    complexity: "O(1) for a fixed number of shards: what was there is freed elsewhere",
    syntax: "[ASYNC | SYNC]",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    bound: BoundRule::Release,
    run: Handler::AllShards(run),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    flushdb::check_mode(args)?;
    flushdb::flush(exec, 0..=DATABASES - 1);
    reply.ok();
    Ok(())
}
