//! Why an operation on an index is refused.

use skeg_vector::VectorError;

/// Longest name of an index, in bytes.
pub const INDEX_NAME_BYTES_MAX: usize = 1_024;

/// Why an operation on an index was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is no index of this name.
    #[error("no such index")]
    NotFound,
    /// There is one with other options.
    #[error("the index exists with another `{option}`")]
    Mismatch {
        /// The first option that differs.
        option: &'static str,
    },
    /// The name is empty or too long, or one that only parts have.
    #[error(
        "the name of an index has 1 to {INDEX_NAME_BYTES_MAX} bytes, and does not begin as a part's"
    )]
    Name,
    /// Vectors come faster than they are written to disk. The command returns without having changed
    /// anything, with whatever error, and is run again when there is room.
    #[error("vectors come faster than they can be written to disk: try again")]
    Behind,
    /// Vectors wait in memory, as many as may, and the disk does not take them.
    #[error("vectors wait in memory and cannot be written to disk")]
    Unwritten,
    /// The vectors would take more memory than the index may.
    #[error("the index may take {limit} bytes of memory, and would take more")]
    Memory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It was dropped and made again in other parts, while the command was on its way.
    #[error("the index was made again in other parts meanwhile: try again")]
    Moved,
    /// The index refused.
    #[error(transparent)]
    Vector(#[from] VectorError),
}
