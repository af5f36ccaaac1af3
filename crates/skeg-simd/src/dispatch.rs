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
use crate::sieve::{RowTest, Sieve, Sifted, SignBlock, SignRun};

/// A set of instructions that kernels are written for. Ordered: on one machine the greater is the
/// faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Portable Rust.
    Scalar,
    /// x86-64 with AVX2, F16C, FMA, BMI, SSE4.2 and carry-less multiplication.
    V3,
    /// x86-64 with AVX-512 (F, BW, CD, DQ, VL) besides; with VNNI where the processor has it.
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
#[derive(Debug, Clone)]
pub struct Kernels {
    pub(crate) level: Level,
    pub(crate) crc32c: fn(u32, &[u8]) -> u32,
    pub(crate) dot_f32: fn(&[f32], &[f32]) -> f32,
    pub(crate) l2sq_f32: fn(&[f32], &[f32]) -> f32,
    pub(crate) norm2_f32: fn(&[f32]) -> f32,
    pub(crate) dot_f32_rows: fn(&[f32], &[f32], &mut [f32]),
    pub(crate) l2sq_f32_rows: fn(&[f32], &[f32], &mut [f32]),
    pub(crate) dot_f16_rows: fn(&[f32], &[u16], &mut [f32]),
    pub(crate) l2sq_f16_rows: fn(&[f32], &[u16], &mut [f32]),
    pub(crate) dot_i8_rows: fn(&[i8], &[i8], &mut [i32]),
    pub(crate) sum_where: fn(&[u8], &[i8]) -> i32,
    pub(crate) dot_levels: fn(&[i8], &Levels<'_>, &[u32], &mut [i32]),
    pub(crate) scan_signs: fn(&[u8], &[u8], &mut [u32; ROWS]),
    pub(crate) passing: fn(&RowTest, &[u32; ROWS], &[f32; ROWS], &[f32; ROWS]) -> u32,
    pub(crate) sift_signs: fn(&SignBlock<'_>, &[Sieve<'_>], &mut [Sifted]),
    pub(crate) seek_signs: fn(&[SignRun<'_>; 2], &Sieve<'_>, &mut Sifted) -> usize,
    pub(crate) hadamard: fn(&mut [f32]),
}

/// Rows that [`Kernels::scan_signs`] scores at once.
pub const ROWS: usize = 32;

/// Bytes of a sign plane, and of its table, for 64 dimensions of [`ROWS`] rows: planes are whole
/// multiples of it.
pub const UNIT: usize = 256;

/// The greatest number in a table of [`Kernels::scan_signs`]: four of them fit a byte.
pub const ENTRY_MAX: u8 = 63;

/// The greatest number of bytes in a row that integer sums take: no sum of products overflows.
pub const BYTES_MAX: usize = 65_536;

/// Rows of small unsigned numbers, each in a record of its own: what a graph reads here and there.
///
/// A record begins with its code, `bits / 8` bytes a dimension. A code is a sequence of units of 64
/// dimensions, `8 × bits` bytes each: dimension i of a unit has the bits from `i / (8 × bits) × bits`
/// on of byte `i % (8 × bits)`, so that one shift and one mask make bytes of a whole unit.
#[derive(Debug, Clone, Copy)]
pub struct Levels<'a> {
    /// Of a number: 1, 2, 4 or 8.
    pub bits: usize,
    /// The records, end to end.
    pub records: &'a [u8],
    /// Bytes of a record.
    pub stride: usize,
}

impl<'a> Levels<'a> {
    /// The code of the record at a place.
    #[inline]
    pub(crate) fn code(&self, place: u32, dim: usize) -> &'a [u8] {
        &self.records[place as usize * self.stride..][..dim / 8 * self.bits]
    }
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

    /// [`Self::dot_f32_rows`] with rows in half precision, given by their bits: each element
    /// becomes the `f32` of its value.
    ///
    /// # Panics
    /// When `rows.len()` is not `query.len() × out.len()`, or `query` is empty.
    #[inline]
    pub fn dot_f16_rows(&self, query: &[f32], rows: &[u16], out: &mut [f32]) {
        check_rows(query, rows, out);
        (self.dot_f16_rows)(query, rows, out);
    }

    /// [`Self::l2sq_f32_rows`] with rows in half precision, given by their bits: each element
    /// becomes the `f32` of its value.
    ///
    /// # Panics
    /// When `rows.len()` is not `query.len() × out.len()`, or `query` is empty.
    #[inline]
    pub fn l2sq_f16_rows(&self, query: &[f32], rows: &[u16], out: &mut [f32]) {
        check_rows(query, rows, out);
        (self.l2sq_f16_rows)(query, rows, out);
    }

    /// `out[i]` becomes the inner product of `query` and row `i` of `rows`, which holds `out.len()`
    /// rows end to end. Exact. A distance follows from it and the norms.
    ///
    /// # Panics
    /// When `rows.len()` is not `query.len() × out.len()`, or `query` is empty or longer than
    /// [`BYTES_MAX`].
    #[inline]
    pub fn dot_i8_rows(&self, query: &[i8], rows: &[i8], out: &mut [i32]) {
        assert!(query.len() <= BYTES_MAX, "a query of more bytes than can be summed");
        check_rows(query, rows, out);
        (self.dot_i8_rows)(query, rows, out);
    }

    /// Sums the elements of `query` whose bit is set; the first is in the lowest bit of the first
    /// byte. Exact.
    ///
    /// # Panics
    /// When `query` does not have eight elements for each byte of `bits`, or not a multiple of 64
    /// of them, or more than [`BYTES_MAX`].
    #[inline]
    #[must_use]
    pub fn sum_where(&self, bits: &[u8], query: &[i8]) -> i32 {
        assert!(query.len() <= BYTES_MAX, "a query of more bytes than can be summed");
        assert!(query.len().is_multiple_of(64), "a query that is no multiple of 64 long");
        assert_eq!(bits.len(), query.len() / 8, "not one bit for each element");
        (self.sum_where)(bits, query)
    }

    /// `out[i]` becomes the inner product of `query` and the code at `places[i]`. Exact.
    ///
    /// # Panics
    /// When a number of bits is none of those allowed, `query` is no multiple of 64 long or longer
    /// than [`BYTES_MAX`], a code is longer than its record, a place has no record, or `out` is not as
    /// long as `places`.
    #[inline]
    pub fn dot_levels(&self, query: &[i8], levels: &Levels<'_>, places: &[u32], out: &mut [i32]) {
        assert!(matches!(levels.bits, 1 | 2 | 4 | 8), "levels of other than 1, 2, 4 or 8 bits");
        assert!(query.len() <= BYTES_MAX, "a query of more bytes than can be summed");
        assert!(query.len().is_multiple_of(64), "a query that is no multiple of 64 long");
        assert!(query.len() / 8 * levels.bits <= levels.stride, "a code longer than its record");
        assert_eq!(places.len(), out.len(), "not one sum for each place");
        (self.dot_levels)(query, levels, places, out);
    }

    /// Adds to each of `sums` what the bits of its row select from `table`. Exact.
    ///
    /// The plane is a sequence of groups of four dimensions, 16 bytes each: the lower half of byte
    /// j holds the bits of row j, the upper half those of row 16 + j. The table has 16 numbers for
    /// each group, none above [`ENTRY_MAX`] (greater ones give wrong sums): what each pattern of
    /// the four bits adds.
    ///
    /// # Panics
    /// When the two differ in length, or are no multiple of [`UNIT`] long.
    #[inline]
    pub fn scan_signs(&self, plane: &[u8], table: &[u8], sums: &mut [u32; ROWS]) {
        assert_eq!(plane.len(), table.len(), "a table for another plane");
        assert!(plane.len().is_multiple_of(UNIT), "a plane that is not whole");
        (self.scan_signs)(plane, table, sums);
    }

    /// Which of 32 rows pass a test: row i in bit i. Sums must be below 2^24.
    #[inline]
    #[must_use]
    pub fn passing(
        &self,
        test: &RowTest,
        sums: &[u32; ROWS],
        slopes: &[f32; ROWS],
        norms: &[f32; ROWS],
    ) -> u32 {
        (self.passing)(test, sums, slopes, norms)
    }

    /// [`Self::scan_signs`] from zero and [`Self::passing`] for several queries: what takes a plane apart is
    /// done once for some of them.
    ///
    /// # Panics
    /// When plane and tables differ in length, or are no multiple of [`UNIT`] long, or there is not one
    /// of `sifted` for each sieve.
    #[inline]
    pub fn sift_signs(&self, block: &SignBlock<'_>, sieves: &[Sieve<'_>], sifted: &mut [Sifted]) {
        let long = |sieve: &Sieve<'_>| sieve.table.len() == block.plane.len();
        assert!(sieves.iter().all(long), "a table for another plane");
        assert!(block.plane.len().is_multiple_of(UNIT), "a plane that is not whole");
        assert_eq!(sieves.len(), sifted.len(), "not one result for each sieve");
        (self.sift_signs)(block, sieves, sifted);
    }

    /// [`Self::sift_signs`] of one query for the blocks of a run, one after the other, up to the first of which
    /// some row passes: gives its number, or that of all blocks when none does. Beside each block one of `soon` is
    /// fetched, as far as there are any.
    ///
    /// # Panics
    /// When the blocks are not as long as the table, or that is no multiple of [`UNIT`] long, or there are not
    /// as many slopes, or norms, as blocks.
    #[inline]
    pub fn seek_signs(
        &self,
        run: SignRun<'_>,
        soon: SignRun<'_>,
        sieve: &Sieve<'_>,
        sifted: &mut Sifted,
    ) -> usize {
        let blocks = run.slopes.len();
        assert_eq!(run.planes.len(), blocks * sieve.table.len(), "a table for other planes");
        assert!(sieve.table.len().is_multiple_of(UNIT), "a plane that is not whole");
        assert_eq!(run.norms.len(), blocks, "not one norm for each row");
        (self.seek_signs)(&[run, soon], sieve, sifted)
    }

    /// The Walsh-Hadamard transform in place, without its scale: the result is √n times as long.
    ///
    /// # Panics
    /// When the length n is no power of two from 16 on.
    #[inline]
    pub fn hadamard(&self, numbers: &mut [f32]) {
        assert!(numbers.len() >= 16, "fewer than 16 numbers");
        assert!(numbers.len().is_power_of_two(), "no power of two of numbers");
        (self.hadamard)(numbers);
    }
}

fn check_rows<Q, R, T>(query: &[Q], rows: &[R], out: &[T]) {
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

/// [`available`], and before each level that uses further instructions where the processor has
/// them its form without: for tests of what other machines run.
pub fn variants() -> impl Iterator<Item = &'static Kernels> {
    #[cfg(target_arch = "x86_64")]
    let plain = crate::x86_64::v4::plain();
    #[cfg(not(target_arch = "x86_64"))]
    let plain = None;
    plain.into_iter().chain(available())
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
