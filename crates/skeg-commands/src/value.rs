//! String values: replying with them, and looking at their bytes.

use skeg_engine::{Kind, StrRef};
use skeg_proto::Reply;

/// Replies with the value as a bulk string.
#[inline]
pub(crate) fn reply_string(reply: &mut Reply, value: StrRef<'_>) {
    match value {
        StrRef::Bytes(bytes) => reply.bulk(bytes),
        StrRef::Int(value) => reply.bulk_int(value),
    }
}

/// Replies with the value, or with null when there is none.
#[inline]
pub(crate) fn reply_optional(reply: &mut Reply, value: Option<StrRef<'_>>) {
    match value {
        Some(value) => reply_string(reply, value),
        None => reply.null(),
    }
}

/// Calls `look` with the value's bytes.
pub(crate) fn with_bytes<R>(value: StrRef<'_>, look: impl FnOnce(&[u8]) -> R) -> R {
    match value {
        StrRef::Bytes(bytes) => look(bytes),
        StrRef::Int(_) => {
            let mut digits = Vec::with_capacity(20);
            value.write_to(&mut digits);
            look(&digits)
        }
    }
}

/// The value's bytes; `digits` has room for those of an integer.
pub(crate) fn bytes_of<'a>(value: StrRef<'a>, digits: &'a mut Vec<u8>) -> &'a [u8] {
    match value {
        StrRef::Bytes(bytes) => bytes,
        StrRef::Int(_) => {
            digits.clear();
            value.write_to(digits);
            digits
        }
    }
}

/// A copy of the value's bytes.
pub(crate) fn to_vec(value: StrRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len());
    value.write_to(&mut bytes);
    bytes
}

/// The name that TYPE gives a kind of value.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::Hash => "hash",
        Kind::List => "list",
        Kind::Set => "set",
        Kind::SortedSet => "zset",
        _ => "unknown",
    }
}
