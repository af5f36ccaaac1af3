//! Bits of strings: bit 0 is the highest bit of the first byte. What the commands on them share.
//!
//! May not know: keys, shards.

use std::ops::Range;

use skeg_proto::Args;

use crate::error::CommandError;
use crate::parse;
use crate::ranges;

/// Where a bit is: a number of bits from the start, below `bytes_max` bytes.
///
/// # Errors
/// It is no such number.
pub(super) fn offset_arg(arg: &[u8], bytes_max: u64) -> Result<u64, CommandError> {
    let offset = parse::integer(arg).and_then(|offset| u64::try_from(offset).ok());
    checked_offset(offset, bytes_max)
}

/// The offset, if there is one and it is below `bytes_max` bytes.
///
/// # Errors
/// It is not.
pub(super) fn checked_offset(offset: Option<u64>, bytes_max: u64) -> Result<u64, CommandError> {
    let error = CommandError::constant("ERR bit offset is not an integer or out of range");
    offset.filter(|offset| offset / 8 < bytes_max).ok_or(error)
}

/// Whether the bit is set; none is behind the end.
pub(super) fn bit(bytes: &[u8], offset: u64) -> bool {
    bytes.get((offset / 8) as usize).is_some_and(|byte| byte & mask(offset) != 0)
}

/// The bit within its byte.
pub(super) fn mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}

/// Part of a string, as BITCOUNT and BITPOS take it: `[start [end [BYTE | BIT]]]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    start: i64,
    /// `None`: to the end of the string.
    end: Option<i64>,
    /// Counted in bits, not in bytes.
    in_bits: bool,
}

impl Part {
    /// Reads these arguments.
    ///
    /// # Errors
    /// They are no numbers, or too many.
    pub(super) fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let start = args.try_get(0).map_or(Ok(0), parse::int_arg)?;
        let end = args.try_get(1).map(parse::int_arg).transpose()?;
        let unit = args.try_get(2).map(|unit| parse::one_of(unit, "BIT", "BYTE"));
        let in_bits = unit.map_or(Some(false), |unit| unit).ok_or(CommandError::SYNTAX)?;
        if args.len() > 3 { Err(CommandError::SYNTAX) } else { Ok(Self { start, end, in_bits }) }
    }

    /// Whether the end of the part was given.
    pub(super) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// The bits of the part in a string of this many bytes.
    pub(super) fn bits(&self, len: usize) -> Range<usize> {
        let unit = if self.in_bits { 1 } else { 8 };
        let part = ranges::substring(self.start, self.end.unwrap_or(-1), len * 8 / unit);
        part.start * unit..part.end * unit
    }
}

/// How many bits of the range are set; it lies within the bytes.
pub(super) fn count(bytes: &[u8], range: Range<usize>) -> u64 {
    if range.is_empty() {
        return 0;
    }
    let (first, last) = (range.start / 8, (range.end - 1) / 8);
    let (words, rest) = bytes[first..=last].as_chunks::<8>();
    let ones: u64 =
        words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
    let before = (bytes[first] & !(0xFF >> (range.start % 8))).count_ones();
    let behind = (bytes[last] & (0x7F >> ((range.end - 1) % 8))).count_ones();
    ones + u64::from(rest) - u64::from(before + behind)
}

/// The first bit of the range that is as asked for; the range lies within the bytes.
pub(super) fn find(bytes: &[u8], range: Range<usize>, set: bool) -> Option<usize> {
    if range.is_empty() {
        return None;
    }
    // What is looked for is one in `byte ^ other`.
    let other = if set { 0 } else { 0xFF };
    let (first, last) = (range.start / 8, (range.end - 1) / 8);
    let at = |index: usize, wanted: u8| index * 8 + wanted.leading_zeros() as usize;
    let head = (bytes[first] ^ other) & (0xFF >> (range.start % 8));
    let found = if head != 0 {
        at(first, head)
    } else {
        let rest = &bytes[first + 1..=last];
        let (words, _) = rest.as_chunks::<8>();
        let skipped = 8 * words.iter().take_while(|word| **word == [other; 8]).count();
        let index = skipped + rest[skipped..].iter().position(|byte| *byte != other)?;
        at(first + 1 + index, rest[index] ^ other)
    };
    Some(found).filter(|found| *found < range.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings() -> impl Strategy<Value = Vec<u8>> {
        // Long runs of equal bytes, too.
        let runs = (prop_oneof![Just(0), Just(0xFF), any::<u8>()], 1_usize..20);
        prop::collection::vec(runs, 0..5).prop_map(|runs| {
            runs.into_iter().flat_map(|(byte, len)| std::iter::repeat_n(byte, len)).collect()
        })
    }

    proptest! {
        #[test]
        fn a_range_is_as_its_bits_one_by_one(bytes in strings(), a: usize, b: usize, set: bool) {
            let bits = bytes.len() * 8;
            let (a, b) = (a % (bits + 1), b % (bits + 1));
            let range = a.min(b)..a.max(b);
            let is_set = |at: &usize| bit(&bytes, *at as u64);
            let ones = range.clone().filter(is_set).count() as u64;
            prop_assert_eq!(count(&bytes, range.clone()), ones);
            let first = range.clone().find(|at| is_set(at) == set);
            prop_assert_eq!(find(&bytes, range, set), first);
        }
    }
}
