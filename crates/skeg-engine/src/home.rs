//! Home threads: they do what is periodic, and what a busy shard left over.

use std::time::Duration;

use skeg_io::sync::atomic::{AtomicBool, Ordering};
use skeg_io::sync::{Arc, Condvar, Mutex};
use skeg_log::{Level, ShardId};

use crate::engine::Shared;
use crate::job::Bound;

/// How often expired keys are looked for.
const TICK_MS: u64 = 100;
/// How soon a job is tried again that waits for log space.
const STALL_MS: u64 = 1;
/// Expired keys that are removed under one hold of a latch.
const EXPIRE_SLICE: usize = 128;
/// Expired keys that one tick removes from a shard at most: 100,000 in one second take a few ticks.
const EXPIRE_TICK: usize = 16_384;

/// Entries that are moved under one hold of a latch to give sparse pages back.
const DEFRAGMENT_SLICE: usize = 256;
/// Such slices of one tick.
const DEFRAGMENT_SLICES: usize = 16;
/// How long a shard rests when moving entries gives nothing more back.
const DEFRAGMENT_REST_MS: u64 = 10_000;

/// Rings until somebody has heard it.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
    stalled: AtomicBool,
}

impl Bell {
    pub(crate) fn ring(&self) {
        let mut rung = self.rung.lock();
        if !*rung {
            *rung = true;
            self.changed.notify_one();
        }
    }

    /// Has not been heard to ring: for whoever looks at everything after this.
    pub(crate) fn forget(&self) {
        *self.rung.lock() = false;
    }

    /// Asks for another look in a millisecond.
    pub(crate) fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
        self.ring();
    }

    /// Waits for a ring, so long at most; after a stall, for a millisecond whatever rings.
    fn wait_for_work(&self, nap_ms: u64) {
        if self.stalled.swap(false, Ordering::SeqCst) {
            rest(Duration::from_millis(STALL_MS));
        } else {
            self.wait(Duration::from_millis(nap_ms));
        }
    }

    /// Returns when the bell was rung or the time is over.
    pub(crate) fn wait(&self, timeout: Duration) {
        let rung = self.rung.lock();
        let mut rung = if *rung { rung } else { self.changed.wait_timeout(rung, timeout) };
        *rung = false;
    }
}

/// Sleeps, whatever rings.
fn rest(time: Duration) {
    let until = Mutex::new(());
    drop(Condvar::new().wait_timeout(until.lock(), time));
}

/// The loop of home thread `number`.
pub(crate) fn run(shared: &Arc<Shared>, number: usize) {
    let bell = &shared.bells[number];
    let homes: Vec<ShardId> = (0..shared.router.shards())
        .map(ShardId)
        .filter(|id| shared.home_of(*id) == number)
        .collect();
    let mut next_tick_ms = 0;
    while shared.check_open().is_ok() {
        bell.wait_for_work(shared.nap_ms(number));
        for &id in &homes {
            shared.attend(id);
        }
        let now_ms = shared.monotonic_ms();
        if now_ms >= next_tick_ms {
            next_tick_ms = now_ms + TICK_MS;
            for &id in &homes {
                shared.expire(id);
                shared.keep_limit(id);
                shared.send_away(id);
                shared.defragment(id);
                shared.flush_idle(id);
            }
            if number == 0 {
                shared.give_back_if_due();
                shared.snapshot_if_due();
                shared.end_called_off();
                shared.vectors_if_due();
                shared.call_back();
            }
        }
        if number == 0 {
            shared.end_due_waits();
        }
        shared.free_discarded();
        shared.end_turn();
    }
}

impl Shared {
    /// How long a home thread may sleep. The first one ends waits whose time is up.
    fn nap_ms(&self, number: usize) -> u64 {
        let deadline_ms = if number == 0 { self.board.next_deadline_ms() } else { None };
        let left = deadline_ms.map(|at| at.saturating_sub(self.monotonic_ms()).max(1));
        left.map_or(TICK_MS, |left| left.min(TICK_MS))
    }

    /// Removes keys of a shard whose deadline has passed, in slices.
    pub(crate) fn expire(&self, id: ShardId) {
        if !self.switches.expires_actively(self.now_ms()) {
            return;
        }
        let mut removed = 0;
        while removed < EXPIRE_TICK {
            // Busy: whoever uses the shard removes what it meets, and the next tick is near.
            let Some(mut shard) = self.latch(id).borrow() else { return };
            let now_ms = self.now_ms();
            shard.begin(now_ms, self.reached());
            let outcome = self.run(std::slice::from_mut(&mut shard), now_ms, Bound::READ, |exec| {
                exec.shards().map(|shard| shard.expire_due(EXPIRE_SLICE)).sum::<usize>()
            });
            self.latch(id).put_back(shard);
            self.attend(id);
            match outcome {
                Ok(ran) if ran.result > 0 => removed += ran.result,
                _ => return,
            }
        }
    }

    /// Sends large strings away that are written by now, in slices, and notes what stays.
    pub(crate) fn send_away(&self, id: ShardId) {
        let Some(log) = &self.log else { return };
        loop {
            let Some(mut shard) = self.latch(id).borrow() else { return };
            let goes_on = shard.send_away(log, log.reached(Level::Kernel));
            self.live.note(&shard);
            self.latch(id).put_back(shard);
            self.attend(id);
            if !goes_on {
                return;
            }
        }
    }

    /// Frees pages that deletions have left sparse, in slices, and notes how much memory is left.
    pub(crate) fn defragment(&self, id: ShardId) {
        for _ in 0..DEFRAGMENT_SLICES {
            let Some(mut shard) = self.latch(id).borrow() else { return };
            let now_ms = self.monotonic_ms();
            let goes_on = shard.defragment(now_ms, DEFRAGMENT_SLICE, DEFRAGMENT_REST_MS);
            self.ebb.note(id, shard.memory_bytes());
            self.latch(id).put_back(shard);
            self.attend(id);
            if !goes_on {
                return;
            }
        }
    }
}
