//! An index: new rows in memory, older ones in segments, and what of those is no more.
//!
//! A write goes into the delta, a flat index that is compared row by row, or by codes that are made as rows come. When the owner finds the delta
//! large enough it freezes it: a new, empty delta takes its place, and the frozen rows are written as a
//! segment ([`Build`]) meanwhile. When the segment is safe where it belongs, it takes the place of the
//! frozen rows. Segments are merged in the same way. Whoever never freezes has an index in memory.
//!
//! A row that was replaced or removed stays in its segment and is marked dead. The marks are in memory
//! only: they follow from the history. So that they can be found again after a restart, freezes are
//! counted, and a segment knows its generation, the count when it was frozen (the greatest of those
//! that were merged). Replaying a history whose freezes are in it, a write of generation c (after c
//! freezes):
//! - kills its id in every segment of generation c or less, for that one was frozen before the write;
//! - puts its row into the delta only if no segment has a generation greater than c: otherwise the row
//!   is in one of them, or was replaced before it was frozen.
//!
//! And of several rows of one id, all but the one in the newest segment are dead from the start.
//!
//! Invariants: at most one row of an id is live, in the delta, the frozen rows or one segment; segments
//! stand in the order of their generations; a view never changes.
//!
//! May not know: keys, the log, shards, files, threads.

mod build;
mod contents;
mod planner;
#[cfg(test)]
mod tests;
mod view;
mod waiting;
#[cfg(test)]
mod waiting_tests;

use std::borrow::Cow;
use std::sync::Arc;

pub use build::{Build, BuildError, Built};
pub use contents::SegmentFigures;
pub use view::{Change, SearchOptions, SearchScratch, View};

use crate::flat::{self, FlatIndex};
use crate::row_set::RowSet;
use crate::segment::{RowBuffer, Segment};
use crate::{IdRef, IndexOptions, Tier, VectorError};

/// Rows that have been frozen and are not in a segment yet.
#[derive(Debug)]
struct Frozen {
    rows: FlatIndex,
    view: Arc<flat::View>,
    dead: RowSet,
    generation: u64,
}

impl Frozen {
    /// Live rows.
    fn len(&self) -> usize {
        self.rows.len() - self.dead.len()
    }
}

/// A segment and its dead rows.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) segment: Arc<Segment>,
    pub(crate) dead: RowSet,
}

impl Slot {
    fn len(&self) -> usize {
        self.segment.head().rows as usize - self.dead.len()
    }

    /// The live row of an id.
    fn find(&self, id: IdRef<'_>) -> Option<u32> {
        self.segment.find(id).filter(|&row| !self.dead.contains(row))
    }
}

/// The generation of the newest of some segments, oldest first; 0 when there is none.
fn newest(segments: &[Slot]) -> u64 {
    segments.last().map_or(0, |slot| slot.segment.head().tag.generation)
}

/// See the module's header.
#[derive(Debug)]
pub struct Index {
    options: IndexOptions,
    /// Keys the hashes of ids.
    seed: u64,
    delta: FlatIndex,
    frozen: Option<Frozen>,
    /// Oldest first.
    segments: Vec<Slot>,
    /// How often it was frozen.
    generation: u64,
    /// Whether rows that wait have codes.
    codes_waiting: bool,
    /// What was taken since the last write.
    view: Option<Arc<View>>,
}

/// A vector of an index, in memory or in a segment.
#[derive(Debug, Clone)]
pub enum Row<'a> {
    /// In memory.
    Here(Cow<'a, [f32]>),
    /// In a segment.
    Stored(StoredRow),
}

/// A row in a segment, to be read when there is time for it: it stays readable whatever becomes of the
/// index.
#[derive(Debug, Clone)]
pub struct StoredRow {
    segment: Arc<Segment>,
    row: u32,
}

impl StoredRow {
    /// Reads the row.
    ///
    /// # Errors
    /// [`VectorError::Segment`].
    pub fn read(&self) -> Result<Vec<f32>, VectorError> {
        let mut buffer = RowBuffer::default();
        self.segment.read(self.row, &mut buffer)?;
        Ok(buffer.row)
    }
}

impl<'a> Row<'a> {
    /// A copy of a row in memory, to be taken elsewhere.
    #[must_use]
    pub fn into_owned(self) -> Row<'static> {
        match self {
            Self::Here(row) => Row::Here(Cow::Owned(row.into_owned())),
            Self::Stored(stored) => Row::Stored(stored),
        }
    }

    /// The numbers, read now if they are in a segment.
    ///
    /// # Errors
    /// [`VectorError::Segment`].
    pub fn read(&self) -> Result<Cow<'_, [f32]>, VectorError> {
        match self {
            Self::Here(row) => Ok(Cow::Borrowed(row)),
            Self::Stored(stored) => stored.read().map(Cow::Owned),
        }
    }
}

/// What an index consists of, for figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexFigures {
    /// Vectors in it.
    pub vectors: usize,
    /// Of them, those in memory: in the delta, or frozen and not yet in a segment.
    pub delta_vectors: usize,
    /// Segments.
    pub segments: usize,
    /// Dead rows in segments and among the frozen ones.
    pub dead: usize,
    /// Bytes of memory.
    pub memory_bytes: usize,
    /// Bytes of segment files.
    pub file_bytes: u64,
}

impl Index {
    /// An empty index. `seed` should be secret and random: it keys the hash of the ids, and changes no
    /// answer, unless rows that wait are coded.
    ///
    /// # Errors
    /// Those of [`IndexOptions::validate`].
    pub fn new(options: IndexOptions, seed: u64) -> Result<Self, VectorError> {
        let delta = FlatIndex::new(options, seed)?;
        Ok(Self {
            options,
            seed,
            delta,
            frozen: None,
            segments: Vec::new(),
            generation: 0,
            codes_waiting: false,
            view: None,
        })
    }

    /// From now on rows in memory get codes as they come, because they wait to be written into a segment: once there
    /// is one, a search finds them with the certainty with which it finds rows in segments, and looks at few of
    /// them. Rows of tier `f32` stay what they are.
    pub fn code_waiting(&mut self) {
        self.codes_waiting = self.options.tier != Tier::F32;
        if self.codes_waiting {
            self.delta.keep_codes(self.seed);
            self.view = None;
        }
    }

    /// What the index was made with.
    #[must_use]
    pub fn options(&self) -> &IndexOptions {
        &self.options
    }

    /// Vectors in the index.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len_in_memory() + self.segments.iter().map(Slot::len).sum::<usize>()
    }

    /// Vectors that are in no segment.
    fn len_in_memory(&self) -> usize {
        self.delta.len() + self.frozen.as_ref().map_or(0, Frozen::len)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the index has allocated and holds. What only a view holds (rows as they were before
    /// a write) is not counted.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let frozen = self.frozen.as_ref().map_or(0, |frozen| {
            frozen.rows.memory_bytes() - size_of::<FlatIndex>() + frozen.dead.heap_bytes()
        });
        let slot = |slot: &Slot| slot.segment.memory_bytes() + slot.dead.heap_bytes();
        size_of::<Self>() - size_of::<FlatIndex>()
            + self.delta.memory_bytes()
            + frozen
            + self.segments.capacity() * size_of::<Slot>()
            + self.segments.iter().map(slot).sum::<usize>()
            + self.view.as_ref().map_or(0, |view| view.own_bytes())
    }

    /// Figures.
    #[must_use]
    pub fn figures(&self) -> IndexFigures {
        let frozen_dead = self.frozen.as_ref().map_or(0, |frozen| frozen.dead.len());
        IndexFigures {
            vectors: self.len(),
            delta_vectors: self.len_in_memory(),
            segments: self.segments.len(),
            dead: self.segments.iter().map(|slot| slot.dead.len()).sum::<usize>() + frozen_dead,
            memory_bytes: self.memory_bytes(),
            file_bytes: self.segments.iter().map(|slot| slot.segment.file_bytes()).sum(),
        }
    }

    /// Bytes of memory that the delta takes.
    #[must_use]
    pub fn delta_bytes(&self) -> usize {
        self.delta.memory_bytes()
    }

    /// Bytes of memory that rows take which are in no segment: those of the delta, and frozen ones.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.delta_bytes() + self.frozen.as_ref().map_or(0, |frozen| frozen.rows.memory_bytes())
    }

    /// Vectors in the delta.
    #[must_use]
    pub fn delta_len(&self) -> usize {
        self.delta.len()
    }

    /// See [`FlatIndex::check`].
    ///
    /// # Errors
    /// Those of [`Self::set`].
    pub fn check<'a>(&self, id: impl Into<IdRef<'a>>, vector: &[f32]) -> Result<(), VectorError> {
        self.delta.check(id, vector)
    }

    /// Stores a vector under an id, in place of the one it has. Tells whether it had one.
    ///
    /// # Errors
    /// Those of [`FlatIndex::set`]; then nothing has changed.
    pub fn set<'a>(
        &mut self,
        id: impl Into<IdRef<'a>>,
        vector: &[f32],
    ) -> Result<bool, VectorError> {
        let id = id.into();
        let replaced = self.delta.set(id, vector)?;
        self.view = None;
        Ok(replaced || self.kill(id, u64::MAX))
    }

    /// The vector of an id, bit for bit as it was set.
    #[must_use]
    pub fn get<'a>(&self, id: impl Into<IdRef<'a>>) -> Option<Row<'_>> {
        let id = id.into();
        if let Some(row) = self.delta.get(id) {
            return Some(Row::Here(row.into()));
        }
        if let Some(frozen) = &self.frozen
            && let Some(place) = frozen.rows.find(id)
        {
            let is_dead = frozen.dead.contains(place);
            return (!is_dead).then(|| Row::Here(frozen.rows.row(place).into()));
        }
        self.segments.iter().rev().find_map(|slot| {
            let row = slot.find(id)?;
            Some(Row::Stored(StoredRow { segment: Arc::clone(&slot.segment), row }))
        })
    }

    /// Whether there is a vector of an id.
    #[must_use]
    pub fn contains<'a>(&self, id: impl Into<IdRef<'a>>) -> bool {
        self.get(id).is_some()
    }

    /// Removes an id and its vector. Tells whether it was there.
    pub fn remove<'a>(&mut self, id: impl Into<IdRef<'a>>) -> bool {
        let id = id.into();
        let removed = self.delta.remove(id) || self.kill(id, u64::MAX);
        if removed {
            self.view = None;
        }
        removed
    }

    /// Marks the row of an id dead that is frozen or in a segment of at most this generation. Tells
    /// whether there was one.
    fn kill(&mut self, id: IdRef<'_>, generation: u64) -> bool {
        if let Some(frozen) = &mut self.frozen
            && let Some(place) = frozen.rows.find(id)
        {
            return frozen.dead.insert(place);
        }
        let mut killed = false;
        for slot in self.segments.iter_mut().rev() {
            if slot.segment.head().tag.generation <= generation
                && let Some(row) = slot.find(id)
            {
                killed |= slot.dead.insert(row);
            }
        }
        killed
    }

    /// The index as it is now. Until the next write, every call gives the same view.
    pub fn view(&mut self) -> Arc<View> {
        let view = self.view.get_or_insert_with(|| {
            let frozen = self.frozen.as_ref();
            Arc::new(View {
                options: self.options,
                delta: self.delta.view(),
                frozen: frozen.map(|frozen| (Arc::clone(&frozen.view), frozen.dead.clone())),
                segments: self.segments.iter().cloned().collect(),
                generation: self.generation,
            })
        });
        Arc::clone(view)
    }

    // --- freezing, segments --------------------------------------------------------------------

    /// How often the index was frozen.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The greatest generation of a segment.
    #[must_use]
    pub fn stored_generation(&self) -> u64 {
        newest(&self.segments)
    }

    /// Whether rows are frozen and not yet in a segment.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Freezes the delta, unless it is empty or other rows are frozen. Tells whether it did: this
    /// belongs into the history.
    pub fn freeze(&mut self) -> bool {
        if self.delta.is_empty() || self.is_frozen() {
            return false;
        }
        let mut delta = FlatIndex::new(self.options, self.seed).expect("it has the same options");
        if self.codes_waiting {
            delta.keep_codes(self.seed);
        }
        let mut rows = std::mem::replace(&mut self.delta, delta);
        self.generation += 1;
        let view = rows.view();
        let dead = RowSet::default();
        self.frozen = Some(Frozen { rows, view, dead, generation: self.generation });
        self.view = None;
        true
    }

    /// A segment of the rows that are frozen, to be built; `None` when there are none.
    #[must_use]
    pub fn flush(&self) -> Option<Build> {
        let frozen = self.frozen.as_ref()?;
        let (view, dead) = (Arc::clone(&frozen.view), frozen.dead.clone());
        Some(Build::flush(self.options, frozen.generation, view, dead))
    }

    /// Whether some segments that stand together fit into one: its ids have less than 4 GiB.
    #[must_use]
    pub fn fits(&self, segments: std::ops::Range<usize>) -> bool {
        Segment::fit(self.segments[segments].iter().map(|slot| &*slot.segment))
    }

    /// One segment in place of some that stand together, to be built.
    ///
    /// # Panics
    /// When there are no such segments. Its build panics when it does not [fit](Self::fits).
    #[must_use]
    pub fn merge(&self, segments: std::ops::Range<usize>) -> Build {
        Build::merge(self.options, self.segments[segments].to_vec())
    }

    /// Whether one segment in place of some that stand together is to have a graph, and a crew of so many
    /// can link it.
    #[must_use]
    pub fn links(&self, segments: std::ops::Range<usize>, crew: usize) -> bool {
        let slots = &self.segments[segments];
        let rows = slots.iter().map(Slot::len).sum();
        planner::links(&self.options, rows)
            && slots
                .first()
                .is_some_and(|slot| slot.segment.can_be_linked(rows, &build::link_options(), crew))
    }

    /// The largest of some segments that should have a graph, have none, and could be linked by a crew of
    /// so many.
    #[must_use]
    pub fn unlinked(&self, segments: std::ops::Range<usize>, crew: usize) -> Option<usize> {
        let is_without = |&at: &usize| !self.segments[at].segment.is_linked();
        segments
            .filter(|at| is_without(at) && self.links(*at..at + 1, crew))
            .max_by_key(|&at| self.segments[at].len())
    }

    /// Live rows and dead rows of each segment, oldest first.
    pub fn segment_rows(&self) -> impl ExactSizeIterator<Item = (usize, usize)> {
        self.segments.iter().map(|slot| (slot.len(), slot.dead.len()))
    }

    /// Numbers of the segments' files, oldest first.
    pub fn files(&self) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator {
        self.segments.iter().map(|slot| slot.segment.head().tag.file)
    }

    /// Puts a segment that was built in the place of what it was built from. What died meanwhile is
    /// dead in it.
    ///
    /// # Panics
    /// When what it was built from is not there any more: nobody else may build from it.
    pub fn install(&mut self, built: Built) {
        self.view = None;
        let Built { segment, sources } = built;
        let mut dead = RowSet::default();
        let mut mark = |now: &RowSet, before: &RowSet, places: &[u32]| {
            for row in now.iter().filter(|row| !before.contains(*row)) {
                dead.insert(places[row as usize]);
            }
        };
        let mut at = self.segments.len();
        for source in &sources {
            if let Some(file) = source.file {
                let place = self.files().position(|other| other == file);
                at = place.expect("segments stay until they are merged");
                let slot = self.segments.remove(at);
                mark(&slot.dead, &source.dead, &source.places);
            } else {
                let frozen =
                    self.frozen.take().expect("what is frozen stays so until it is stored");
                mark(&frozen.dead, &source.dead, &source.places);
            }
        }
        self.segments.insert(at, Slot { segment: Arc::new(segment), dead });
    }

    // --- replay --------------------------------------------------------------------------------

    /// Takes up segments before anything is replayed.
    ///
    /// # Errors
    /// [`VectorError::Corrupt`] for segments of another index, or of one generation.
    pub fn attach(&mut self, mut segments: Vec<Segment>) -> Result<(), VectorError> {
        segments.sort_by_key(|segment| segment.head().tag.generation);
        for pair in segments.windows(2) {
            if pair[0].head().tag.generation == pair[1].head().tag.generation {
                return Err(VectorError::Corrupt { reason: "two segments of one generation" });
            }
        }
        let options = &self.options;
        let fits = |segment: &Segment| {
            let head = segment.head();
            (head.dim, head.metric, head.ids) == (options.dim, options.metric, options.ids)
        };
        if !segments.iter().all(fits) {
            return Err(VectorError::Corrupt { reason: "a segment of an index of other options" });
        }
        let slot = |segment| Slot { segment: Arc::new(segment), dead: RowSet::default() };
        self.segments = segments.into_iter().map(slot).collect();
        for newer in 1..self.segments.len() {
            let (older, newer) = self.segments.split_at_mut(newer);
            older.iter_mut().for_each(|older| kill_common(older, &newer[0].segment));
        }
        self.view = None;
        Ok(())
    }

    /// Goes on counting freezes from here: what a snapshot's history begins with.
    pub fn resume(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// A step of the history.
    ///
    /// # Errors
    /// Those of [`Self::set`].
    pub fn replay(&mut self, change: Change<'_>) -> Result<(), VectorError> {
        match change {
            Change::Set(id, vector) => self.replay_set(id, vector)?,
            Change::Remove(id) => self.replay_remove(id),
            Change::Freeze => self.generation += 1,
        }
        Ok(())
    }

    fn replay_set(&mut self, id: IdRef<'_>, vector: &[f32]) -> Result<(), VectorError> {
        self.view = None;
        if self.generation >= self.stored_generation() {
            self.delta.set(id, vector)?;
        } else {
            self.delta.check(id, vector)?;
        }
        self.kill(id, self.generation);
        Ok(())
    }

    fn replay_remove(&mut self, id: IdRef<'_>) {
        self.view = None;
        self.delta.remove(id);
        self.kill(id, self.generation);
    }
}

/// Marks the rows of a segment dead whose ids a newer one has. Both ascend.
fn kill_common(older: &mut Slot, newer: &Segment) {
    let (mut a, mut b) = (0, 0);
    let segment = Arc::clone(&older.segment);
    while a < segment.head().rows && b < newer.head().rows {
        match segment.id(a).cmp(&newer.id(b)) {
            std::cmp::Ordering::Less => a += 1,
            std::cmp::Ordering::Greater => b += 1,
            std::cmp::Ordering::Equal => {
                older.dead.insert(a);
                a += 1;
                b += 1;
            }
        }
    }
}
