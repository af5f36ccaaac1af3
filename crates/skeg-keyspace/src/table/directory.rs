//! Which segment covers which part of the hash space.
//!
//! The first `depth` bits of a position are an index into a list of segment numbers; a segment
//! of a lesser depth is named by a run of them.
//!
//! May not know: what a segment is.

use super::segment::POSITION_BITS;

/// The most bits that are looked at.
pub(super) const DEPTH_MAX: u32 = 28;

/// The directory holds no more places than this for each segment (and [`PLACES_FREE`] more).
const PLACES_PER_SEGMENT_MAX: usize = 16;
const PLACES_FREE: usize = 64;

#[derive(Debug)]
pub(super) struct Directory {
    segments: Vec<u32>,
    depth: u32,
    /// How many segments there are of each depth.
    of_depth: [u32; DEPTH_MAX as usize + 1],
}

impl Directory {
    /// One segment, number 0, covers everything.
    pub(super) fn new() -> Self {
        let mut of_depth = [0; DEPTH_MAX as usize + 1];
        of_depth[0] = 1;
        Self { segments: vec![0], depth: 0, of_depth }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.segments.capacity() * size_of::<u32>()
    }

    #[inline]
    pub(super) fn segment_of(&self, position: u64) -> usize {
        self.segments[(position >> (POSITION_BITS - self.depth)) as usize] as usize
    }

    /// Whether a segment of `depth` can be split: the directory stays in proportion.
    pub(super) fn can_split(&self, depth: u32, segments: usize) -> bool {
        depth < self.depth
            || depth < DEPTH_MAX
                && self.segments.len() * 2 <= segments * PLACES_PER_SEGMENT_MAX + PLACES_FREE
    }

    /// Enters `number` for all positions that begin with the `depth` bits of `prefix`.
    pub(super) fn set(&mut self, prefix: u32, depth: u32, number: usize) {
        let bits = self.depth - depth;
        let first = (prefix as usize) << bits;
        self.segments[first..first + (1 << bits)].fill(number as u32);
    }

    /// A segment of `depth` becomes two; `set` says which.
    pub(super) fn note_split(&mut self, depth: u32) {
        if depth == self.depth {
            let mut doubled = Vec::with_capacity(self.segments.len() * 2);
            for number in &self.segments {
                doubled.extend([*number; 2]);
            }
            self.segments = doubled;
            self.depth += 1;
        }
        self.of_depth[depth as usize] -= 1;
        self.of_depth[depth as usize + 1] += 2;
    }

    /// Two segments of `depth` have become one, and `set` has said so.
    pub(super) fn note_merge(&mut self, depth: u32) {
        self.of_depth[depth as usize] -= 2;
        self.of_depth[depth as usize - 1] += 1;
        while self.depth > 0 && self.of_depth[self.depth as usize] == 0 {
            self.segments = self.segments.iter().copied().step_by(2).collect();
            self.depth -= 1;
        }
    }
}
