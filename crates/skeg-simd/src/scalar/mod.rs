//! The portable kernels: the oracle of all others, and what a machine without a known instruction
//! set runs.
//!
//! Invariant: these define the results. A change here changes what every level must give.
//!
//! May not know: instruction sets.

mod crc32c;
mod float;

pub(crate) use crc32c::crc32c;
pub(crate) use float::{dot_f32, dot_f32_rows, l2sq_f32, l2sq_f32_rows, norm2_f32};

use crate::{Kernels, Level};

/// The table of this level.
pub(crate) static KERNELS: Kernels = Kernels {
    level: Level::Scalar,
    crc32c,
    dot_f32,
    l2sq_f32,
    norm2_f32,
    dot_f32_rows,
    l2sq_f32_rows,
};
