//! Ranges of indexes and ranks, and arguments that count.

use std::ops::Range;

use skeg_engine::End;
use skeg_proto::Args;

use crate::error::CommandError;
use crate::parse;

/// The range from `start` to `stop`, both included, of something of length `len`; negative ones count
/// from the end. Empty when there is nothing between them.
pub(crate) fn indexes(start: i64, stop: i64, len: usize) -> Range<usize> {
    let signed_len = i64::try_from(len).unwrap_or(i64::MAX);
    let from_start = |index: i64| if index < 0 { index.saturating_add(signed_len) } else { index };
    let (start, stop) = (from_start(start).max(0), from_start(stop).min(signed_len - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

/// The range from `start` to `end` of a string of length `len`, as GETRANGE and BITCOUNT have it: as
/// [`indexes`], but an end before the first is the first, unless it is before a start that counts from the
/// end, too.
pub(crate) fn substring(start: i64, end: i64, len: usize) -> Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let signed_len = i64::try_from(len).unwrap_or(i64::MAX);
    let end = if end < 0 { end.saturating_add(signed_len).max(0) } else { end };
    indexes(start, end, len)
}

/// Where an index is; a negative one counts from the end.
pub(crate) fn index(index: i64, len: usize) -> Option<usize> {
    let from_end = |back: u64| usize::try_from(back).ok().and_then(|back| len.checked_sub(back));
    let at =
        if index < 0 { from_end(index.unsigned_abs())? } else { usize::try_from(index).ok()? };
    (at < len).then_some(at)
}

/// A number of at least `min`, or `error`, also when it is no number.
pub(crate) fn count(text: &[u8], min: i64, error: &'static str) -> Result<usize, CommandError> {
    let value = parse::integer(text).filter(|value| *value >= min);
    value.and_then(|value| usize::try_from(value).ok()).ok_or(CommandError::constant(error))
}

/// A number that is not negative, or the usual error.
pub(crate) fn not_negative(text: &[u8]) -> Result<usize, CommandError> {
    count(text, 0, "ERR value is out of range, must be positive")
}

/// The keys and options of LMPOP and ZMPOP: `numkeys key [key ...] <one | other> [COUNT count]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pop<'a> {
    /// The keys, in order.
    pub(crate) keys: Args<'a>,
    pub(crate) numkeys: usize,
    /// The front for the first of the two words.
    pub(crate) end: End,
    pub(crate) count: usize,
}

impl<'a> Pop<'a> {
    /// Reads them.
    pub(crate) fn parse(args: Args<'a>, one: &str, other: &str) -> Result<Self, CommandError> {
        let numkeys = count(args.get(1), 1, "ERR numkeys should be greater than 0")?;
        let mut at = numkeys.saturating_add(2);
        let word = args.try_get(at).ok_or(CommandError::SYNTAX)?;
        let first = parse::one_of(word, one, other).ok_or(CommandError::SYNTAX)?;
        let end = if first { End::Front } else { End::Back };
        let mut pops = None;
        at += 1;
        while let Some(word) = args.try_get(at) {
            match args.try_get(at + 1) {
                Some(number) if pops.is_none() && parse::is_word(word, "COUNT") => {
                    pops = Some(count(number, 1, "ERR count should be greater than 0")?);
                }
                _ => return Err(CommandError::SYNTAX),
            }
            at += 2;
        }
        Ok(Self { keys: args.tail(2), numkeys, end, count: pops.unwrap_or(1) })
    }

    /// The keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        self.keys.iter().take(self.numkeys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_strings_count_from_either_end() {
        let text = "Hello World";
        for (start, end, expected) in [
            (0, 3, "Hell"),
            (0, -1, "Hello World"),
            (-4, -1, "orld"),
            (5, 3, ""),
            (5, 5_000, " World"),
            (-5_000, 10_000, "Hello World"),
            (-1, -5, ""),
            (0, -100, "H"),
            (i64::MIN, i64::MAX, "Hello World"),
            (i64::MAX, i64::MIN, ""),
        ] {
            assert_eq!(&text[substring(start, end, text.len())], expected, "{start} {end}");
        }
        assert_eq!(substring(0, -1, 0), 0..0);
    }
    use skeg_proto::ArgsBuf;

    #[test]
    fn indexes_count_from_either_end() {
        for (start, stop, len, expected) in [
            (0, -1, 3, 0..3),
            (0, 0, 3, 0..1),
            (-2, -1, 3, 1..3),
            (-100, 100, 3, 0..3),
            (2, 1, 3, 0..0),
            (3, 5, 3, 0..0),
            (0, -4, 3, 0..0),
            (i64::MIN, i64::MAX, 3, 0..3),
            (i64::MAX, i64::MIN, 3, 0..0),
            (0, -1, 0, 0..0),
        ] {
            assert_eq!(indexes(start, stop, len), expected, "{start} {stop} of {len}");
        }
        assert_eq!([0, 2, -1, -3].map(|at| index(at, 3)), [Some(0), Some(2), Some(2), Some(0)]);
        assert_eq!([3, -4, i64::MIN, i64::MAX].map(|at| index(at, 3)), [None; 4]);
    }

    #[test]
    fn pops_from_several_keys() {
        let pop = |line: &str| {
            let args: ArgsBuf = line.split(' ').collect();
            Pop::parse(args.as_args(), "LEFT", "RIGHT")
                .map(|pop| (pop.keys().count(), pop.end == End::Front, pop.count))
        };
        assert_eq!(pop("lmpop 2 a b left"), Ok((2, true, 1)));
        assert_eq!(pop("lmpop 1 a RIGHT count 7"), Ok((1, false, 7)));
        for line in [
            "lmpop 1 a b left",
            "lmpop 9223372036854775807 a left",
            "lmpop 1 a middle",
            "lmpop 1 a left count",
            "lmpop 1 a left count 1 count 2",
        ] {
            assert_eq!(pop(line), Err(CommandError::SYNTAX), "{line}");
        }
        for line in ["lmpop 0 a left", "lmpop x a left"] {
            let text = "ERR numkeys should be greater than 0";
            assert_eq!(pop(line), Err(CommandError::constant(text)), "{line}");
        }
        for line in ["lmpop 1 a left count 0", "lmpop 1 a left count x"] {
            let text = "ERR count should be greater than 0";
            assert_eq!(pop(line), Err(CommandError::constant(text)), "{line}");
        }
    }
}
