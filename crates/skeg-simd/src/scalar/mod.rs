//! The portable kernels: the oracle of all others, and what a machine without a known instruction
//! set runs.
//!
//! Invariant: these define the results. A change here changes what every level must give.
//!
//! May not know: instruction sets.

mod bytes;
mod crc32c;
mod float;
mod hadamard;
mod half;
mod levels;
mod signs;

#[cfg(target_arch = "x86_64")]
pub(crate) use bytes::dot_i8;
pub(crate) use bytes::{dot_i8_rows, sum_where};
pub(crate) use crc32c::crc32c;
#[cfg(target_arch = "aarch64")]
pub(crate) use crc32c::multiply;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use crc32c::x_to_the;
pub(crate) use float::{dot_f32, dot_f32_rows, l2sq_f32, l2sq_f32_rows, norm2_f32};
pub(crate) use hadamard::hadamard;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use hadamard::transform;
pub(crate) use half::{dot_f16_rows, l2sq_f16_rows, widen};
pub(crate) use levels::dot_levels;
pub(crate) use signs::{passing, scan_signs, seek_signs, sift_signs};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use signs::{seek_block_by_block, sift_one_by_one};

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
    dot_f16_rows,
    l2sq_f16_rows,
    dot_i8_rows,
    sum_where,
    dot_levels,
    scan_signs,
    passing,
    sift_signs,
    seek_signs,
    hadamard,
};
