//! GETSET.

use skeg_engine::Expiry;
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "getset",
    arity: 3,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::String,
    since: "1.0.0",
    summary: "Stores a string and returns the one that was there",
    complexity: "O(1)",
    syntax: "key value",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    value::reply_optional(reply, shard.read_string(db, key)?);
    shard.set(db, key, args.get(2), Expiry::Clear);
    shard.notify(NotifyClass::STRING, "set", db, key);
    Ok(())
}
