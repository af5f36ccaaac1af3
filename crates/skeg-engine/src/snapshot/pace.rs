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
/// It does not rest longer, whatever has kept it (a disk, a busy machine), and so long while others walk along:
/// what is to be written grows meanwhile, and with it the next burst.
pub(super) const REST_MAX: Duration = Duration::from_millis(10);

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
        let worked_ns = now_ns.saturating_sub(self.from_ns);
        let rest = Duration::from_nanos(worked_ns.saturating_mul(RESTS));
        (worked_ns >= BURST_NS).then(|| rest.min(REST_MAX))
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
        assert_eq!(pace.due(10_000_000_000), Some(REST_MAX));
        assert_eq!(pace.due(0), None);
    }
}
