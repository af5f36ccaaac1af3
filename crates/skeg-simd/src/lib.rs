//! Checksum and distance kernels, chosen once at run time for the machine at hand.
//!
//! Invariants:
//! - **The portable kernels are the oracle.** Every other one gives the same bits, checksums and
//!   floats alike: all float sums use the same 32 lanes, the same separate multiply and add (never
//!   fused) and the same reduction tree, so that a score does not depend on the processor.
//! - The result for a row never depends on where it lies or what lies beside it.
//! - `unsafe` is allowed in the modules of instruction sets only, and there for loads through
//!   pointers taken from checked slices and for the one call that enters the set after its
//!   detection.
//!
//! A further kernel is one field of [`Kernels`], one function in each folder (`scalar/`,
//! `x86_64/v3`, `x86_64/v4`, `aarch64/neon`, the same name everywhere) and one case in
//! `tests/oracle.rs`.
//!
//! May not know: files, quantisers, allocation.
#![deny(unsafe_code)]

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod dispatch;
mod scalar;
mod sieve;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use dispatch::{
    BYTES_MAX, ENTRY_MAX, Kernels, Level, Levels, ROWS, UNIT, available, kernels, kernels_at,
    variants,
};
pub use sieve::{RowTest, Sieve, Sifted, SignBlock, SignRun};

/// The level that this process uses, see [`kernels`].
#[must_use]
pub fn level() -> Level {
    kernels().level()
}

/// [`Kernels::crc32c`] at this process's level.
#[inline]
#[must_use]
pub fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    kernels().crc32c(seed, bytes)
}

/// [`Kernels::dot_f32`] at this process's level.
///
/// # Panics
/// When the lengths differ.
#[inline]
#[must_use]
pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    kernels().dot_f32(a, b)
}

/// [`Kernels::l2sq_f32`] at this process's level.
///
/// # Panics
/// When the lengths differ.
#[inline]
#[must_use]
pub fn l2sq_f32(a: &[f32], b: &[f32]) -> f32 {
    kernels().l2sq_f32(a, b)
}

/// [`Kernels::norm2_f32`] at this process's level.
#[inline]
#[must_use]
pub fn norm2_f32(a: &[f32]) -> f32 {
    kernels().norm2_f32(a)
}

/// The value of a number in half precision (IEEE 754 binary16, by its bits), exactly.
#[inline]
#[must_use]
pub fn widen_f16(bits: u16) -> f32 {
    scalar::widen(bits)
}

/// Asks for what is read soon, all of it, without waiting. Does nothing where Rust offers no
/// instruction for it.
#[inline]
pub fn prefetch<T>(items: &[T]) {
    #[cfg(target_arch = "x86_64")]
    x86_64::prefetch(items);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = items;
}
