//! Segments: rows of an index in one file that never changes, their codes and ids in memory.
//!
//! A segment is written row by row in the order of ids ([`SegmentWriter`]), opened by reading all of the
//! file but its rows ([`Segment::open`]), and searched by the scan of its codes or a walk over its graph;
//! single rows are read when they are compared exactly or asked for. Where the bytes lie is the caller's affair
//! ([`SegmentFile`]).
//!
//! Invariants: every byte that is read has been verified against a checksum that is seeded with the
//! file's salt and the place in it; bytes that do not verify are an error that names file and offset,
//! never a panic, and nothing is allocated by a length that the file does not have.
//!
//! May not know: what makes a file durable, which rows are no more, other segments.
//! Format: `docs/format/vectors.md`.

mod error;
mod format;
mod ids;
mod open;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub use error::SegmentError;
pub use format::{SegmentHead, SegmentTag, VERSION};
pub use open::{Segment, SegmentFile};
pub use write::SegmentWriter;

pub(crate) use open::{Linked, RowBuffer};
