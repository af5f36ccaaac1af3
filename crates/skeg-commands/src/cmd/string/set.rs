//! SET, and what its relatives share with it.

use skeg_engine::{Exec, Expiry, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::string_options::{Allowed, Condition, StringOptions};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "set",
    arity: -3,
    flags: Flags::GROW,
    keys: Keys::One(
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE).with(KeyFlags::VARIABLE_FLAGS),
    ),
    categories: &[Category::Write, Category::String, Category::Slow],
    group: Group::String,
    since: "1.0.0",
    summary: "Stores a string, whatever the key held; its options make it conditional or give it a deadline",
    complexity: "O(1)",
    syntax: "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if args.len() == 3 {
        let key = args.get(1);
        let (db, shard) = (cx.db(), exec.shard(key));
        shard.set(db, key, args.get(2), Expiry::Clear);
        shard.notify(NotifyClass::STRING, "set", db, key);
        reply.ok();
        return Ok(());
    }
    let options = StringOptions::parse(args, 3, Allowed::Set)?;
    let expiry = options.expiry(exec.now_ms(), cx.spec.name)?;
    set_with(exec, cx, args, &options, expiry, reply)
}

fn set_with(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    options: &StringOptions<'_>,
    expiry: Option<Expiry>,
    reply: &mut Reply,
) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    if options.get {
        value::reply_optional(reply, shard.read_string(db, key)?);
    }
    let refused = match options.condition {
        None => false,
        Some(Condition::Missing) => shard.exists(db, key),
        Some(Condition::Present) => !shard.exists(db, key),
    };
    if !refused {
        shard.set(db, key, args.get(2), expiry.unwrap_or(Expiry::Clear));
        shard.notify(NotifyClass::STRING, "set", db, key);
        if matches!(expiry, Some(Expiry::At(_))) {
            shard.notify(NotifyClass::GENERIC, "expire", db, key);
        }
    }
    match (options.get, refused) {
        (true, _) => {}
        (false, true) => reply.null(),
        (false, false) => reply.ok(),
    }
    Ok(())
}
