//! Kernels for AArch64, a folder per level.
//!
//! May not know: which level is chosen.

pub(crate) mod neon;
