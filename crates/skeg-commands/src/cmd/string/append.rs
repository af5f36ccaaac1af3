//! APPEND.

use skeg_engine::Expiry;
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "append",
    arity: 3,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::INSERT)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::String,
    since: "2.0.0",
    summary: "Appends to a string, which is created if it is missing",
    complexity: "O(1) amortised",
    syntax: "key value",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key, tail) = (cx.db(), args.get(1), args.get(2));
    let max = cx.context.config().bulk_bytes_max();
    let shard = exec.shard(key);
    let before = shard.string_len(db, key)?;
    length(before, tail, max)?;
    let length = match before {
        Some(_) => shard.append(db, key, tail)?,
        None => {
            // As SET does, so that an appended number is stored as one.
            shard.set(db, key, tail, Expiry::Clear);
            tail.len()
        }
    };
    shard.notify(NotifyClass::STRING, "append", db, key);
    reply.count(length);
    Ok(())
}

/// How long a string is with `tail` behind it.
///
/// # Errors
/// There is one already, and it would be longer than `max`.
pub(crate) fn length(before: Option<usize>, tail: &[u8], max: u64) -> Result<usize, CommandError> {
    let length = before.unwrap_or(0) + tail.len();
    if before.is_some() && length as u64 > max {
        return Err(CommandError::TOO_LONG);
    }
    Ok(length)
}
