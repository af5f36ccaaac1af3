//! SETRANGE.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "setrange",
    arity: 4,
    flags: Flags::GROW,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::String, Category::Slow],
    group: Group::String,
    since: "2.2.0",
    summary: "Overwrites part of a string from an offset on, zero-filling up to there",
    complexity: "O(1) for a short value; else O(M) for a value of M bytes",
    syntax: "key offset value",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key, bytes) = (cx.db(), args.get(1), args.get(3));
    let offset = parse::int_arg(args.get(2))?;
    let offset =
        u64::try_from(offset).map_err(|_| CommandError::constant("ERR offset is out of range"))?;
    let shard = exec.shard(key);
    let length = shard.string_len(db, key)?.unwrap_or(0);
    if bytes.is_empty() {
        reply.count(length);
        return Ok(());
    }
    if offset.saturating_add(bytes.len() as u64) > cx.context.config().bulk_bytes_max() {
        return Err(CommandError::TOO_LONG);
    }
    // The limit is at most 512 MiB.
    reply.count(shard.set_range(db, key, offset as usize, bytes)?);
    shard.notify(NotifyClass::STRING, "setrange", db, key);
    Ok(())
}
