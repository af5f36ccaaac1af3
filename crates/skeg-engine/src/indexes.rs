//! The vector indexes of a shard: an index belongs to the shard that its name hashes to.
//!
//! Names of indexes are apart from keys: neither FLUSHALL nor SELECT concerns them. Writes are
//! effects like any other, so a document and its vector can commit in one transaction. In a database on
//! disk, rows beyond what memory may hold go into segments (`vectors.rs`); an index that has or may have
//! some has a number, by which CURRENT knows them.
//!
//! Invariant: a freeze is an effect of the history (`skeg_vector::Index` says what for).
//!
//! May not know: how an index searches, what is in a file.

mod created;
mod error;
mod idle;
mod info;
mod parts;
mod replay;
mod room;
mod spread;

use std::collections::BTreeMap;

use skeg_io::sync::Arc;
use skeg_log::ShardId;
use skeg_vector::{
    Backend, Build, Built, IdRef, Index, IndexOptions, Row, Segment, VectorError, View,
};

pub(crate) use self::created::Created;
pub use self::error::{INDEX_NAME_BYTES_MAX, IndexError};
use self::idle::Rest;
pub use self::info::{IndexInfo, IndexState};
pub(crate) use self::parts::{Directory, Part, part_of, whole_of};
pub use self::parts::{PARTS_MAX, Parts, Several};
pub(crate) use self::replay::{logged, replayed, row_of};
pub use self::room::Incoming;
pub use self::spread::put_together;
use crate::effect::Effect;
use crate::shard::Shard;
use crate::vectors::{Store, Task};

/// An index, and what CURRENT and the snapshot know of it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) index: Index,
    /// 0 for an index without segments.
    pub(crate) number: u64,
    /// The generation up to which a snapshot relies on segments.
    relies_on: u64,
    /// Its delta waits to be written.
    is_due: bool,
    rest: Rest,
    /// Bytes of memory that it may take.
    pub(crate) memory_max: Option<u64>,
    pub(crate) part: Part,
}

/// The indexes by name.
#[derive(Debug)]
pub(crate) struct Indexes {
    by_name: BTreeMap<Box<[u8]>, Held>,
    /// Keys the hashes of ids, and begins the numbers of indexes.
    seed: u64,
    /// What the last number was made of: the shard, and how many there were before.
    numbered: u64,
    /// Segments that an open has found and no index has taken up yet, by the index's number.
    found: BTreeMap<u64, Vec<Segment>>,
    /// Numbers of indexes with segments that replay has dropped.
    dropped: Vec<u64>,
    /// Where segments are made, in a database on disk that can be written to.
    store: Option<Arc<Store>>,
    /// Those in several parts, of all shards, once replay is over.
    directory: Arc<Directory>,
}

/// An index as it was at one moment, with its number.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) name: Box<[u8]>,
    pub(crate) number: u64,
    pub(crate) memory_max: Option<u64>,
    pub(crate) part: Part,
    pub(crate) view: Arc<View>,
}

impl Indexes {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            by_name: BTreeMap::new(),
            seed,
            numbered: 0,
            found: BTreeMap::new(),
            dropped: Vec::new(),
            store: None,
            directory: Arc::default(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Held)> {
        self.by_name.iter().map(|(name, held)| (&**name, held))
    }

    /// All of them as they are now.
    pub(crate) fn images(&mut self) -> Vec<Image> {
        let held = self.by_name.iter_mut();
        held.map(|(name, held)| Image {
            name: name.clone(),
            number: held.number,
            memory_max: held.memory_max,
            part: held.part,
            view: held.index.view(),
        })
        .collect()
    }

    /// A segment that CURRENT names, to be taken up by its index.
    pub(crate) fn find(&mut self, segment: Segment) {
        self.found.entry(segment.head().tag.index).or_default().push(segment);
    }

    /// Replay is over: segments are made here from now on, and rows written that were too many.
    pub(crate) fn attach(
        &mut self,
        shard: ShardId,
        store: Option<&Arc<Store>>,
        directory: &Arc<Directory>,
    ) {
        self.directory = Arc::clone(directory);
        for (name, held) in &self.by_name {
            directory.note(name, held.part, held.index.options().ids);
        }
        let found = std::mem::take(&mut self.found);
        let dropped = std::mem::take(&mut self.dropped);
        self.store = store.cloned();
        self.numbered = u64::from(shard.0) << 48;
        let Some(store) = store else { return };
        for number in found.into_keys().chain(dropped) {
            store.add(Task::Forget { shard, number });
        }
        for (name, held) in &mut self.by_name {
            held.note_size(shard, name, store);
            if held.index.stored_generation() > 0 {
                // What was under way when it was closed.
                store.add(Task::Tidy { shard, name: name.clone(), number: held.number });
            }
        }
    }

    /// An index whose snapshot relied on segments that are not there.
    pub(crate) fn missing(&self) -> Option<&[u8]> {
        let misses = |held: &Held| held.relies_on > held.index.stored_generation();
        self.iter().find_map(|(name, held)| misses(held).then_some(name))
    }

    fn insert(&mut self, name: &[u8], created: &Created) -> Result<(), VectorError> {
        let mut index = Index::new(created.options, self.seed)?;
        if let Some(segments) = self.found.remove(&created.number) {
            index.attach(segments)?;
        }
        index.resume(created.generation);
        let Created { number, relies_on, memory_max, part, .. } = *created;
        if number != 0 {
            // Its rows in memory wait for a segment.
            index.code_waiting();
        }
        let (is_due, rest) = (false, Rest::default());
        let held = Held { index, number, relies_on, is_due, rest, memory_max, part };
        self.by_name.insert(name.into(), held);
        Ok(())
    }

    /// A number that no index of the database has had, but by the worst of luck.
    fn next_number(&mut self) -> u64 {
        loop {
            // SplitMix64 of a random seed: no two numbers of one opening are equal.
            self.numbered += 1;
            let step = self.numbered.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.seed.wrapping_add(step);
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            if mixed != 0 && self.by_name.values().all(|held| held.number != mixed) {
                return mixed;
            }
        }
    }
}

impl Held {
    /// Asks for the delta to be written when it has outgrown its bound.
    fn note_size(&mut self, shard: ShardId, name: &[u8], store: &Store) {
        if self.number != 0 && self.index.delta_bytes() >= store.delta_bytes() {
            self.ask_flush(shard, name, store);
        }
    }

    /// Asks for the delta to be written.
    fn ask_flush(&mut self, shard: ShardId, name: &[u8], store: &Store) {
        if !self.is_due {
            self.is_due = true;
            store.add(Task::Flush { shard, name: name.into(), number: self.number });
        }
    }
}

impl Shard {
    /// Indexes hash as keys of database 0 do.
    fn index_hash(&self, name: &[u8]) -> u64 {
        self.keyspace(0).hash(name)
    }

    fn index(&mut self, name: &[u8]) -> Result<&Held, IndexError> {
        self.see(self.index_hash(name));
        self.indexes.by_name.get(name).ok_or(IndexError::NotFound)
    }

    fn index_mut(&mut self, name: &[u8]) -> Result<&mut Held, IndexError> {
        self.see(self.index_hash(name));
        self.indexes.by_name.get_mut(name).ok_or(IndexError::NotFound)
    }

    fn index_changed(&mut self, name: &[u8], effect: &Effect<'_>) {
        self.log_effect(effect);
        self.touch(self.index_hash(name));
    }

    /// Creates an index without a limit of memory; `false` when one with the same options is there already.
    ///
    /// # Errors
    /// [`IndexError::Mismatch`], [`IndexError::Name`], and options that cannot be served.
    pub fn index_create(&mut self, name: &[u8], options: IndexOptions) -> Result<bool, IndexError> {
        self.index_create_within(name, options, None)
    }

    /// [`Shard::index_create`] of an index that may take so many bytes of memory: rows in memory, codes and
    /// graphs. What would pass that is refused with [`IndexError::Memory`].
    ///
    /// # Errors
    /// As [`Shard::index_create`].
    pub fn index_create_within(
        &mut self,
        name: &[u8],
        options: IndexOptions,
        memory_max: Option<u64>,
    ) -> Result<bool, IndexError> {
        self.index_create_part(name, options, memory_max, Part::WHOLE)
    }

    /// Creates a part of an index.
    pub(crate) fn index_create_part(
        &mut self,
        name: &[u8],
        options: IndexOptions,
        memory_max: Option<u64>,
        part: Part,
    ) -> Result<bool, IndexError> {
        if part.number == 0 && (name.is_empty() || name.len() > INDEX_NAME_BYTES_MAX) {
            return Err(IndexError::Name);
        }
        if let Ok(held) = self.index(name) {
            return match held.index.options().difference(&options) {
                Some(option) => Err(IndexError::Mismatch { option }),
                None if held.part != part => Err(IndexError::Mismatch { option: "partitions" }),
                None if held.memory_max != memory_max => {
                    Err(IndexError::Mismatch { option: "maxMemory" })
                }
                None => Ok(false),
            };
        }
        let stores = options.has_segments() && self.indexes.store.is_some();
        let number = if stores { self.indexes.next_number() } else { 0 };
        let created = Created { options, number, generation: 0, relies_on: 0, memory_max, part };
        self.indexes.insert(name, &created)?;
        self.indexes.directory.note(name, part, options.ids);
        self.index_changed(name, &Effect::IndexCreate { name, options: &created.to_bytes() });
        Ok(true)
    }

    /// Drops an index with all that is in it; `false` when there was none.
    pub fn index_drop(&mut self, name: &[u8]) -> bool {
        self.see(self.index_hash(name));
        let dropped = self.indexes.by_name.remove(name);
        if let Some(held) = &dropped {
            self.indexes.directory.forget(name);
            self.index_changed(name, &Effect::IndexDrop { name });
            if let Some(store) = &self.indexes.store
                && held.number != 0
            {
                store.add(Task::Forget { shard: self.id, number: held.number });
            }
        }
        dropped.is_some()
    }

    /// The options of an index.
    ///
    /// # Errors
    /// [`IndexError::NotFound`].
    pub fn index_options(&mut self, name: &[u8]) -> Result<IndexOptions, IndexError> {
        self.index(name).map(|held| *held.index.options())
    }

    /// Stores a vector; `true` when the id was there. Never [`IndexError::Behind`]: who stores several
    /// asks first, with [`Shard::vector_room`], so that all are stored or none.
    ///
    /// # Errors
    /// [`IndexError`]: no such index, or a vector or id that it refuses.
    pub fn vector_set(
        &mut self,
        name: &[u8],
        id: IdRef<'_>,
        row: &[f32],
    ) -> Result<bool, IndexError> {
        self.see(self.index_hash(name));
        let Indexes { by_name, store, .. } = &mut self.indexes;
        let held = by_name.get_mut(name).ok_or(IndexError::NotFound)?;
        let replaced = held.index.set(id, row)?;
        held.rest.note_write();
        if let Some(store) = store {
            held.note_size(self.id, name, store);
        }
        if held.index.options().backend != Backend::Ephemeral {
            let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
            self.index_changed(name, &Effect::VectorSet { name, id: logged(id), row: &bytes });
        }
        Ok(replaced)
    }

    /// Checks what [`Shard::vector_set`] would refuse: for batches that are stored whole or not at all.
    ///
    /// # Errors
    /// As [`Shard::vector_set`].
    pub fn vector_check(
        &mut self,
        name: &[u8],
        id: IdRef<'_>,
        row: &[f32],
    ) -> Result<(), IndexError> {
        Ok(self.index(name)?.index.check(id, row)?)
    }

    /// The vector stored under an id, in memory or to be read from a segment on the search pool.
    ///
    /// # Errors
    /// [`IndexError::NotFound`]: no such index.
    pub fn vector_get(
        &mut self,
        name: &[u8],
        id: IdRef<'_>,
    ) -> Result<Option<Row<'_>>, IndexError> {
        Ok(self.index(name)?.index.get(id))
    }

    /// Whether there is a vector under an id.
    ///
    /// # Errors
    /// [`IndexError::NotFound`]: no such index.
    pub fn vector_exists(&mut self, name: &[u8], id: IdRef<'_>) -> Result<bool, IndexError> {
        Ok(self.index(name)?.index.contains(id))
    }

    /// Removes a vector; `true` when it was there.
    ///
    /// # Errors
    /// [`IndexError::NotFound`]: no such index.
    pub fn vector_remove(&mut self, name: &[u8], id: IdRef<'_>) -> Result<bool, IndexError> {
        self.see(self.index_hash(name));
        let Indexes { by_name, store, .. } = &mut self.indexes;
        let held = by_name.get_mut(name).ok_or(IndexError::NotFound)?;
        let dead_before = held.dead_segments();
        let removed = held.index.remove(id);
        held.rest.note_write();
        if let Some(store) = store
            && held.dead_segments() > dead_before
        {
            store.add(Task::Tidy { shard: self.id, name: name.into(), number: held.number });
        }
        if removed && held.index.options().backend != Backend::Ephemeral {
            self.index_changed(name, &Effect::VectorRemove { name, id: logged(id) });
        }
        Ok(removed)
    }

    /// What the index holds now, to be searched on the pool: every write before is in it.
    ///
    /// # Errors
    /// [`IndexError::NotFound`].
    pub fn vector_view(&mut self, name: &[u8]) -> Result<Arc<View>, IndexError> {
        Ok(self.index_mut(name)?.index.view())
    }

    // --- segments ------------------------------------------------------------------------------

    /// The index of a name, if it is still the one with this number.
    pub(crate) fn numbered(&mut self, name: &[u8], number: u64) -> Option<&mut Held> {
        self.indexes.by_name.get_mut(name).filter(|held| held.number == number)
    }

    /// The number of an index; 0 when it has none or there is no index.
    pub(crate) fn index_number(&self, name: &[u8]) -> u64 {
        self.indexes.by_name.get(name).map_or(0, |held| held.number)
    }

    /// Freezes the delta of an index, unless rows are frozen already, and gives what a segment is to be
    /// built from; `None` when there is nothing, or no such index.
    pub(crate) fn index_freeze(&mut self, name: &[u8], number: u64) -> Option<Build> {
        let held = self.numbered(name, number)?;
        held.is_due = false;
        let frozen = held.index.freeze();
        let build = held.index.flush();
        if frozen {
            // No reply shows it, so none need wait for it.
            self.log_effect(&Effect::IndexFreeze { name });
        }
        build
    }

    /// Puts a segment that is published where it belongs. `false` when the index is gone.
    pub(crate) fn index_install(&mut self, name: &[u8], number: u64, built: Built) -> bool {
        let id = self.id;
        let Indexes { by_name, store, .. } = &mut self.indexes;
        let Some(held) = by_name.get_mut(name).filter(|held| held.number == number) else {
            return false;
        };
        held.index.install(built);
        if let Some(store) = store {
            held.note_size(id, name, store);
        }
        true
    }
}
