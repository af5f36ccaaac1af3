//! Hashes of keys, each worked out once: whoever read a key ahead tells the shard what its hash is.
//!
//! A key is known again by where its bytes lie. So they have to stay there, and as they are, until another
//! key is made known or none.
//!
//! May not know: more than its parent.

use super::Shard;

/// A key whose hash is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HashedKey {
    /// 0 for none: no slice begins there.
    address: usize,
    len: usize,
    hash: u64,
}

impl HashedKey {
    pub(crate) fn new(key: &[u8], hash: u64) -> Self {
        Self { address: key.as_ptr().addr(), len: key.len(), hash }
    }

    /// Whether it is this one, these very bytes.
    #[inline]
    pub(crate) fn is(&self, key: &[u8]) -> bool {
        self.address == key.as_ptr().addr() && self.len == key.len()
    }
}

impl Shard {
    /// Makes known the key that the next command names, or, by default, that nothing is known.
    #[inline]
    pub(crate) fn know(&mut self, key: HashedKey) {
        self.hashed = key;
    }

    /// The hash of a key, which is the same in all databases.
    #[inline]
    pub(super) fn hash_of(&self, key: &[u8]) -> u64 {
        if self.hashed.is(key) { self.hashed.hash } else { self.databases[0].hash(key) }
    }
}
