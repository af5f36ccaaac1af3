//! PSETEX.

use skeg_engine::{Exec, Expiry, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::deadline::{self, From, Unit};
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "psetex",
    arity: 4,
    flags: Flags::GROW,
    keys: Keys::One(KeyFlags::OW.with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::String, Category::Slow],
    group: Group::String,
    since: "2.6.0",
    summary: "Stores a string with a time to live in milliseconds",
    complexity: "O(1)",
    syntax: "key milliseconds value",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (key, name, now_ms) = (args.get(1), cx.spec.name, exec.now_ms());
    let at = deadline::positive(args.get(2), Unit::Milliseconds, From::Now, now_ms, name)?;
    let (db, shard) = (cx.db(), exec.shard(key));
    shard.set(db, key, args.get(3), Expiry::At(at));
    shard.notify(NotifyClass::STRING, "set", db, key);
    shard.notify(NotifyClass::GENERIC, "expire", db, key);
    reply.ok();
    Ok(())
}
