//! Why a dump cannot be read.

use std::io;

/// A dump cannot be read on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RdbError {
    /// It is none, or was damaged.
    #[error("damaged at offset {offset}: {what}")]
    Damaged {
        /// Bytes read before.
        offset: u64,
        /// What was found.
        what: String,
    },
    /// It was written by a version of Redis that this does not know.
    #[error("version {version} of the format is not known here; versions up to {newest} are")]
    Version {
        /// Its version.
        version: u32,
        /// The newest that is read.
        newest: u32,
    },
    /// The source failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}
