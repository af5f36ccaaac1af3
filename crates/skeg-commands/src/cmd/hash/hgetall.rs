//! HGETALL.

use crate::value;
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hgetall",
    arity: 2,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Hash, Category::Slow],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Returns all fields of a hash with their values",
    complexity: "O(N) for N fields",
    syntax: "key",
    tips: &["nondeterministic_output_order"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let hash = exec.shard(args.get(1)).read_hash(cx.db(), args.get(1))?;
    reply.map(hash.map_or(0, |hash| hash.len()));
    for (field, value) in hash.into_iter().flatten() {
        value::reply_string(reply, field);
        value::reply_string(reply, value);
    }
    Ok(())
}
