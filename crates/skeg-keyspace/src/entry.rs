//! The layout of one entry in its cell.
//!
//! ```text
//! mark: u8            bits 0-2 encoding (1 bytes, 2 integer; 0 is a free cell)
//!                     bit 3 has a deadline, bit 4 the cell is longer than the entry
//! deadline: u48       Unix milliseconds          } only with bit 3; all little-endian
//! place: u32          in the deadline index      }
//! key length          LEB128
//! key, value          bytes; an integer takes as few two's-complement bytes as hold it
//! ...                 unused
//! excess: u8          unused bytes, this one included; only with bit 4
//! ```
//!
//! The length of the value is what is left, so it is not stored.
//!
//! May not know: handles, pages, the table.

use std::ops::Range;

use crate::value::{EntryRef, StrRef};

const ENCODING: u8 = 0b111;
const ENCODING_BYTES: u8 = 1;
const ENCODING_INT: u8 = 2;
const HAS_DEADLINE: u8 = 1 << 3;
const HAS_EXCESS: u8 = 1 << 4;

/// Longer keys are compared by `memcmp`.
const COMPARED_IN_PLACE_MAX: usize = 32;

const DEADLINE: Range<usize> = 1..7;
const PLACE: Range<usize> = 7..11;

/// A value as it goes into a cell.
#[derive(Clone, Copy)]
pub(crate) enum Stored<'a> {
    Bytes(&'a [u8]),
    Int([u8; 8], usize),
}

impl<'a> Stored<'a> {
    pub(crate) fn new(value: StrRef<'a>) -> Self {
        match value {
            StrRef::Bytes(bytes) => Self::Bytes(bytes),
            StrRef::Int(value) => {
                let significant_bits = 65 - (value ^ (value >> 63)).leading_zeros() as usize;
                Self::Int(value.to_le_bytes(), significant_bits.div_ceil(8))
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Int(bytes, len) => &bytes[..*len],
        }
    }

    fn encoding(&self) -> u8 {
        match self {
            Self::Bytes(_) => ENCODING_BYTES,
            Self::Int(..) => ENCODING_INT,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Int(_, len) => *len,
        }
    }
}

fn decode_int(bytes: &[u8]) -> i64 {
    let sign = bytes.last().map_or(0, |last| i64::from(*last as i8) >> 7);
    bytes.iter().rev().fold(sign, |value, byte| value << 8 | i64::from(*byte))
}

fn key_len_bytes(key_len: usize) -> usize {
    let significant_bits = key_len.checked_ilog2().unwrap_or(0) as usize + 1;
    significant_bits.div_ceil(7)
}

/// Where the value begins: behind mark, deadline, key length and key.
#[inline]
pub(crate) fn value_start(key_len: usize, has_deadline: bool) -> usize {
    let fixed = if has_deadline { PLACE.end } else { DEADLINE.start };
    fixed + key_len_bytes(key_len) + key_len
}

/// Where the key lies.
#[inline]
fn key_range(cell: &[u8]) -> Range<usize> {
    let mut at = if cell[0] & HAS_DEADLINE == 0 { DEADLINE.start } else { PLACE.end };
    let first = cell[at];
    at += 1;
    let mut len = usize::from(first & 0x7f);
    if first >= 0x80 {
        let mut shift = 7;
        loop {
            let byte = cell[at];
            at += 1;
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
    }
    at..at + len
}

fn end(cell: &[u8]) -> usize {
    let excess = if cell[0] & HAS_EXCESS == 0 { 0 } else { cell[cell.len() - 1] };
    cell.len() - usize::from(excess)
}

/// The entry's key.
#[inline]
pub(crate) fn key(cell: &[u8]) -> &[u8] {
    &cell[key_range(cell)]
}

/// The entry's key, value and deadline.
#[inline]
pub(crate) fn view(cell: &[u8]) -> (&[u8], EntryRef<'_>) {
    let key = key_range(cell);
    let entry = view_from(cell, key.end);
    (&cell[key], entry)
}

/// The value and deadline of the entry, if its key is this one.
#[inline]
pub(crate) fn view_of<'a>(cell: &'a [u8], key: &[u8]) -> Option<EntryRef<'a>> {
    let range = key_range(cell);
    let start = range.end;
    is_same(&cell[range], key).then(|| view_from(cell, start))
}

/// Compares short keys in place: a call to `memcmp` costs more than they take.
#[inline]
fn is_same(one: &[u8], two: &[u8]) -> bool {
    if one.len() != two.len() {
        return false;
    }
    if one.len() > COMPARED_IN_PLACE_MAX {
        return one == two;
    }
    let ((one, one_rest), (two, two_rest)) = (one.as_chunks::<8>(), two.as_chunks::<8>());
    let mut rest = one_rest.iter().zip(two_rest);
    one.iter().zip(two).all(|(one, two)| one == two) && rest.all(|(one, two)| one == two)
}

/// Whether this is the entry's key.
#[inline]
pub(crate) fn has_key(cell: &[u8], key: &[u8]) -> bool {
    is_same(&cell[key_range(cell)], key)
}

#[inline]
fn view_from(cell: &[u8], value_start: usize) -> EntryRef<'_> {
    let value = &cell[value_start..end(cell)];
    let value = if cell[0] & ENCODING == ENCODING_INT {
        StrRef::Int(decode_int(value))
    } else {
        StrRef::Bytes(value)
    };
    EntryRef { value, expire_at_ms: deadline(cell) }
}

/// Where the value lies, if it is stored as bytes.
pub(crate) fn bytes_range(cell: &[u8]) -> Option<Range<usize>> {
    (cell[0] & ENCODING == ENCODING_BYTES).then(|| key_range(cell).end..end(cell))
}

/// The entry's deadline.
#[inline]
pub(crate) fn deadline(cell: &[u8]) -> Option<u64> {
    if cell[0] & HAS_DEADLINE == 0 {
        return None;
    }
    let mut whole = [0; 8];
    whole[..DEADLINE.len()].copy_from_slice(&cell[DEADLINE]);
    Some(u64::from_le_bytes(whole))
}

/// Changes the deadline of an entry that has one.
pub(crate) fn set_deadline(cell: &mut [u8], deadline: u64) {
    debug_assert!(cell[0] & HAS_DEADLINE != 0, "without a deadline there is no room for one");
    cell[DEADLINE].copy_from_slice(&deadline.to_le_bytes()[..DEADLINE.len()]);
}

/// Where the deadline index keeps this entry, which has a deadline.
pub(crate) fn place(cell: &[u8]) -> u32 {
    debug_assert!(cell[0] & HAS_DEADLINE != 0, "only entries with a deadline are indexed");
    let [a, b, c, d] = cell[PLACE] else { unreachable!("a place takes four bytes") };
    u32::from_le_bytes([a, b, c, d])
}

/// Notes where the deadline index keeps this entry, which has a deadline.
pub(crate) fn set_place(cell: &mut [u8], place: u32) {
    debug_assert!(cell[0] & HAS_DEADLINE != 0, "only entries with a deadline are indexed");
    cell[PLACE].copy_from_slice(&place.to_le_bytes());
}

/// Writes an entry into a cell that is at least [`value_start`] and the value long and less than
/// 256 bytes longer. The place of a deadline is left open.
pub(crate) fn write(cell: &mut [u8], key: &[u8], value: &Stored<'_>, deadline: Option<u64>) {
    cell[0] = 0;
    let mut at = DEADLINE.start;
    if let Some(deadline) = deadline {
        cell[0] = HAS_DEADLINE;
        set_deadline(cell, deadline);
        at = PLACE.end;
    }
    let mut len = key.len();
    while len >= 0x80 {
        cell[at] = len as u8 | 0x80;
        len >>= 7;
        at += 1;
    }
    cell[at] = len as u8;
    at += 1;
    cell[at..at + key.len()].copy_from_slice(key);
    write_value(cell, at + key.len(), value);
}

/// Writes another value into an entry; `start` is where it begins.
#[inline]
pub(crate) fn write_value(cell: &mut [u8], start: usize, value: &Stored<'_>) {
    let end = start + value.len();
    cell[start..end].copy_from_slice(value.bytes());
    seal(cell, end, value.encoding());
}

/// Makes the entry's value the bytes up to `end`, which are written already.
pub(crate) fn seal_bytes(cell: &mut [u8], end: usize) {
    seal(cell, end, ENCODING_BYTES);
}

fn seal(cell: &mut [u8], end: usize, encoding: u8) {
    let excess = cell.len() - end;
    debug_assert!(excess <= usize::from(u8::MAX), "a byte holds the excess");
    cell[0] = cell[0] & HAS_DEADLINE | encoding;
    if let Some(last) = cell[end..].last_mut() {
        *last = excess as u8;
        cell[0] |= HAS_EXCESS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(key: &[u8], value: StrRef<'_>, deadline: Option<u64>, excess: usize) {
        let stored = Stored::new(value);
        let needed = value_start(key.len(), deadline.is_some()) + stored.len();
        let mut cell = vec![0xee; needed + excess];
        write(&mut cell, key, &stored, deadline);
        if deadline.is_some() {
            set_place(&mut cell, 0xdead_beef);
            assert_eq!(place(&cell), 0xdead_beef);
        }
        assert_ne!(cell[0], 0);
        assert_eq!(super::key(&cell), key);
        assert_eq!(view(&cell), (key, EntryRef { value, expire_at_ms: deadline }));
    }

    #[test]
    fn integers_take_as_few_bytes_as_hold_them() {
        for (value, bytes) in [(0, 1), (127, 1), (128, 2), (-128, 1), (-129, 2), (i64::MAX, 8)] {
            assert_eq!(Stored::new(StrRef::Int(value)).len(), bytes, "{value}");
            round_trip(b"key", StrRef::Int(value), None, 3);
        }
        round_trip(b"", StrRef::Int(i64::MIN), Some(1), 0);
    }

    #[test]
    fn key_lengths_at_the_bounds_of_their_encoding() {
        for len in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000] {
            round_trip(&vec![7; len], StrRef::Bytes(b"value"), Some(u64::MAX >> 16), 31);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            key in prop::collection::vec(any::<u8>(), 0..300),
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            int in any::<i64>(), shift in 0..64,
            deadline in prop::option::of(0..1_u64 << 48),
            excess in 0..256_usize,
        ) {
            round_trip(&key, StrRef::Bytes(&bytes), deadline, excess);
            round_trip(&key, StrRef::Int(int >> shift), deadline, excess);
        }
    }
}
