//! The ends of ranges of scores (`5`, `(5`, `-inf`) and of the order of bytes (`[a`, `(a`, `-`, `+`).

use std::ops::Range;

use skeg_engine::SortedSetRef;

use crate::error::CommandError;
use crate::number;

/// A score, and whether it belongs to the range.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score {
    value: f64,
    included: bool,
}

impl Score {
    /// Blanks before the number, no number at all (which is 0) and infinite ones are taken.
    fn parse(text: &[u8]) -> Option<Self> {
        let (included, number) = match text {
            [b'(', number @ ..] => (false, number),
            number => (true, number),
        };
        let read = number::strtod(number);
        let is_whole = read.len == number.len() && !read.value.is_nan();
        is_whole.then_some(Self { value: read.value, included })
    }
}

/// A range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scores {
    min: Score,
    max: Score,
}

impl Scores {
    /// Reads both ends.
    pub(super) fn parse(min: &[u8], max: &[u8]) -> Result<Self, CommandError> {
        match (Score::parse(min), Score::parse(max)) {
            (Some(min), Some(max)) => Ok(Self { min, max }),
            _ => Err(CommandError::constant("ERR min or max is not a float")),
        }
    }

    /// The ranks of the members whose scores are in the range.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>) -> Range<usize> {
        let Self { min, max } = self;
        let start =
            if min.included { set.count_below(min.value) } else { set.count_up_to(min.value) };
        let end =
            if max.included { set.count_up_to(max.value) } else { set.count_below(max.value) };
        start..end.max(start)
    }
}

/// An end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member<'a> {
    /// Before every member.
    First,
    /// Behind every member.
    Last,
    /// This one, which belongs to the range.
    Included(&'a [u8]),
    /// This one, which does not.
    Excluded(&'a [u8]),
}

impl<'a> Member<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        match text {
            b"-" => Some(Self::First),
            b"+" => Some(Self::Last),
            [b'[', member @ ..] => Some(Self::Included(member)),
            [b'(', member @ ..] => Some(Self::Excluded(member)),
            _ => None,
        }
    }
}

/// A range in the order of bytes; means something where all scores are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Members<'a> {
    min: Member<'a>,
    max: Member<'a>,
}

impl<'a> Members<'a> {
    /// Reads both ends.
    pub(super) fn parse(min: &'a [u8], max: &'a [u8]) -> Result<Self, CommandError> {
        match (Member::parse(min), Member::parse(max)) {
            (Some(min), Some(max)) => Ok(Self { min, max }),
            _ => Err(CommandError::constant("ERR min or max not valid string range item")),
        }
    }

    /// The ranks of the members that are in the range.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>) -> Range<usize> {
        let before = |end: Member<'_>, is_min: bool| match end {
            Member::First => 0,
            Member::Last => set.len(),
            Member::Included(member) => set.count_before(member, !is_min),
            Member::Excluded(member) => set.count_before(member, is_min),
        };
        let (start, end) = (before(self.min, true), before(self.max, false));
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_scores() {
        let end = |text: &str| Score::parse(text.as_bytes()).map(|end| (end.value, end.included));
        assert_eq!(end("1.5"), Some((1.5, true)));
        assert_eq!(end("(1.5"), Some((1.5, false)));
        assert_eq!(end("-inf"), Some((f64::NEG_INFINITY, true)));
        assert_eq!(end("(+inf"), Some((f64::INFINITY, false)));
        assert_eq!(end("1e999"), Some((f64::INFINITY, true)));
        assert_eq!(end(" 1"), Some((1.0, true)));
        assert_eq!(end(""), Some((0.0, true)));
        for text in ["nan", "(nan", "1 ", "a", "((1", "1\0", "[1"] {
            assert_eq!(end(text), None, "{text:?}");
        }
    }

    #[test]
    fn ends_of_members() {
        assert_eq!(Member::parse(b"[a"), Some(Member::Included(b"a")));
        assert_eq!(Member::parse(b"("), Some(Member::Excluded(b"")));
        assert_eq!(Member::parse(b"-"), Some(Member::First));
        for text in ["", "a", "+a", "-a", "1"] {
            assert_eq!(Member::parse(text.as_bytes()), None, "{text}");
        }
    }
}
