//! What RENAME, COPY and MOVE share: a value that goes to another key.
//!
//! Within a shard the effect names both keys. Between shards the value travels: the destination's record
//! holds it, so its log space is reserved when it is known, under the latches.

use skeg_engine::Exec;

use crate::cx::Cx;
use crate::error::CommandError;

/// A key of a database.
pub(super) type Place<'a> = (u8, &'a [u8]);

/// Bytes of log for the value when it goes from one key to another. A source whose deadline has passed is met
/// here, and so removed, however many shards there are. Between shards a collection that replaces another and
/// has a deadline names its key in three effects: once more than the arguments tell.
pub(super) fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, from: Place<'_>, to: &[u8]) -> u64 {
    if cx.engine().shard_of(from.1) == cx.engine().shard_of(to) {
        exec.shard(from.1).exists(from.0, from.1);
        return 0;
    }
    exec.shard(from.1).value_bytes(from.0, from.1) + to.len() as u64
}

/// Gives the value and deadline of `from` to `to`, which is replaced; `from` stays or goes. `false`
/// when there is no `from`. The two differ.
pub(super) fn transfer(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    from: Place<'_>,
    to: Place<'_>,
    keep_source: bool,
) -> Result<bool, CommandError> {
    if cx.engine().shard_of(from.1) == cx.engine().shard_of(to.1) {
        return Ok(exec.shard(from.1).move_key(from, to, keep_source));
    }
    let source = exec.shard(from.1);
    let value = match keep_source {
        true => source.copy_value(from.0, from.1)?,
        false => source.take_value(from.0, from.1)?,
    };
    let Some((value, expire_at_ms)) = value else { return Ok(false) };
    exec.shard(to.1).put_value(to.0, to.1, value, expire_at_ms);
    Ok(true)
}
