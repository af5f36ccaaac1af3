//! What an index refuses, and why.
//!
//! May not know: how an error reaches the user.

use crate::segment::SegmentError;
use crate::{DIM_MAX, ID_BYTES_MAX, IdKind, K_MAX};

/// A refused operation. Nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// A vector, or one of several laid end to end, does not have the dimensions of the index.
    #[error("the vector has {given} numbers, but the index has {expected} dimensions")]
    Dimension {
        /// Dimensions of the index.
        expected: u32,
        /// Numbers given.
        given: usize,
    },
    /// A vector holds NaN or an infinity.
    #[error("number {position} of the vector is {value}; every one must be finite")]
    NotFinite {
        /// Where it stands, from 0.
        position: usize,
        /// What stands there.
        value: f32,
    },
    /// A vector of zeros, whose cosine with another is not defined.
    #[error("a vector of zeros has no direction, so it has no cosine with another")]
    ZeroVector,
    /// More or fewer hits asked for than a search returns.
    #[error("k is {given}; it must be from 1 to {K_MAX}")]
    K {
        /// The k given.
        given: usize,
    },
    /// A number where the index has strings for ids, or the other way round.
    #[error("the ids of this index are of the kind {expected}")]
    IdKind {
        /// The kind of the index.
        expected: IdKind,
    },
    /// A string id that is too long.
    #[error("the id has {given} bytes; at most {ID_BYTES_MAX} are allowed")]
    IdLength {
        /// Its length in bytes.
        given: usize,
    },
    /// A number of dimensions that no index can have.
    #[error("dim is {given}; it must be from 1 to {DIM_MAX}")]
    DimensionOption {
        /// The number given.
        given: u32,
    },
    /// A word that names no metric, tier, backend or kind of ids.
    #[error("{given:?} is no {option}; known are {known}")]
    UnknownOption {
        /// Which option.
        option: &'static str,
        /// The word given.
        given: String,
        /// The words that it takes.
        known: &'static str,
    },
    /// An option that this version knows but cannot serve yet.
    #[error("{option} {given} is not supported yet; supported: {supported}")]
    Unsupported {
        /// Which option.
        option: &'static str,
        /// Its value.
        given: &'static str,
        /// The values that are served.
        supported: &'static str,
    },
    /// The index holds as many rows as can be numbered.
    #[error("the index is full: it holds {len} vectors")]
    Full {
        /// Rows in the index.
        len: usize,
    },
    /// A file of vectors cannot be read, or does not hold what was written.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// Stored options of a version that this one does not know.
    #[error("stored index options have version {found}; this version of skeg reads 1")]
    FormatVersion {
        /// The version found.
        found: u8,
    },
    /// Stored options that cannot be right.
    #[error("stored index options are damaged: {reason}")]
    Corrupt {
        /// What is wrong with them.
        reason: &'static str,
    },
}

/// The families of [`VectorError`], for mapping it to the errors of another interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VectorErrorKind {
    /// A vector of the wrong dimension.
    Dimension,
    /// NaN or infinity in a vector.
    NotFinite,
    /// A zero vector under cosine.
    ZeroVector,
    /// k out of range.
    K,
    /// An id of the wrong kind or too long.
    Id,
    /// An option out of range or unknown.
    Options,
    /// An option that is known but not served yet.
    Unsupported,
    /// No room for a further row.
    Full,
    /// A file of vectors cannot be read.
    Read,
    /// Stored options, or a file of vectors, of an unknown version.
    FormatVersion,
    /// Stored options, or a file of vectors, that are damaged.
    Corrupt,
}

impl VectorError {
    /// The family of this error.
    #[must_use]
    pub fn kind(&self) -> VectorErrorKind {
        match self {
            Self::Dimension { .. } => VectorErrorKind::Dimension,
            Self::NotFinite { .. } => VectorErrorKind::NotFinite,
            Self::ZeroVector => VectorErrorKind::ZeroVector,
            Self::K { .. } => VectorErrorKind::K,
            Self::IdKind { .. } | Self::IdLength { .. } => VectorErrorKind::Id,
            Self::DimensionOption { .. } | Self::UnknownOption { .. } => VectorErrorKind::Options,
            Self::Unsupported { .. } => VectorErrorKind::Unsupported,
            Self::Full { .. } => VectorErrorKind::Full,
            Self::Segment(error) => match error {
                SegmentError::Read { .. } => VectorErrorKind::Read,
                SegmentError::Damaged { .. } => VectorErrorKind::Corrupt,
                SegmentError::Version { .. } => VectorErrorKind::FormatVersion,
            },
            Self::FormatVersion { .. } => VectorErrorKind::FormatVersion,
            Self::Corrupt { .. } => VectorErrorKind::Corrupt,
        }
    }
}
