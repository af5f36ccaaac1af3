//! Replay: the shards as the log's records say they are.
//!
//! Invariant: applying the effects of a history in order gives the state that wrote them; replay
//! knows no clock, so what has expired since is removed when it is met.

use skeg_io::sync::Arc;
use skeg_keyspace::HashSeed;
use skeg_log::{Log, Replay, ReplayError, ShardId};

use crate::effect::{Effect, Effects, KIND_EFFECTS, KIND_PART};
use crate::notify::Switches;
use crate::shard::Shard;

/// Builds shards from records.
pub(crate) struct Rebuild {
    seed: HashSeed,
    index_seed: u64,
    shards: Vec<Shard>,
}

impl Rebuild {
    pub(crate) fn new(seed: HashSeed, index_seed: u64) -> Self {
        Self { seed, index_seed, shards: Vec::new() }
    }

    fn grow(&mut self, count: u16) {
        for id in self.shards.len()..usize::from(count) {
            let id = ShardId(u16::try_from(id).expect("below a u16"));
            self.shards.push(Shard::new(id, self.seed, self.index_seed));
        }
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

    fn record(&mut self, id: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
        let effects = match kind {
            KIND_EFFECTS => Effects::new(payload),
            KIND_PART => {
                let part = Effects::of_part(payload);
                part.map_err(|error| ReplayError(error.to_string()))?.2
            }
            other => return Err(ReplayError(format!("unknown record kind {other}"))),
        };
        let shard = self.shards.get_mut(usize::from(id.0));
        let shard = shard.ok_or_else(|| ReplayError(format!("no shard {}", id.0)))?;
        for effect in effects {
            let effect = effect.map_err(|error| ReplayError(error.to_string()))?;
            shard.apply(&effect).map_err(ReplayError)?;
        }
        Ok(())
    }
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
                keyspace.append(keyspace.hash(key), key, tail);
            }
            Effect::SetRange { db, key, offset, bytes } => {
                let offset = usize::try_from(offset).ok();
                let offset = offset.filter(|&offset| offset <= crate::VALUE_BYTES_MAX);
                let offset = offset.ok_or("a SETRANGE effect beyond the longest value")?;
                let keyspace = self.keyspace_mut(db);
                keyspace.set_range(keyspace.hash(key), key, offset, bytes);
            }
            Effect::Move { db, key, to_db, to, keep_source } => {
                self.move_key((db, key), (to_db, to), keep_source);
            }
            Effect::Flush { db } => drop(self.keyspace_mut(db).clear()),
            Effect::Swap { a, b } => self.databases.swap(usize::from(a), usize::from(b)),
            Effect::IndexCreate { .. }
            | Effect::IndexDrop { .. }
            | Effect::VectorSet { .. }
            | Effect::VectorRemove { .. } => return self.apply_to_index(effect),
        }
        Ok(())
    }
}
