//! Deltas that nobody writes to any more: they are written to disk as well, so that many indexes that were
//! filled once do not keep their last rows in memory for ever.
//!
//! Home threads look with every tick, and ask for one such flush a second at most, in the whole database,
//! and for none while anything else is to be done for segments. What is smaller than the fixed cost of a
//! segment (a file, an entry of CURRENT) stays in memory.
//!
//! May not know: how a segment is made.

use super::Held;
use crate::engine::Shared;
use crate::shard::Shard;
use crate::vectors::Store;
use skeg_log::ShardId;

/// A delta that takes less than this part of what is written at once stays in memory.
const SMALL_PART: usize = 64;

/// Writes to an index, and since when there were no more of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    writes: u64,
    seen: u64,
    since_ms: u64,
}

impl Rest {
    pub(super) fn note_write(&mut self) {
        self.writes += 1;
    }

    /// For how long it has rested, as far as was looked.
    fn look(&mut self, now_ms: u64) -> u64 {
        if self.seen != self.writes {
            (self.seen, self.since_ms) = (self.writes, now_ms);
        }
        now_ms.saturating_sub(self.since_ms)
    }
}

impl Held {
    /// Whether its delta is to be written though it is small.
    fn is_idle(&mut self, store: &Store, now_ms: u64) -> bool {
        let rested_ms = self.rest.look(now_ms);
        rested_ms >= store.idle_ms()
            && self.number != 0
            && !self.index.is_frozen()
            && self.index.delta_len() > 0
            && self.index.delta_bytes() >= store.delta_bytes() / SMALL_PART
    }
}

impl Shard {
    /// Asks for the first delta to be written that has rested for long enough.
    fn flush_idle(&mut self, store: &Store, now_ms: u64) {
        let mut found = None;
        for (name, held) in &mut self.indexes.by_name {
            // All are looked at: each notes when its rest began.
            if held.is_idle(store, now_ms) && found.is_none() {
                found = Some((name, held));
            }
        }
        if let Some((name, held)) = found
            && store.take_idle_turn(now_ms)
        {
            held.ask_flush(self.id, name, store);
        }
    }
}

impl Shared {
    /// Has a delta of a shard written that nobody writes to any more.
    pub(crate) fn flush_idle(&self, id: ShardId) {
        let Some(store) = &self.vectors.store else { return };
        let now_ms = self.monotonic_ms();
        if !store.is_idle_turn(now_ms) {
            return;
        }
        let Some(mut shard) = self.latch(id).borrow() else { return };
        shard.flush_idle(store, now_ms);
        self.latch(id).put_back(shard);
        self.attend(id);
    }
}
