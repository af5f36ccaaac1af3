//! Which rows a row leads to: robust prune (DiskANN, NeurIPS 2019, algorithm 2).
//!
//! Of the candidates, the nearest first, one is taken unless a row p* taken before lies much nearer
//! to it than the row p itself does: unless `α·d(p*, p') < d(p, p')` (line 8 there, where `≤`
//! stands: strict, equal rows do not shut out everything else). So α above 1 keeps
//! long links, and a walk comes nearer by a factor at each step. Keys are squared distances, so
//! α is squared here.
//!
//! Of rows equal to p, a fourth of the degree is taken at most: they would fill the list.
//!
//! May not know: graphs, what keys are made of.

use super::nearest::Entry;
use crate::quant::{Points, Target};

/// What pruning uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Pruner {
    target: Target,
    left: Vec<Entry>,
    places: Vec<u32>,
    keys: Vec<f32>,
}

impl Pruner {
    /// Chooses at most `degree` of `candidates`, which have their keys for the row p and are not p,
    /// and appends them. Candidates may be in any order and come twice.
    pub(crate) fn prune(
        &mut self,
        points: &Points,
        candidates: &[Entry],
        alpha: f32,
        degree: usize,
        to: &mut Vec<u32>,
    ) {
        self.left.clear();
        self.left.extend_from_slice(candidates);
        self.left.sort_unstable();
        self.left.dedup_by_key(|entry| entry.place());
        let end = to.len() + degree;
        let mut equals_left = degree.div_ceil(4);
        while to.len() < end && !self.left.is_empty() {
            let taken = self.left.remove(0);
            if taken.key() <= 0.0 {
                if equals_left == 0 {
                    continue;
                }
                equals_left -= 1;
            }
            to.push(taken.place());
            if to.len() == end {
                break;
            }
            points.aim_at_row(taken.place(), &mut self.target);
            self.places.clear();
            self.places.extend(self.left.iter().map(|entry| entry.place()));
            self.keys.clear();
            self.keys.resize(self.places.len(), 0.0);
            points.keys(&self.target, &self.places, &mut self.keys);
            let mut keys = self.keys.iter();
            self.left.retain(|entry| {
                let between = keys.next().copied().unwrap_or(f32::INFINITY);
                alpha * alpha * between >= entry.key()
            });
        }
    }
}
