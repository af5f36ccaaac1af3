//! DEL.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "del",
    arity: -2,
    flags: Flags::WRITE,
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RM.with(KeyFlags::DELETE) },
    categories: &[Category::Keyspace, Category::Write, Category::Slow],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Removes keys",
    complexity: "O(N) for N keys",
    syntax: "key [key ...]",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    bound: BoundRule::Release,
    run: Handler::Keyed(run),
};

pub(super) fn run(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    let keys = args.iter().skip(1);
    let removed = keys.filter(|key| {
        let (db, shard) = (cx.db(), exec.shard(key));
        let removed = shard.remove(db, key);
        if removed {
            shard.notify(NotifyClass::GENERIC, "del", db, key);
        }
        removed
    });
    reply.count(removed.count());
    Ok(())
}
