//! GETEX: GET, and a change of the deadline if asked for.

use skeg_engine::{Exec, Expiry, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::string_options::{Allowed, StringOptions};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "getex",
    arity: -2,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::String,
    since: "6.2.0",
    summary: "Returns the string value of a key and sets or removes its deadline",
    complexity: "O(1)",
    syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
    tips: &[],
    bound: BoundRule::GrowUnless(only_reads),
    run: Handler::Keyed(run),
};

fn only_reads(args: Args<'_>) -> bool {
    args.len() == 2
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let options = StringOptions::parse(args, 2, Allowed::Get)?;
    let (db, key, now_ms) = (cx.db(), args.get(1), exec.now_ms());
    let shard = exec.shard(key);
    let Some(value) = shard.read_string(db, key)? else {
        reply.null();
        return Ok(());
    };
    // Judged only now: a missing key is null whatever the time is.
    let expiry = options.expiry(now_ms, cx.spec.name)?;
    value::reply_string(reply, value);
    match expiry {
        Some(Expiry::At(at)) => {
            shard.set_expiry(db, key, Some(at));
            let event = if at > now_ms { "expire" } else { "del" };
            shard.notify(NotifyClass::GENERIC, event, db, key);
        }
        Some(Expiry::Clear) if shard.expiry(db, key) != Some(None) => {
            shard.set_expiry(db, key, None);
            shard.notify(NotifyClass::GENERIC, "persist", db, key);
        }
        _ => {}
    }
    Ok(())
}
