//! Rows in fewer bytes than they have, and the scan of them.
//!
//! A codec turns rows into codes and scores them in blocks of 32: an estimate for each row and a
//! bound of how far it may be off. [`CodedRows`] holds the rows of an index in the codec that its
//! tier names and scans them; what the bounds leave is compared exactly, with the rows themselves,
//! which come through [`RowSource`] from wherever they are kept.
//!
//! Invariants: codes and answers are the same on every processor; what a scan gives as a score is the
//! exact one, with the bits of the flat index.
//!
//! May not know: ids, files, the log.

mod bytes;
mod code;
mod codebook;
mod coded;
mod cut;
mod exact;
mod frame;
mod half;
mod laid;
mod laid_stored;
mod lines;
mod order;
mod parameters;
mod pass;
mod planes;
mod points;
#[cfg(test)]
mod points_tests;
mod product;
mod ready;
mod records;
mod residuals;
mod rotation;
mod scan;
mod sketch;
#[cfg(test)]
mod sketch_tests;
mod source;
pub(crate) mod stored;
#[cfg(test)]
mod tests;
mod trainer;

pub use coded::CodedRows;
pub(crate) use coded::{
    Asked, Codes, Known, Part, check_dim, check_queries, is_coded, search_parts,
};
pub use parameters::{CodeKind, Parameters};
pub use points::Points;
pub(crate) use points::Target;
pub use scan::{Found, ScanOptions, Scratch};
pub(crate) use sketch::{Sketch, Sketched};
pub use source::{Memory, RowSource};
pub use trainer::Trainer;

use std::ops::Range;
use std::slice;

use order::Run;
use ready::{Ready, Scores, live};
use skeg_simd::{ROWS, Sifted};
use stored::{Fill, Sink};

use crate::Metric;

/// Rows as codes in blocks, and how those are scored.
trait Blocks {
    /// Rows coded.
    fn len(&self) -> usize;

    /// Makes a query ready; what is said of rows holds of it, too. A bound is `deviations` standard
    /// deviations of an estimate where that is random.
    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready);

    /// How many blocks before it is looked at a block's codes are to be fetched.
    fn ahead(&self) -> usize {
        0
    }

    /// Looks at a block for some queries at once, each with the floor that its rows must reach, and says
    /// which of them [`Self::score`] is to look at: all, unless a first step can tell. Fetches the block that
    /// it comes to [`Self::ahead`] blocks later beside.
    fn sift(
        &self,
        block: usize,
        soon: Option<usize>,
        asked: &[(&Ready, f32)],
        sifted: &mut [Sifted],
    ) {
        let _ = soon;
        debug_assert_eq!(asked.len(), sifted.len(), "one result for each query");
        let rows = live(block, self.len());
        sifted.iter_mut().for_each(|sifted| sifted.rows = rows);
    }

    /// [`Self::sift`] of one query for blocks of a run, one after the other, up to the first of which something
    /// is left: gives that, or the end when there is none.
    fn seek(
        &self,
        mut blocks: Range<usize>,
        run: &Run,
        asked: (&Ready, f32),
        sifted: &mut Sifted,
    ) -> usize {
        let sifted = slice::from_mut(sifted);
        let end = blocks.end;
        blocks
            .find(|&block| {
                self.sift(block, run.after(block, self.ahead()), &[asked], sifted);
                sifted[0].rows != 0
            })
            .unwrap_or(end)
    }

    /// Asks for what [`Self::score`] looks at when these rows are left.
    fn prefetch(&self, block: usize, rows: u32) {
        let _ = (block, rows);
    }

    /// Scores the rows of a block that were left: says which of them may reach `floor`, and estimate and
    /// bound of those.
    fn score(
        &self,
        ready: &Ready,
        block: usize,
        floor: f32,
        sifted: &Sifted,
        scores: &mut Scores,
    ) -> u32;
}

/// How rows become codes, and how those are kept.
trait Codec: Blocks {
    /// Makes room for as many rows, and no more.
    fn reserve(&mut self, rows: usize);

    /// Codes a further row: not a vector of zeros under cosine, and with a norm that `f32` squares. `false`
    /// when its code says nothing of it.
    fn push(&mut self, row: &[f32]) -> bool;

    /// Bytes of codes.
    fn code_bytes(&self) -> usize;

    /// Bytes of what is kept of each row beside its code.
    fn factor_bytes(&self) -> usize;

    /// Hands out all codes, as `docs/format/codes.md` lays them out.
    fn save_codes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E>;

    /// Hands out what is kept beside them.
    fn save_factors<E>(&self, out: &mut impl Sink<E>) -> Result<(), E>;

    /// Takes in what was handed out for so many rows, in place of none.
    fn load<E>(
        &mut self,
        rows: usize,
        codes: &mut impl Fill<E>,
        factors: &mut impl Fill<E>,
    ) -> Result<(), E>;
}

/// Squared norms whose inverse root is exact enough in `f32`.
const SAFE: std::ops::RangeInclusive<f32> = 1e-30..=1e30;

/// The vector as it is coded: at length 1 under cosine.
fn unit_into(metric: Metric, vector: &[f32], unit: &mut Vec<f32>) {
    unit.clear();
    if metric != Metric::Cosine {
        unit.extend_from_slice(vector);
        return;
    }
    let norm2 = skeg_simd::norm2_f32(vector);
    if SAFE.contains(&norm2) {
        let inverse = 1.0 / norm2.sqrt();
        unit.extend(vector.iter().map(|x| x * inverse));
    } else {
        let norm = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        unit.extend(vector.iter().map(|&x| (f64::from(x) / norm) as f32));
    }
}

/// The score of an inner product, from the squared norms.
fn score_of(metric: Metric, dot: f32, norm2: f32, query_norm2: f32) -> f32 {
    match metric {
        Metric::Cosine | Metric::InnerProduct => dot,
        Metric::Euclidean => 2.0 * dot - norm2 - query_norm2,
    }
}

/// Rows in a block, when `len` rows fill the blocks in their order.
fn rows_in(block: usize, len: usize) -> usize {
    len.saturating_sub(block * ROWS).min(ROWS)
}
