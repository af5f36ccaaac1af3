//! Why a segment cannot be read.
//!
//! May not know: what the reader was about.

/// A segment could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// The system refused to read.
    #[error("cannot read {file}: {reason}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// Bytes are not what was written.
    #[error("{file} is damaged at offset {offset}: expected {expected}, found {found}")]
    Damaged {
        /// The file.
        file: String,
        /// Offset of the first thing that does not verify.
        offset: u64,
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The file was written by a version that this one cannot read.
    #[error("{file} has version {found} or sections that this version of skeg does not know")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
    },
}
