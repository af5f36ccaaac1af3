//! What JavaScript names by a number, from its beginning until it is given up.

use std::collections::HashMap;

use skeg_io::sync::Arc;

use crate::error::Failure;

/// What is open, by its numbers.
pub(crate) struct Numbered<T> {
    open: HashMap<u32, Arc<T>>,
    last: u32,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { open: HashMap::new(), last: 0 }
    }
}

impl<T> Numbered<T> {
    /// The number that it has from now on.
    pub(crate) fn add(&mut self, it: Arc<T>) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.open.insert(self.last, it);
        self.last
    }

    pub(crate) fn find(&self, number: u32) -> Result<&Arc<T>, Failure> {
        self.open.get(&number).ok_or_else(Failure::closed)
    }

    pub(crate) fn has(&self, number: u32) -> bool {
        self.open.contains_key(&number)
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Arc<T>> {
        self.open.remove(&number)
    }
}
