//! What RENAME, COPY and MOVE share: a value that goes to another key.
//!
//! Within a shard the effect names both keys. Between shards the value travels: the destination's record
//! holds it, so its log space is reserved when it is known, under the latches.

use skeg_engine::{Exec, Expiry};

use crate::cx::Cx;

/// A key of a database.
pub(super) type Place<'a> = (u8, &'a [u8]);

/// Bytes of the value that must be logged when it goes from one key to another.
pub(super) fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, from: Place<'_>, to: &[u8]) -> u64 {
    if cx.engine().shard_of(from.1) == cx.engine().shard_of(to) {
        return 0;
    }
    let value = exec.shard(from.1).string(from.0, from.1);
    value.ok().flatten().map_or(0, |value| value.len() as u64)
}

/// Gives the value and deadline of `from` to `to`, which is replaced; `from` stays or goes. `false`
/// when there is no `from`. The two differ.
pub(super) fn transfer(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    from: Place<'_>,
    to: Place<'_>,
    keep_source: bool,
) -> bool {
    if cx.engine().shard_of(from.1) == cx.engine().shard_of(to.1) {
        return exec.shard(from.1).move_key(from, to, keep_source);
    }
    let Some((value, expire_at_ms)) = exec.shard(from.1).value_of(from.0, from.1) else {
        return false;
    };
    let expiry = expire_at_ms.map_or(Expiry::Clear, Expiry::At);
    exec.shard(to.1).set(to.0, to.1, &value, expiry);
    if !keep_source {
        exec.shard(from.1).remove(from.0, from.1);
    }
    true
}
