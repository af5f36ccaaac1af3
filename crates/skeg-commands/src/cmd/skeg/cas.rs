//! SKEG.CAS. The deadline stays.

use skeg_engine::Expiry;
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.cas",
    arity: 4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Stores a string if the key holds the one that is expected",
    complexity: "O(1)",
    syntax: "key expected new",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key, expected) = (cx.db(), args.get(1), args.get(2));
    let shard = exec.shard(key);
    let Some(value) = shard.string(db, key)? else {
        return Err(CommandError::constant("CASMISMATCH the key does not exist"));
    };
    if !value::with_bytes(value, |bytes| bytes == expected) {
        return Err(CommandError::constant("CASMISMATCH the key holds another value"));
    }
    shard.set(db, key, args.get(3), Expiry::Keep);
    shard.notify(NotifyClass::STRING, "set", db, key);
    reply.ok();
    Ok(())
}
