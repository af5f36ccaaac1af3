//! NEON and the CRC instructions: any AArch64 server, Apple silicon, Raspberry Pi 3 and later.
//!
//! Invariant: [`kernels`] is the only door, and it asks the processor first.
//!
//! Bytes, levels, halves and the test of rows are left to the compiler, which knows NEON for the portable
//! kernels, too.
//!
//! May not know: other instruction sets.

mod crc32c;
mod float;
mod signs;

use std::arch::is_aarch64_feature_detected;
use std::sync::OnceLock;

use crate::{Kernels, Level, scalar};

/// See [`crate::Kernels::hadamard`]: the portable kernel in the registers of this level.
#[target_feature(enable = "neon")]
fn hadamard(numbers: &mut [f32]) {
    scalar::transform(numbers);
}

/// The table of this level, or nothing where the processor lacks a feature.
#[expect(unsafe_code, reason = "enters the instruction set after its detection")]
pub(crate) fn kernels() -> Option<&'static Kernels> {
    /// Only code that has the features may turn functions that need them into plain ones.
    #[target_feature(enable = "neon,crc")]
    fn table() -> Kernels {
        Kernels {
            level: Level::Neon,
            crc32c: crc32c::crc32c,
            dot_f32: float::dot_f32,
            l2sq_f32: float::l2sq_f32,
            norm2_f32: float::norm2_f32,
            dot_f32_rows: float::dot_f32_rows,
            l2sq_f32_rows: float::l2sq_f32_rows,
            dot_f16_rows: scalar::dot_f16_rows,
            l2sq_f16_rows: scalar::l2sq_f16_rows,
            dot_i8_rows: scalar::dot_i8_rows,
            sum_where: scalar::sum_where,
            dot_levels: scalar::dot_levels,
            scan_signs: signs::scan_signs,
            passing: scalar::passing,
            sift_signs: signs::sift_signs,
            seek_signs: signs::seek_signs,
            hadamard,
        }
    }

    static KERNELS: OnceLock<Option<Kernels>> = OnceLock::new();
    let found = KERNELS.get_or_init(|| {
        let present = is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("crc");
        // SAFETY: both features that `table` enables were just detected. `tests/oracle.rs` runs all
        // functions of the table on machines that have them.
        present.then(|| unsafe { table() })
    });
    found.as_ref()
}
