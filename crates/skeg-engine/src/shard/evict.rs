//! Eviction from a shard: which entry goes, and how.
//!
//! May not know: the limit.

use skeg_keyspace::{Candidate, Stamp};
use skeg_log::{Broken, breaks};

use super::{EFFECT_SLACK, Shard};
use crate::effect::Effect;
use crate::evict::EvictionPolicy;
use crate::notify::NotifyClass;
use crate::options::DATABASES;

/// Entries of the table that are looked at for each sample that was asked for. Neighbours cost less than
/// the pool of old candidates by which Redis makes up for few samples.
const LOOKED_AT_FOR_EACH: usize = 4;

/// Random numbers of a shard (SplitMix64): for counting uses and drawing entries, where nobody gains
/// anything by guessing them.
#[derive(Debug)]
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The entry that goes, so far.
#[derive(Default)]
struct Victim {
    /// How gladly it goes; the largest goes.
    rank: Option<u64>,
    db: u8,
    key: Vec<u8>,
}

impl Victim {
    fn offer(&mut self, rank: u64, db: u8, key: &[u8]) {
        if self.rank.is_none_or(|best| rank > best) {
            (self.rank, self.db) = (Some(rank), db);
            self.key.clear();
            self.key.extend_from_slice(key);
        }
    }
}

impl Shard {
    /// Notes that the key was used, for commands that do not look at its value.
    pub fn note_use(&mut self, db: u8, key: &[u8]) {
        self.note_use_of(db, self.hash_of(key), key);
    }

    /// [`Shard::note_use`]; costs a load when uses are not noted.
    #[inline]
    pub(super) fn note_use_of(&mut self, db: u8, hash: u64, key: &[u8]) {
        let Self { switches, slice, draws, .. } = self;
        if let Some(used) = switches.limit.used(slice.now_ms, || draws.next()) {
            let is_there = self.databases[usize::from(db)].note_use(hash, key, used);
            // What is not there any more keeps no group alive.
            if is_there && switches.limit.policy().is_by_groups() {
                self.note_use_of_group(key);
            }
        }
    }

    /// When or how often the key was used, if it is there; asking is no use.
    pub fn stamp(&mut self, db: u8, key: &[u8]) -> Option<Stamp> {
        self.find(db, key)?;
        let keyspace = self.keyspace(db);
        keyspace.stamp(keyspace.hash(key), key)
    }

    /// Says when or how often the key was used: memory only, as all stamps.
    pub fn set_stamp(&mut self, db: u8, key: &[u8], stamp: Stamp) {
        let hash = self.hash_of(key);
        self.databases[usize::from(db)].set_stamp(hash, key, stamp);
    }

    /// The bytes that keys, values and vectors take, without cells that hold nothing.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        let keys = self.databases.iter().map(|ks| ks.memory_bytes() - ks.free_bytes());
        let vectors = self.indexes.iter().map(|(_, held)| held.index.memory_bytes());
        keys.chain(vectors).map(|bytes| bytes as u64).sum()
    }

    /// About as many bytes as a snapshot would have of the shard.
    pub(crate) fn inline_bytes(&self) -> u64 {
        let keys = self.databases.iter().map(skeg_keyspace::Keyspace::entries_bytes);
        let vectors = self.indexes.iter().map(|(_, held)| held.index.delta_bytes());
        keys.chain(vectors).map(|bytes| bytes as u64).sum()
    }

    /// Removes entries as the policy says, until those took `bytes`, at most `limit`. Returns how many;
    /// none when there is no entry that may go, or no room in the log to say so.
    pub fn evict(&mut self, limit: usize, bytes: u64) -> usize {
        let (policy, samples) = (self.switches.limit.policy(), self.switches.limit.samples());
        let (mut removed, mut freed) = (0, 0);
        while removed < limit && freed < bytes {
            let Some((db, key)) = self.victim(policy, samples) else { break };
            let Some(bytes) = self.evict_entry(db, &key) else { break };
            freed += bytes;
            removed += 1;
        }
        removed
    }

    /// Removes an entry; the bytes that it took. `None`: the log has no room to say so, or a snapshot has to
    /// hand it out first.
    pub(super) fn evict_entry(&mut self, db: u8, key: &[u8]) -> Option<u64> {
        if !breaks(Broken::EvictsUnreserved)
            && !self.reserve_removals(key.len() as u64 + EFFECT_SLACK)
        {
            return None;
        }
        let hash = self.hash_of(key);
        if self.is_left_to_walk(db, hash) {
            return None;
        }
        let keyspace = self.keyspace(db);
        let bytes = keyspace.entry_bytes(hash, key).unwrap_or(0) as u64;
        let deadline = keyspace.get(hash, key).and_then(|entry| entry.expire_at_ms);
        if deadline.is_some_and(|at| at <= self.slice.now_ms) {
            self.expire(db, hash, key);
        } else {
            self.writable(db, hash).remove(hash, key);
            self.stats.evicted += 1;
            if breaks(Broken::ForgetsEvictions) {
                self.note_change(db, hash, key);
            } else {
                self.changed(db, hash, key, &Effect::Remove { db, key });
            }
            self.notify(NotifyClass::EVICTED, "evicted", db, key);
        }
        Some(bytes)
    }

    /// The best of a sample of every database.
    fn victim(&mut self, policy: EvictionPolicy, samples: usize) -> Option<(u8, Vec<u8>)> {
        let now_ms = self.slice.now_ms;
        let goes_astray = policy.is_volatile() && breaks(Broken::EvictsAny);
        let policy = if goes_astray { EvictionPolicy::AllRandom } else { policy };
        let rank = |Candidate { stamp, .. }: &Candidate<'_>| match policy.is_lfu() {
            true => u64::from(!stamp.count(now_ms)),
            false => u64::from(stamp.idle_ms(now_ms)),
        };
        let mut victim = Victim::default();
        for db in 0..DATABASES {
            let keyspace = &self.databases[usize::from(db)];
            if keyspace.is_empty() || policy.is_volatile() && keyspace.expiring_len() == 0 {
                continue;
            }
            match policy {
                // Groups go in sweeps.
                EvictionPolicy::None | EvictionPolicy::AllGroupLru => {}
                EvictionPolicy::AllLru | EvictionPolicy::AllLfu => {
                    let count = samples * LOOKED_AT_FOR_EACH;
                    keyspace.sample(self.draws.next(), count, &mut |candidate| {
                        victim.offer(rank(&candidate), db, candidate.key);
                    });
                }
                EvictionPolicy::AllRandom => {
                    if let Some((key, _)) = keyspace.random(self.draws.next()) {
                        victim.offer(self.draws.next(), db, key);
                    }
                }
                EvictionPolicy::VolatileRandom => {
                    if let Some(candidate) = keyspace.sample_expiring(self.draws.next()) {
                        victim.offer(self.draws.next(), db, candidate.key);
                    }
                }
                EvictionPolicy::VolatileLru | EvictionPolicy::VolatileLfu => {
                    for _ in 0..samples {
                        if let Some(candidate) = keyspace.sample_expiring(self.draws.next()) {
                            victim.offer(rank(&candidate), db, candidate.key);
                        }
                    }
                }
                EvictionPolicy::VolatileTtl => {
                    let at = keyspace.next_deadline_ms().unwrap_or(u64::MAX);
                    keyspace.due(u64::MAX, 1, &mut |key| victim.offer(!at, db, key));
                }
            }
        }
        victim.rank.map(|_| (victim.db, victim.key))
    }
}
