//! Which kernels run: the best level that the machine has, chosen at the first call and kept.
//!
//! `SKEG_ISA_MIN` makes a level mandatory (the first call panics where it is missing, so that tests
//! of it cannot pass by being skipped) and `SKEG_ISA_MAX` caps the choice. Both take `scalar`, `v3`,
//! `v4` or `neon`; any other value panics, too.
//!
//! Invariant: a table is handed out only after the processor was asked for every feature that it
//! uses.
//!
//! May not know: how a kernel works.

use std::fmt;
use std::sync::OnceLock;

use crate::scalar;

/// A set of instructions that kernels are written for. Ordered: on one machine the greater is the
/// faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Portable Rust.
    Scalar,
    /// x86-64 with AVX2, FMA, BMI, SSE4.2 and carry-less multiplication.
    V3,
    /// x86-64 with AVX-512 (F, BW, CD, DQ, VL) besides.
    V4,
    /// AArch64 with NEON and CRC.
    Neon,
}

impl Level {
    /// Every level, worst first.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::V3, Self::V4, Self::Neon];

    /// The name that `SKEG_ISA_MIN` and `SKEG_ISA_MAX` take.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::V3 => "v3",
            Self::V4 => "v4",
            Self::Neon => "neon",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kernels of one level. A loop over many rows takes this once and calls its methods.
#[derive(Debug)]
pub struct Kernels {
    pub(crate) level: Level,
    pub(crate) crc32c: fn(u32, &[u8]) -> u32,
    pub(crate) dot_f32: fn(&[f32], &[f32]) -> f32,
    pub(crate) l2sq_f32: fn(&[f32], &[f32]) -> f32,
    pub(crate) norm2_f32: fn(&[f32]) -> f32,
    pub(crate) dot_f32_rows: fn(&[f32], &[f32], &mut [f32]),
    pub(crate) l2sq_f32_rows: fn(&[f32], &[f32], &mut [f32]),
}

impl Kernels {
    /// The level of these kernels.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// CRC-32C (Castagnoli; iSCSI, RFC 3720) of `bytes`, continuing from `seed`: the checksum of
    /// what lies before them, 0 for nothing. `crc32c(crc32c(0, a), b)` is that of `a` then `b`.
    #[inline]
    #[must_use]
    pub fn crc32c(&self, seed: u32, bytes: &[u8]) -> u32 {
        !(self.crc32c)(!seed, bytes)
    }

    /// The inner product Σ a·b. Error at most `(n / 32 + 8) × 2^-24 × Σ|a·b|` while nothing
    /// overflows or is subnormal; overflow gives infinity or NaN.
    ///
    /// # Panics
    /// When the lengths differ.
    #[inline]
    #[must_use]
    pub fn dot_f32(&self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len(), "vectors of different lengths");
        (self.dot_f32)(a, b)
    }

    /// The squared Euclidean distance Σ (a − b)². Error at most `(n / 32 + 11) × 2^-24` of the
    /// result while nothing overflows or is subnormal; overflow gives infinity.
    ///
    /// # Panics
    /// When the lengths differ.
    #[inline]
    #[must_use]
    pub fn l2sq_f32(&self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len(), "vectors of different lengths");
        (self.l2sq_f32)(a, b)
    }

    /// The squared Euclidean norm Σ a², the bits of `dot_f32(a, a)`. It is finite only if every
    /// element is.
    #[inline]
    #[must_use]
    pub fn norm2_f32(&self, a: &[f32]) -> f32 {
        (self.norm2_f32)(a)
    }

    /// `out[i]` becomes the bits of [`Self::dot_f32`] of `query` and row `i` of `rows`, which holds
    /// `out.len()` rows end to end.
    ///
    /// # Panics
    /// When `rows.len()` is not `query.len() × out.len()`, or `query` is empty.
    #[inline]
    pub fn dot_f32_rows(&self, query: &[f32], rows: &[f32], out: &mut [f32]) {
        check_rows(query, rows, out);
        (self.dot_f32_rows)(query, rows, out);
    }

    /// `out[i]` becomes the bits of [`Self::l2sq_f32`] of `query` and row `i` of `rows`, which
    /// holds `out.len()` rows end to end.
    ///
    /// # Panics
    /// When `rows.len()` is not `query.len() × out.len()`, or `query` is empty.
    #[inline]
    pub fn l2sq_f32_rows(&self, query: &[f32], rows: &[f32], out: &mut [f32]) {
        check_rows(query, rows, out);
        (self.l2sq_f32_rows)(query, rows, out);
    }
}

fn check_rows(query: &[f32], rows: &[f32], out: &[f32]) {
    assert!(!query.is_empty(), "a query without elements");
    assert_eq!(
        Some(rows.len()),
        query.len().checked_mul(out.len()),
        "rows are not `out.len()` times as long as the query"
    );
}

/// The kernels that this process uses: chosen at the first call, see the module's header.
///
/// # Panics
/// When `SKEG_ISA_MIN` or `SKEG_ISA_MAX` cannot be satisfied.
#[inline]
#[must_use]
pub fn kernels() -> &'static Kernels {
    static CHOSEN: OnceLock<&'static Kernels> = OnceLock::new();
    CHOSEN.get_or_init(detect)
}

#[cold]
fn detect() -> &'static Kernels {
    let present: Vec<Level> = available().map(Kernels::level).collect();
    let min = std::env::var("SKEG_ISA_MIN").ok();
    let max = std::env::var("SKEG_ISA_MAX").ok();
    match choose(&present, min.as_deref(), max.as_deref()) {
        Ok(level) => kernels_at(level).expect("the choice is among the present levels"),
        Err(reason) => panic!("{reason}"),
    }
}

/// The kernels of `level`, or nothing where the machine lacks it. Ignores the environment.
#[must_use]
pub fn kernels_at(level: Level) -> Option<&'static Kernels> {
    match level {
        Level::Scalar => Some(&scalar::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Level::V3 => crate::x86_64::v3::kernels(),
        #[cfg(target_arch = "x86_64")]
        Level::V4 => crate::x86_64::v4::kernels(),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => crate::aarch64::neon::kernels(),
        _ => None,
    }
}

/// The kernels of every level that the machine has, worst first. Ignores the environment.
pub fn available() -> impl Iterator<Item = &'static Kernels> {
    Level::ALL.into_iter().filter_map(kernels_at)
}

/// The best of `present` within the bounds.
fn choose(present: &[Level], min: Option<&str>, max: Option<&str>) -> Result<Level, String> {
    let names = || present.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ");
    let parse = |variable: &str, value: Option<&str>| match value {
        None | Some("") => Ok(None),
        Some(name) => match Level::ALL.into_iter().find(|level| level.name() == name) {
            Some(level) => Ok(Some(level)),
            None => Err(format!("{variable}={name}: must be one of scalar, v3, v4, neon")),
        },
    };
    let floor = parse("SKEG_ISA_MIN", min)?;
    let cap = parse("SKEG_ISA_MAX", max)?;
    let best = present.iter().copied().filter(|&level| cap.is_none_or(|cap| level <= cap)).max();
    let best = best.unwrap_or(Level::Scalar);
    match floor {
        Some(floor) if !present.contains(&floor) || best < floor => Err(format!(
            "SKEG_ISA_MIN={floor}: this machine and SKEG_ISA_MAX leave {best} (present: {})",
            names()
        )),
        _ => Ok(best),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_level_within_the_bounds_is_chosen() {
        let present = [Level::Scalar, Level::V3, Level::V4];
        assert_eq!(choose(&present, None, None), Ok(Level::V4));
        assert_eq!(choose(&present, Some("v3"), None), Ok(Level::V4));
        assert_eq!(choose(&present, None, Some("v3")), Ok(Level::V3));
        assert_eq!(choose(&present, Some("v3"), Some("v3")), Ok(Level::V3));
        assert_eq!(choose(&present, Some(""), Some("scalar")), Ok(Level::Scalar));
    }

    #[test]
    fn a_mandatory_level_that_is_missing_is_an_error() {
        let present = [Level::Scalar, Level::V3];
        for (min, max) in
            [("v4", None), ("neon", None), ("v3", Some("scalar")), ("avx", None), ("v3", Some("x"))]
        {
            assert!(choose(&present, Some(min), max).is_err(), "{min} {max:?}");
        }
    }
}
