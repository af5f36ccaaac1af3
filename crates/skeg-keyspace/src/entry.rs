//! The layout of one entry in its cell.
//!
//! ```text
//! mark: u8            bits 0-2 encoding (1 bytes, 2 integer, 3 hash, 4 list, 5 set, 6 sorted
//!                     set; 0 is a free cell)
//!                     bit 3 has a deadline, bit 4 the cell is longer than the entry,
//!                     bit 5 the value is not here: of a string it is kept elsewhere (`Away`), of
//!                     a collection the number (u32) of an indexed one stands here
//! stamp: u32          when or how often the entry was used ([`Stamp`]); all little-endian
//! deadline: u48       Unix milliseconds          } only with bit 3
//! place: u32          in the deadline index      }
//! key length          LEB128
//! key, value          bytes; an integer takes as few two's-complement bytes as hold it; a
//!                     collection is flat or, with bit 5, a number; of a string with bit 5 length
//!                     (u32), home (u64) and what its owner knows of the place (12 bytes)
//! ...                 unused
//! excess: u8          unused bytes, this one included; only with bit 4
//! ```
//!
//! The length of the value is what is left, so it is not stored.
//!
//! May not know: handles, pages, the table.

use std::ops::Range;

use crate::stamp::Stamp;
use crate::value::{Away, Kind, StrRef, WrongType};

const ENCODING: u8 = 0b111 | IS_INDEXED;
const ENCODING_BYTES: u8 = 1;
const ENCODING_INT: u8 = 2;
const ENCODING_HASH: u8 = 3;
const ENCODING_LIST: u8 = 4;
const ENCODING_SET: u8 = 5;
const ENCODING_SORTED_SET: u8 = 6;
const HAS_DEADLINE: u8 = 1 << 3;
const HAS_EXCESS: u8 = 1 << 4;
const IS_INDEXED: u8 = 1 << 5;
const ENCODING_AWAY: u8 = ENCODING_BYTES | IS_INDEXED;
/// What stands in the cell of a string that is kept elsewhere.
const AWAY_BYTES: usize = 24;

/// Longer keys are compared by `memcmp`.
const COMPARED_IN_PLACE_MAX: usize = 32;

const STAMP: Range<usize> = 1..5;
const DEADLINE: Range<usize> = 5..11;
const PLACE: Range<usize> = 11..15;

/// What the value in a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellValue<'a> {
    Str(StrRef<'a>),
    /// A string that is kept elsewhere.
    Away(Away),
    /// A small collection.
    Flat(Kind, &'a [u8]),
    /// The number of a large collection.
    Indexed(Kind, u32),
}

/// A value as it goes into a cell.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    encoding: u8,
    /// The value, if `bytes` is none.
    short: [u8; AWAY_BYTES],
    short_bytes: u8,
    bytes: Option<&'a [u8]>,
}

fn encoding_of(kind: Kind) -> u8 {
    match kind {
        Kind::String => ENCODING_BYTES,
        Kind::Hash => ENCODING_HASH,
        Kind::List => ENCODING_LIST,
        Kind::Set => ENCODING_SET,
        Kind::SortedSet => ENCODING_SORTED_SET,
    }
}

impl<'a> Stored<'a> {
    #[inline]
    pub(crate) fn new(value: StrRef<'a>) -> Self {
        match value {
            StrRef::Bytes(bytes) => Self::of_bytes(ENCODING_BYTES, bytes),
            StrRef::Int(value) => {
                let significant_bits = 65 - (value ^ (value >> 63)).leading_zeros() as usize;
                let bytes = significant_bits.div_ceil(8) as u8;
                Self::of_short(ENCODING_INT, &value.to_le_bytes(), bytes)
            }
        }
    }

    /// A small collection.
    pub(crate) fn flat(kind: Kind, bytes: &'a [u8]) -> Self {
        Self::of_bytes(encoding_of(kind), bytes)
    }

    /// A large collection.
    pub(crate) fn indexed(kind: Kind, number: u32) -> Self {
        Self::of_short(encoding_of(kind) | IS_INDEXED, &number.to_le_bytes(), 4)
    }

    /// A string that is kept elsewhere.
    pub(crate) fn away(away: &Away) -> Self {
        let mut bytes = [0; AWAY_BYTES];
        bytes[..4].copy_from_slice(&away.len.to_le_bytes());
        bytes[4..12].copy_from_slice(&away.home.to_le_bytes());
        bytes[12..].copy_from_slice(&away.at);
        Self::of_short(ENCODING_AWAY, &bytes, AWAY_BYTES as u8)
    }

    /// The value of an entry, as it is.
    pub(crate) fn copied(cell: &'a [u8]) -> Self {
        Self::of_bytes(cell[0] & ENCODING, &cell[key_range(cell).end..end(cell)])
    }

    fn of_bytes(encoding: u8, bytes: &'a [u8]) -> Self {
        Self { encoding, short: [0; AWAY_BYTES], short_bytes: 0, bytes: Some(bytes) }
    }

    #[inline]
    fn of_short(encoding: u8, bytes: &[u8], short_bytes: u8) -> Self {
        let mut short = [0; AWAY_BYTES];
        short[..bytes.len()].copy_from_slice(bytes);
        Self { encoding, short, short_bytes, bytes: None }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self.bytes.unwrap_or(&self.short[..usize::from(self.short_bytes)])
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.map_or(usize::from(self.short_bytes), <[u8]>::len)
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

/// Where the value begins: behind mark, stamp, deadline, key length and key.
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

/// The entry's key and value.
#[inline]
pub(crate) fn view(cell: &[u8]) -> (&[u8], CellValue<'_>) {
    let key = key_range(cell);
    let value = value_from(cell, key.end);
    (&cell[key], value)
}

/// The value of the entry, if its key is this one.
#[inline]
pub(crate) fn view_of<'a>(cell: &'a [u8], key: &[u8]) -> Option<CellValue<'a>> {
    let range = key_range(cell);
    let start = range.end;
    is_same(&cell[range], key).then(|| value_from(cell, start))
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
    // The last bytes may overlap those before them.
    if one.len() >= 8 {
        let mut chunks = one.as_chunks::<8>().0.iter().zip(two.as_chunks::<8>().0);
        return chunks.all(|(one, two)| one == two) && one.last_chunk::<8>() == two.last_chunk();
    }
    if one.len() >= 4 {
        let starts_same = one.first_chunk::<4>() == two.first_chunk();
        return starts_same && one.last_chunk::<4>() == two.last_chunk();
    }
    one.iter().zip(two).all(|(one, two)| one == two)
}

/// Whether this is the entry's key.
#[inline]
pub(crate) fn has_key(cell: &[u8], key: &[u8]) -> bool {
    is_same(&cell[key_range(cell)], key)
}

#[inline]
fn value_from(cell: &[u8], value_start: usize) -> CellValue<'_> {
    let value = &cell[value_start..end(cell)];
    match cell[0] & ENCODING {
        ENCODING_BYTES => CellValue::Str(StrRef::Bytes(value)),
        ENCODING_INT => CellValue::Str(StrRef::Int(decode_int(value))),
        ENCODING_AWAY => CellValue::Away(away_from(value)),
        encoding => collection_from(encoding, value),
    }
}

#[inline(never)]
fn away_from(value: &[u8]) -> Away {
    let bytes = value.first_chunk::<AWAY_BYTES>().expect("a string elsewhere takes 24 bytes");
    let [a, b, c, d, home @ .., _, _, _, _, _, _, _, _, _, _, _, _] = *bytes;
    let at = *bytes.last_chunk().expect("twelve of them");
    Away { len: u32::from_le_bytes([a, b, c, d]), home: u64::from_le_bytes(home), at }
}

#[inline(never)]
fn collection_from(encoding: u8, value: &[u8]) -> CellValue<'_> {
    let kind = match encoding & !IS_INDEXED {
        ENCODING_HASH => Kind::Hash,
        ENCODING_LIST => Kind::List,
        ENCODING_SET => Kind::Set,
        ENCODING_SORTED_SET => Kind::SortedSet,
        _ => unreachable!("no entry has another encoding"),
    };
    if encoding & IS_INDEXED == 0 {
        return CellValue::Flat(kind, value);
    }
    let [a, b, c, d] = *value else { unreachable!("a number takes four bytes") };
    CellValue::Indexed(kind, u32::from_le_bytes([a, b, c, d]))
}

/// Whether all of the value is in the cell.
#[inline]
pub(crate) fn is_here(cell: &[u8]) -> bool {
    cell[0] & IS_INDEXED == 0
}

/// The number of the large collection that the entry holds, if it holds one.
pub(crate) fn number(cell: &[u8]) -> Option<u32> {
    match view(cell).1 {
        CellValue::Indexed(_, number) => Some(number),
        _ => None,
    }
}

/// The number of the collection of this kind that the entry holds, if it is a large one.
#[inline]
pub(crate) fn number_of(cell: &[u8], kind: Kind) -> Result<Option<u32>, WrongType> {
    let encoding = cell[0] & ENCODING;
    if encoding & !IS_INDEXED != encoding_of(kind) || kind == Kind::String {
        return Err(WrongType);
    }
    if encoding & IS_INDEXED == 0 {
        return Ok(None);
    }
    let [a, b, c, d] = cell[key_range(cell).end..][..4] else {
        unreachable!("a number takes four bytes")
    };
    Ok(Some(u32::from_le_bytes([a, b, c, d])))
}

/// Where the entry's string is kept, if that is elsewhere.
pub(crate) fn away(cell: &[u8]) -> Option<Away> {
    (cell[0] & ENCODING == ENCODING_AWAY).then(|| away_from(&cell[key_range(cell).end..end(cell)]))
}

/// Where the value lies, if it is stored as bytes or is a small collection.
pub(crate) fn value_range(cell: &[u8]) -> Option<Range<usize>> {
    let is_bytes = cell[0] & IS_INDEXED == 0 && cell[0] & ENCODING != ENCODING_INT;
    is_bytes.then(|| key_range(cell).end..end(cell))
}

/// When or how often the entry was used.
#[inline]
pub(crate) fn stamp(cell: &[u8]) -> Stamp {
    let [a, b, c, d] = cell[STAMP] else { unreachable!("a stamp takes four bytes") };
    Stamp(u32::from_le_bytes([a, b, c, d]))
}

/// Notes when or how often the entry was used.
#[inline]
pub(crate) fn set_stamp(cell: &mut [u8], stamp: Stamp) {
    cell[STAMP].copy_from_slice(&stamp.0.to_le_bytes());
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
pub(crate) fn write(
    cell: &mut [u8],
    key: &[u8],
    value: &Stored<'_>,
    deadline: Option<u64>,
    stamp: Stamp,
) {
    cell[0] = 0;
    set_stamp(cell, stamp);
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
    seal(cell, end, value.encoding);
}

/// Makes the entry's value the bytes up to `end`, which are written already.
pub(crate) fn reseal(cell: &mut [u8], end: usize) {
    seal(cell, end, cell[0] & ENCODING);
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
        write(&mut cell, key, &stored, deadline, Stamp::default());
        if deadline.is_some() {
            set_place(&mut cell, 0xdead_beef);
            assert_eq!(place(&cell), 0xdead_beef);
        }
        assert_ne!(cell[0], 0);
        assert_eq!(super::key(&cell), key);
        assert_eq!(view(&cell), (key, CellValue::Str(value)));
        assert_eq!(super::deadline(&cell), deadline);
    }

    #[test]
    fn collections_are_flat_or_numbers() {
        for kind in [Kind::Hash, Kind::List, Kind::Set, Kind::SortedSet] {
            let flat = (Stored::flat(kind, b"flat"), CellValue::Flat(kind, b"flat"));
            let indexed = (Stored::indexed(kind, 70_000), CellValue::Indexed(kind, 70_000));
            for (stored, value) in [flat, indexed] {
                let mut cell = vec![0; value_start(3, false) + 5];
                write(&mut cell, b"key", &stored, None, Stamp::default());
                assert_eq!(view(&cell), (&b"key"[..], value));
                let number = matches!(value, CellValue::Indexed(..)).then_some(70_000);
                assert_eq!(number_of(&cell, kind), Ok(number));
                for other in [Kind::String, Kind::Hash, Kind::List, Kind::Set, Kind::SortedSet] {
                    assert_eq!(number_of(&cell, other).is_ok(), other == kind);
                }
                let mut copy = vec![0; value_start(3, true) + 9];
                write(&mut copy, b"key", &Stored::copied(&cell), Some(7), Stamp::default());
                assert_eq!(view(&copy), (&b"key"[..], value));
                assert_eq!(deadline(&copy), Some(7));
            }
        }
    }

    #[test]
    fn a_string_elsewhere_is_a_length_and_a_place() {
        let away = Away { len: u32::MAX - 1, home: 1 << 61, at: *b"twelve bytes" };
        let stored = Stored::away(&away);
        for excess in [0, 9] {
            let mut cell = vec![0xee; value_start(3, true) + stored.len() + excess];
            write(&mut cell, b"key", &stored, Some(7), Stamp::default());
            assert_eq!(view(&cell), (&b"key"[..], CellValue::Away(away)));
            assert_eq!(super::away(&cell), Some(away));
            assert_eq!((number(&cell), value_range(&cell)), (None, None));
            let mut copy = vec![0; value_start(3, false) + stored.len()];
            write(&mut copy, b"key", &Stored::copied(&cell), None, Stamp::default());
            assert_eq!(super::away(&copy), Some(away));
        }
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
