//! INFO.

use skeg_engine::{Exec, ShardFigures};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::report;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "info",
    arity: -1,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Returns figures of the server",
    complexity: "O(1) for a fixed number of shards",
    syntax: "[section [section ...]]",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    bound: BoundRule::Read,
    run: Handler::AllShards(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let mut figures = ShardFigures::default();
    exec.shards().for_each(|shard| figures.add(&shard.figures()));
    let wanted: Vec<&[u8]> = args.iter().skip(1).collect();
    reply.verbatim(*b"txt", &report::info(cx.context, figures, &wanted));
    Ok(())
}
