//! Replay: the shards as the log's records say they are.
//!
//! Invariant: applying the effects of a history in order gives the state that wrote them; replay
//! knows no clock, so what has expired since is removed when it is met.

use skeg_io::sync::Arc;
use skeg_keyspace::{End, HashSeed, Keyspace, ValueRef, WrongType};
use skeg_log::{Log, LogError, Logged, Moved, Place, Replay, ReplayError, ShardId, ValueReader};

use crate::describe::effects_of;
use crate::effect::{self, Change, Effect, Elements};
use crate::notify::Switches;
use crate::shard::Shard;
use crate::values::{Values, away_of, logged};

/// Builds shards from records.
pub(crate) struct Rebuild {
    seed: HashSeed,
    index_seed: u64,
    /// A longer string stays in the log.
    inline_max: usize,
    reader: Option<Arc<ValueReader>>,
    /// Why a string could not be read that was changed in place.
    unreadable: Option<LogError>,
    shards: Vec<Shard>,
}

/// Where an effect comes from.
struct Source<'a> {
    inline_max: usize,
    reader: Option<&'a ValueReader>,
    /// Where it ends, if it is in the log.
    end: Option<Place>,
    unreadable: &'a mut Option<LogError>,
}

impl Source<'_> {
    /// Where the string is that an effect ends with, if it is to stay there.
    fn large(&self, value: &[u8]) -> Option<Logged> {
        let end = self.end.filter(|_| value.len() > self.inline_max)?;
        let bytes = u32::try_from(value.len()).ok()?;
        let place = Place { offset: end.offset - u64::from(bytes), ..end };
        Some(Logged { place, bytes, sum: Logged::sum(value) })
    }
}

impl Rebuild {
    pub(crate) fn new(seed: HashSeed, index_seed: u64, inline_max: usize) -> Self {
        Self { seed, index_seed, inline_max, reader: None, unreadable: None, shards: Vec::new() }
    }

    /// Says of an error of opening what was behind it.
    pub(crate) fn explain(&mut self, error: LogError) -> LogError {
        match error {
            LogError::Replay { .. } => self.unreadable.take().unwrap_or(error),
            other => other,
        }
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
        log: Option<(&Arc<Log>, &Arc<Values>)>,
        switches: &Arc<Switches>,
    ) -> Vec<Shard> {
        self.grow(count);
        self.shards.iter_mut().for_each(|shard| shard.obey(switches));
        if let Some((log, values)) = log {
            self.shards.iter_mut().for_each(|shard| shard.attach(log, values, self.inline_max));
        }
        self.shards
    }
}

impl Replay for Rebuild {
    fn start(&mut self, shards: u16) -> Result<(), ReplayError> {
        self.grow(shards);
        Ok(())
    }

    fn values(&mut self, reader: &Arc<ValueReader>) {
        self.reader = Some(Arc::clone(reader));
    }

    fn record(&mut self, id: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
        self.apply(id, kind, payload, None)
    }

    fn record_at(
        &mut self,
        place: Place,
        id: ShardId,
        kind: u8,
        payload: &[u8],
    ) -> Result<(), ReplayError> {
        self.apply(id, kind, payload, Some(place))
    }

    fn moved(&mut self, moved: &[Moved]) {
        let from = |home: u64| moved.iter().any(|moved| moved.from.segment == home);
        for keyspace in self.shards.iter_mut().flat_map(|shard| &mut shard.databases) {
            if keyspace.homes().any(|(home, _)| from(home)) {
                keyspace.relocate(&|away| {
                    let value = logged(away);
                    let place = moved.iter().find_map(|moved| moved.apply(value.place))?;
                    Some(away_of(&Logged { place, ..value }))
                });
            }
        }
    }
}

impl Rebuild {
    fn apply(
        &mut self,
        id: ShardId,
        kind: u8,
        payload: &[u8],
        at: Option<Place>,
    ) -> Result<(), ReplayError> {
        let mut effects = effects_of(kind, payload)?.1;
        let shard = self.shards.get_mut(usize::from(id.0));
        let shard = shard.ok_or_else(|| ReplayError(format!("no shard {}", id.0)))?;
        let mut source = Source {
            inline_max: self.inline_max,
            reader: self.reader.as_deref(),
            end: None,
            unreadable: &mut self.unreadable,
        };
        while let Some(effect) = effects.next() {
            let effect = effect.map_err(|error| ReplayError(error.to_string()))?;
            source.end = at.map(|place| place.plus(effects.offset() as u64));
            shard.apply(&effect, &mut source).map_err(ReplayError)?;
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
    fn apply(&mut self, effect: &Effect<'_>, source: &mut Source<'_>) -> Result<(), String> {
        match *effect {
            Effect::Set { db, key, value, expire_at_ms } => {
                let keyspace = self.keyspace_mut(db);
                let hash = keyspace.hash(key);
                match source.large(value) {
                    Some(value) => keyspace.put_away(hash, key, away_of(&value), expire_at_ms),
                    None => keyspace.set(hash, key, value, expire_at_ms),
                };
            }
            Effect::SetAway { db, key, value, expire_at_ms } => {
                if source.end.is_some() {
                    return Err("a place of the log in the log itself".to_owned());
                }
                let keyspace = self.keyspace_mut(db);
                keyspace.put_away(keyspace.hash(key), key, away_of(&value), expire_at_ms);
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
                let keyspace = in_memory(self.keyspace_mut(db), key, source)?;
                let done = keyspace.append(keyspace.hash(key), key, tail);
                done.map_err(|_| "an APPEND effect on a key that holds no string")?;
            }
            Effect::SetRange { db, key, offset, bytes } => {
                let offset = place_of(offset)?;
                let keyspace = in_memory(self.keyspace_mut(db), key, source)?;
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
            | Effect::VectorRemove { .. } => return self.apply_to_index(effect),
        }
        Ok(())
    }
}

/// The database, after it has taken the string of a key back that is changed in place.
fn in_memory<'a>(
    keyspace: &'a mut Keyspace,
    key: &[u8],
    source: &mut Source<'_>,
) -> Result<&'a mut Keyspace, String> {
    let hash = keyspace.hash(key);
    if let Some(ValueRef::Away(away)) = keyspace.get(hash, key).map(|entry| entry.value) {
        let reader = source.reader.ok_or("a string that nobody can read")?;
        let bytes = reader.read(&logged(&away)).map_err(|error| {
            let said = error.to_string();
            *source.unreadable = Some(error);
            said
        })?;
        keyspace.take_back(hash, key, &bytes);
    }
    Ok(keyspace)
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
