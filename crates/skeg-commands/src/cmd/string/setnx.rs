//! SETNX.

use skeg_engine::{Exec, Expiry, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "setnx",
    arity: 3,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::OW.with(KeyFlags::INSERT)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::String,
    since: "1.0.0",
    summary: "Stores a string if the key is missing",
    complexity: "O(1)",
    syntax: "key value",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let missing = !shard.exists(db, key);
    if missing {
        shard.set(db, key, args.get(2), Expiry::Clear);
        shard.notify(NotifyClass::STRING, "set", db, key);
    }
    reply.int(i64::from(missing));
    Ok(())
}
