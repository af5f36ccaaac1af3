//! What a simulated disk shares with its handles: the file system, who holds locks, and the faults.
//!
//! Invariants: one lock guards all of it, so every operation is atomic to other threads; a machine
//! that has stopped answers every operation with the same error.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::io;
use std::ops::Range;
use std::path::Path;

use super::content::Content;
use super::directory::Inode;
use super::fault::{Failure, Fault, Faults, Operation, stopped};
use super::file_system::FileSystem;
use super::page::{PAGE_BYTES, page_of, pages_for};
use super::rng::SimRng;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// A disk without a limit of its own.
const CAPACITY_UNLIMITED_BYTES: u64 = u64::MAX;

/// See the module's header.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Woken when syncs may go on.
    pub(super) resumed: Condvar,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), resumed: Condvar::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// Without the contents, which nobody wants to see, and without the lock.
impl Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// One machine's disk.
pub(super) struct State {
    pub(super) files: FileSystem,
    pub(super) faults: Faults,
    pub(super) rng: SimRng,
    /// Files that are locked, and by how many that only hold them; 0 is a lock for one alone.
    pub(super) locked: BTreeMap<Inode, u32>,
    pub(super) capacity_bytes: u64,
    pub(super) full: Failure,
    pub(super) read_only: bool,
    pub(super) syncs_paused: bool,
    /// Syncs that wait for that to end.
    pub(super) syncs_waiting: usize,
    pub(super) stopped: bool,
}

impl State {
    pub(super) fn new(files: FileSystem, rng: SimRng) -> Self {
        Self {
            files,
            faults: Faults::default(),
            rng,
            locked: BTreeMap::new(),
            capacity_bytes: CAPACITY_UNLIMITED_BYTES,
            full: Failure::OutOfSpace,
            read_only: false,
            syncs_paused: false,
            syncs_waiting: 0,
            stopped: false,
        }
    }

    /// The same machine with other contents, started anew: what is set about it stays, what was
    /// injected does not.
    pub(super) fn restarted(&mut self, files: FileSystem) -> Self {
        let mut state = Self::new(files, self.rng.fork());
        state.faults.rates = self.faults.rates;
        state.capacity_bytes = self.capacity_bytes;
        state.full = self.full;
        state.read_only = self.read_only;
        state
    }

    /// Decides what happens to an operation, and notes it when the machine stops in it.
    pub(super) fn begin(&mut self, operation: Operation, path: &Path) -> io::Result<Option<Fault>> {
        self.running()?;
        let harmless = matches!(operation, Operation::Sync | Operation::SyncDir);
        if self.read_only && operation.changes_disk() && !harmless {
            return Err(Failure::ReadOnly.into());
        }
        let fault = self.faults.decide(operation, path, &mut self.rng);
        self.stopped = fault == Some(Fault::Stop);
        Ok(fault)
    }

    /// An operation that is done or not, never in part.
    pub(super) fn whole<R>(
        &mut self,
        operation: Operation,
        path: &Path,
        act: impl FnOnce(&mut Self) -> io::Result<R>,
    ) -> io::Result<R> {
        match self.begin(operation, path)? {
            None | Some(Fault::Short(_)) => act(self),
            Some(Fault::Fail(failure)) => Err(failure.into()),
            Some(Fault::Stop) => {
                if self.rng.coin() {
                    act(self)?;
                }
                Err(stopped())
            }
        }
    }

    /// An error once the machine has stopped.
    pub(super) fn running(&self) -> io::Result<()> {
        if self.stopped { Err(stopped()) } else { Ok(()) }
    }

    /// How many of `count` bytes at `offset` there is space for.
    pub(super) fn fitting(
        &self,
        content: &Content,
        offset: u64,
        count: usize,
    ) -> io::Result<usize> {
        let end = offset.checked_add(count as u64).ok_or(Failure::OutOfSpace)?;
        let pages = page_of(offset)..pages_for(end);
        let mut free = self.pages_free();
        if content.blocks().missing(&pages) <= free {
            return Ok(count);
        }
        for page in pages {
            if content.blocks().missing(&(page..page + 1)) > 0 {
                if free == 0 {
                    let fitting = (page * PAGE_BYTES as u64).saturating_sub(offset);
                    let fitting = usize::try_from(fitting).unwrap_or(count).min(count);
                    return if fitting == 0 { Err(self.full.into()) } else { Ok(fitting) };
                }
                free -= 1;
            }
        }
        Ok(count)
    }

    /// An error when there is no space for all of the pages.
    pub(super) fn check_space(&self, content: &Content, pages: &Range<u64>) -> io::Result<()> {
        if content.blocks().missing(pages) > self.pages_free() {
            return Err(self.full.into());
        }
        Ok(())
    }

    /// Bytes that files may still take.
    pub(super) fn free_bytes(&self) -> u64 {
        self.pages_free() * PAGE_BYTES as u64
    }

    fn pages_free(&self) -> u64 {
        (self.capacity_bytes / PAGE_BYTES as u64).saturating_sub(self.files.pages_used())
    }
}
