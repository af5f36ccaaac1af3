//! The portable kernels: the oracle of all others, and what a machine without a known instruction
//! set runs.
//!
//! Invariant: these define the results. A change here changes what every level must give.
//!
//! May not know: instruction sets.

mod crc32c;
mod float;

pub(crate) use crc32c::crc32c;
#[cfg(target_arch = "aarch64")]
pub(crate) use crc32c::multiply;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use crc32c::x_to_the;
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
