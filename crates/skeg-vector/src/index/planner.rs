//! Scan or graph: which segments get a graph, and which searches walk over it.
//!
//! A scan looks at every row, but at a few bits of it and in order; a walk looks at a few thousand rows
//! wherever they lie, and hardly more of them where there are more. Where the two cross was measured: see
//! `docs/decisions/0055-crossover.md`.
//!
//! May not know: how either goes about it.

use crate::graph::WalkOptions;
use crate::{Backend, IndexOptions};

/// Rows that a scan looks at in the time that a walk takes for each of its list.
const ROWS_A_STEP: usize = 320;

/// Rows from which on a graph is worth what building it takes, and its memory, and that a scan misses less.
const LINKED_FROM: usize = 256_000;

/// Where a graph was asked for, a walk has a list of at most this part of the rows.
const PART_MAX: usize = 4;

/// Hits that a search asks for in most cases.
const K_USUAL: usize = 10;

/// Whether a segment of so many rows is to have a graph.
pub(super) fn links(options: &IndexOptions, rows: usize) -> bool {
    let is_worth_it = options.backend != Backend::Auto || rows >= LINKED_FROM;
    is_worth_it && walks(options, rows, 0, WalkOptions::new(K_USUAL, rows).list)
}

/// Whether a search with a list of so many rows walks over a segment that has a graph. Dead rows are walked
/// through, so where most are dead it does not.
pub(super) fn walks(options: &IndexOptions, rows: usize, dead: usize, list: usize) -> bool {
    let is_short = match options.backend {
        Backend::Auto => list.saturating_mul(ROWS_A_STEP) <= rows,
        Backend::Disk => list.saturating_mul(PART_MAX) <= rows,
        Backend::Flat | Backend::Ephemeral => false,
    };
    is_short && dead <= rows / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metric;

    #[test]
    fn the_backend_the_rows_and_k_decide() {
        let options = |backend| IndexOptions { backend, ..IndexOptions::new(8, Metric::Cosine) };
        let linked =
            |backend| [1_279, 1_280, 255_999, 256_000].map(|rows| links(&options(backend), rows));
        assert_eq!(linked(Backend::Auto), [false, false, false, true]);
        assert_eq!(linked(Backend::Disk), [false, true, true, true]);
        assert_eq!(linked(Backend::Flat), [false; 4]);
        assert_eq!(linked(Backend::Ephemeral), [false; 4]);
        let walked = |k| {
            let list = WalkOptions::new(k, 1_000_000).list;
            walks(&options(Backend::Auto), 1_000_000, 0, list)
        };
        assert_eq!([1, 100, 134, 135].map(walked), [true, true, true, false]);
        assert!(!walks(&options(Backend::Auto), 1_000_000, 500_001, 320));
    }
}
