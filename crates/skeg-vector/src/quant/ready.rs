//! A query made ready for the scan of a codec, and what a codec says of a block.
//!
//! May not know: how any codec works.

use skeg_simd::{ROWS, RowTest};

use super::lines::Lines;

/// A query made ready. One serves every codec, so that a scan's scratch is kept whatever it scans;
/// each uses the parts that it needs.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    /// The query as it is compared: at length 1 under cosine, turned, rounded.
    pub(crate) vector: Vec<f32>,
    /// It in small integers.
    pub(crate) numbers: Vec<i8>,
    /// What each pattern of four signs adds, or each word.
    pub(crate) table: Lines,
    /// The same before it is rounded, and the least of each part.
    pub(crate) products: Vec<f32>,
    pub(crate) least: Vec<f32>,
    /// The tests after the first dimensions and after all.
    pub(crate) head: RowTest,
    pub(crate) whole: RowTest,
    /// What one unit of an integer stands for.
    pub(crate) step: f32,
    /// Σ of the integers.
    pub(crate) total: f32,
    /// Σ of those below zero: what the scan's sums leave out.
    pub(crate) below: f32,
    /// That of the dimensions behind the first ones.
    pub(crate) rest_below: i32,
    /// Squared norm.
    pub(crate) norm2: f32,
    /// The variance of what rounding the query adds, for a code of length 1.
    pub(crate) rounding: f32,
    /// The size of the numbers that every score is made of, for what rounding adds.
    pub(crate) size: f32,
    /// Standard deviations in a bound.
    pub(crate) deviations: f32,
}

/// Estimates of a block's rows, and how far they may be off.
#[derive(Debug, Clone)]
pub(crate) struct Scores {
    pub(crate) estimates: [f32; ROWS],
    pub(crate) bounds: [f32; ROWS],
}

impl Default for Scores {
    fn default() -> Self {
        Self { estimates: [0.0; ROWS], bounds: [0.0; ROWS] }
    }
}

impl Scores {
    /// Of the rows in `mask`, those that may reach `floor`.
    #[inline]
    pub(crate) fn reaching(&self, floor: f32, mask: u32) -> u32 {
        let mut reaching = 0;
        for (place, (estimate, bound)) in self.estimates.iter().zip(&self.bounds).enumerate() {
            reaching |= u32::from(estimate + bound >= floor) << place;
        }
        reaching & mask
    }
}

/// The places of a block that hold rows, when `len` rows fill the blocks in their order.
pub(crate) fn live(block: usize, len: usize) -> u32 {
    let rows = len.saturating_sub(block * ROWS).min(ROWS);
    ((1_u64 << rows) - 1) as u32
}

/// The places of the bits set in a mask.
pub(crate) fn places(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (place < u32::BITS).then_some(place as usize)
    })
}
