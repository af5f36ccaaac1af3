//! Kernels for x86-64, a folder per level.
//!
//! May not know: which level is chosen.

mod prefetch;
pub(crate) mod v3;
pub(crate) mod v4;

pub(crate) use prefetch::{prefetch, prefetch_rows};
