//! What the current slice knows and has done, and what the command that runs has to wait for.
//!
//! Invariant: a command that is to wait has changed nothing, and what it waited for is forgotten when the next one
//! begins.
//! May not know: who waits where.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use skeg_io::sync::Arc;
use skeg_keyspace::Away;
use skeg_log::{Epoch, Reservation};

use super::{Shard, large};
use crate::effect::Run;
use crate::error::ReadError;
use crate::values::{Fetched, Values, Wanted, logged};
use crate::writing::Given;

/// What the current slice knows and has done.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) now_ms: u64,
    /// The epoch that has reached the default level: younger changes are pending.
    pub(super) reached: Epoch,
    pub(super) seen: Epoch,
    pub(super) record: Vec<u8>,
    /// The run of elements that the record ends with.
    pub(super) run: Option<Run>,
    /// Databases that have large collections to free, as bits.
    pub(super) removed: u16,
    pub(super) touched: Vec<u64>,
    pub(super) touched_all: bool,
    /// Something was changed, beside the removal of what has expired.
    pub(super) made_changes: bool,
    /// Large strings in the record.
    pub(super) large: large::InRecord,
    /// Strings of the record that have files to themselves.
    pub(super) given: Given,
    /// Values from the log that are at hand.
    pub(super) pins: HashMap<Wanted, Result<Arc<[u8]>, ReadError>>,
    /// Values that were asked for and are not.
    pub(super) missing: Vec<Wanted>,
    /// A large value that is to be changed has to be handed out to a snapshot first.
    pub(super) is_held_up: bool,
    /// Vectors were to be stored that there is no room for yet.
    pub(super) lacks_room: bool,
    /// There is room for all vectors that the command stores.
    pub(super) has_room: bool,
    /// Log space for effects that reads cause: the removal of what has expired.
    pub(super) space: Reservation,
}

impl Slice {
    /// Of nothing yet.
    pub(super) fn new() -> Self {
        Self {
            now_ms: 0,
            reached: Epoch(0),
            seen: Epoch(0),
            record: Vec::new(),
            run: None,
            removed: 0,
            touched: Vec::new(),
            touched_all: false,
            made_changes: false,
            large: large::InRecord::new(),
            given: Given::default(),
            pins: HashMap::new(),
            missing: Vec::new(),
            is_held_up: false,
            lacks_room: false,
            has_room: false,
            space: Reservation::default(),
        }
    }

    /// The bytes of a string that is in the log, if they are to be had without waiting; they are at hand
    /// from then on.
    pub(super) fn bytes_of(
        &mut self,
        values: Option<&Values>,
        away: &Away,
    ) -> Result<&[u8], ReadError> {
        self.wanted_of(values, Wanted::whole(logged(away)))
    }

    /// As [`Slice::bytes_of`], for what is wanted of it. A range comes out of the whole value where that is at
    /// hand: a transaction has it read before its first change.
    pub(super) fn wanted_of(
        &mut self,
        values: Option<&Values>,
        wanted: Wanted,
    ) -> Result<&[u8], ReadError> {
        let whole = wanted.of_whole();
        let (pin, range) = match self.pins.contains_key(&whole) {
            true => (whole, wanted.span()),
            false => (wanted, 0..wanted.span().len()),
        };
        let bytes = match self.pins.entry(pin) {
            Entry::Occupied(pin) => pin.into_mut(),
            Entry::Vacant(free) => {
                let values = values.expect("only a shard with a log has strings there");
                match values.find(&wanted) {
                    Err(ReadError::Away) => {
                        self.missing.push(wanted);
                        return Err(ReadError::Away);
                    }
                    found => free.insert(found),
                }
            }
        };
        match bytes {
            Ok(bytes) => Ok(&bytes[range]),
            Err(error) => Err(error.clone()),
        }
    }

    pub(super) fn pinned(&self, away: &Away) -> Option<Arc<[u8]>> {
        let bytes = self.pins.get(&Wanted::whole(logged(away)))?;
        bytes.as_ref().ok().map(Arc::clone)
    }
}

impl Shard {
    /// Starts a slice: the clock reading it runs under, and the epoch that the default level has reached.
    pub(crate) fn begin(&mut self, now_ms: u64, reached: Epoch) {
        self.slice.now_ms = now_ms;
        self.slice.reached = reached;
    }

    /// What the command before had to wait for is not the next one's.
    #[inline]
    pub(crate) fn wait_for_nothing(&mut self) {
        self.forget_wait();
        self.slice.has_room = false;
    }

    /// What a command of a transaction had to wait for is not the next one's: it has failed alone.
    #[inline]
    pub(crate) fn forget_wait(&mut self) {
        self.slice.missing.clear();
        self.slice.is_held_up = false;
        self.slice.lacks_room = false;
    }

    /// Values that were read for the job that runs next are at hand.
    pub(crate) fn lay_out(&mut self, fetched: &[Fetched]) {
        self.slice.pins.extend(fetched.iter().cloned());
    }

    /// Whether a value that was asked for has to be read from the disk, one that is to be changed handed out
    /// to a snapshot, or vectors written so that there is room for others.
    #[inline]
    pub(crate) fn must_wait(&self) -> bool {
        let slice = &self.slice;
        slice.is_held_up || slice.lacks_room || !slice.missing.is_empty()
    }

    /// The command waits for the walk of a snapshot.
    pub(crate) fn hold_up(&mut self) {
        self.slice.is_held_up = true;
    }

    /// Whether the command waits for the walk of a snapshot.
    pub(crate) fn is_held_up(&self) -> bool {
        self.slice.is_held_up
    }

    /// The values that were asked for and are not at hand.
    pub(crate) fn take_missing(&mut self) -> Vec<Wanted> {
        std::mem::take(&mut self.slice.missing)
    }

    /// The command is to be run again when vectors have been written to disk.
    pub(crate) fn wait_for_room(&mut self) {
        self.slice.lacks_room = true;
    }

    /// There is room for all vectors that the command will store: [`Shard::vector_room`] has said so.
    pub fn note_room(&mut self) {
        self.slice.has_room = true;
    }

    pub(crate) fn has_room(&self) -> bool {
        self.slice.has_room
    }

    /// Whether a command was told to return because there is no room for vectors yet.
    pub(crate) fn lacks_room(&self) -> bool {
        self.slice.lacks_room
    }
}
