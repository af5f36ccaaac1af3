//! AVX-512 (F, BW, CD, DQ, VL) beside all of V3: servers since Skylake-X (2017) and Zen 4 (2022).
//!
//! Invariant: [`kernels`] is the only door, and it asks the processor first.
//!
//! May not know: other instruction sets but V3, which it contains.

mod bytes;
mod float;
mod half;
mod levels;
mod signs;
mod vnni;

use std::sync::OnceLock;

use super::v3;
use crate::{Kernels, Level, scalar};

/// See [`crate::Kernels::hadamard`]: the portable kernel in the registers of this level.
#[target_feature(enable = "avx512f,avx512dq")]
fn hadamard(numbers: &mut [f32]) {
    scalar::transform(numbers);
}

/// The table of this level, or nothing where the processor lacks a feature. Uses VNNI where the
/// processor has it.
#[expect(unsafe_code, reason = "enters the instruction set after its detection")]
pub(crate) fn kernels() -> Option<&'static Kernels> {
    /// Only code that has the features may turn functions that need them into plain ones.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
    fn table(plain: &Kernels) -> Kernels {
        Kernels {
            dot_i8_rows: vnni::dot_i8_rows,
            sum_where: vnni::sum_where,
            dot_levels: vnni::dot_levels,
            ..plain.clone()
        }
    }

    static KERNELS: OnceLock<Option<Kernels>> = OnceLock::new();
    let plain = plain()?;
    let found = KERNELS.get_or_init(|| {
        let present = is_x86_feature_detected!("avx512vnni");
        // SAFETY: VNNI was just detected, the other features by the plain table. `tests/oracle.rs`
        // runs all functions of both tables on machines that have them.
        present.then(|| unsafe { table(plain) })
    });
    Some(found.as_ref().unwrap_or(plain))
}

/// The table without what only some processors of this level have.
#[expect(unsafe_code, reason = "enters the instruction set after its detection")]
pub(crate) fn plain() -> Option<&'static Kernels> {
    /// Only code that has the features may turn functions that need them into plain ones.
    #[target_feature(
        enable = "avx2,f16c,fma,bmi1,bmi2,sse4.2,pclmulqdq,avx512f,avx512bw,avx512cd,avx512dq,avx512vl"
    )]
    fn table() -> Kernels {
        Kernels {
            level: Level::V4,
            crc32c: v3::crc32c,
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
        let present = v3::kernels().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        // SAFETY: every feature that `table` enables was just detected, those of V3 by its own table.
        // `tests/oracle.rs` runs all functions of the table on machines that have them.
        present.then(|| unsafe { table() })
    });
    found.as_ref()
}
