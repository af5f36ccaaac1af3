//! Replay: the shards as the log's records say they are.
//!
//! Invariant: applying the effects of a history in order gives the state that wrote them; replay
//! knows no clock, so what has expired since is removed when it is met.

use std::collections::BTreeSet;

use skeg_io::sync::Arc;
use skeg_keyspace::{End, HashSeed, Keyspace, WrongType};
use skeg_log::{Log, LogError, Replay, ReplayError, ShardId, VectorFile};

use crate::describe::effects_of;
use crate::effect::{self, Change, Effect, Elements};
use crate::notify::Switches;
use crate::shard::Shard;
use crate::vectors::{Task, open_segment};

/// Builds shards from records.
pub(crate) struct Rebuild {
    seed: HashSeed,
    index_seed: u64,
    shards: Vec<Shard>,
    /// Indexes that CURRENT names segments of, with their shards.
    vectors: Vec<(ShardId, u64)>,
}

impl Rebuild {
    pub(crate) fn new(seed: HashSeed, index_seed: u64) -> Self {
        Self { seed, index_seed, shards: Vec::new(), vectors: Vec::new() }
    }

    fn grow(&mut self, count: u16) {
        for id in self.shards.len()..usize::from(count) {
            let id = ShardId(u16::try_from(id).expect("below a u16"));
            self.shards.push(Shard::new(id, self.seed, self.index_seed));
        }
    }

    /// A name of an index that misses segments.
    pub(crate) fn missing_segments(&self) -> Option<&[u8]> {
        self.shards.iter().find_map(|shard| shard.indexes.missing())
    }

    /// Indexes that are no more and that CURRENT names segments of.
    pub(crate) fn forgotten(&self) -> impl Iterator<Item = Task> {
        let is_gone = |(shard, number): &&(ShardId, u64)| {
            let mut numbers = self.shards[usize::from(shard.0)].indexes.numbers();
            !numbers.any(|other| other == *number)
        };
        let gone: BTreeSet<(ShardId, u64)> = self.vectors.iter().filter(is_gone).copied().collect();
        gone.into_iter().map(|(shard, number)| Task::Forget { shard, number })
    }

    /// The shards, connected to the log that their effects go to from now on.
    pub(crate) fn finish(
        mut self,
        count: u16,
        log: Option<&Arc<Log>>,
        switches: &Arc<Switches>,
    ) -> Vec<Shard> {
        self.grow(count);
        self.shards.iter_mut().for_each(|shard| shard.obey(switches));
        if let Some(log) = log {
            self.shards.iter_mut().for_each(|shard| shard.attach(Arc::clone(log)));
        }
        self.shards
    }
}

impl Replay for Rebuild {
    fn start(&mut self, shards: u16) -> Result<(), ReplayError> {
        self.grow(shards);
        Ok(())
    }

    fn vectors(&mut self, file: &VectorFile) -> Result<(), LogError> {
        let segment = open_segment(file)?;
        self.vectors.push((file.shard, file.index));
        self.shards[usize::from(file.shard.0)].indexes.find(segment);
        Ok(())
    }

    fn record(&mut self, id: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
        let effects = effects_of(kind, payload)?.1;
        let shard = self.shards.get_mut(usize::from(id.0));
        let shard = shard.ok_or_else(|| ReplayError(format!("no shard {}", id.0)))?;
        for effect in effects {
            let effect = effect.map_err(|error| ReplayError(error.to_string()))?;
            shard.apply(&effect).map_err(ReplayError)?;
        }
        Ok(())
    }
}

/// The offset of a logged SETRANGE.
pub(crate) fn place_of(offset: u64) -> Result<usize, String> {
    let offset = usize::try_from(offset).ok();
    let offset = offset.filter(|&offset| offset <= crate::VALUE_BYTES_MAX);
    offset.ok_or_else(|| "a SETRANGE effect beyond the longest value".to_owned())
}

impl Shard {
    fn apply(&mut self, effect: &Effect<'_>) -> Result<(), String> {
        match *effect {
            Effect::Set { db, key, value, expire_at_ms } => {
                let keyspace = self.keyspace_mut(db);
                keyspace.set(keyspace.hash(key), key, value, expire_at_ms);
            }
            Effect::SetInt { db, key, value } => {
                let keyspace = self.keyspace_mut(db);
                let hash = keyspace.hash(key);
                let deadline = keyspace.get(hash, key).and_then(|entry| entry.expire_at_ms);
                keyspace.set_int(hash, key, value, deadline);
            }
            Effect::Remove { db, key } => {
                let keyspace = self.keyspace_mut(db);
                keyspace.remove(keyspace.hash(key), key);
            }
            Effect::Expire { db, key, expire_at_ms } => {
                let keyspace = self.keyspace_mut(db);
                keyspace.set_expiry(keyspace.hash(key), key, expire_at_ms);
            }
            Effect::Append { db, key, tail } => {
                let keyspace = self.keyspace_mut(db);
                let done = keyspace.append(keyspace.hash(key), key, tail);
                done.map_err(|_| "an APPEND effect on a key that holds no string")?;
            }
            Effect::SetRange { db, key, offset, bytes } => {
                let offset = place_of(offset)?;
                let keyspace = self.keyspace_mut(db);
                let done = keyspace.set_range(keyspace.hash(key), key, offset, bytes);
                done.map_err(|_| "a SETRANGE effect on a key that holds no string")?;
            }
            Effect::Move { db, key, to_db, to, keep_source } => {
                self.move_key((db, key), (to_db, to), keep_source);
            }
            Effect::Elements { change, db, key, elements } => {
                let done = apply_elements(self.keyspace_mut(db), change, key, elements);
                done.map_err(|WrongType| "an effect on a collection of another kind")?;
            }
            Effect::ListSet { db, key, index, item } => {
                let keyspace = self.keyspace_mut(db);
                let done = keyspace.list_set(keyspace.hash(key), key, place(index), item);
                if done != Ok(true) {
                    return Err("an effect on a list item that is not there".to_owned());
                }
            }
            Effect::ListInsert { db, key, index, item } => {
                let keyspace = self.keyspace_mut(db);
                let done = keyspace.list_insert(keyspace.hash(key), key, place(index), item);
                if !matches!(done, Ok(Some(_))) {
                    return Err("an effect at a place of a list that is not there".to_owned());
                }
            }
            Effect::ListRemove { db, key, start, count } => {
                let keyspace = self.keyspace_mut(db);
                let count = place(count);
                let done = keyspace.list_remove(keyspace.hash(key), key, place(start), count);
                if done != Ok(count) {
                    return Err("an effect on list items that are not there".to_owned());
                }
            }
            Effect::Flush { db } => drop(self.keyspace_mut(db).clear()),
            Effect::Swap { a, b } => self.databases.swap(usize::from(a), usize::from(b)),
            Effect::IndexCreate { .. }
            | Effect::IndexDrop { .. }
            | Effect::VectorSet { .. }
            | Effect::VectorRemove { .. }
            | Effect::IndexFreeze { .. } => return self.apply_to_index(effect),
        }
        Ok(())
    }
}

/// An index or a count; what no list can have is as wrong as what this one has not.
fn place(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn apply_elements(
    keyspace: &mut Keyspace,
    change: Change,
    key: &[u8],
    elements: Elements<'_>,
) -> Result<(), WrongType> {
    let hash = keyspace.hash(key);
    match change {
        Change::HashSet => elements
            .pairs()
            .try_for_each(|(field, value)| keyspace.hash_set(hash, key, field, value).map(drop)),
        Change::HashRemove => {
            elements.iter().try_for_each(|field| keyspace.hash_remove(hash, key, field).map(drop))
        }
        Change::SetAdd => {
            elements.iter().try_for_each(|member| keyspace.set_add(hash, key, member).map(drop))
        }
        Change::SetRemove => {
            elements.iter().try_for_each(|member| keyspace.set_remove(hash, key, member).map(drop))
        }
        Change::PushFront => elements
            .iter()
            .try_for_each(|item| keyspace.list_push(hash, key, End::Front, item).map(drop)),
        Change::PushBack => elements
            .iter()
            .try_for_each(|item| keyspace.list_push(hash, key, End::Back, item).map(drop)),
        Change::SortedSetSet => elements.pairs().try_for_each(|(member, score)| {
            keyspace.zset_set(hash, key, member, effect::score(score)).map(drop)
        }),
        Change::SortedSetRemove => {
            elements.iter().try_for_each(|member| keyspace.zset_remove(hash, key, member).map(drop))
        }
    }
}
