//! Vector indexes: exact nearest-neighbour search over rows of `f32`.
//!
//! Invariants:
//! - A [`View`] never changes: it is what the index held when it was taken, however much is written
//!   afterwards, and it can be searched from any thread.
//! - While all rows are in memory, the answer to a search depends on the contents and the query alone:
//!   not on the order of writes, on the processor or on threads. With segments the scores are as exact,
//!   but codes may miss a row. Equal scores are ordered by id.
//! - Nothing that is refused changes the index; what is stored is returned bit for bit.
//!
//! [`Index`] is the door: new rows in memory ([`FlatIndex`], which compares the query with every one),
//! older ones in [`Segment`]s, whose codes are in memory and whose rows are wherever the owner keeps
//! files. [`quant`] has a file for each tier (how rows are coded) and the scan of codes, [`graph`] the
//! graph that is walked where there are too many rows to scan.
//!
//! May not know: keys, the log, shards, clocks, threads.
#![forbid(unsafe_code)]

mod error;
mod flat;
pub mod graph;
mod id;
mod index;
mod metric;
mod options;
pub mod quant;
mod random;
mod row_set;
pub mod segment;
mod top;

pub use error::{VectorError, VectorErrorKind};
pub use flat::{FlatIndex, View as FlatView};
pub use id::{Id, IdKind, IdRef, NoId};
pub use index::{
    Build, BuildError, Built, Change, Index, IndexFigures, Row, SearchOptions, SearchScratch,
    SegmentFigures, StoredRow, View,
};
pub use metric::Metric;
pub use options::{Backend, IndexOptions, Tier};
pub use segment::Segment;
pub use top::Hit;

/// The greatest number of dimensions of an index; the least is 1.
pub const DIM_MAX: u32 = 65_536;

/// The greatest number of hits that one search returns; the least is 1.
pub const K_MAX: usize = 10_000;

/// The longest string id in bytes.
pub const ID_BYTES_MAX: usize = 4_096;
