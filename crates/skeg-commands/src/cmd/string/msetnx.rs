//! MSETNX.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::string::mset;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "msetnx",
    arity: -3,
    flags: Flags::GROW,
    keys: Keys::ToEnd { first: 1, step: 2, flags: KeyFlags::OW.with(KeyFlags::INSERT) },
    categories: &[Category::Write, Category::String, Category::Slow],
    group: Group::String,
    since: "1.0.1",
    summary: "Stores several strings, all at once, if none of the keys exists",
    complexity: "O(N) for N keys",
    syntax: "key value [key value ...]",
    tips: &["request_policy:multi_shard", "response_policy:agg_min"],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    mset::check_pairs(cx, args)?;
    let mut keys = (1..args.len()).step_by(2).map(|index| args.get(index));
    if keys.any(|key| exec.shard(key).exists(cx.db(), key)) {
        reply.int(0);
        return Ok(());
    }
    mset::store_all(exec, cx, args)?;
    reply.int(1);
    Ok(())
}
