//! Who does work that can be shared.
//!
//! May not know: threads. Whoever has some implements [`Crew`].

use std::sync::{Mutex, PoisonError};

/// Those who build a graph, and whoever watches them.
///
/// What is built does not depend on how many there are or on who does what.
pub trait Crew: Sync {
    /// Calls `work` once with every number below `count`, in any order and side by side, and returns
    /// when all is done.
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync));

    /// How many of them work side by side: what memory they need together is counted by it.
    fn size(&self) -> usize;

    /// Told how many steps of how many are done, several times a second. `false` gives up.
    fn goes_on(&self, done: usize, total: usize) -> bool {
        let _ = (done, total);
        true
    }
}

/// A crew of one: whoever calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Crew for Alone {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(work);
    }

    fn size(&self) -> usize {
        1
    }
}

/// Things that each of a crew needs one of at a time.
#[derive(Debug, Default)]
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    /// Calls `work` with one of them.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut one = lock(&self.0).pop().unwrap_or_default();
        let result = work(&mut one);
        lock(&self.0).push(one);
        result
    }
}

/// A lock that is held only for a moment, by code that does not panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `work` for every one of `items`, by chunks, and gives what each chunk appended to its list of
/// numbers.
pub(crate) fn by_chunks<T: Sync>(
    crew: &impl Crew,
    items: &[T],
    chunk: usize,
    work: impl Fn(&[T], &mut Vec<u32>) + Sync,
) -> Vec<Vec<u32>> {
    let chunks: Vec<_> = items.chunks(chunk).collect();
    let results: Vec<_> = chunks.iter().map(|_| Mutex::new(Vec::new())).collect();
    crew.run(chunks.len(), &|number| {
        let mut result = Vec::new();
        work(chunks[number], &mut result);
        *lock(&results[number]) = result;
    });
    results
        .into_iter()
        .map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}
