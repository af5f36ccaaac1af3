//! The best k of a stream of candidates.
//!
//! Invariant: what is kept depends on the candidates alone, not on their order: a greater score
//! wins, and of equal scores the lesser id.
//!
//! May not know: vectors, where scores come from.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::{Id, IdRef};

/// One answer to a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The row's id.
    pub id: Id,
    /// How near it is: greater is nearer. Never NaN, never infinite.
    pub score: f32,
}

/// Ordered from best to worst.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    score: f32,
    id: IdRef<'a>,
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate<'_> {}

/// A heap of at most `k` candidates, its root the worst of them.
#[derive(Debug)]
pub(crate) struct Top<'a> {
    k: usize,
    heap: BinaryHeap<Candidate<'a>>,
    /// What a score must reach to be looked at.
    threshold: f32,
}

impl<'a> Top<'a> {
    /// What no row scores: it is not looked at.
    pub(crate) const NEVER: f32 = f32::NEG_INFINITY;

    /// For `k` of at most `len` candidates.
    pub(crate) fn new(k: usize, len: usize) -> Self {
        Self { k, heap: BinaryHeap::with_capacity(k.min(len)), threshold: f32::MIN }
    }

    /// Looks at a block of scores; `id_of` names the candidate at a place of the block.
    #[inline]
    pub(crate) fn offer(&mut self, scores: &[f32], id_of: impl Fn(usize) -> IdRef<'a>) {
        for (place, &score) in scores.iter().enumerate() {
            if score >= self.threshold {
                self.push(Candidate { score, id: id_of(place) });
            }
        }
    }

    fn push(&mut self, candidate: Candidate<'a>) {
        if self.heap.len() < self.k {
            self.heap.push(candidate);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
        if self.heap.len() == self.k
            && let Some(worst) = self.heap.peek()
        {
            self.threshold = worst.score;
        }
    }

    /// The scores and ids of the kept ones, best first.
    pub(crate) fn into_scores(self) -> Vec<(f32, IdRef<'a>)> {
        self.heap.into_sorted_vec().into_iter().map(|c| (c.score, c.id)).collect()
    }

    /// The kept ones, best first.
    pub(crate) fn into_hits(self) -> Vec<Hit> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|c| Hit { id: c.id.to_owned(), score: c.score }).collect()
    }
}
