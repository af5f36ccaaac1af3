//! The items of a large list: a tree that knows them by their places.
//!
//! May not know: keys.

use super::tree::{Key, Tree};

/// Items have no order but that of their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unordered;

impl Key for Unordered {
    const LEAF_ENTRIES_MAX: usize = 64;
    const LEAF_BYTES_MAX: usize = 2048;
    const HAS_LENGTHS: bool = false;

    fn of(_: &[u8]) -> Self {
        Self
    }
}

pub(crate) type Items = Tree<Unordered, 1>;
