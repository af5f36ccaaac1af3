//! Vector indexes: exact nearest-neighbour search over rows of `f32`.
//!
//! Invariants:
//! - A [`View`] never changes: it is what the index held when it was taken, however much is written
//!   afterwards, and it can be searched from any thread.
//! - The answer to a search depends on the contents and the query alone: not on the order of
//!   writes, on the processor or on threads. Equal scores are ordered by id.
//! - Nothing that is refused changes the index; what is stored is returned bit for bit.
//!
//! [`Index`] is the door: it holds the backend that the options name. Today that is [`FlatIndex`],
//! which compares the query with every row. A backend is a folder like `flat/` and a variant of
//! [`Index`]. [`quant`] has a file for each tier (how rows are coded) and the scan of codes; no backend
//! uses it yet.
//!
//! May not know: keys, the log, shards, clocks, threads.
#![forbid(unsafe_code)]

mod error;
mod flat;
mod id;
mod index;
mod metric;
mod options;
pub mod quant;
mod top;

pub use error::{VectorError, VectorErrorKind};
pub use flat::{FlatIndex, View};
pub use id::{Id, IdKind, IdRef};
pub use index::Index;
pub use metric::Metric;
pub use options::{Backend, IndexOptions, Tier};
pub use top::Hit;

/// The greatest number of dimensions of an index; the least is 1.
pub const DIM_MAX: u32 = 65_536;

/// The greatest number of hits that one search returns; the least is 1.
pub const K_MAX: usize = 10_000;

/// The longest string id in bytes.
pub const ID_BYTES_MAX: usize = 4_096;
