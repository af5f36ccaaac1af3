//! Eviction of groups: when a sweep begins, and who goes on with it.
//!
//! Looking at a shard for the keys of one group would cost as much as looking for those of many. So a sweep
//! takes a share of all keys, a sixteenth unless memory is shorter than that, and looks at sixteen for each that
//! goes. Who writes while memory is short goes on with it until there is
//! room; home threads end it also when there is room already, so that no group stays there in part.
//!
//! May not know: command names, settings.

use skeg_log::ShardId;
use smallvec::SmallVec;

use crate::engine::{Engine, Shared};
use crate::error::Refusal;
use crate::evict::{BEFORE_COMMAND, SLICE};
use crate::exec::Exec;
use crate::holder::Holder;
use crate::job::Bound;

/// The share of all keys that a sweep takes at least.
const SHARE_MIN: f64 = 1.0 / 16.0;
/// Keys by whose groups the age of a sweep is chosen, for each sample that was asked for.
const SAMPLED_FOR_EACH: usize = 128;
/// Of each shard so many at least, if it has them.
const SAMPLED_OF_A_SHARD_MIN: usize = 8;
/// Entries that are looked at under one hold of a latch: some hundred microseconds.
const LOOKS_SLICE: usize = 512;
/// Entries that are looked at before one command at most: a fraction of a millisecond.
const LOOKS_BEFORE_COMMAND: usize = 2_048;
/// Entries that a home thread looks at in a shard in one tick at most.
const LOOKS_TICK: usize = 65_536;

impl Shared {
    /// Keys of each shard by whose groups the age of a sweep is chosen.
    fn sampled_of_each(&self) -> usize {
        let all = self.switches.limit.samples() * SAMPLED_FOR_EACH;
        all.div_ceil(self.router.shards().into()).max(SAMPLED_OF_A_SHARD_MIN)
    }

    /// The share of all keys that the next sweep takes.
    fn share(&self) -> f64 {
        let missing = self.over() as f64 / self.meter.total().max(1) as f64;
        missing.max(SHARE_MIN)
    }

    /// What a home thread does for a shard in one tick: it ends the sweep, and begins another one where
    /// memory is short.
    pub(crate) fn sweep(&self, id: ShardId) {
        let mut looked = 0;
        while looked < LOOKS_TICK {
            // Busy: whoever uses the shard makes room itself, and the next tick is near.
            let Some(mut shard) = self.latch(id).borrow() else { return };
            self.meter.note(&shard);
            let now_ms = self.now_ms();
            let has_lap = shard.has_lap_to_end();
            let mut goes_on = !has_lap;
            if has_lap && self.switches.expires_actively(now_ms) {
                shard.begin(now_ms, self.reached());
                let outcome =
                    self.run(std::slice::from_mut(&mut shard), now_ms, Bound::READ, |exec| {
                        exec.shard_at(id).sweep(SLICE, LOOKS_SLICE, u64::MAX)
                    });
                self.meter.note(&shard);
                if let Ok(ran) = outcome {
                    goes_on = !ran.result.is_stuck;
                    looked += ran.result.looked.max(1);
                }
            }
            self.latch(id).put_back(shard);
            self.attend(id);
            if !goes_on || !has_lap && !self.begin_sweep(now_ms) {
                return;
            }
        }
    }

    /// Begins a sweep if memory is short and there is none.
    fn begin_sweep(&self, now_ms: u64) -> bool {
        if self.over() == 0 {
            return false;
        }
        let Some(choice) = self.switches.limit.groups.choose() else { return false };
        let ids = || (0..self.router.shards()).map(ShardId);
        let mut ages = Vec::new();
        for id in ids() {
            if let Some(mut shard) = self.latch(id).borrow() {
                shard.sample_groups(self.sampled_of_each(), &mut ages);
                self.latch(id).put_back(shard);
            }
        }
        let has_begun = choice.begin(ages, self.share(), self.router.shards(), now_ms);
        // Only now: what is queued may want to change the limit.
        ids().for_each(|id| self.attend(id));
        has_begun
    }
}

impl Engine {
    /// Whether groups of keys are on their way out: a sweep has begun, and not every shard has ended it. When none is,
    /// no group is there in part but those that were used while they went.
    #[must_use]
    pub fn is_sweeping(&self) -> bool {
        self.shared.switches.limit.groups.is_under_way()
    }
}

/// What came of an attempt to begin a sweep.
enum Begun {
    /// There is one, and so many keys were looked at for it.
    Yes(usize),
    /// Somebody else is at it.
    Busy,
    /// There are no keys.
    NoKeys,
}

impl Holder {
    /// [`Holder::make_room`] where groups go.
    pub(crate) fn make_room_by_groups(&mut self) -> Result<bool, Refusal> {
        let engine = self.engine().clone();
        let shared = &engine.shared;
        let all = || (0..engine.shards()).map(ShardId);
        let mut open: SmallVec<[ShardId; 16]> = all().collect();
        let (mut removed, mut looked, mut is_busy, mut has_begun) = (0, 0, false, false);
        while removed < BEFORE_COMMAND && looked < LOOKS_BEFORE_COMMAND {
            let over = shared.over();
            if over == 0 {
                return Ok(true);
            }
            let largest = open.iter().enumerate().max_by_key(|(_, id)| shared.meter.of(**id));
            let Some((place, &id)) = largest else {
                match self.begin_sweep()? {
                    Begun::Yes(sampled) => {
                        // Now there is something to take away, and perhaps not any more at the next
                        // command: all groups may be in use.
                        looked = if has_begun { looked + sampled } else { 0 };
                        has_begun = true;
                        open = all().collect();
                        continue;
                    }
                    Begun::Busy => is_busy = true,
                    Begun::NoKeys => {}
                }
                break;
            };
            if !self.try_hold_one(id)? {
                is_busy = true;
                open.swap_remove(place);
                continue;
            }
            let sweep = |exec: &mut Exec<'_>| exec.shard_at(id).sweep(SLICE, LOOKS_SLICE, over);
            let (swept, _) = self.run_one(id, Bound::READ, sweep)?;
            let shard = self.shard(id);
            shared.meter.note(shard);
            is_busy |= shard.must_wait_for_walk() || shard.is_walk_awaited() || swept.is_stuck;
            if swept.is_stuck || !shard.has_lap_to_end() {
                open.swap_remove(place);
            }
            removed += swept.removed;
            looked += swept.looked;
        }
        if is_busy || has_begun || removed > 0 || looked > 0 {
            return Ok(true);
        }
        self.is_within_limit()
    }

    fn begin_sweep(&mut self) -> Result<Begun, Refusal> {
        let engine = self.engine().clone();
        let shared = &engine.shared;
        let Some(choice) = shared.switches.limit.groups.choose() else { return Ok(Begun::Busy) };
        let (mut ages, mut is_busy) = (Vec::new(), false);
        for id in (0..engine.shards()).map(ShardId) {
            if self.try_hold_one(id)? {
                self.shard_mut(id).sample_groups(shared.sampled_of_each(), &mut ages);
            } else {
                is_busy = true;
            }
        }
        let sampled = ages.len();
        let has_begun = choice.begin(ages, shared.share(), engine.shards(), shared.now_ms());
        Ok(match (has_begun, is_busy) {
            (true, _) => Begun::Yes(sampled),
            (false, true) => Begun::Busy,
            (false, false) => Begun::NoKeys,
        })
    }
}
