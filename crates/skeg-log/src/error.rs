//! What can go wrong in the log, one enum per family of operations.
//!
//! Invariants: every error has a [`ErrorKind`], so that callers branch on a kind and never on a
//! message; `Corrupt` names file, offset, what was expected and found, and the remedy; nothing is
//! swallowed on the way up.
//! May not know: error codes of the TypeScript API or of RESP (the faces map kinds to codes).

use std::io;
use std::path::{Path, PathBuf};

use crate::block::Mismatch;
use crate::types::ShardId;

/// The class of an error: who can do something about it, and what.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller asked for something that cannot be (wrong shard count, not a database, missing).
    Caller,
    /// No disk space: try again when there is some.
    Full,
    /// The operating system refused an operation.
    Io,
    /// Bytes on disk are not what was written.
    Corrupt,
    /// The log is closed.
    Closed,
    /// Another process holds the database.
    Locked,
    /// The files were written by a version that this one cannot read.
    Version,
    /// The database was opened for reading only.
    ReadOnly,
    /// A write or an fsync failed earlier: the database takes no more writes.
    Poisoned,
}

/// Where bytes on disk are not what was written, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The damaged or missing file.
    pub file: PathBuf,
    /// Offset in bytes of the first thing that does not verify.
    pub offset: u64,
    /// What should have been there.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// What the operator can do.
    pub remedy: &'static str,
}

impl Corruption {
    /// Damage that a backup or a repair mends.
    #[must_use]
    pub fn new(file: &Path, offset: u64, expected: String, found: String) -> Self {
        Self { file: file.to_owned(), offset, expected, found, remedy: REMEDY }
    }
}

/// What [`Corruption::remedy`] says: there is nothing else that keeps what is left.
const REMEDY: &str = "restore a backup, or salvage what is left with `skeg repair`";

/// An operation of the log failed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no database in the directory, and creating one was not asked for.
    #[error("no database in {}", dir.display())]
    NotFound {
        /// The directory that was to be opened.
        dir: PathBuf,
    },
    /// The directory holds files of something else.
    #[error("{} does not hold a skeg database: {found}", dir.display())]
    NotADatabase {
        /// The directory that was to be opened.
        dir: PathBuf,
        /// What was found there.
        found: String,
    },
    /// A database cannot be copied into the directory.
    #[error("{} is not for a copy: {found}", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// What is in the way.
        found: &'static str,
    },
    /// The database has another number of shards than was asked for, and cannot be given it here.
    #[error(
        "the database has {stored} shards, {asked} were asked for; only an open for writing changes that"
    )]
    ShardCount {
        /// Shards of the stored database.
        stored: u16,
        /// Shards that the options asked for.
        asked: u16,
    },
    /// An option is outside of its range.
    #[error("option {option} must be {must}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// The disk or the quota is full.
    #[error("no space left for {}", file.display())]
    Full {
        /// The file that could not be written.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The operating system refused an operation.
    #[error("cannot {operation} {}: {source}", file.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory that it was tried on.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes on disk are not what was written; the open stops.
    #[error("{} is damaged at offset {}: expected {}, found {}; {}",
        .0.file.display(), .0.offset, .0.expected, .0.found, .0.remedy)]
    Corrupt(Box<Corruption>),
    /// A record verified, but whoever replays it cannot apply it.
    #[error("cannot replay a record of shard {shard} in epoch {epoch}: {source}")]
    Replay {
        /// Shard of the record.
        shard: u16,
        /// Epoch of the record's block.
        epoch: u64,
        /// What the replaying side said.
        source: ReplayError,
    },
    /// The file was written by a version that this one cannot read.
    #[error("{} has format version {found}, this build reads up to {supported}: {need}",
        file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Version (or feature number) in the file.
        found: u32,
        /// Newest version that this build reads.
        supported: u32,
        /// What is needed.
        need: &'static str,
    },
    /// Another process holds the database open.
    #[error("{} is open in another process ({holder})", dir.display())]
    Locked {
        /// The database directory.
        dir: PathBuf,
        /// What the holder wrote into the lock file.
        holder: String,
    },
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
    /// The database was opened for reading only.
    #[error("the database is open for reading only")]
    ReadOnly,
    /// A write or an fsync failed: what was not acknowledged has an unknown outcome.
    #[error("the database takes no more writes since {reason}")]
    Poisoned {
        /// The failure that poisoned it.
        reason: String,
    },
}

impl LogError {
    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. }
            | Self::NotADatabase { .. }
            | Self::NotEmpty { .. }
            | Self::ShardCount { .. }
            | Self::Option { .. } => ErrorKind::Caller,
            Self::Full { .. } => ErrorKind::Full,
            Self::Io { .. } => ErrorKind::Io,
            Self::Corrupt(_) | Self::Replay { .. } => ErrorKind::Corrupt,
            Self::Version { .. } => ErrorKind::Version,
            Self::Locked { .. } => ErrorKind::Locked,
            Self::Closed => ErrorKind::Closed,
            Self::ReadOnly => ErrorKind::ReadOnly,
            Self::Poisoned { .. } => ErrorKind::Poisoned,
        }
    }
}

/// An operating system's error in its place; a full disk is told apart.
pub(crate) fn io_error(operation: &'static str, file: &Path, source: io::Error) -> LogError {
    let file = file.to_owned();
    if is_full(&source) {
        LogError::Full { file, source }
    } else {
        LogError::Io { operation, file, source }
    }
}

/// Whether a write can be tried again when there is more space: a disk, quota or limit is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    skeg_io::is_out_of_space(error) || error.kind() == io::ErrorKind::FileTooLarge
}

/// Damage in its place.
pub(crate) fn corrupt(file: &Path, offset: u64, mismatch: Mismatch) -> LogError {
    let Mismatch { expected, found } = mismatch;
    LogError::Corrupt(Box::new(Corruption::new(file, offset, expected, found)))
}

/// Why no log space was reserved. Nothing has changed; no memory may change.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// Buffers or allocated space are used up for the moment: give back all latches and queue
    /// again; [`Subscription::want_space`](crate::Subscription::want_space) tells when.
    #[error("the log has no room at the moment")]
    Wait,
    /// The disk is full and growth is refused until there is space again.
    #[error("no space left on the disk")]
    NoSpace,
    /// More than one reservation may ask for ([`MAX_RESERVATION_BYTES`](crate::MAX_RESERVATION_BYTES)).
    #[error("the change is too large for one record")]
    TooLarge,
    /// A write or an fsync failed earlier.
    #[error("the database takes no more writes")]
    Poisoned,
    /// The database was opened for reading only.
    #[error("the database is open for reading only")]
    ReadOnly,
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

/// What the replaying side says about a record that it cannot apply; the open stops.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReplayError(pub String);

/// A record that could not be applied, told later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unapplied {
    /// Its shard.
    pub shard: ShardId,
    /// Where it stands: what [`Replay::enter`](crate::Replay::enter) was told.
    pub mark: u64,
    /// What the replaying side says.
    pub source: ReplayError,
}
