//! Elements at random: HRANDFIELD, SRANDMEMBER, SPOP.
//!
//! One number of the machine's starts a sequence (SplitMix64), so that a command asks the system once.

use std::collections::HashSet;

use skeg_engine::StrRef;

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;

/// Most elements that one command returns with repetitions: more would fill the memory with a reply.
const REPEATED_MAX: i64 = 1 << 24;

/// How many elements are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// So many, each once.
    Distinct(usize),
    /// So many, also the same again.
    Repeated(usize),
}

impl Count {
    /// So many, each once.
    pub(crate) fn distinct(count: usize) -> Self {
        Self::Distinct(count)
    }

    /// Reads a count; a negative one allows repetitions.
    ///
    /// # Errors
    /// No integer, or one that is out of range.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, CommandError> {
        let count = parse::int_between(text, -i64::MAX, i64::MAX)?;
        if count < -REPEATED_MAX {
            return Err(CommandError::constant("ERR value is out of range"));
        }
        let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if count < 0 { Self::Repeated(size) } else { Self::Distinct(size) })
    }

    /// Whether it is more than `max`.
    pub(crate) fn is_beyond(self, max: i64) -> bool {
        let (Self::Distinct(count) | Self::Repeated(count)) = self;
        count as u64 > max.unsigned_abs()
    }

    /// How many of `len` elements are returned.
    pub(crate) fn replies(self, len: usize) -> usize {
        match self {
            Self::Distinct(count) => count.min(len),
            Self::Repeated(count) => count,
        }
    }
}

/// A sequence of random numbers.
#[derive(Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(cx: &Cx<'_>) -> Self {
        Self(cx.engine().io().entropy.next_u64())
    }

    /// The next number.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.draw()) * limit as u128) >> 64) as usize
    }

    /// Shows so many of `len` elements as `count` says: from `all` of them when most are wanted, else
    /// `any` by any until there are enough. `name` is what tells elements apart.
    pub(crate) fn pick<'a, T: Copy>(
        &mut self,
        count: Count,
        len: usize,
        all: impl Iterator<Item = T>,
        any: impl Fn(u64) -> T,
        name: impl Fn(T) -> StrRef<'a>,
        show: &mut dyn FnMut(T),
    ) {
        let count = match count {
            Count::Repeated(count) => return (0..count).for_each(|_| show(any(self.draw()))),
            Count::Distinct(count) => count,
        };
        if count >= len {
            return all.for_each(show);
        }
        // Drawing one that was drawn before becomes likely.
        if count > len / 3 {
            let (mut wanted, mut left) = (count, len);
            for element in all {
                if self.below(left) < wanted {
                    show(element);
                    wanted -= 1;
                }
                left -= 1;
            }
            return;
        }
        let mut seen = HashSet::with_capacity(count);
        while seen.len() < count {
            let element = any(self.draw());
            if seen.insert(name(element)) {
                show(element);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_by_their_sign() {
        assert_eq!(Count::parse(b"3"), Ok(Count::Distinct(3)));
        assert_eq!(Count::parse(b"-3"), Ok(Count::Repeated(3)));
        assert_eq!(Count::parse(b"x"), Err(CommandError::NOT_AN_INTEGER));
        for text in [&b"-9223372036854775808"[..], b"-9223372036854775807"] {
            assert!(Count::parse(text).is_err());
        }
    }

    #[test]
    fn distinct_elements_are_picked_with_equal_chances() {
        let mut draws = Draws(7);
        for count in [0, 1, 5, 13, 29, 30, 100] {
            let mut hits = [0_u32; 30];
            for _ in 0..3_000 {
                let mut picked = HashSet::new();
                let any = |draw: u64| (draw % 30) as i64;
                let count = Count::Distinct(count);
                draws.pick(count, 30, 0..30, any, StrRef::Int, &mut |element| {
                    assert!(picked.insert(element), "each once");
                    hits[element as usize] += 1;
                });
                assert_eq!(picked.len(), count.replies(30));
            }
            let expected = 100 * count.min(30) as u32;
            assert!(
                hits.iter().all(|hits| hits.abs_diff(expected) <= expected / 3 + 10),
                "{hits:?}"
            );
        }
    }

    #[test]
    fn repeated_ones_are_as_many_as_asked_for() {
        let mut shown = 0;
        let any = |draw: u64| (draw % 2) as i64;
        Draws(1).pick(Count::Repeated(9), 2, 0..2, any, StrRef::Int, &mut |_| shown += 1);
        assert_eq!(shown, 9);
    }
}
