//! What INCR and its relatives share: adding to a string that is an integer.

use skeg_engine::{Exec, NotifyClass, StrRef};
use skeg_proto::Reply;

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::Outcome;

/// What becomes of a string (none: 0) when `delta` is added to it.
///
/// # Errors
/// It is no integer, or the sum does not fit 64 bits.
pub(crate) fn sum(value: Option<StrRef<'_>>, delta: i64) -> Result<i64, CommandError> {
    let value = match value {
        None => 0,
        Some(StrRef::Int(value)) => value,
        Some(StrRef::Bytes(bytes)) => parse::int_arg(bytes)?,
    };
    let overflow = CommandError::constant("ERR increment or decrement would overflow");
    value.checked_add(delta).ok_or(overflow)
}

/// Adds `delta` to the integer that the key holds (0 when it is missing) and replies with the sum.
///
/// # Errors
/// The key holds something else, or the sum does not fit 64 bits.
pub(super) fn add(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    key: &[u8],
    delta: i64,
    reply: &mut Reply,
) -> Outcome {
    let shard = exec.shard(key);
    let sum = shard.change_int(cx.db(), key, |value| sum(value, delta))?;
    shard.notify(NotifyClass::STRING, "incrby", cx.db(), key);
    reply.int(sum);
    Ok(())
}
