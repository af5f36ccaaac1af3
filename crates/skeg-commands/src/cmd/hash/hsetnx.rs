//! HSETNX.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hsetnx",
    arity: 4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::INSERT)),
    categories: &[Category::Write, Category::Hash, Category::Fast],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Gives a field of a hash a value if there is no such field",
    complexity: "O(1)",
    syntax: "key field value",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key, field) = (cx.db(), args.get(1), args.get(2));
    let shard = exec.shard(key);
    let missing = !shard.hash(db, key)?.is_some_and(|hash| hash.contains(field));
    if missing {
        shard.hash_set(db, key, field, args.get(3))?;
        shard.notify(NotifyClass::HASH, "hset", db, key);
    }
    reply.int(i64::from(missing));
    Ok(())
}
