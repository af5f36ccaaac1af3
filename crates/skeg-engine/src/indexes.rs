//! The vector indexes of a shard: an index belongs to the shard that its name hashes to.
//!
//! Names of indexes are apart from keys: neither FLUSHALL nor SELECT concerns them. Writes are
//! effects like any other, so a document and its vector can commit in one transaction.
//!
//! May not know: how an index searches.

use std::collections::BTreeMap;

use skeg_io::sync::Arc;
use skeg_vector::{Id, IdRef, Index, IndexOptions, VectorError, View};

use crate::effect::{Effect, VectorId};
use crate::shard::Shard;

/// Longest name of an index, in bytes.
pub const INDEX_NAME_BYTES_MAX: usize = 1_024;

/// The indexes by name.
#[derive(Debug)]
pub(crate) struct Indexes {
    by_name: BTreeMap<Box<[u8]>, Index>,
    /// Keys the hashes of ids.
    seed: u64,
}

impl Indexes {
    pub(crate) fn new(seed: u64) -> Self {
        Self { by_name: BTreeMap::new(), seed }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Index)> {
        self.by_name.iter().map(|(name, index)| (&**name, index))
    }

    /// All of them as they are now.
    pub(crate) fn views(&mut self) -> Vec<(Box<[u8]>, Arc<View>)> {
        self.by_name.iter_mut().map(|(name, index)| (name.clone(), index.view())).collect()
    }

    fn insert(&mut self, name: &[u8], options: IndexOptions) -> Result<(), VectorError> {
        self.by_name.insert(name.into(), Index::new(options, self.seed)?);
        Ok(())
    }
}

/// Why an operation on an index was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is no index of this name.
    #[error("no such index")]
    NotFound,
    /// There is one with other options.
    #[error("the index exists with another `{option}`")]
    Mismatch {
        /// The first option that differs.
        option: &'static str,
    },
    /// The name is empty or too long.
    #[error("the name of an index has 1 to {INDEX_NAME_BYTES_MAX} bytes")]
    Name,
    /// The index refused.
    #[error(transparent)]
    Vector(#[from] VectorError),
}

/// What `VINDEX INFO` tells.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexInfo {
    /// The name.
    pub name: Vec<u8>,
    /// The options it was created with.
    pub options: IndexOptions,
    /// Vectors in it.
    pub vectors: u64,
    /// Bytes of memory that it takes.
    pub memory_bytes: u64,
}

fn info(name: &[u8], index: &Index) -> IndexInfo {
    IndexInfo {
        name: name.to_vec(),
        options: *index.options(),
        vectors: index.len() as u64,
        memory_bytes: index.memory_bytes() as u64,
    }
}

pub(crate) fn logged(id: IdRef<'_>) -> VectorId<'_> {
    match id {
        IdRef::U64(id) => VectorId::U64(id),
        IdRef::Str(id) => VectorId::Str(id.as_bytes()),
    }
}

impl Shard {
    /// Indexes hash as keys of database 0 do.
    fn index_hash(&self, name: &[u8]) -> u64 {
        self.keyspace(0).hash(name)
    }

    fn index(&mut self, name: &[u8]) -> Result<&Index, IndexError> {
        self.see(self.index_hash(name));
        self.indexes.by_name.get(name).ok_or(IndexError::NotFound)
    }

    fn index_mut(&mut self, name: &[u8]) -> Result<&mut Index, IndexError> {
        self.see(self.index_hash(name));
        self.indexes.by_name.get_mut(name).ok_or(IndexError::NotFound)
    }

    fn index_changed(&mut self, name: &[u8], effect: &Effect<'_>) {
        self.log_effect(effect);
        self.touch(self.index_hash(name));
    }

    /// Creates an index; `false` when one with the same options is there already.
    ///
    /// # Errors
    /// [`IndexError::Mismatch`], [`IndexError::Name`], and options that cannot be served.
    pub fn index_create(&mut self, name: &[u8], options: IndexOptions) -> Result<bool, IndexError> {
        if name.is_empty() || name.len() > INDEX_NAME_BYTES_MAX {
            return Err(IndexError::Name);
        }
        if let Ok(index) = self.index(name) {
            return match index.options().difference(&options) {
                Some(option) => Err(IndexError::Mismatch { option }),
                None => Ok(false),
            };
        }
        self.indexes.insert(name, options)?;
        self.index_changed(name, &Effect::IndexCreate { name, options: &options.to_bytes() });
        Ok(true)
    }

    /// Drops an index with all that is in it; `false` when there was none.
    pub fn index_drop(&mut self, name: &[u8]) -> bool {
        self.see(self.index_hash(name));
        let dropped = self.indexes.by_name.remove(name).is_some();
        if dropped {
            self.index_changed(name, &Effect::IndexDrop { name });
        }
        dropped
    }

    /// What there is to know of an index.
    ///
    /// # Errors
    /// [`IndexError::NotFound`].
    pub fn index_info(&mut self, name: &[u8]) -> Result<IndexInfo, IndexError> {
        self.index(name).map(|index| info(name, index))
    }

    /// The indexes of this shard, by name.
    pub fn index_list(&mut self) -> Vec<IndexInfo> {
        self.see_all();
        self.indexes.iter().map(|(name, index)| info(name, index)).collect()
    }

    /// Stores a vector; `true` when the id was there.
    ///
    /// # Errors
    /// [`IndexError`]: no such index, or a vector or id that it refuses.
    pub fn vector_set(
        &mut self,
        name: &[u8],
        id: IdRef<'_>,
        row: &[f32],
    ) -> Result<bool, IndexError> {
        let replaced = self.index_mut(name)?.set(id, row)?;
        let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.index_changed(name, &Effect::VectorSet { name, id: logged(id), row: &bytes });
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
        Ok(self.index(name)?.check(id, row)?)
    }

    /// The vector stored under an id.
    ///
    /// # Errors
    /// [`IndexError::NotFound`]: no such index.
    pub fn vector_get(&mut self, name: &[u8], id: IdRef<'_>) -> Result<Option<&[f32]>, IndexError> {
        Ok(self.index(name)?.get(id))
    }

    /// Removes a vector; `true` when it was there.
    ///
    /// # Errors
    /// [`IndexError::NotFound`]: no such index.
    pub fn vector_remove(&mut self, name: &[u8], id: IdRef<'_>) -> Result<bool, IndexError> {
        let removed = self.index_mut(name)?.remove(id);
        if removed {
            self.index_changed(name, &Effect::VectorRemove { name, id: logged(id) });
        }
        Ok(removed)
    }

    /// What the index holds now, to be searched on the pool: every write before is in it.
    ///
    /// # Errors
    /// [`IndexError::NotFound`].
    pub fn vector_view(&mut self, name: &[u8]) -> Result<Arc<View>, IndexError> {
        Ok(self.index_mut(name)?.view())
    }

    /// Applies an effect of the log.
    pub(crate) fn apply_to_index(&mut self, effect: &Effect<'_>) -> Result<(), String> {
        let said = |error: VectorError| error.to_string();
        match *effect {
            Effect::IndexCreate { name, options } => {
                let options = IndexOptions::from_bytes(options).map_err(said)?;
                self.indexes.insert(name, options).map_err(said)?;
            }
            Effect::IndexDrop { name } => drop(self.indexes.by_name.remove(name)),
            Effect::VectorSet { name, id, row } => {
                let (id, row) = (replayed(id)?, row_of(row)?);
                let index = self.indexes.by_name.get_mut(name).ok_or("a vector of no index")?;
                index.set(id.as_ref(), &row).map_err(said)?;
            }
            Effect::VectorRemove { name, id } => {
                let id = replayed(id)?;
                let index = self.indexes.by_name.get_mut(name).ok_or("a vector of no index")?;
                index.remove(id.as_ref());
            }
            _ => return Err("an effect of no index".into()),
        }
        Ok(())
    }
}

/// The numbers of a logged vector.
pub(crate) fn row_of(row: &[u8]) -> Result<Vec<f32>, String> {
    let (numbers, rest) = row.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("a vector of half a number".into());
    }
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The id of a logged vector.
pub(crate) fn replayed(id: VectorId<'_>) -> Result<Id, String> {
    match id {
        VectorId::U64(id) => Ok(Id::U64(id)),
        VectorId::Str(id) => match std::str::from_utf8(id) {
            Ok(id) => Ok(Id::Str(id.into())),
            Err(error) => Err(format!("an id that is no UTF-8: {error}")),
        },
    }
}
