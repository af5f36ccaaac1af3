//! Files of vectors, read row by row and written: `fvecs` and `bvecs` (TexMex), `fbin`, `u8bin` and
//! `i8bin` (big-ann-benchmarks), `npy` (NumPy), JSON lines; Parquet, read only; and files that say which
//! rows are nearest (`ibin`, `ivecs`).
//!
//! Invariants: input never panics it and never makes it allocate by a claimed length (but that of a page of
//! Parquet, below 2 GiB); a row that is handed out has as many numbers as the first one, at least one and
//! at most [`DIM_MAX`], all of them finite.
//! May not know: names of files, indexes, metrics.
#![forbid(unsafe_code)]

mod element;
mod error;
mod format;
mod json;
mod npy;
mod parquet;
mod reader;
mod row;
mod source;
mod truth;
mod writer;

pub use error::{Place, VecsError};
pub use format::Format;
pub use json::{Fields, parse_vector};
pub use parquet::ParquetReader;
pub use reader::{Row, RowReader};
pub use truth::{Truth, TruthFormat};
pub use writer::RowWriter;

/// The greatest number of numbers in a row.
pub const DIM_MAX: usize = 65_536;
