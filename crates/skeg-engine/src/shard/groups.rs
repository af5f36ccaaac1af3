//! A shard's part in the eviction of groups: which of its keys belong to groups that have to go, one lap
//! through its entries for each sweep.
//!
//! Invariant: an entry that is there from the start of a lap to its end is looked at; a lap goes on where it
//! stopped, also where an entry could not go yet.
//! May not know: the limit, other shards.

use skeg_log::{Broken, breaks};

use super::Shard;
use crate::groups::{Age, KeyGroup};
use crate::options::DATABASES;

/// Entries that are looked at before what was found goes.
const CHUNK: usize = 32;

/// How far a shard is with its sweep.
#[derive(Debug, Default)]
pub(super) struct Lap {
    sweep: u64,
    is_going: bool,
    db: u8,
    cursor: u64,
}

/// What a step of a sweep has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Swept {
    /// Entries that have gone.
    pub(crate) removed: usize,
    /// Entries that were looked at, about.
    pub(crate) looked: usize,
    /// An entry could not go just now: the log has no room, or a snapshot has to hand it out first.
    pub(crate) is_stuck: bool,
}

impl Shard {
    fn group_of(&self, key: &[u8]) -> KeyGroup {
        let name = self.switches.limit.groups.grouping().name(key);
        KeyGroup(self.hash_of(name))
    }

    #[inline(never)]
    pub(super) fn note_use_of_group(&self, key: &[u8]) {
        self.switches.limit.groups.note_use(self.group_of(key), self.slice.now_ms);
    }

    /// Adds the ages of the groups of about `count` keys, drawn at random; of all when there are fewer.
    pub(crate) fn sample_groups(&mut self, count: usize, ages: &mut Vec<Age>) {
        let all: usize = self.databases.iter().map(skeg_keyspace::Keyspace::len).sum();
        for db in 0..DATABASES {
            let len = self.keyspace(db).len();
            if len > 0 {
                let (draw, part) = (self.draws.next(), (count * len).div_ceil(all));
                self.keyspace(db).sample(draw, part.min(len), &mut |candidate| {
                    ages.push(self.switches.limit.groups.age(self.group_of(candidate.key)));
                });
            }
        }
    }

    /// Whether the shard has not ended the sweep that there is.
    pub(crate) fn has_lap_to_end(&self) -> bool {
        self.lap.is_going || self.lap.sweep != self.switches.limit.groups.sweep()
    }

    /// Goes on with the lap: removes entries whose group has to go, until those took `bytes` or there were
    /// `limit` of them, give or take some, or `looks` were looked at.
    pub(crate) fn sweep(&mut self, limit: usize, looks: usize, bytes: u64) -> Swept {
        let mut swept = Swept::default();
        if !self.has_lap_to_end() {
            return swept;
        }
        if !self.lap.is_going {
            let sweep = self.switches.limit.groups.sweep();
            self.lap = Lap { sweep, is_going: true, ..Lap::default() };
        }
        let mut freed = 0;
        while self.lap.is_going && swept.removed < limit && swept.looked < looks && freed < bytes {
            if self.lap.db == DATABASES || !self.switches.limit.groups.takes_any() {
                self.lap.is_going = false;
                self.switches.limit.groups.end_one();
            } else if self.keyspace(self.lap.db).is_empty() {
                (self.lap.db, self.lap.cursor) = (self.lap.db + 1, 0);
            } else {
                swept.looked += CHUNK;
                let (keys, next) = self.look_on();
                for key in &keys {
                    let Some(bytes) = self.evict_entry(self.lap.db, key) else {
                        swept.is_stuck = true;
                        return swept;
                    };
                    freed += bytes;
                    swept.removed += 1;
                }
                self.lap.cursor = next;
                self.lap.db += u8::from(next == 0);
            }
        }
        swept
    }

    /// The keys of the next chunk that have to go, and where the chunk ends.
    fn look_on(&self) -> (Vec<Vec<u8>>, u64) {
        let Lap { db, cursor, .. } = self.lap;
        let now_ms = self.slice.now_ms;
        let mut keys = Vec::new();
        let next = self.keyspace(db).scan(cursor, CHUNK, &mut |key, _| {
            let stays = key.len() % 4 == 1 && breaks(Broken::SplitsGroups);
            if !stays && self.switches.limit.groups.goes(self.group_of(key), now_ms) {
                keys.push(key.to_vec());
            }
        });
        (keys, next)
    }
}
