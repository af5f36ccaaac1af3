//! Log space of commands whose effects are larger than their arguments, or on many elements.
//!
//! What happens to several elements of one key is one effect that names the key once; what happens
//! to places in a list is an effect for each.

use skeg_proto::Args;

/// Bytes of an element in an effect beside its own: its length, a score.
const ELEMENT_BYTES: usize = 20;

/// Bytes of an effect beside its key: opcode, lengths, numbers.
const EFFECT_BYTES: usize = 32;

/// Space for an element of this length.
pub(crate) fn element(len: usize) -> u64 {
    (len + ELEMENT_BYTES) as u64
}

/// Space for every argument as an element.
pub(crate) fn arguments(args: Args<'_>) -> u64 {
    (args.payload_bytes() + args.len() * ELEMENT_BYTES) as u64
}

/// Space for `count` effects on places in the list `key`.
pub(crate) fn places(key: &[u8], count: usize) -> u64 {
    (count as u64).saturating_mul((key.len() + EFFECT_BYTES) as u64)
}
