//! What can go wrong above the log: opening an engine, and running a command on it.

use skeg_io::sync::Arc;
use skeg_keyspace::WrongType;
use skeg_log::{ErrorKind, LogError, ReserveError};
use skeg_vector::VectorError;

/// Why an engine could not be opened or closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// An option is out of its range; nothing was touched.
    #[error("option `{option}`: {reason}")]
    Option {
        /// The option's name, as users write it.
        option: &'static str,
        /// What was expected.
        reason: String,
    },
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A thread could not be started.
    #[error("cannot start thread `{name}`: {source}")]
    Thread {
        /// The thread's name.
        name: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Why there is no snapshot. The database is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The database is in memory only.
    #[error("a database in memory has no snapshots")]
    InMemory,
    /// The database was opened read-only.
    #[error("the database is open read-only")]
    ReadOnly,
    /// The system gives no thread to take it.
    #[error("cannot start thread `skeg-snapshot`")]
    NoThread,
    /// The engine refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The log or the disk refused.
    #[error("{reason}")]
    Failed {
        /// The class of the error.
        kind: ErrorKind,
        /// What was said.
        reason: String,
    },
    /// The one before it failed or the database was closed before its turn came.
    #[error("the snapshot was given up before it began")]
    GivenUp,
}

impl From<LogError> for SnapshotError {
    fn from(error: LogError) -> Self {
        Self::Failed { kind: error.kind(), reason: error.to_string() }
    }
}

/// Why there is no string to be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The key holds something else.
    #[error(transparent)]
    WrongType(#[from] WrongType),
    /// It is in the log and not in memory. The command returns without having changed anything, with
    /// whatever error; the value is read meanwhile, and it is run again.
    #[error("the value has to be read from the disk")]
    Away,
    /// It is in the log, and other bytes are there than were written, or the disk failed.
    #[error("{reason}")]
    Unreadable {
        /// The class of the error.
        kind: ErrorKind,
        /// What was said: file and offset.
        reason: Arc<str>,
    },
}

/// Why a part of a string that is read part by part is not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// The string was in memory only, and its key was changed since the reading began.
    #[error("the key was changed while its value was read")]
    Changed,
    /// It could not be read.
    #[error(transparent)]
    Unreadable(ReadError),
    /// The engine refused.
    #[error(transparent)]
    Refused(Refusal),
}

/// Why a string that is written part by part is not to be had. Its key is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// It would be longer than any may be.
    #[error("a value has at most 536870912 bytes")]
    TooLong,
    /// It has been ended, given up, or has failed before.
    #[error("the value is not written any more")]
    Over,
    /// The log or the disk refused.
    #[error("{reason}")]
    Failed {
        /// The class of the error.
        kind: ErrorKind,
        /// What was said.
        reason: String,
    },
    /// The engine refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why there is no backup. The database is as it was, and so is the backup that was to be brought up
/// to date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The database is in memory only.
    #[error("a database in memory has no files to back up")]
    InMemory,
    /// Another backup is being made.
    #[error("a backup is being made")]
    Running,
    /// The system gives no thread to make it.
    #[error("cannot start thread `skeg-backup`")]
    NoThread,
    /// The engine refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The log or the disk refused.
    #[error("{reason}")]
    Failed {
        /// The class of the error.
        kind: ErrorKind,
        /// What was said.
        reason: String,
    },
}

impl From<LogError> for BackupError {
    fn from(error: LogError) -> Self {
        Self::Failed { kind: error.kind(), reason: error.to_string() }
    }
}

/// Why no segment of vectors was made. Index and database are as they were.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorsError {
    /// The database is in memory only.
    #[error("only a database on disk has segments of vectors")]
    NoSegments,
    /// There is no index of this name, or it was dropped meanwhile.
    #[error("no such index")]
    NoIndex,
    /// Whoever asked for it has given up.
    #[error("given up")]
    Aborted,
    /// The engine refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A row of a segment could not be read.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The log or the disk refused.
    #[error("{reason}")]
    Failed {
        /// The class of the error.
        kind: ErrorKind,
        /// What was said.
        reason: String,
    },
}

/// Why a command was not run. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Log space is being allocated, or a value has to be read from the disk: give back the latches and
    /// queue again.
    #[error("log space is being allocated, or a value is read from the disk")]
    Wait,
    /// The disk is full; deletes still work. It heals by itself when there is space.
    #[error("no space left on the device: writes that grow are refused until there is")]
    NoSpace,
    /// A write or an fsync failed: the database answers reads only, until it is reopened.
    #[error("the log failed and the database is read-only until it is reopened")]
    Poisoned,
    /// The database was opened read-only.
    #[error("the database is open read-only")]
    ReadOnly,
    /// The database is closed or closing.
    #[error("the database is closed")]
    Closed,
    /// The change does not fit into one record of the log.
    #[error("the change is too large for one record of the log")]
    TooLarge,
    /// The queue of a shard is full.
    #[error("too many commands are queued")]
    Busy,
}

impl From<ReserveError> for Refusal {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Wait => Self::Wait,
            ReserveError::NoSpace => Self::NoSpace,
            ReserveError::Poisoned => Self::Poisoned,
            ReserveError::ReadOnly => Self::ReadOnly,
            ReserveError::TooLarge => Self::TooLarge,
            _ => Self::Closed,
        }
    }
}
