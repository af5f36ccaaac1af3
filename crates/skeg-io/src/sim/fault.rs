//! Faults: which operation of the simulated disk fails, how, and when the machine stops.
//!
//! Invariants: faults are decided before an operation does anything, in the order of the
//! operations, from the disk's own generator: the same operations on the same seed meet the same
//! faults.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::rng::SimRng;

/// What is done to the disk, as far as faults tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Opening an existing file.
    Open,
    /// Creating a file.
    Create,
    /// Creating one directory.
    CreateDir,
    /// Listing a directory.
    ReadDir,
    /// Giving a new name.
    Rename,
    /// Giving a second name.
    Link,
    /// Removing an entry.
    Remove,
    /// Syncing a directory.
    SyncDir,
    /// Asking for length, kind or identity.
    Metadata,
    /// Locking.
    Lock,
    /// Reading from a file.
    Read,
    /// Writing to a file.
    Write,
    /// Syncing a file, its data or all of it.
    Sync,
    /// Cutting or extending a file.
    SetLen,
    /// Reserving blocks.
    Allocate,
}

impl Operation {
    /// Whether it changes what a crash would leave: these are counted, see `SimDisk::stop_at`.
    #[must_use]
    pub fn changes_disk(self) -> bool {
        !matches!(self, Self::Open | Self::ReadDir | Self::Metadata | Self::Lock | Self::Read)
    }
}

/// The error of an operation that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// `EIO`. A write may have been done in part; a sync has lost any subset of the pages and
    /// marked all of them clean.
    Io,
    /// `ENOSPC`. Of a sync, as [`Failure::Io`].
    OutOfSpace,
    /// `EDQUOT`. Of a sync, as [`Failure::Io`].
    OverQuota,
    /// `EINTR`: nothing was done.
    Interrupted,
    /// `EACCES`: nothing was done.
    PermissionDenied,
    /// `EROFS`: nothing was done.
    ReadOnly,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Io => Errno::IO,
            Failure::OutOfSpace => Errno::NOSPC,
            Failure::OverQuota => Errno::DQUOT,
            Failure::Interrupted => Errno::INTR,
            Failure::PermissionDenied => Errno::ACCESS,
            Failure::ReadOnly => Errno::ROFS,
        }
        .into()
    }
}

/// What happens to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It fails.
    Fail(Failure),
    /// A read or write does at most so many bytes (at least 1). Other operations are not affected.
    Short(usize),
    /// The machine stops in the middle of it: it is done, not done, or, for a write, done in part;
    /// and every operation from then on fails (see [`is_stopped`]).
    Stop,
}

/// A fault on demand.
#[derive(Clone, Debug)]
pub struct Injection {
    /// Which operation it strikes.
    pub operation: Operation,
    /// What its path must contain; the empty string is in every path. A rename goes by the new
    /// path.
    pub path_part: String,
    /// How many matching operations it lets pass first.
    pub skip: u64,
    /// How many it strikes then.
    pub times: u64,
    /// What happens to them.
    pub fault: Fault,
}

impl Injection {
    /// Strikes the next such operation on any path, once.
    #[must_use]
    pub fn once(operation: Operation, fault: Fault) -> Self {
        Self { operation, path_part: String::new(), skip: 0, times: 1, fault }
    }

    /// Strikes every such operation on any path, until the injections are cleared.
    #[must_use]
    pub fn always(operation: Operation, fault: Fault) -> Self {
        Self { times: u64::MAX, ..Self::once(operation, fault) }
    }

    /// The same, only for paths that contain `part`.
    #[must_use]
    pub fn on(self, part: &str) -> Self {
        Self { path_part: part.to_owned(), ..self }
    }

    /// The same, after `count` matching operations have passed.
    #[must_use]
    pub fn after(self, count: u64) -> Self {
        Self { skip: count, ..self }
    }
}

/// How often operations fail by themselves, in cases per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// Reads that fail with `EIO`.
    pub read_failed_per_million: u32,
    /// Writes that fail with `EIO`.
    pub write_failed_per_million: u32,
    /// Syncs of files and directories that fail with `EIO`.
    pub sync_failed_per_million: u32,
    /// Writes, creations and reservations that fail with `ENOSPC`.
    pub out_of_space_per_million: u32,
    /// Reads and writes that do only a part.
    pub short_per_million: u32,
    /// Reads and writes that a signal interrupts.
    pub interrupted_per_million: u32,
}

/// Who decides.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) rates: FaultRates,
    pub(super) injections: Vec<Injection>,
    pub(super) stop_at: Option<u64>,
    pub(super) changes: u64,
}

impl Faults {
    /// What happens to this operation.
    pub(super) fn decide(
        &mut self,
        operation: Operation,
        path: &Path,
        rng: &mut SimRng,
    ) -> Option<Fault> {
        if operation.changes_disk() {
            self.changes += 1;
            if self.stop_at == Some(self.changes) {
                return Some(Fault::Stop);
            }
        }
        self.injected(operation, path).or_else(|| self.drawn(operation, rng))
    }

    fn injected(&mut self, operation: Operation, path: &Path) -> Option<Fault> {
        let path = path.to_string_lossy();
        let matching = |injection: &&mut Injection| {
            injection.operation == operation && path.contains(&injection.path_part)
        };
        for injection in self.injections.iter_mut().filter(matching) {
            if injection.skip > 0 {
                injection.skip -= 1;
            } else if injection.times > 0 {
                injection.times -= 1;
                return Some(injection.fault);
            }
        }
        None
    }

    fn drawn(&self, operation: Operation, rng: &mut SimRng) -> Option<Fault> {
        use Operation::{Allocate, Create, CreateDir, Read, Sync, SyncDir, Write};
        let rates = &self.rates;
        let failed_per_million = match operation {
            Read => rates.read_failed_per_million,
            Write => rates.write_failed_per_million,
            Sync | SyncDir => rates.sync_failed_per_million,
            _ => 0,
        };
        if rng.chance(failed_per_million) {
            return Some(Fault::Fail(Failure::Io));
        }
        if matches!(operation, Write | Create | CreateDir | Allocate)
            && rng.chance(rates.out_of_space_per_million)
        {
            return Some(Fault::Fail(Failure::OutOfSpace));
        }
        if !matches!(operation, Read | Write) {
            return None;
        }
        if rng.chance(rates.interrupted_per_million) {
            return Some(Fault::Fail(Failure::Interrupted));
        }
        if rng.chance(rates.short_per_million) {
            let bytes_max = 1 << rng.below(16);
            return Some(Fault::Short(1 + rng.index(bytes_max)));
        }
        None
    }
}

/// The machine behind a handle has stopped: by a crash, a kill, or [`Fault::Stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stopped;

impl Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated machine has stopped")
    }
}

impl Error for Stopped {}

/// The error of every operation on a machine that has stopped.
pub(super) fn stopped() -> io::Error {
    io::Error::other(Stopped)
}

/// Whether an operation failed because its machine has stopped.
#[must_use]
pub fn is_stopped(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Stopped>()).is_some()
}
