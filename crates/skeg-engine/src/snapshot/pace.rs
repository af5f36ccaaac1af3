//! How much of a processor a snapshot takes from those whom the database serves.
//!
//! A thread that works on and on is given a processor for milliseconds at a time, and whoever is to be
//! served waits so long. So the snapshot's thread works in short bursts, and rests after each while the
//! shard that it walks is in use. A burst delays all that is in flight, however short it is; so there are few.
//!
//! May not know: what the work is.

use std::time::Duration;

/// It works at least so long before it rests: a slice and what follows from it.
const BURST_NS: u64 = 100_000;
/// It rests so many times as long as it has worked.
const RESTS: u64 = 64;
/// While others do its work it rests so long at least.
const REST_NS_MIN: u64 = 10_000_000;
/// Whatever has kept it (a disk, a busy machine), it does not rest longer.
const REST_NS_MAX: u64 = 25_000_000;

/// A burst of work. Time is in nanoseconds of the monotonic clock.
#[derive(Debug)]
pub(super) struct Pace {
    from_ns: u64,
}

impl Pace {
    pub(super) fn new(now_ns: u64) -> Self {
        Self { from_ns: now_ns }
    }

    /// How long to rest now, if it is time to.
    pub(super) fn due(&self, now_ns: u64) -> Option<Duration> {
        (self.worked_ns(now_ns) >= BURST_NS).then(|| Duration::from_nanos(self.rest_ns(now_ns)))
    }

    /// How long to rest now that others do the work.
    pub(super) fn rest(&self, now_ns: u64) -> Duration {
        Duration::from_nanos(self.rest_ns(now_ns).max(REST_NS_MIN))
    }

    fn worked_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.from_ns)
    }

    fn rest_ns(&self, now_ns: u64) -> u64 {
        self.worked_ns(now_ns).saturating_mul(RESTS).min(REST_NS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bursts_rest_in_proportion_and_long_ones_not_without_end() {
        let pace = Pace::new(1_000);
        assert_eq!(pace.due(1_000), None);
        assert_eq!(pace.due(100_999), None);
        assert_eq!(pace.due(101_000), Some(Duration::from_micros(6_400)));
        assert_eq!(pace.due(10_000_000_000), Some(Duration::from_millis(25)));
        assert_eq!(pace.due(0), None);
        assert_eq!(pace.rest(1_001), Duration::from_millis(10));
        assert_eq!(pace.rest(201_000), Duration::from_micros(12_800));
    }
}
