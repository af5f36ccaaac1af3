//! RESTORE as Redis writes it into an append-only file: its payload is a value of a dump.
//!
//! May not know: what becomes of it.

use skeg_proto::Args;
use skeg_rdb::{RdbReader, Value};

/// What is restored.
#[derive(Debug, PartialEq)]
pub(super) struct Restored<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: Value,
    /// When it expires, in Unix milliseconds.
    pub(super) expire_at_ms: Option<u64>,
    /// Whether it takes the place of what is there.
    pub(super) replaces: bool,
}

/// Whether a command is one.
pub(super) fn is_restore(args: Args<'_>) -> bool {
    args.get(0).eq_ignore_ascii_case(b"restore")
}

/// Reads one.
///
/// # Errors
/// What no file of Redis has: a deadline that counts from now on, a payload that is damaged.
pub(super) fn read(args: Args<'_>) -> Result<Restored<'_>, String> {
    let (Some(key), Some(ttl), Some(payload)) = (args.try_get(1), args.try_get(2), args.try_get(3))
    else {
        return Err("RESTORE without key, deadline and payload".into());
    };
    let has = |word: &[u8]| args.iter().skip(4).any(|given| given.eq_ignore_ascii_case(word));
    let ttl = std::str::from_utf8(ttl).ok().and_then(|ttl| ttl.parse::<u64>().ok());
    let expire_at_ms = match ttl {
        Some(0) => None,
        Some(at_ms) if has(b"absttl") => Some(at_ms),
        _ => return Err("RESTORE with a deadline that counts from now on".into()),
    };
    let value =
        RdbReader::payload(payload).map_err(|error| format!("RESTORE's payload: {error}"))?;
    Ok(Restored { key, value, expire_at_ms, replaces: has(b"replace") })
}
