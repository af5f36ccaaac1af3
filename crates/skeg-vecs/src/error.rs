//! Why a file of vectors cannot be read or written.

use std::fmt::{self, Display, Formatter};
use std::io;

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bytes before it.
    Offset(u64),
    /// A row, counted from 0.
    Row {
        /// Rows before it.
        row: u64,
        /// Bytes before it, where rows are behind each other.
        offset: Option<u64>,
    },
    /// A line, counted from 1.
    Line(u64),
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(offset) => write!(f, "offset {offset}"),
            Self::Row { row, offset: Some(offset) } => write!(f, "row {row} (offset {offset})"),
            Self::Row { row, offset: None } => write!(f, "row {row}"),
            Self::Line(line) => write!(f, "line {line}"),
        }
    }
}

/// A file cannot be read on, or not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VecsError {
    /// It is not what its format says, or was damaged.
    #[error("damaged at {place}: {what}")]
    Damaged {
        /// Where.
        place: Place,
        /// What was found.
        what: String,
    },
    /// It is well-formed, and a row of it is not one to store.
    #[error("{place}: {what}")]
    Row {
        /// Where.
        place: Place,
        /// What is wrong with it.
        what: String,
    },
    /// The format can say more than is read or written here.
    #[error("{what}")]
    Unsupported {
        /// What, and what there is instead.
        what: String,
    },
    /// The source or the target failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}
