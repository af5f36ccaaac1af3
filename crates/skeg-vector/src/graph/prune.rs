//! Which rows a row leads to: robust prune (DiskANN, NeurIPS 2019, algorithm 2).
//!
//! Of the candidates, the nearest first, one is taken unless a row p* taken before lies much nearer
//! to it than the row p itself does: unless `α·d(p*, p') < d(p, p')` (line 8 there, where `≤`
//! stands: strict, equal rows do not shut out everything else). So α above 1 keeps
//! long links, and a walk comes nearer by a factor at each step. Keys are squared distances, so
//! α is squared here.
//!
//! Rows that were chosen for p before stand beside each other already, as α never falls while a graph is built:
//! of them none shuts out another, and they are not compared. That is most of what there would be to
//! compare when a list has become too long, and changes nothing of what is chosen.
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
    /// and appends them. Candidates may be in any order and come twice; those that were chosen before,
    /// with an α that was not greater, say so.
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
        self.left.dedup_by(|later, kept| {
            let is_same = later.place() == kept.place();
            if is_same {
                // Of two, the one that was chosen comes later.
                *kept = *later;
            }
            is_same
        });
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
            let is_compared = |entry: &Entry| !(taken.is_chosen() && entry.is_chosen());
            self.places.clear();
            let compared = self.left.iter().filter(|entry| is_compared(entry));
            self.places.extend(compared.map(|entry| entry.place()));
            if self.places.is_empty() {
                continue;
            }
            points.aim_at_row(taken.place(), &mut self.target);
            self.keys.clear();
            self.keys.resize(self.places.len(), 0.0);
            points.keys(&self.target, &self.places, &mut self.keys);
            let mut keys = self.keys.iter();
            self.left.retain(|entry| {
                if !is_compared(entry) {
                    return true;
                }
                let between = keys.next().copied().unwrap_or(f32::INFINITY);
                alpha * alpha * between >= entry.key()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metric;
    use crate::quant::{CodeKind, Trainer};
    use crate::random::SplitMix;

    #[test]
    fn what_was_chosen_before_is_chosen_as_if_it_had_not_been() {
        let mut random = SplitMix::new(3);
        for (kind, metric) in [
            (CodeKind::Int8, Metric::Cosine),
            (CodeKind::Tq2, Metric::InnerProduct),
            (CodeKind::F32, Metric::Euclidean),
        ] {
            let trainer = Trainer::new(kind, metric, 16, 1).unwrap();
            let mut points = Points::new(trainer.finish(), 0).unwrap();
            for place in 0..200 {
                // Some rows are equal.
                let mut own = SplitMix::new(place / 2 * 2 + place % 2 * u64::from(place > 40));
                let row = [(); 16].map(|()| (own.next() >> 40) as f32 / 8_388_608.0 - 1.0);
                points.push(&row).unwrap();
            }
            let mut target = Target::default();
            let (mut pruner, mut before) = (Pruner::default(), 0);
            for place in 0..100 {
                points.aim_at_row(place, &mut target);
                let mut some = |count| -> Vec<Entry> {
                    let places: Vec<u32> = (0..count).map(|_| random.next() as u32 % 200).collect();
                    let mut keys = vec![0.0; places.len()];
                    points.keys(&target, &places, &mut keys);
                    let all = places.into_iter().zip(keys).filter(|&(other, _)| other != place);
                    all.map(|(other, key)| Entry::new(key, other, true)).collect()
                };
                let (mut first, mut expected, mut found) = (Vec::new(), Vec::new(), Vec::new());
                let candidates = some(60);
                pruner.prune(&points, &candidates, 1.0, 12, &mut first);
                let chosen = candidates.iter().filter(|entry| first.contains(&entry.place()));
                let chosen: Vec<Entry> = chosen.copied().collect();
                let fresh = some(30);
                let all = [&chosen[..], &fresh].concat();
                pruner.prune(&points, &all, 1.05, 12, &mut expected);
                let marked = chosen.iter().map(|entry| Entry::chosen(entry.key(), entry.place()));
                let all: Vec<Entry> = marked.chain(fresh).collect();
                pruner.prune(&points, &all, 1.05, 12, &mut found);
                assert_eq!(found, expected, "{kind} {metric}");
                before += found.iter().filter(|place| first.contains(place)).count();
            }
            assert!(before > 200, "{kind} {metric}: {before}");
        }
    }
}
