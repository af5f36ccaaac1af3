//! Recording what is done to any disk, and replaying it into a simulated one, so that a run on the
//! real disk can be checked for what a power loss at any of its points would have left. For tests
//! only.
//!
//! Invariants:
//! - Events are in an order in which the operations may have happened: each one but a sync is
//!   recorded while no other runs. A sync has a beginning and an end, and covers what was done
//!   before the beginning; one that failed has no end.
//! - What only reads is not recorded, nor is an operation that failed.
//!
//! May not know: what the files mean.

mod recorder;
mod replay;

pub use recorder::RecordingDisk;
pub use replay::Replay;

use std::path::PathBuf;

use crate::OpenMode;
use crate::sync::Arc;

/// One thing that was done to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A file was opened or created.
    Opened {
        /// Stands for the opened file in later events.
        handle: u64,
        /// Which file.
        path: PathBuf,
        /// How.
        mode: OpenMode,
    },
    /// A directory was created, durably.
    DirectoryCreated {
        /// Which one.
        path: PathBuf,
    },
    /// A file or directory got a new path.
    Renamed {
        /// The old path.
        from: PathBuf,
        /// The new path.
        to: PathBuf,
    },
    /// A file got a second path.
    Linked {
        /// The path it has.
        from: PathBuf,
        /// The path it has as well.
        to: PathBuf,
    },
    /// A file or directory was removed.
    Removed {
        /// Which one.
        path: PathBuf,
    },
    /// A file was locked, which writes into it.
    Locked {
        /// Which file.
        path: PathBuf,
        /// What was written.
        content: String,
    },
    /// Bytes were written, those that the disk took.
    Written {
        /// Into which file.
        handle: u64,
        /// Where.
        offset: u64,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// A file was cut or extended.
    LengthSet {
        /// Which file.
        handle: u64,
        /// To how many bytes.
        len: u64,
    },
    /// Blocks were reserved.
    Allocated {
        /// In which file.
        handle: u64,
        /// From where.
        offset: u64,
        /// How many bytes.
        len: u64,
    },
    /// A sync of a file began.
    SyncBegun {
        /// Stands for this sync in later events.
        sync: u64,
        /// Which file.
        handle: u64,
    },
    /// A sync of a directory began.
    DirectorySyncBegun {
        /// Stands for this sync in later events.
        sync: u64,
        /// Which directory.
        path: PathBuf,
    },
    /// A sync succeeded.
    SyncEnded {
        /// Which one.
        sync: u64,
    },
}

/// A disk at some moment, and what was done to it afterwards.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    directories: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>)>,
    events: Vec<Event>,
}

impl Recording {
    /// What was done, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }
}
