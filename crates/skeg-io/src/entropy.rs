//! Randomness as the engine sees it.

use std::fmt::Debug;

/// A source of random bytes, good enough for hash seeds, salts and ids that an attacker may not
/// guess.
pub trait Entropy: Send + Sync + Debug {
    /// Overwrites all of `bytes` with random ones.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, which a database cannot run without.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
