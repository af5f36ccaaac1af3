//! GETDEL.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "getdel",
    arity: 2,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::String,
    since: "6.2.0",
    summary: "Returns the string value of a key and removes the key",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Release,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    value::reply_optional(reply, shard.read_string(db, key)?);
    if shard.remove(db, key) {
        shard.notify(NotifyClass::GENERIC, "del", db, key);
    }
    Ok(())
}
