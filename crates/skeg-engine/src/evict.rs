//! The memory limit: what keys, values and vectors may take, and what goes when they take more.
//!
//! Whoever is about to let the data grow makes room first, a bounded number of entries at a time; home
//! threads make room when nobody writes. Entries go from the shard that takes the most, which keeps the
//! shards level. A shard's figure is noted under its latch; their sum is what is compared.
//!
//! Cells that hold nothing do not count: the next entries lie there, and entries that go would otherwise
//! make no room before a whole page is empty.
//!
//! Invariants: an eviction is a removal like any other: logged, told to watchers, pending until it has
//! reached the level; without a limit nothing is counted, and without a policy that asks for it no use noted.
//! May not know: command names, settings.

use skeg_io::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use skeg_keyspace::Used;
use skeg_log::ShardId;
use smallvec::SmallVec;

use crate::engine::{Engine, Shared};
use crate::error::Refusal;
use crate::exec::Exec;
use crate::groups::{Grouping, Groups};
use crate::holder::Holder;
use crate::job::Bound;
use crate::options::DATABASES;
use crate::router::ShardList;
use crate::shard::Shard;

/// Entries that go under one hold of a latch before the shards are compared again.
pub(crate) const SLICE: usize = 16;
/// Entries that go before one command at most: a fraction of a millisecond.
pub(crate) const BEFORE_COMMAND: usize = 256;
/// Entries that a home thread removes from a shard in one tick at most.
const TICK: usize = 16_384;
/// Entries of a sample at most.
pub(crate) const SAMPLES_MAX: usize = 64;

/// Which entries go when memory is short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum EvictionPolicy {
    /// None: what would grow is refused.
    #[default]
    None,
    /// Those not used for the longest time.
    AllLru,
    /// Those used least often.
    AllLfu,
    /// Any.
    AllRandom,
    /// Of those with a deadline, the ones not used for the longest time.
    VolatileLru,
    /// Of those with a deadline, the ones used least often.
    VolatileLfu,
    /// Any with a deadline.
    VolatileRandom,
    /// Those that expire first.
    VolatileTtl,
    /// Whole groups of keys, those of which no key was used for the longest time.
    AllGroupLru,
}

impl EvictionPolicy {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::AllLru,
        Self::AllLfu,
        Self::AllRandom,
        Self::VolatileLru,
        Self::VolatileLfu,
        Self::VolatileRandom,
        Self::VolatileTtl,
        Self::AllGroupLru,
    ];

    /// Whether the time of the last use is noted.
    #[must_use]
    pub fn is_lru(self) -> bool {
        matches!(self, Self::AllLru | Self::VolatileLru | Self::AllGroupLru)
    }

    /// Whether groups of keys go, not single ones.
    #[inline]
    #[must_use]
    pub fn is_by_groups(self) -> bool {
        matches!(self, Self::AllGroupLru)
    }

    /// Whether uses are counted.
    #[must_use]
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::AllLfu | Self::VolatileLfu)
    }

    /// Whether only entries with a deadline go.
    #[must_use]
    pub fn is_volatile(self) -> bool {
        let all = [Self::None, Self::AllLru, Self::AllLfu, Self::AllRandom, Self::AllGroupLru];
        !all.contains(&self)
    }
}

/// How much memory the data may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    /// Bytes of keys, values and vectors; 0: as many as there are.
    pub max_bytes: u64,
    /// What goes when they take more.
    pub policy: EvictionPolicy,
    /// Of how many entries the best one goes, 1 to 64.
    pub samples: usize,
    /// Which keys go together, where groups go.
    pub grouping: Grouping,
}

impl Default for MemoryLimit {
    fn default() -> Self {
        let grouping = Grouping::default();
        Self { max_bytes: 0, policy: EvictionPolicy::None, samples: 5, grouping }
    }
}

/// The limit, as shards and threads look at it.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    max_bytes: AtomicU64,
    policy: AtomicU8,
    samples: AtomicU64,
    /// Since when uses are noted as they are now, in Unix milliseconds.
    noted_since_ms: AtomicU64,
    pub(crate) groups: Groups,
}

impl Limit {
    fn get(&self) -> MemoryLimit {
        MemoryLimit {
            max_bytes: self.max_bytes.load(Ordering::Relaxed),
            policy: self.policy(),
            samples: (self.samples.load(Ordering::Relaxed) as usize).clamp(1, SAMPLES_MAX),
            grouping: self.groups.grouping(),
        }
    }

    fn set(&self, limit: MemoryLimit, now_ms: u64) {
        let before = self.policy();
        let (lru, lfu) = (limit.policy.is_lru(), limit.policy.is_lfu());
        if (before.is_lru(), before.is_lfu()) != (lru, lfu) {
            self.noted_since_ms.store(now_ms, Ordering::Relaxed);
        }
        self.samples.store(limit.samples as u64, Ordering::Relaxed);
        let (goes, went) = (limit.policy.is_by_groups(), before.is_by_groups());
        self.groups.set(limit.grouping, limit.max_bytes, goes, went);
        self.policy.store(limit.policy as u8, Ordering::Relaxed);
        self.max_bytes.store(limit.max_bytes, Ordering::Relaxed);
    }

    pub(crate) fn samples(&self) -> usize {
        self.get().samples
    }

    pub(crate) fn noted_since_ms(&self) -> u64 {
        self.noted_since_ms.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn policy(&self) -> EvictionPolicy {
        let place = usize::from(self.policy.load(Ordering::Relaxed));
        EvictionPolicy::ALL.get(place).copied().unwrap_or_default()
    }

    /// What a use of an entry is noted as, if it is noted.
    #[inline]
    pub(crate) fn used(&self, now_ms: u64, draw: impl FnOnce() -> u64) -> Option<Used> {
        match self.policy() {
            policy if policy.is_lru() => Some(Used::At(now_ms)),
            policy if policy.is_lfu() => Some(Used::Again { now_ms, draw: draw() }),
            _ => None,
        }
    }
}

/// What each shard took when it was last looked at.
#[derive(Debug)]
pub(crate) struct Meter(Vec<AtomicU64>);

impl Meter {
    pub(crate) fn new(shards: u16) -> Self {
        Self((0..shards).map(|_| AtomicU64::new(0)).collect())
    }

    pub(crate) fn note(&self, shard: &Shard) {
        self.set(shard.id, shard.used_bytes());
    }

    pub(crate) fn set(&self, id: ShardId, bytes: u64) {
        self.0[usize::from(id.0)].store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn of(&self, id: ShardId) -> u64 {
        self.0[usize::from(id.0)].load(Ordering::Relaxed)
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }
}

impl Shared {
    #[inline]
    pub(crate) fn is_memory_limited(&self) -> bool {
        self.switches.limit.max_bytes.load(Ordering::Relaxed) > 0
    }

    /// Puts the limit of the options in force, with the figures of shards that nobody else has yet.
    pub(crate) fn init_limit(&self) {
        if self.options.read_only || self.options.memory_limit == MemoryLimit::default() {
            return;
        }
        for id in (0..self.router.shards()).map(ShardId) {
            if let Some(shard) = self.latch(id).borrow() {
                self.meter.note(&shard);
                self.latch(id).put_back(shard);
            }
        }
        self.switches.limit.set(self.options.memory_limit, self.now_ms());
    }

    #[cold]
    pub(crate) fn note_memory(&self, shards: &[Box<Shard>]) {
        shards.iter().for_each(|shard| self.meter.note(shard));
    }

    /// By how many bytes the data is over its limit.
    pub(crate) fn over(&self) -> u64 {
        match self.switches.limit.max_bytes.load(Ordering::Relaxed) {
            0 => 0,
            max => self.meter.total().saturating_sub(max),
        }
    }

    /// Counts what a shard takes, and removes entries of it in slices while all shards together take too
    /// much and this one more than its part.
    pub(crate) fn keep_limit(&self, id: ShardId) {
        let limit = self.switches.limit.get();
        if limit.max_bytes == 0 {
            return;
        }
        if limit.policy.is_by_groups() {
            return self.sweep(id);
        }
        let part = limit.max_bytes / u64::from(self.router.shards());
        let mut removed = 0;
        while removed < TICK {
            // Busy: whoever uses the shard makes room itself, and the next tick is near.
            let Some(mut shard) = self.latch(id).borrow() else { return };
            self.meter.note(&shard);
            let over = self.over().min(self.meter.of(id).saturating_sub(part));
            let now_ms = self.now_ms();
            let mut count = 0;
            if over > 0 && self.switches.expires_actively(now_ms) {
                shard.begin(now_ms, self.reached());
                let shards = std::slice::from_mut(&mut shard);
                let outcome = self.run(shards, now_ms, Bound::READ, |exec| {
                    exec.shards().map(|shard| shard.evict(SLICE, over)).sum::<usize>()
                });
                count = outcome.map_or(0, |ran| ran.result);
                self.meter.note(&shard);
            }
            self.latch(id).put_back(shard);
            self.attend(id);
            if count == 0 {
                return;
            }
            removed += count;
        }
    }
}

impl Engine {
    /// Limits the memory that the data takes; holds for all commands from now on.
    pub fn set_memory_limit(&self, limit: MemoryLimit) {
        self.shared.switches.limit.set(limit, self.shared.now_ms());
    }

    /// The limit that holds.
    #[must_use]
    pub fn memory_limit(&self) -> MemoryLimit {
        self.shared.switches.limit.get()
    }

    /// Whether there is a limit.
    #[inline]
    #[must_use]
    pub fn is_memory_limited(&self) -> bool {
        self.shared.is_memory_limited()
    }

    /// Since when uses of entries are noted as the policy wants, in Unix milliseconds.
    #[must_use]
    pub fn uses_noted_since_ms(&self) -> u64 {
        self.shared.switches.limit.noted_since_ms()
    }
}

impl Holder {
    /// Makes room before the data grows: removes entries as the policy says until the data is within its
    /// limit, a bounded number of them (home threads go on). `false`: it takes more than it may, and
    /// nothing may go.
    ///
    /// # Errors
    /// As [`Holder::try_hold_one`].
    pub fn make_room(&mut self) -> Result<bool, Refusal> {
        if self.engine().shared.over() == 0 {
            return Ok(true);
        }
        self.make_room_slowly()
    }

    #[cold]
    fn make_room_slowly(&mut self) -> Result<bool, Refusal> {
        let engine = self.engine().clone();
        let shared = &engine.shared;
        let policy = shared.switches.limit.policy();
        if policy.is_by_groups() {
            return self.make_room_by_groups();
        }
        let evicts = policy != EvictionPolicy::None;
        let mut open: SmallVec<[ShardId; 16]> = (0..engine.shards()).map(ShardId).collect();
        let mut left = if evicts { BEFORE_COMMAND } else { 0 };
        let mut is_busy = false;
        while left > 0 {
            let over = shared.over();
            if over == 0 {
                return Ok(true);
            }
            let largest = open.iter().enumerate().max_by_key(|(_, id)| shared.meter.of(**id));
            let Some((place, &id)) = largest else { break };
            if !self.try_hold_one(id)? {
                is_busy = true;
                open.swap_remove(place);
                continue;
            }
            let evict = |exec: &mut Exec<'_>| exec.shard_at(id).evict(SLICE, over);
            let (count, _) = self.run_one(id, Bound::READ, evict)?;
            shared.meter.note(self.shard(id));
            let shard = self.shard(id);
            is_busy |= shard.must_wait_for_walk() || shard.is_walk_awaited();
            if count == 0 {
                // Any entry may go, and none has: the log has no room to say so just now. What it has for
                // the command, the command finds out.
                is_busy |=
                    !policy.is_volatile() && (0..DATABASES).any(|db| !self.shard(id).is_empty(db));
                open.swap_remove(place);
            }
            left = left.saturating_sub(count);
        }
        if is_busy || evicts && left < BEFORE_COMMAND {
            return Ok(true);
        }
        self.is_within_limit()
    }

    /// Whether the data is within its limit, counted anew: what has expired in the background makes room too.
    pub(crate) fn is_within_limit(&mut self) -> Result<bool, Refusal> {
        let engine = self.engine().clone();
        let shared = &engine.shared;
        let all = ShardList::all(engine.shards());
        if self.try_hold(&all)? {
            all.as_slice().iter().for_each(|id| shared.meter.note(self.shard(*id)));
        }
        Ok(shared.over() == 0)
    }
}
