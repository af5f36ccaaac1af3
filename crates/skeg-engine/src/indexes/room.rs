//! Room for vectors: how much of an index may wait in memory to be written, and who waits when it does.
//!
//! Rows wait in the delta and, while a segment is made of them, frozen. Whoever stores rows asks first
//! whether there is room for all of them. When there is none the command changes nothing and is run
//! again: at once where it stands if nobody may overtake it, else when a segment has taken rows away
//! (`vectors/aside.rs`). A disk that refuses segments makes it an error.
//!
//! An index may have a limit of memory: of rows that wait, codes and graphs. Rows that would pass it wait
//! while it is worth writing others to disk, where only codes of them stay in memory, or merging segments of which a
//! part is dead, and are refused then. Memory for rows comes in pieces of up to 64 KiB: by so much the limit may be passed.
//!
//! Invariant: what waits in memory is at most the bound; or, of a batch that is larger than the bound by
//! itself, that batch and less than a delta that is due.
//!
//! May not know: how a segment is made, what asks for room.

use super::{Held, IndexError, Indexes};
use crate::shard::Shard;
use crate::vectors::{Store, is_beyond};

/// So many times as much as is written at once may wait in memory, and at least so many bytes. With half
/// of that an index says that it is behind.
const DELTAS: usize = 8;
const BYTES_MIN: usize = 16 << 20;

/// For room below a limit of memory, a delta is written when it takes this part of the limit.
const WORTH_PART: u64 = 16;

/// A segment of which more than this part is dead is written anew; when an index is near its limit, of which
/// more than the second is.
const DEAD_PART: f64 = 0.5;
const DEAD_PART_NEAR: f64 = 0.125;

/// What a row takes in memory beside its numbers and its id, about.
const ROW_BYTES: usize = 64;

/// Its code takes this part of that again.
const CODE_PART: usize = 32;

/// Rows that are to be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    rows: usize,
    bytes: usize,
}

impl Incoming {
    /// So many rows, whose numbers and ids have so many bytes.
    #[must_use]
    pub fn new(rows: usize, bytes: usize) -> Self {
        Self { rows, bytes }
    }

    /// One more row.
    pub fn add(&mut self, id_bytes: usize, numbers: usize) {
        self.rows += 1;
        self.bytes += id_bytes + numbers * size_of::<f32>();
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, bytes: self.bytes + other.bytes }
    }

    fn memory_bytes(self) -> usize {
        let bytes = self.bytes.saturating_add(self.bytes / CODE_PART);
        bytes.saturating_add(self.rows.saturating_mul(ROW_BYTES))
    }
}

/// Whether rows may come.
enum Room {
    Now,
    /// When rows have gone to disk, or dead ones from segments.
    Later,
    Never,
}

impl Store {
    /// Bytes of an index that may wait in memory to be written.
    fn waiting_max(&self) -> usize {
        self.delta_bytes().saturating_mul(DELTAS).max(BYTES_MIN)
    }
}

impl Held {
    /// Where rows of this index are written, if they are.
    pub(super) fn writes_to<'s>(&self, store: Option<&'s Store>) -> Option<&'s Store> {
        store.filter(|_| self.number != 0)
    }

    /// Whether so much waits to be written that whoever writes should wait. While it cannot be written that
    /// might be for ever: then the next write is refused instead.
    pub(super) fn is_behind(&self, store: Option<&Store>) -> bool {
        let store = self.writes_to(store).filter(|store| !store.is_failing());
        store.is_some_and(|store| self.index.waiting_bytes() >= store.waiting_max() / 2)
    }

    /// What part of a segment has to be dead that it is written anew.
    pub(crate) fn dead_part(&self) -> f64 {
        let near = |limit: u64| self.index.memory_bytes() as u64 >= limit - limit / WORTH_PART;
        if self.memory_max.is_some_and(near) { DEAD_PART_NEAR } else { DEAD_PART }
    }

    /// How many segments are to be written anew, as so much of them is dead.
    pub(super) fn dead_segments(&self) -> usize {
        let part = self.dead_part();
        self.index.segment_rows().filter(|&rows| is_beyond(rows, part)).count()
    }

    /// Whether room comes from a merge that drops dead rows, before long: whoever waits may hold up others.
    fn merge_makes_room(&self, store: &Store) -> bool {
        !store.merges_fail()
            && self.dead_segments() > 0
            && self.index.figures().file_bytes < store.beside_bytes()
    }

    /// Whether these rows may come, as the limit of memory goes.
    fn below_limit(&self, store: Option<&Store>, incoming: Incoming) -> Room {
        let Some(limit) = self.memory_max else { return Room::Now };
        let taken = self.index.memory_bytes() as u64;
        let anything_waits = self.index.is_frozen() || self.index.delta_len() > 0;
        let is_worth_it = anything_waits && self.index.waiting_bytes() as u64 >= limit / WORTH_PART;
        match taken.saturating_add(incoming.memory_bytes() as u64) {
            after if after <= limit => Room::Now,
            _ if store.is_some() && is_worth_it => Room::Later,
            _ if store.is_some_and(|store| self.merge_makes_room(store)) => Room::Later,
            _ => Room::Never,
        }
    }

    /// Whether there is room for these rows, beside what waits already.
    fn has_room(&self, store: &Store, incoming: Incoming) -> bool {
        let waiting = self.index.waiting_bytes();
        let is_idle = !self.index.is_frozen() && self.index.delta_bytes() < store.delta_bytes();
        is_idle || waiting.saturating_add(incoming.memory_bytes()) <= store.waiting_max()
    }
}

impl Shard {
    /// Whether an index takes these rows now, all of them, when each is asked for again, too, before
    /// the command is over.
    ///
    /// # Errors
    /// [`IndexError::NotFound`]; [`IndexError::Behind`] when the command is to return, having changed
    /// nothing: it is run again when there is room; [`IndexError::Unwritten`]; [`IndexError::Memory`].
    pub fn vector_room(&mut self, name: &[u8], incoming: Incoming) -> Result<(), IndexError> {
        self.see(self.index_hash(name));
        let has_room = self.has_room();
        let Indexes { by_name, store, .. } = &mut self.indexes;
        let held = by_name.get_mut(name).ok_or(IndexError::NotFound)?;
        let store = held.writes_to(store.as_deref());
        let may_come = match held.below_limit(store, incoming) {
            _ if has_room => true,
            Room::Now => store.is_none_or(|store| held.has_room(store, incoming)),
            Room::Later => false,
            Room::Never => {
                if let Some(store) = store.filter(|_| held.dead_segments() > 0) {
                    // There may be room the next time.
                    held.ask_flush(self.id, name, store);
                }
                let (share, of) = (held.memory_max.unwrap_or(u64::MAX), held.part.of);
                return Err(IndexError::Memory { limit: share.saturating_mul(of.into()) });
            }
        };
        let Some(store) = store.filter(|_| !may_come) else { return Ok(()) };
        held.ask_flush(self.id, name, store);
        if store.is_failing() {
            return Err(IndexError::Unwritten);
        }
        self.wait_for_room();
        Err(IndexError::Behind)
    }
}
