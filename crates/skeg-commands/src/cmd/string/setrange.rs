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
    let offset = offset(args.get(2))?;
    let shard = exec.shard(key);
    let length = shard.string_len(db, key)?.unwrap_or(0);
    if bytes.is_empty() {
        reply.count(length);
        return Ok(());
    }
    end(offset, bytes, cx.context.config().bulk_bytes_max())?;
    // The limit is at most 512 MiB.
    reply.count(shard.set_range(db, key, offset as usize, bytes)?);
    shard.notify(NotifyClass::STRING, "setrange", db, key);
    Ok(())
}

/// Where bytes are written.
///
/// # Errors
/// It is no integer, or negative.
pub(crate) fn offset(text: &[u8]) -> Result<u64, CommandError> {
    let offset = u64::try_from(parse::int_arg(text)?);
    offset.map_err(|_| CommandError::constant("ERR offset is out of range"))
}

/// Where what is written ends.
///
/// # Errors
/// The string would be longer than `max`.
pub(crate) fn end(offset: u64, bytes: &[u8], max: u64) -> Result<u64, CommandError> {
    let end = offset.saturating_add(bytes.len() as u64);
    if end > max { Err(CommandError::TOO_LONG) } else { Ok(end) }
}
