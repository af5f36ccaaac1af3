//! The graph: where there are too many rows to scan, a walk from neighbour to neighbour finds the
//! nearest.
//!
//! It is Vamana: Subramanya et al., "DiskANN: Fast Accurate Billion-point Nearest Neighbor Search on a
//! Single Node" (NeurIPS 2019), built in deterministic batches as ParlayANN does (Manohar et al.,
//! PPoPP 2024). [`build()`] makes a [`Draft`] from [`Points`](crate::quant::Points), rows
//! coded for access one by one; [`Graph`] is the finished form in a few bits a link. A search walks on
//! codes and then compares what the codes' bounds leave with the rows themselves, as the scan does.
//! A graph never changes: whoever merges segments builds anew.
//!
//! All three metrics are distances here: cosine on rows of length 1, inner product with a further
//! element (`quant/points.rs`).
//!
//! Invariants: a graph depends on points, options and seed, never on who built it; every row can be
//! reached; a search never fails for what a graph's bytes say, as those were checked.
//!
//! May not know: ids, files, clocks, threads (a [`Crew`] brings them).

mod build;
mod crew;
mod draft;
mod error;
mod links;
mod nearest;
mod prune;
mod search;
#[cfg(test)]
mod tests;
mod walk;

pub use build::{BuildOptions, build, memory_needed};
pub use crew::{Alone, Crew};
pub use draft::{DEGREES, Draft};
pub use error::GraphError;
pub use links::Graph;
pub(crate) use search::Walk;
pub use search::{WalkOptions, WalkScratch, Walked};
