//! PERSIST.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "persist",
    arity: 2,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Keyspace, Category::Write, Category::Fast],
    group: Group::Generic,
    since: "2.2.0",
    summary: "Takes the deadline of a key away",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let had = matches!(shard.expiry(db, key), Some(Some(_)));
    if had {
        shard.set_expiry(db, key, None);
        shard.notify(NotifyClass::GENERIC, "persist", db, key);
    }
    reply.int(i64::from(had));
    Ok(())
}
