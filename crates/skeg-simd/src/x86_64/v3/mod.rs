//! AVX2, F16C, SSE4.2 and carry-less multiplication: any x86-64 since Haswell (2013) and Zen (2017).
//!
//! Invariant: [`kernels`] is the only door, and it asks the processor first.
//!
//! May not know: other instruction sets.

mod bytes;
mod crc32c;
mod float;
mod half;
mod levels;
mod signs;

pub(in crate::x86_64) use crc32c::crc32c;

use std::sync::OnceLock;

use crate::{Kernels, Level, scalar};

/// See [`crate::Kernels::hadamard`]: the portable kernel in the registers of this level.
#[target_feature(enable = "avx2")]
fn hadamard(numbers: &mut [f32]) {
    scalar::transform(numbers);
}

/// The table of this level, or nothing where the processor lacks a feature.
#[expect(unsafe_code, reason = "enters the instruction set after its detection")]
pub(crate) fn kernels() -> Option<&'static Kernels> {
    /// Only code that has the features may turn functions that need them into plain ones.
    #[target_feature(enable = "avx2,f16c,fma,bmi1,bmi2,sse4.2,pclmulqdq")]
    fn table() -> Kernels {
        Kernels {
            level: Level::V3,
            crc32c,
            dot_f32: float::dot_f32,
            l2sq_f32: float::l2sq_f32,
            norm2_f32: float::norm2_f32,
            dot_f32_rows: float::dot_f32_rows,
            l2sq_f32_rows: float::l2sq_f32_rows,
            dot_f16_rows: half::dot_f16_rows,
            l2sq_f16_rows: half::l2sq_f16_rows,
            dot_i8_rows: bytes::dot_i8_rows,
            sum_where: bytes::sum_where,
            dot_levels: levels::dot_levels,
            scan_signs: signs::scan_signs,
            passing: signs::passing,
            sift_signs: signs::sift_signs,
            seek_signs: signs::seek_signs,
            hadamard,
        }
    }

    static KERNELS: OnceLock<Option<Kernels>> = OnceLock::new();
    let found = KERNELS.get_or_init(|| {
        let present = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("sse4.2")
            && is_x86_feature_detected!("pclmulqdq");
        // SAFETY: every feature that `table` enables was just detected. `tests/oracle.rs` runs all
        // functions of the table on whatever machine it finds.
        present.then(|| unsafe { table() })
    });
    found.as_ref()
}
