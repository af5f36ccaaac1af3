//! The bytes of one element of a collection: a field, a member, an item, a value or a score.
//!
//! ```text
//! 0 ..= 120    a string of that length follows
//! 121 ..= 128  an integer of 1 to 8 two's-complement bytes, little-endian, follows
//! 129          a floating-point number (f64, little-endian) follows
//! 130          a length (u32, little-endian) and a string of it follow
//! 131          the number (u32) of a string that lies elsewhere follows
//! 132 ..= 255  an integer from 0 to 123, in this byte
//! ```
//!
//! Every string has exactly one form in a place (only a table puts long ones elsewhere), so equal
//! strings are equal bytes: canonical decimal text is always an integer, and vice versa.
//!
//! May not know: what the elements of a collection mean, where they lie.

use std::cmp::Ordering;

use crate::value::{StrRef, canonical_int};

/// The longest string whose length is the first byte.
pub(crate) const SHORT_BYTES_MAX: usize = 120;
const INT_1: u8 = SHORT_BYTES_MAX as u8 + 1;
const INT_8: u8 = INT_1 + 7;
const FLOAT: u8 = INT_8 + 1;
const LONG: u8 = FLOAT + 1;
const ELSEWHERE: u8 = LONG + 1;
const SMALL_INT: u8 = ELSEWHERE + 1;
const SMALL_INT_MAX: i64 = (u8::MAX - SMALL_INT) as i64;

const LONG_HEAD_BYTES: usize = 5;
const HEAD_BYTES_MAX: usize = 9;

/// An element as it goes into a collection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: u8,
    tail: &'a [u8],
}

impl<'a> Element<'a> {
    /// A string.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        match canonical_int(bytes) {
            Some(value) => Self::int(value),
            None => Self::bytes(bytes),
        }
    }

    /// What was read from a collection.
    pub(crate) fn of(value: StrRef<'a>) -> Self {
        match value {
            StrRef::Bytes(bytes) => Self::bytes(bytes),
            StrRef::Int(value) => Self::int(value),
        }
    }

    fn bytes(tail: &'a [u8]) -> Self {
        if tail.len() <= SHORT_BYTES_MAX {
            return Self { head_bytes: 1, tail, ..Self::head(&[tail.len() as u8]) };
        }
        let len = u32::try_from(tail.len()).expect("no string is longer than 4 GiB");
        let [a, b, c, d] = len.to_le_bytes();
        Self { tail, ..Self::head(&[LONG, a, b, c, d]) }
    }

    fn int(value: i64) -> Self {
        if (0..=SMALL_INT_MAX).contains(&value) {
            return Self::head(&[SMALL_INT + value as u8]);
        }
        let significant_bits = 65 - (value ^ (value >> 63)).leading_zeros() as usize;
        let bytes = significant_bits.div_ceil(8);
        let mut head = [0; HEAD_BYTES_MAX];
        head[0] = INT_1 + bytes as u8 - 1;
        head[1..=bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        Self { head, head_bytes: bytes as u8 + 1, tail: &[] }
    }

    /// A score: an integer where it is one, because most are.
    pub(crate) fn score(score: f64) -> Self {
        let int = score as i64;
        if (int as f64).to_bits() == score.to_bits() {
            return Self::int(int);
        }
        let mut head = [0; HEAD_BYTES_MAX];
        head[0] = FLOAT;
        head[1..].copy_from_slice(&score.to_le_bytes());
        Self { head, head_bytes: HEAD_BYTES_MAX as u8, tail: &[] }
    }

    /// A string that lies elsewhere.
    pub(crate) fn elsewhere(number: u32) -> Self {
        let [a, b, c, d] = number.to_le_bytes();
        Self::head(&[ELSEWHERE, a, b, c, d])
    }

    fn head(bytes: &[u8]) -> Self {
        let mut head = [0; HEAD_BYTES_MAX];
        head[..bytes.len()].copy_from_slice(bytes);
        Self { head, head_bytes: bytes.len() as u8, tail: &[] }
    }

    /// The bytes it takes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.head_bytes) + self.tail.len()
    }

    /// The string.
    #[inline]
    pub(crate) fn value(&self) -> StrRef<'a> {
        match self.head[0] {
            0..INT_1 | LONG => StrRef::Bytes(self.tail),
            int @ INT_1..=INT_8 => StrRef::Int(int_at(&self.head, int)),
            small @ SMALL_INT.. => StrRef::Int(i64::from(small - SMALL_INT)),
            FLOAT | ELSEWHERE => unreachable!("only scores and tables have these"),
        }
    }

    /// The score.
    pub(crate) fn number(&self) -> f64 {
        score(&self.head)
    }

    /// The string that a table puts elsewhere, if it is too long to lie among others.
    pub(crate) fn long(&self) -> Option<&'a [u8]> {
        (self.head[0] == LONG).then_some(self.tail)
    }

    /// Writes the element to the start of `out`.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8]) {
        let head_bytes = usize::from(self.head_bytes);
        // Short strings have a head of one byte: no call for that.
        out[0] = self.head[0];
        if head_bytes > 1 {
            out[1..head_bytes].copy_from_slice(&self.head[1..head_bytes]);
        }
        if !self.tail.is_empty() {
            out[head_bytes..head_bytes + self.tail.len()].copy_from_slice(self.tail);
        }
    }

    /// Whether `bytes` begin with this very element.
    #[inline]
    pub(crate) fn is_at(&self, bytes: &[u8]) -> bool {
        let head_bytes = usize::from(self.head_bytes);
        bytes.first() == Some(&self.head[0])
            && bytes.len() >= self.len()
            && (head_bytes == 1 || bytes[1..head_bytes] == self.head[1..head_bytes])
            && bytes[head_bytes..head_bytes + self.tail.len()] == *self.tail
    }
}

fn number_at(bytes: &[u8]) -> u32 {
    let [a, b, c, d] = bytes[1..LONG_HEAD_BYTES] else {
        unreachable!("four bytes follow the first")
    };
    u32::from_le_bytes([a, b, c, d])
}

/// The bytes that the element at the start of `bytes` takes. Branches rather than a table: walks do little
/// else, and guess them well, where a look-up is waited for.
#[inline]
pub(crate) fn len(bytes: &[u8]) -> usize {
    match bytes[0] {
        short @ 0..INT_1 => usize::from(short) + 1,
        int @ INT_1..=INT_8 => usize::from(int - INT_1) + 2,
        SMALL_INT.. => 1,
        FLOAT => HEAD_BYTES_MAX,
        LONG => LONG_HEAD_BYTES + number_at(bytes) as usize,
        ELSEWHERE => LONG_HEAD_BYTES,
    }
}

/// The element at the start of `bytes`, a string that lies here. Always inline: walks call it for every
/// element, and what it returns is then never in memory.
#[inline(always)]
pub(crate) fn string(bytes: &[u8]) -> StrRef<'_> {
    match bytes[0] {
        short @ 0..INT_1 => StrRef::Bytes(&bytes[1..=usize::from(short)]),
        int @ INT_1..=INT_8 => StrRef::Int(int_at(bytes, int)),
        LONG => StrRef::Bytes(&bytes[LONG_HEAD_BYTES..][..number_at(bytes) as usize]),
        small @ SMALL_INT.. => StrRef::Int(i64::from(small - SMALL_INT)),
        FLOAT | ELSEWHERE => unreachable!("only scores and tables have these"),
    }
}

/// The number under which the string at the start of `bytes` lies elsewhere, if it does.
#[inline]
pub(crate) fn number_elsewhere(bytes: &[u8]) -> Option<u32> {
    (bytes[0] == ELSEWHERE).then(|| number_at(bytes))
}

/// The score at the start of `bytes`.
#[inline]
pub(crate) fn score(bytes: &[u8]) -> f64 {
    score_and_len(bytes).0
}

/// The score at the start of `bytes`, and the bytes that it takes.
#[inline]
pub(crate) fn score_and_len(bytes: &[u8]) -> (f64, usize) {
    match bytes[0] {
        int @ INT_1..=INT_8 => (int_at(bytes, int) as f64, usize::from(int - INT_1) + 2),
        small @ SMALL_INT.. => (f64::from(small - SMALL_INT), 1),
        FLOAT => {
            let mut float = [0; 8];
            float.copy_from_slice(&bytes[1..HEAD_BYTES_MAX]);
            (f64::from_le_bytes(float), HEAD_BYTES_MAX)
        }
        _ => unreachable!("a score is a number"),
    }
}

/// The integer behind its first byte.
#[inline]
fn int_at(bytes: &[u8], first: u8) -> i64 {
    let len = usize::from(first - INT_1) + 1;
    if let Some(word) = bytes[1..].first_chunk::<8>() {
        // What follows the integer is shifted out.
        let unused = 64 - 8 * len as u32;
        return i64::from_le_bytes(*word) << unused >> unused;
    }
    let bytes = &bytes[1..=len];
    let sign = bytes.last().map_or(0, |last| i64::from(*last as i8) >> 7);
    bytes.iter().rev().fold(sign, |value, byte| value << 8 | i64::from(*byte))
}

/// Calls `look` with the bytes of a string.
#[inline]
pub(crate) fn with_bytes<R>(value: StrRef<'_>, look: impl FnOnce(&[u8]) -> R) -> R {
    match value {
        StrRef::Bytes(bytes) => look(bytes),
        StrRef::Int(value) => look(itoa::Buffer::new().format(value).as_bytes()),
    }
}

/// Compares two strings by their bytes.
pub(crate) fn compare(one: StrRef<'_>, two: StrRef<'_>) -> Ordering {
    with_bytes(one, |one| with_bytes(two, |two| one.cmp(two)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(element: &Element<'_>) -> Vec<u8> {
        let mut bytes = vec![0; element.len()];
        element.write(&mut bytes);
        assert!(element.is_at(&bytes));
        assert_eq!(len(&bytes), bytes.len());
        bytes
    }

    fn round_trip(text: &[u8]) -> usize {
        let bytes = encoded(&Element::new(text));
        with_bytes(string(&bytes), |read| assert_eq!(read, text));
        assert_eq!(encoded(&Element::of(string(&bytes))), bytes);
        bytes.len()
    }

    #[test]
    fn elements_take_few_bytes() {
        let of_text = [("", 1), ("0", 1), ("123", 1), ("124", 2), ("-1", 2), ("128", 3)];
        for (text, bytes) in of_text.into_iter().chain([("1234567890", 5), ("01", 3)]) {
            assert_eq!(round_trip(text.as_bytes()), bytes, "{text}");
        }
        for len in [119, 120, 121, 1_000, 70_000] {
            let head = if len <= SHORT_BYTES_MAX { 1 } else { LONG_HEAD_BYTES };
            assert_eq!(round_trip(&vec![b'x'; len]), len + head);
        }
        assert_eq!(number_elsewhere(&encoded(&Element::elsewhere(77_000))), Some(77_000));
    }

    #[test]
    fn scores_keep_their_bits() {
        let scores =
            [0.0, -0.0, 1.0, -1.0, 1.5, 9e15, 1e300, f64::INFINITY, f64::MIN, i64::MAX as f64];
        for value in scores {
            assert_eq!(score(&encoded(&Element::score(value))).to_bits(), value.to_bits());
        }
        assert_eq!(encoded(&Element::score(100.0)).len(), 1);
        assert!(score(&encoded(&Element::score(f64::NAN))).is_nan());
    }

    proptest! {
        #[test]
        fn strings_are_read_back_and_told_apart(
            one in prop_oneof!["[-+]?[0-9]{0,20}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..300)],
            two in prop::collection::vec(any::<u8>(), 0..4),
            score_bits in any::<u64>(),
        ) {
            round_trip(&one);
            let bytes = encoded(&Element::new(&two));
            prop_assert_eq!(Element::new(&one).is_at(&bytes), one == two);
            prop_assert_eq!(compare(string(&bytes), StrRef::Bytes(&one)), two.cmp(&one));
            let value = f64::from_bits(score_bits);
            prop_assert_eq!(score(&encoded(&Element::score(value))).to_bits(), score_bits);
        }
    }
}
