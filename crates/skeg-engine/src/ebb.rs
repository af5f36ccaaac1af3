//! Memory that the data no longer takes, given back to the system.
//!
//! Deleted keys leave pages of the keyspace, which the shards move together and free (`home.rs`); the
//! allocator keeps them between blocks that are in use. When the data has fallen well below where it stood,
//! and falls no further, a thread of its own has the allocator look for them. That looks at the whole heap, and
//! others may wait for memory meanwhile: so it is rare.
//!
//! May not know: what the data is.

use skeg_io::sync::Mutex;
use skeg_log::ShardId;

use crate::engine::Shared;
use crate::evict::Meter;
use crate::pool::Pool;

/// What must have gone, at least: what an allocator keeps anyway is not worth a look.
const FALL_BYTES_MIN: u64 = 16 << 20;
/// And this part of the highest level: large data may breathe.
const FALL_DIVISOR: u64 = 4;
/// A fall of more than this part from one look to the next is not over yet.
const STILL_DIVISOR: u64 = 64;
/// So long after one time comes the next at the earliest.
const REST_MS: u64 = 10_000;

/// What each shard has allocated, how that went, and the thread that gives back.
pub(crate) struct Ebb {
    allocated: Meter,
    level: Mutex<Level>,
    thread: Pool<()>,
}

/// How much is allocated, from look to look.
#[derive(Debug, Default)]
struct Level {
    /// The most since memory was given back.
    high: u64,
    /// At the look before.
    before: u64,
    rests_until_ms: u64,
}

impl Level {
    /// Takes a look; whether memory is to be given back now.
    fn look(&mut self, bytes: u64, now_ms: u64) -> bool {
        self.high = self.high.max(bytes);
        let falls = bytes < self.before - self.before / STILL_DIVISOR;
        self.before = bytes;
        let fallen = self.high - bytes;
        let is_worth_it = fallen >= FALL_BYTES_MIN.max(self.high / FALL_DIVISOR);
        if falls || !is_worth_it || now_ms < self.rests_until_ms {
            return false;
        }
        self.high = bytes;
        self.rests_until_ms = now_ms + REST_MS;
        true
    }
}

impl Ebb {
    pub(crate) fn new(shards: u16) -> Self {
        Self {
            allocated: Meter::new(shards),
            level: Mutex::default(),
            thread: Pool::new("skeg-memory", 1),
        }
    }

    /// Notes what a shard's keys and values have allocated.
    pub(crate) fn note(&self, id: ShardId, bytes: u64) {
        self.allocated.set(id, bytes);
    }

    pub(crate) fn close(&self) {
        self.thread.close();
    }
}

impl Shared {
    /// Has memory given back when much of the data has gone.
    pub(crate) fn give_back_if_due(&self) {
        let ebb = &self.ebb;
        if ebb.level.lock().look(ebb.allocated.total(), self.monotonic_ms()) {
            // Refused when there are no threads to be had: it is tried again when more has gone.
            let _ = ebb.thread.submit(&self.io, Box::new(|()| skeg_io::give_back_memory()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn memory_is_given_back_when_much_has_gone_and_no_more_goes() {
        let mut level = Level::default();
        let looks =
            [(100, false), (400, false), (200, false), (150, false), (150, true), (150, false)];
        for (at, (mib, due)) in looks.into_iter().enumerate() {
            assert_eq!(level.look(mib * MIB, at as u64 * 100), due, "look {at}");
        }
    }

    #[test]
    fn little_is_left_alone_and_one_time_follows_another_after_a_rest() {
        let mut level = Level::default();
        for (mib, now_ms, due) in [
            (40, 0, false),
            (30, 100, false),
            // A quarter, but less than is worth it.
            (30, 200, false),
            (20, 300, false),
            (20, 400, true),
            (60, 500, false),
            (5, 600, false),
            (5, 700, false),
            (5, 400 + REST_MS, true),
        ] {
            assert_eq!(level.look(mib * MIB, now_ms), due, "{mib} MiB at {now_ms}");
        }
    }
}
