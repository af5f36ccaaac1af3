//! What a command does to an index that may be in several parts: the held shards of all of them.
//!
//! Invariant: a command that learns here that it was sent to shards of other parts than there are changes
//! nothing and says so.

use skeg_vector::{IdRef, IndexOptions};

use super::parts::{PARTS_MAX, Part, Parts, whole_of};
use super::{IndexError, IndexInfo, IndexState};
use crate::engine::Engine;
use crate::exec::Exec;
use crate::router::ShardList;
use crate::shard::Shard;
use crate::vectors::BuildProgress;

impl Engine {
    /// The parts of an index as they are now; whoever holds the shard of one knows that they stay.
    #[must_use]
    pub fn index_parts<'n>(&self, name: &'n [u8]) -> Parts<'n> {
        self.shared.directory.parts(name)
    }

    /// The shards that the parts of an index lie on, and would if it had so many parts.
    #[must_use]
    pub fn index_shards(&self, name: &[u8], parts: u16) -> ShardList {
        let there = self.index_parts(name);
        let mut shards: ShardList = there.names().map(|name| self.shard_of(name)).collect();
        for number in 0..parts {
            shards.insert(self.shard_of(&Part { number, of: parts }.name(name)));
        }
        shards
    }
}

impl Exec<'_> {
    /// The parts of an index.
    #[must_use]
    pub fn index_parts<'n>(&self, name: &'n [u8]) -> Parts<'n> {
        self.shared.directory.parts(name)
    }

    /// The shard that a part of an index lies on, by the part's name.
    ///
    /// # Errors
    /// [`IndexError::Moved`].
    pub fn part_shard(&mut self, part: &[u8]) -> Result<&mut Shard, IndexError> {
        let id = self.shared.router.shard_of(part);
        let place = self.shards.binary_search_by_key(&id, |shard| shard.id);
        place.map(|place| &mut *self.shards[place]).map_err(|_| IndexError::Moved)
    }

    /// The shard of the part that has an id, and that part's name.
    ///
    /// # Errors
    /// [`IndexError::Moved`].
    pub fn shard_of_id<'p>(
        &mut self,
        parts: &'p Parts<'_>,
        id: IdRef<'_>,
    ) -> Result<(&mut Shard, &'p [u8]), IndexError> {
        let name = parts.name_of(id);
        Ok((self.part_shard(name)?, name))
    }

    /// The options of an index, on the shard of any of its parts.
    ///
    /// # Errors
    /// [`IndexError::NotFound`], [`IndexError::Moved`].
    pub fn index_options(&mut self, parts: &Parts<'_>) -> Result<IndexOptions, IndexError> {
        for name in parts.names() {
            if let Ok(shard) = self.part_shard(name) {
                return shard.index_options(name);
            }
        }
        Err(IndexError::Moved)
    }

    /// Creates an index in so many parts, which may take so many bytes of memory together; `false` when one
    /// with the same options is there already.
    ///
    /// # Errors
    /// As [`Shard::index_create`].
    pub fn index_create(
        &mut self,
        name: &[u8],
        options: IndexOptions,
        memory_max: Option<u64>,
        parts: u16,
    ) -> Result<bool, IndexError> {
        if whole_of(name).is_some() {
            return Err(IndexError::Name);
        }
        let of = parts.clamp(1, PARTS_MAX);
        let names: Vec<_> = (0..of).map(|number| Part { number, of }.name(name)).collect();
        for name in &names {
            self.part_shard(name)?;
        }
        let mut created = false;
        for (number, name) in (0..of).zip(&names) {
            let (part, shard) = (Part { number, of }, self.part_shard(name)?);
            // All of them are there, or none.
            created = shard.index_create_part(name, options, part.share(memory_max), part)?;
        }
        Ok(created)
    }

    /// Drops an index with all that is in it; `false` when there was none.
    ///
    /// # Errors
    /// [`IndexError::Moved`].
    pub fn index_drop(&mut self, name: &[u8]) -> Result<bool, IndexError> {
        let parts = self.index_parts(name);
        for name in parts.names() {
            self.part_shard(name)?;
        }
        let mut dropped = false;
        for name in parts.names() {
            dropped |= self.part_shard(name)?.index_drop(name);
        }
        Ok(dropped)
    }

    /// What there is to know of an index.
    ///
    /// # Errors
    /// [`IndexError::NotFound`], [`IndexError::Moved`].
    pub fn index_info(&mut self, name: &[u8]) -> Result<IndexInfo, IndexError> {
        let parts = self.index_parts(name);
        let infos = parts.names().map(|name| self.part_shard(name)?.index_info(name));
        let infos = infos.collect::<Result<Vec<_>, _>>()?;
        put_together(infos).pop().ok_or(IndexError::NotFound)
    }
}

/// What there is to know of indexes, sorted by name, of what there is to know of all their parts.
#[must_use]
pub fn put_together(mut parts: Vec<IndexInfo>) -> Vec<IndexInfo> {
    parts.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut whole: Vec<IndexInfo> = Vec::new();
    for part in parts {
        match (part.part.number, whole.last_mut()) {
            (1.., Some(last)) => last.add(&part),
            _ => whole.push(part),
        }
    }
    whole
}

/// Brings parts behind the first of them.
fn key(info: &IndexInfo) -> (&[u8], u16) {
    match info.part.number {
        0 => (&info.name, 0),
        number => (whole_of(&info.name).unwrap_or_default(), number),
    }
}

impl IndexInfo {
    /// In how many parts it is.
    #[must_use]
    pub fn partitions(&self) -> u16 {
        self.part.of
    }

    fn add(&mut self, part: &Self) {
        let (figures, more) = (&mut self.figures, &part.figures);
        figures.vectors += more.vectors;
        figures.delta_vectors += more.delta_vectors;
        figures.segments += more.segments;
        figures.dead += more.dead;
        figures.memory_bytes += more.memory_bytes;
        figures.file_bytes += more.file_bytes;
        self.memory_max = self.memory_max.zip(part.memory_max).map(|(some, more)| some + more);
        self.state = [self.state, part.state]
            .into_iter()
            .max_by_key(|state| match state {
                IndexState::Ready => 0,
                IndexState::Due => 1,
                IndexState::Building => 2,
                IndexState::Behind => 3,
            })
            .unwrap_or(self.state);
        self.progress = match (self.progress, part.progress) {
            (Some(some), Some(more)) => Some(some.and(more)),
            (some, more) => some.or(more),
        };
    }
}

impl BuildProgress {
    /// How far both are together.
    pub(crate) fn and(self, other: Self) -> Self {
        let linked =
            [self.linked, other.linked].into_iter().flatten().reduce(|some, more| some + more);
        Self { written: self.written + other.written, rows: self.rows + other.rows, linked }
    }
}
