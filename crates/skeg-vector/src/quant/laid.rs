//! Bits of rows as a scan reads them, and what it tests them with: the first bits of 32 rows together, and row by row the
//! others, for the one or two rows of a block that the first leave.
//!
//! May not know: what the bits stand for, metrics.

use std::ops::Range;

use skeg_simd::{Kernels, ROWS, RowTest, Sieve, Sifted, SignBlock, SignRun};

use super::code::append_plane;
use super::lines::Lines;
use super::order::Run;
use super::ready::{Ready, live};
use super::residuals::below;
use super::rotation::MULTIPLE;
use super::stored::{Fill, Sink, load, save};

/// Bytes of a block's first bits for one dimension.
pub(super) const BYTES: usize = ROWS / 8;

/// Dimensions from which on the first plane is scanned in two steps.
const SPLIT_FROM: usize = 512;

/// How far ahead of the scan bits are fetched, in bytes, as blocks are visited.
const AHEAD: usize = 4096;

/// Queries whose bits are scanned together.
const TOGETHER: usize = 8;

/// Dimensions that a scan looks at first, if those stand for all.
pub(super) fn head(dim: usize, stands_for_all: bool) -> usize {
    let split = stands_for_all && dim >= SPLIT_FROM;
    if split { (dim / 2).next_multiple_of(MULTIPLE) } else { dim }
}

/// How many blocks ahead a block is to be asked for, whose rows have so many dimensions.
pub(super) fn ahead(head: usize) -> usize {
    AHEAD.div_ceil(head * BYTES)
}

/// Writes the first bits of a row into its places of a block of the scan's layout.
pub(super) fn put_first(bits: u32, levels: &[u8], block: &mut [u8], place: usize) {
    let (shift, top) = (place / 16 * 4, bits - 1);
    let groups = block.as_chunks_mut::<16>().0;
    for (group, four) in groups.iter_mut().zip(levels.as_chunks::<4>().0) {
        let bit = |n: usize| (four[n] >> top & 1) << n;
        let pattern = (bit(0) | bit(1) | bit(2) | bit(3)) << shift;
        let byte = &mut group[place % 16];
        *byte = *byte & !(0x0f << shift) | pattern;
    }
}

/// The first step's, over so many bytes of a table.
fn sieve<'a>(&(ready, floor): &(&'a Ready, f32), bytes: usize) -> Sieve<'a> {
    let test = RowTest { floor: below(ready, floor), ..ready.head };
    Sieve { table: &ready.table[..bytes], test }
}

/// The first step: which rows of a block may reach each query's floor.
#[inline]
pub(super) fn sift(
    kernels: &Kernels,
    signs: &SignBlock<'_>,
    asked: &[(&Ready, f32)],
    sifted: &mut [Sifted],
) {
    let bytes = signs.plane.len();
    if let [one] = asked {
        kernels.sift_signs(signs, &[sieve(one, bytes)], sifted);
        return;
    }
    for (asked, sifted) in asked.chunks(TOGETHER).zip(sifted.chunks_mut(TOGETHER)) {
        let mut sieves = [Sieve { table: &[], test: RowTest::default() }; TOGETHER];
        for (to, from) in sieves.iter_mut().zip(asked) {
            *to = sieve(from, bytes);
        }
        kernels.sift_signs(signs, &sieves[..asked.len()], sifted);
    }
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct Laid {
    kernels: &'static Kernels,
    bits: u32,
    /// Dimensions of a code.
    pub(super) dim: usize,
    /// Those of the first step of a scan.
    pub(super) head: usize,
    pub(super) len: usize,
    /// The first plane in the first dimensions, block after block.
    pub(super) heads: Lines,
    /// Row after row: the first plane in the other dimensions, then the further planes.
    pub(super) rests: Lines,
    /// What is kept of each row for the tests, by blocks.
    pub(super) slopes: Vec<[f32; ROWS]>,
    pub(super) norms: Vec<[f32; ROWS]>,
    /// What is kept of the last row.
    rest: Vec<u8>,
}

impl Laid {
    /// No rows yet, of `bits` bits a dimension, of which there are a multiple of 64.
    pub(super) fn new(kernels: &'static Kernels, bits: u32, dim: usize, head: usize) -> Self {
        let (heads, rests, rest) = (Lines::default(), Lines::default(), Vec::new());
        let (slopes, norms) = (Vec::new(), Vec::new());
        Self { kernels, bits, dim, head, len: 0, heads, rests, slopes, norms, rest }
    }

    /// Bytes of a row's first plane that the first step does not look at.
    pub(super) fn tail_bytes(&self) -> usize {
        (self.dim - self.head) / 8
    }

    /// Bytes of what is kept of one row beside what the first step looks at.
    pub(super) fn rest_bytes(&self) -> usize {
        self.tail_bytes() + (self.bits as usize - 1) * self.dim / 8
    }

    /// That of one row.
    pub(super) fn rest(&self, place: usize) -> &[u8] {
        let bytes = self.rest_bytes();
        &self.rests[place * bytes..][..bytes]
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        let blocks = rows.div_ceil(ROWS);
        self.heads.reserve_exact(blocks * self.head * BYTES);
        self.rests.reserve_exact(rows * self.rest_bytes());
        self.slopes.reserve_exact(blocks);
        self.norms.reserve_exact(blocks);
    }

    /// Appends a row: an unsigned number for each dimension, and what the tests need of it.
    pub(super) fn push(&mut self, levels: &[u8], slope: f32, norm2: f32) {
        let (block, place) = (self.len / ROWS, self.len % ROWS);
        if place == 0 {
            self.heads.extend_zeros(self.head * BYTES);
            self.slopes.push([0.0; ROWS]);
            self.norms.push([0.0; ROWS]);
        }
        let bytes = self.head * BYTES;
        let first = &mut self.heads[block * bytes..][..bytes];
        put_first(self.bits, levels, first, place);
        self.slopes[block][place] = slope;
        self.norms[block][place] = norm2;
        self.rest.clear();
        for plane in (0..self.bits).rev() {
            let from = if plane == self.bits - 1 { self.head } else { 0 };
            append_plane(levels, plane, from, &mut self.rest);
        }
        self.rests.extend_from_slice(&self.rest);
        self.len += 1;
    }

    /// How many blocks ahead a block is to be asked for.
    pub(super) fn ahead(&self) -> usize {
        ahead(self.head)
    }

    /// The first step: which rows of a block may reach each query's floor.
    #[inline]
    pub(super) fn sift(
        &self,
        block: usize,
        soon: Option<usize>,
        asked: &[(&Ready, f32)],
        sifted: &mut [Sifted],
    ) {
        let head = |block| &self.heads[block * self.head * BYTES..][..self.head * BYTES];
        if let Some(soon) = soon {
            skeg_simd::prefetch(&self.slopes[soon]);
            skeg_simd::prefetch(&self.norms[soon]);
        }
        let signs = SignBlock {
            plane: head(block),
            slopes: &self.slopes[block],
            norms: &self.norms[block],
            soon: soon.map_or(&[][..], head),
        };
        sift(self.kernels, &signs, asked, sifted);
        let rows = live(block, self.len);
        sifted.iter_mut().for_each(|sifted| sifted.rows &= rows);
    }

    /// The first step of one query, up to the first block of which some row is left: gives that, or the end.
    pub(super) fn seek(
        &self,
        blocks: Range<usize>,
        run: &Run,
        asked: (&Ready, f32),
        sifted: &mut Sifted,
    ) -> usize {
        let bytes = self.head * BYTES;
        let sieve = sieve(&asked, bytes);
        // Blocks that are read soon lie together up to where the run ends.
        let turn = run.blocks.end.saturating_sub(self.ahead());
        let mut from = blocks.start;
        while from < blocks.end {
            let end = if from < turn { turn.min(blocks.end) } else { blocks.end };
            let soon = run.after(from, self.ahead()).map_or_else(SignRun::default, |soon| {
                self.run(soon..(soon + end - from).min(self.slopes.len()))
            });
            let found = from + self.kernels.seek_signs(self.run(from..end), soon, &sieve, sifted);
            if found < end {
                sifted.rows &= live(found, self.len);
                if sifted.rows != 0 {
                    return found;
                }
            }
            from = (found + 1).min(end);
        }
        sifted.rows = 0;
        blocks.end
    }

    /// Blocks as they are scanned.
    fn run(&self, blocks: Range<usize>) -> SignRun<'_> {
        let bytes = self.head * BYTES;
        SignRun {
            planes: &self.heads[blocks.start * bytes..blocks.end * bytes],
            slopes: &self.slopes[blocks.clone()],
            norms: &self.norms[blocks],
        }
    }

    /// All bits, as they are kept.
    pub(super) fn bytes(&self) -> [&[u8]; 2] {
        [&self.heads, &self.rests]
    }

    pub(super) fn code_bytes(&self) -> usize {
        self.heads.len() + self.rests.len()
    }

    /// Bytes of slopes and norms.
    pub(super) fn factor_bytes(&self) -> usize {
        size_of_val(&self.slopes[..]) + size_of_val(&self.norms[..])
    }

    /// Hands out slopes, then norms.
    pub(super) fn save_factors<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        save(self.slopes.as_flattened(), out)?;
        save(self.norms.as_flattened(), out)
    }

    /// Takes in what was handed out for so many rows, in place of none.
    pub(super) fn load<E>(
        &mut self,
        rows: usize,
        codes: &mut impl Fill<E>,
        factors: &mut impl Fill<E>,
    ) -> Result<(), E> {
        let blocks = rows.div_ceil(ROWS);
        self.load_planes(rows, codes)?;
        self.slopes = load_blocks(blocks, factors)?;
        self.norms = load_blocks(blocks, factors)?;
        self.len = rows;
        Ok(())
    }
}

/// Reads one number for each row of so many blocks.
fn load_blocks<E>(blocks: usize, fill: &mut impl Fill<E>) -> Result<Vec<[f32; ROWS]>, E> {
    let numbers = load::<E, 4, f32>(blocks * ROWS, fill)?;
    Ok(numbers.as_chunks().0.to_vec())
}
