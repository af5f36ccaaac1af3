//! Operations on indexes of vectors, drawn, and steps that have segments made and merged.

use skeg_vector::{Backend, Id, IdKind, IndexOptions, Metric, Tier};

use super::Draw;
use crate::client::Route;
use crate::dump::{IDS, id};
use crate::op::Op;
use crate::plan::Step;

impl Draw {
    /// The dimension of an index; now and then another, which is refused.
    fn dim_of(&mut self, number: u64) -> u32 {
        if self.one_in(20) { 3 } else { [2, 4, 200][self.rng.index(3).min(number as usize)] }
    }

    pub(super) fn index_create(&mut self, number: u64) -> Op {
        let name = format!("index {number}").into_bytes();
        let dim = self.dim_of(number);
        let metric = self.pick(&[Metric::Euclidean, Metric::Euclidean, Metric::Cosine]);
        let tier = match number {
            0 => Tier::F32,
            1 => self.pick(&[Tier::Int8, Tier::Pq]),
            _ => self.pick(&[Tier::Tq2, Tier::Tq2, Tier::Pq]),
        };
        let backend = if number == 2 { Backend::Disk } else { Backend::Auto };
        let ids = ids_of(number);
        let options = IndexOptions { ids, tier, backend, ..IndexOptions::new(dim, metric) };
        Op::IndexCreate { name, options }
    }

    pub(super) fn on_index(&mut self) -> Op {
        let number = self.rng.below(3);
        let name = format!("index {number}").into_bytes();
        let id = id(ids_of(number), self.rng.below(IDS));
        match self.rng.below(16) {
            0..=2 => self.index_create(number),
            3 if self.vector_operations == 0 || self.one_in(4) => Op::IndexDrop(name),
            4..=6 => Op::VectorRemove { name, id },
            7..=9 => Op::VectorGet { name, id },
            _ => self.vector_set(number, id),
        }
    }

    pub(super) fn vector_set(&mut self, number: u64, id: Id) -> Op {
        let dim = self.dim_of(number);
        let mut element = || 1.0 + u16::try_from(self.rng.below(1_000)).map_or(0.0, f32::from);
        let row = (0..dim).map(|_| element()).collect();
        Op::VectorSet { name: format!("index {number}").into_bytes(), id, row }
    }

    /// Segments of an index are made, and while they become one, rows are replaced and flushed.
    pub(super) fn consolidation(&mut self) -> Vec<Step> {
        // Index 0 has no segments. Index 2 is in parts, of which a flush rarely finds the one that is being built.
        let number = self.pick(&[1, 1, 2]);
        let vectors = |steps, consolidate| Step::Vectors { steps, consolidate };
        let mut steps = Vec::new();
        for round in 0..10 {
            let id = id(ids_of(number), self.rng.below(IDS));
            let op = self.vector_set(number, id);
            steps.push(Step::Run { client: 0, op, route: Route::Borrow });
            let name = (round == 4).then(|| format!("index {number}").into_bytes());
            steps.push(vectors(self.pick(&[9, 14, 26]), name));
        }
        steps
    }
}

/// What the ids of an index are.
pub(super) fn ids_of(number: u64) -> IdKind {
    if number == 0 { IdKind::U64 } else { IdKind::Str }
}
