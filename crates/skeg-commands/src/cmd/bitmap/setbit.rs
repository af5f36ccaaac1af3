//! SETBIT.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use super::bits;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "setbit",
    arity: 4,
    flags: Flags::GROW,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::Bitmap, Category::Slow],
    group: Group::Bitmap,
    since: "2.2.0",
    summary: "Sets or clears a bit of a string, and returns what it was",
    complexity: "O(1); the string is zero-filled up to there",
    syntax: "key offset value",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let offset = bits::offset_arg(args.get(2), cx.context.config().bulk_bytes_max())?;
    let set = match parse::integer(args.get(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(CommandError::constant("ERR bit is not an integer or out of range")),
    };
    let (db, key) = (cx.db(), args.get(1));
    let at = (offset / 8) as usize;
    let shard = exec.shard(key);
    let byte = match shard.string(db, key)? {
        Some(value) => value::with_bytes(value, |bytes| bytes.get(at).copied()),
        None => None,
    };
    let mask = bits::mask(offset);
    let was_set = byte.is_some_and(|byte| byte & mask != 0);
    if byte.is_none() || was_set != set {
        let rest = byte.unwrap_or(0) & !mask;
        shard.set_range(db, key, at, &[if set { rest | mask } else { rest }])?;
        shard.notify(NotifyClass::STRING, "setbit", db, key);
    }
    reply.int(i64::from(was_set));
    Ok(())
}
