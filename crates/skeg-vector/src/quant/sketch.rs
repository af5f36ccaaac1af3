//! Codes of rows that wait in memory, made as they come, so that a search compares few of them exactly: the signs
//! of each after a rotation, one bit a dimension, with the factors and the bound of `planes.rs`.
//!
//! Codes lie in stripes of some blocks, which views share and writes copy. A view has whole stripes only: the
//! rows behind the last one, 256 KiB of them at most, cost less to compare than to keep track of. What is taken
//! off every row is the mean of the first ones: rows that come close upon each other are alike.
//!
//! Invariants: from the first [`FRAME_ROWS`] rows on every row has its code, or is in `uncoded`; a code depends on
//! its row and the frame alone, not on what was at its place before; what a view holds does not change.
//!
//! May not know: ids, where the rows themselves are, how a scan goes on.

use std::sync::Arc;

use skeg_simd::{Kernels, ROWS, Sifted, SignBlock};

use super::code::{Coder, Factors};
use super::coded::is_coded;
use super::frame::Frame;
use super::laid::BYTES;
use super::lines::Lines;
use super::ready::{Ready, Scores, places};
use super::residuals::below;
use super::{Blocks, CodeKind, Trainer};
use crate::Metric;

/// Rows after which codes are made, of which the mean is taken.
const FRAME_ROWS: usize = 64;

/// Dimensions from which on signs tell enough.
const DIM_MIN: u32 = 64;

/// What an `Arc` allocates beside its value.
const ARC_BYTES: usize = 2 * size_of::<usize>();

/// Codes of some blocks that follow one another.
#[derive(Debug, Clone)]
struct Stripe {
    signs: Lines,
    slopes: Box<[[f32; ROWS]]>,
    norms: Box<[[f32; ROWS]]>,
}

impl Stripe {
    /// Room for so many blocks.
    fn new(frame: &Frame, blocks: usize) -> Self {
        let mut signs = Lines::default();
        signs.extend_zeros(blocks * frame.dim * BYTES);
        let none = || vec![[0.0; ROWS]; blocks].into_boxed_slice();
        Self { signs, slopes: none(), norms: none() }
    }

    fn put(&mut self, frame: &Frame, levels: &[u8], factors: Factors, place: usize) {
        let (block, place, bytes) = (place / ROWS, place % ROWS, frame.dim * BYTES);
        frame.put_signs(levels, &mut self.signs[block * bytes..][..bytes], place);
        self.slopes[block][place] = factors.slope;
        self.norms[block][place] = factors.norm2;
    }

    /// Bytes allocated behind this struct.
    fn heap_bytes(&self) -> usize {
        self.signs.heap_bytes() + size_of_val(&*self.slopes) + size_of_val(&*self.norms)
    }
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Sketch {
    kernels: &'static Kernels,
    metric: Metric,
    dim: u32,
    /// Chooses the rotation.
    seed: u64,
    stripe_rows: usize,
    frame: Option<Arc<Frame>>,
    stripes: Vec<Arc<Stripe>>,
    /// Bytes of a stripe and of the frame.
    stripe_bytes: usize,
    frame_bytes: usize,
    /// Rows that have codes: all or none.
    len: usize,
    /// Of them, those whose codes say nothing, ascending.
    uncoded: Vec<u32>,
    coder: Coder,
    residual: Vec<f32>,
}

impl Sketch {
    /// For rows that are kept in chunks of so many; `None` where signs tell too little of them.
    pub(crate) fn new(
        kernels: &'static Kernels,
        metric: Metric,
        dim: u32,
        seed: u64,
        chunk_rows: usize,
    ) -> Option<Self> {
        (dim >= DIM_MIN).then(|| Self {
            kernels,
            metric,
            dim,
            seed,
            stripe_rows: (4 * chunk_rows).next_multiple_of(ROWS),
            frame: None,
            stripes: Vec::new(),
            stripe_bytes: 0,
            frame_bytes: 0,
            len: 0,
            uncoded: Vec::new(),
            coder: Coder::default(),
            residual: Vec::new(),
        })
    }

    /// Codes what has come: there are `len` rows now.
    pub(crate) fn follow<'r>(&mut self, len: usize, row: impl Fn(usize) -> &'r [f32]) {
        if self.frame.is_none() {
            if len < FRAME_ROWS {
                return;
            }
            self.begin((0..len).map(&row));
        }
        for place in self.len..len {
            if place.is_multiple_of(self.stripe_rows)
                && let Some(frame) = &self.frame
            {
                self.stripes.push(Arc::new(Stripe::new(frame, self.stripe_rows / ROWS)));
            }
            self.len = place + 1;
            self.change(place, row(place));
        }
    }

    /// Chooses the frame.
    fn begin<'r>(&mut self, rows: impl Iterator<Item = &'r [f32]>) {
        let trainer = Trainer::new(CodeKind::Tq1, self.metric, self.dim, self.seed);
        let mut trainer = trainer.expect("an index has a valid dimension");
        for row in rows {
            trainer.add(row).expect("rows of an index have its dimension");
        }
        let centroid = trainer.finish().into_centroid();
        let frame = Frame::new(self.kernels, self.metric, 1, Some(self.seed), centroid);
        let frame = frame.in_one_step();
        self.frame_bytes = ARC_BYTES + size_of::<Frame>() + frame.heap_bytes();
        let stripe = Stripe::new(&frame, self.stripe_rows / ROWS);
        self.stripe_bytes = ARC_BYTES + size_of::<Stripe>() + stripe.heap_bytes();
        self.frame = Some(Arc::new(frame));
    }

    /// Another row is at a place.
    pub(crate) fn change(&mut self, place: usize, row: &[f32]) {
        let Some(frame) = self.frame.as_deref().filter(|_| place < self.len) else { return };
        let is_coded = is_coded(self.metric, row);
        match (self.uncoded.binary_search(&number(place)), is_coded) {
            (Ok(at), true) => drop(self.uncoded.remove(at)),
            (Err(at), false) => self.uncoded.insert(at, number(place)),
            _ => {}
        }
        if !is_coded {
            return;
        }
        frame.residual_into(row, &mut self.residual);
        let factors = self.coder.encode(self.kernels, 1, &self.residual);
        let stripe = Arc::make_mut(&mut self.stripes[place / self.stripe_rows]);
        stripe.put(frame, &self.coder.levels, factors, place % self.stripe_rows);
    }

    /// Rows are gone: there are `len` now.
    pub(crate) fn shrink(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.stripes.truncate(self.len.div_ceil(self.stripe_rows));
        let kept = self.uncoded.partition_point(|&place| (place as usize) < len);
        self.uncoded.truncate(kept);
    }

    /// The codes as they are now; `None` when there are too few.
    pub(crate) fn share(&self) -> Option<Sketched> {
        let frame = self.frame.as_ref()?;
        let whole = self.len / self.stripe_rows;
        let len = whole * self.stripe_rows;
        let coded = self.uncoded.partition_point(|&place| (place as usize) < len);
        (whole > 0).then(|| Sketched {
            frame: Arc::clone(frame),
            stripes: self.stripes[..whole].iter().cloned().collect(),
            stripe_blocks: self.stripe_rows / ROWS,
            uncoded: self.uncoded[..coded].into(),
        })
    }

    /// Bytes allocated behind this struct.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.frame_bytes
            + self.stripes.capacity() * size_of::<Arc<Stripe>>()
            + self.stripes.len() * self.stripe_bytes
            + self.uncoded.capacity() * size_of::<u32>()
            + self.coder.heap_bytes()
            + self.residual.capacity() * size_of::<f32>()
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("an index numbers its rows with 32 bits")
}

/// Codes of the first rows of an index as they were at one moment.
#[derive(Debug)]
pub(crate) struct Sketched {
    frame: Arc<Frame>,
    stripes: Box<[Arc<Stripe>]>,
    stripe_blocks: usize,
    uncoded: Box<[u32]>,
}

impl Sketched {
    /// Rows whose codes say nothing, ascending.
    pub(super) fn uncoded(&self) -> &[u32] {
        &self.uncoded
    }

    /// Rows that have a code.
    pub(crate) fn rows(&self) -> usize {
        self.len()
    }

    /// Bytes that it takes beside what the codes have.
    pub(crate) fn own_bytes(&self) -> usize {
        size_of_val(&*self.stripes) + size_of_val(&*self.uncoded)
    }

    #[inline]
    fn at(&self, block: usize) -> (&Stripe, usize) {
        (&self.stripes[block / self.stripe_blocks], block % self.stripe_blocks)
    }

    #[inline]
    fn signs(&self, block: usize) -> &[u8] {
        let (stripe, block) = self.at(block);
        let bytes = self.frame.dim * BYTES;
        &stripe.signs[block * bytes..][..bytes]
    }
}

#[cfg(test)]
impl Sketched {
    /// What is kept of the row at a place.
    pub(super) fn code(&self, place: usize) -> (Vec<u8>, f32, f32) {
        let (block, within) = (place / ROWS, place % ROWS);
        let shift = within / 16 * 4;
        let groups = self.signs(block).as_chunks::<16>().0.iter();
        let signs = groups.map(|group| group[within % 16] >> shift & 0x0f).collect();
        let (stripe, block) = self.at(block);
        (signs, stripe.slopes[block][within], stripe.norms[block][within])
    }

    /// What would be kept of a row.
    pub(super) fn code_of(&self, row: &[f32]) -> (Vec<u8>, f32, f32) {
        let mut residual = Vec::new();
        self.frame.residual_into(row, &mut residual);
        let factors = Coder::default().encode(self.frame.kernels, 1, &residual);
        let sign = |x: &f32| u8::from(*x >= 0.0);
        let signs = residual.as_chunks::<4>().0.iter();
        let signs = signs.map(|four| four.iter().rev().fold(0, |all, x| all << 1 | sign(x)));
        (signs.collect(), factors.slope, factors.norm2)
    }

    /// Estimate and bound of every row.
    pub(super) fn estimates(&self, query: &[f32], deviations: f32) -> Vec<(usize, f32, f32)> {
        let (mut ready, mut scores, mut sifted) =
            (Ready::default(), Scores::default(), [Sifted::default()]);
        self.prepare(query, deviations, &mut ready);
        let mut estimates = Vec::new();
        for block in 0..self.len() / ROWS {
            self.sift(block, None, &[(&ready, f32::NEG_INFINITY)], &mut sifted);
            let mask = self.score(&ready, block, f32::NEG_INFINITY, &sifted[0], &mut scores);
            let rows =
                places(mask).map(|n| (block * ROWS + n, scores.estimates[n], scores.bounds[n]));
            estimates.extend(rows);
        }
        estimates
    }
}

impl Blocks for Sketched {
    fn len(&self) -> usize {
        self.stripes.len() * self.stripe_blocks * ROWS
    }

    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        self.frame.prepare(query, deviations, ready);
    }

    fn ahead(&self) -> usize {
        self.frame.ahead()
    }

    #[inline]
    fn sift(
        &self,
        block: usize,
        soon: Option<usize>,
        asked: &[(&Ready, f32)],
        sifted: &mut [Sifted],
    ) {
        if let Some((stripe, block)) = soon.map(|soon| self.at(soon)) {
            skeg_simd::prefetch(&stripe.slopes[block]);
            skeg_simd::prefetch(&stripe.norms[block]);
        }
        let (stripe, within) = self.at(block);
        let signs = SignBlock {
            plane: self.signs(block),
            slopes: &stripe.slopes[within],
            norms: &stripe.norms[within],
            soon: soon.map_or(&[][..], |soon| self.signs(soon)),
        };
        self.frame.sift(&signs, asked, sifted);
    }

    #[inline]
    fn score(
        &self,
        ready: &Ready,
        block: usize,
        floor: f32,
        sifted: &Sifted,
        scores: &mut Scores,
    ) -> u32 {
        let (stripe, block) = self.at(block);
        let floor = below(ready, floor);
        let mut reaching = 0;
        for place in places(sifted.rows) {
            let factors = (stripe.slopes[block][place], stripe.norms[block][place]);
            let (estimate, bound) = self.frame.by_signs(ready, factors, sifted.sums[place]);
            scores.estimates[place] = estimate;
            scores.bounds[place] = bound;
            reaching |= u32::from(estimate + bound >= floor) << place;
        }
        reaching
    }
}
