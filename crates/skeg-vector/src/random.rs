//! Random numbers from a seed, the same everywhere: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
//!
//! Invariant: the stream of a seed never changes; rotations of stored codes are made from it.
//!
//! May not know: what is random.

#[derive(Debug)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Brings items, fewer than 2^32, into a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = ((self.next() >> 32) * (last as u64 + 1)) >> 32;
            items.swap(last, chosen as usize);
        }
    }
}
