//! When or how often an entry was used, in the four bytes that each has for it.
//!
//! By recency they are a clock of milliseconds that starts anew after 49.7 days: an entry that nobody has
//! used for so long looks fresh once. By frequency they are minutes (24 bits) and a count (8 bits) that grows
//! the more slowly the larger it is, and that loses one for each minute without a use: Redis's counter
//! (Morris, Counting large numbers of events in small registers, 1978).
//!
//! Which of the two they are is not noted: after a change of the policy the old ones mislead until they
//! have been overwritten, as in Redis.
//!
//! May not know: which entry, clocks, randomness.

/// What a new entry counts: it is not the first to go.
const COUNT_FIRST: u8 = 5;
/// How much less likely each further count is.
const COUNT_FACTOR: u64 = 10;
const COUNT_BITS: u32 = 8;
const MINUTE_MS: u64 = 60_000;
/// So far back the clock may step, or that of another thread be behind, before the newest look oldest.
const BACK_MINUTES_MAX: u32 = 24 * 60;
const BACK_MS_MAX: u32 = BACK_MINUTES_MAX * MINUTE_MS as u32;

/// When or how often an entry was used. The default: not since anybody takes note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub(crate) u32);

/// A use of an entry, to be noted.
#[derive(Clone, Copy, Debug)]
pub enum Used {
    /// Now, by a clock in milliseconds.
    At(u64),
    /// Once more.
    Again {
        /// A clock in milliseconds.
        now_ms: u64,
        /// A random number.
        draw: u64,
    },
}

fn minute(now_ms: u64) -> u32 {
    (now_ms / MINUTE_MS) as u32 & (u32::MAX >> COUNT_BITS)
}

impl Stamp {
    /// The stamp of an entry that was used just now.
    #[inline]
    #[must_use]
    pub fn after(self, used: Used) -> Self {
        match used {
            Used::At(now_ms) => Self((now_ms as u32).max(1)),
            Used::Again { now_ms, draw } => {
                let before = if self.is_unknown() { COUNT_FIRST } else { self.count(now_ms) };
                let odds = u64::from(before.saturating_sub(COUNT_FIRST)) * COUNT_FACTOR + 1;
                let grows = before < u8::MAX && !self.is_unknown() && draw.is_multiple_of(odds);
                Self::counted(now_ms, before + u8::from(grows))
            }
        }
    }

    /// The stamp of an entry that was used so long ago.
    #[must_use]
    pub fn idle(now_ms: u64, idle_ms: u64) -> Self {
        Self(0).after(Used::At(now_ms.saturating_sub(idle_ms.min(u64::from(u32::MAX >> 1)))))
    }

    /// The stamp of an entry that was used so often.
    #[must_use]
    pub fn counted(now_ms: u64, count: u8) -> Self {
        Self((minute(now_ms) << COUNT_BITS | u32::from(count)).max(1))
    }

    /// The four bytes, to be kept elsewhere.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The stamp that has these bytes.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether the entry has not been used since anybody takes note.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        self.0 == 0
    }

    /// For how long the entry was not used, in milliseconds, if its stamp is of that kind; the longest time
    /// when it is not known.
    #[must_use]
    pub fn idle_ms(self, now_ms: u64) -> u32 {
        if self.is_unknown() {
            return u32::MAX;
        }
        let idle_ms = (now_ms as u32).wrapping_sub(self.0);
        if idle_ms > u32::MAX - BACK_MS_MAX { 0 } else { idle_ms }
    }

    /// How often the entry was used, if its stamp is of that kind: the logarithm of it, less what time has
    /// taken.
    #[must_use]
    pub fn count(self, now_ms: u64) -> u8 {
        let longest = u32::MAX >> COUNT_BITS;
        let minutes = minute(now_ms).wrapping_sub(self.0 >> COUNT_BITS) & longest;
        let minutes = if minutes > longest - BACK_MINUTES_MAX { 0 } else { minutes };
        (self.0 as u8).saturating_sub(u8::try_from(minutes).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_counted_over_the_end_of_the_clock() {
        let end = u64::from(u32::MAX);
        for now_ms in [1, 5_000, end - 2, end, end + 1, 3 * end] {
            let stamp = Stamp::default().after(Used::At(now_ms));
            assert!(stamp.idle_ms(now_ms) <= 1);
            assert!(stamp.idle_ms(now_ms + 70_000).abs_diff(70_000) <= 1);
            assert!(
                Stamp::idle(now_ms + 9_000, 9_000).idle_ms(now_ms + 9_000).abs_diff(9_000) <= 1
            );
        }
        assert_eq!(Stamp::default().idle_ms(7), u32::MAX);
    }

    #[test]
    fn a_clock_that_steps_back_makes_nothing_old() {
        let now_ms = 1_700_000_000_000;
        let hour_ms = 60 * MINUTE_MS;
        assert_eq!(Stamp::default().after(Used::At(now_ms)).idle_ms(now_ms - hour_ms), 0);
        assert_eq!(Stamp::counted(now_ms, 77).count(now_ms - hour_ms), 77);
    }

    #[test]
    fn the_count_grows_slower_and_slower_and_falls_with_time() {
        let now_ms = 1_700_000_000_000;
        let mut stamp = Stamp::default();
        let mut after = Vec::new();
        for draw in 0..1_000_000_u64 {
            stamp = stamp.after(Used::Again {
                now_ms,
                draw: draw.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20,
            });
            if [1, 100, 10_000, 1_000_000].contains(&(draw + 1)) {
                after.push(stamp.count(now_ms));
            }
        }
        assert_eq!(after[0], COUNT_FIRST);
        assert!(after.is_sorted_by(|a, b| a < b), "{after:?}");
        assert_eq!(after[3], u8::MAX, "a million uses is as much as it tells");
        assert_eq!(stamp.count(now_ms + 5 * MINUTE_MS), u8::MAX - 5);
        assert_eq!(stamp.count(now_ms + 500 * MINUTE_MS), 0);
        assert_eq!(Stamp::counted(now_ms, 100).count(now_ms), 100);
    }
}
