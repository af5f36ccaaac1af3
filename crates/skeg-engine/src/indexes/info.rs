//! What an index tells of itself.

use skeg_vector::{IndexFigures, IndexOptions};

use super::{Held, IndexError, Indexes, Part};
use crate::shard::Shard;
use crate::vectors::{BuildProgress, Store};

/// What `VINDEX INFO` tells.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexInfo {
    /// The name.
    pub name: Vec<u8>,
    /// The options it was created with.
    pub options: IndexOptions,
    /// Bytes of memory that it may take, if there is a limit.
    pub memory_max: Option<u64>,
    /// What it consists of.
    pub figures: IndexFigures,
    /// What becomes of its segments just now.
    pub state: IndexState,
    /// How far the segment is that is being built.
    pub progress: Option<BuildProgress>,
    /// Which part it is, or of how many it was put together.
    pub(crate) part: Part,
}

/// What becomes of an index's segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// Nothing is to be done.
    Ready,
    /// Rows in memory wait to be written.
    Due,
    /// A segment is being built.
    Building,
    /// Rows come faster than they are written: whoever writes should wait.
    Behind,
}

impl IndexState {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Due => "due",
            Self::Building => "building",
            Self::Behind => "behind",
        }
    }
}

fn info(name: &[u8], held: &Held, store: Option<&Store>) -> IndexInfo {
    let progress = held.writes_to(store).and_then(|store| store.progress_of(held.number));
    let state = match progress {
        _ if held.is_behind(store) => IndexState::Behind,
        Some(_) => IndexState::Building,
        None if held.is_due || held.index.is_frozen() => IndexState::Due,
        None => IndexState::Ready,
    };
    let (options, figures) = (*held.index.options(), held.index.figures());
    IndexInfo {
        name: name.to_vec(),
        options,
        memory_max: held.memory_max,
        figures,
        state,
        progress,
        part: held.part,
    }
}

impl Shard {
    /// What there is to know of an index.
    ///
    /// # Errors
    /// [`IndexError::NotFound`].
    pub fn index_info(&mut self, name: &[u8]) -> Result<IndexInfo, IndexError> {
        self.see(self.index_hash(name));
        let Indexes { by_name, store, .. } = &self.indexes;
        let held = by_name.get(name).ok_or(IndexError::NotFound)?;
        Ok(info(name, held, store.as_deref()))
    }

    /// The indexes of this shard, parts of them included: [`put_together`](super::put_together) makes whole ones of those of all shards.
    pub fn index_list(&mut self) -> Vec<IndexInfo> {
        self.see_all();
        let store = self.indexes.store.as_deref();
        self.indexes.iter().map(|(name, held)| info(name, held, store)).collect()
    }
}
