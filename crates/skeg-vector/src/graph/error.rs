//! Why a graph is not built.
//!
//! May not know: how an error reaches the user.

use super::DEGREES;
use super::nearest::PLACES_MAX;

/// A graph that is not built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// It needs more memory than it may have.
    #[error("the graph needs {needed} bytes of memory while it is built, but may take {allowed}")]
    Memory {
        /// Bytes that it needs, those of the codes that it is built on among them.
        needed: usize,
        /// Bytes that the options allow.
        allowed: usize,
    },
    /// The crew was told to give up.
    #[error("building the graph was cancelled")]
    Cancelled,
    /// A number of links that no graph has.
    #[error("the degree is {given}; it must be from {} to {}", DEGREES.start(), DEGREES.end())]
    Degree {
        /// The number given.
        given: usize,
    },
    /// More rows than can be linked.
    #[error("the graph would have {given} rows; at most {PLACES_MAX} can be linked")]
    Rows {
        /// The number of rows.
        given: usize,
    },
}
