//! Which segments of an index are to become one, and whether that is done beside other tasks.

use std::ops::Range;

use skeg_vector::Build;

use crate::indexes::Held;

/// So many segments of one size become one.
const FANOUT: usize = 4;
/// A segment that was merged while another one was built beside others is written anew for the sake of its
/// graph if it has so many rows: fewer are scanned in the time of a walk.
const ALONE_ROWS: usize = 50_000;

/// A segment to be built.
pub(super) struct Wanted {
    pub(super) build: Box<Build>,
    /// It is done beside other tasks.
    pub(super) beside: bool,
    /// It is built from rows that were frozen before, and others have come since.
    pub(super) leaves_rows: bool,
}

impl Wanted {
    fn merge(build: Build, beside: bool) -> Self {
        Self { build: Box::new(build), beside, leaves_rows: false }
    }
}

/// A look at the segments of an index.
pub(super) struct Look<'a> {
    /// All of them become one.
    pub(super) whole: bool,
    pub(super) taken: &'a [u64],
    pub(super) crew: usize,
    pub(super) beside_bytes: Option<u64>,
}

impl Look<'_> {
    /// What is to become one segment, if anything is.
    pub(super) fn at(&self, held: &Held) -> Option<Wanted> {
        let (index, dead_part) = (&held.index, held.dead_part());
        let rows: Vec<(usize, usize)> = index.segment_rows().collect();
        if self.whole {
            let unlinked = || index.unlinked(0..rows.len(), self.crew).map(|at| at..at + 1);
            // What does not fit into one is not written again for it.
            let all = whole(&rows).filter(|all| all.len() == 1 || index.fits(all.clone()));
            let mut build = index.merge(all.or_else(unlinked)?);
            build.take_time(self.crew);
            return Some(Wanted::merge(build, true));
        }
        // What is taken stands before all that came since.
        let taken = index.files().map(|file| self.taken.contains(&file));
        let free = rows.len() - taken.rev().take_while(|taken| !taken).count();
        let of_all = |range: Range<usize>| range.start + free..range.end + free;
        let fits = |range| index.fits(of_all(range));
        let merged = due(&rows[free..], dead_part, fits).map(of_all);
        let alone = || {
            let at = index.unlinked(free..rows.len(), self.crew)?;
            (rows[at].0 >= ALONE_ROWS).then_some(at..at + 1)
        };
        let Some(beside_bytes) = self.beside_bytes else {
            // Segments must not become many while a large one is built: a graph can wait.
            return merged.map(|range| Wanted::merge(index.merge(range), false));
        };
        let range = merged.or_else(alone)?;
        let links = index.links(range.clone(), self.crew);
        let mut build = index.merge(range);
        if links {
            build.take_time(self.crew);
        }
        let beside = links || build.bytes() >= beside_bytes;
        Some(Wanted::merge(build, beside))
    }
}

/// Whether more than this part of a segment is dead, which has so many live and dead rows.
pub(crate) fn is_beyond((live, dead): (usize, usize), dead_part: f64) -> bool {
    dead as f64 > (live + dead) as f64 * dead_part
}

/// All segments, unless they are one without dead rows.
fn whole(rows: &[(usize, usize)]) -> Option<Range<usize>> {
    match rows {
        [] | [(_, 0)] => None,
        _ => Some(0..rows.len()),
    }
}

/// The segments to be merged, oldest first with live and dead rows: as many as [`FANOUT`] of one size, by
/// its order of magnitude, with none larger after the first of them; otherwise one of which more than this part
/// is dead. Those that do not fit into one stay what they are.
fn due(
    rows: &[(usize, usize)],
    dead_part: f64,
    fits: impl Fn(Range<usize>) -> bool,
) -> Option<Range<usize>> {
    let levels = rows.iter().map(|&(live, dead)| (live + dead).max(1).ilog(FANOUT));
    let levels: Vec<u32> = levels.collect();
    for (at, &level) in levels.iter().enumerate().rev() {
        let run = levels[at..].iter().take_while(|other| **other <= level).count();
        let mut same = (at..at + run).filter(|&n| levels[n] == level);
        if same.clone().count() >= FANOUT
            && let Some(last) = same.next_back()
            && fits(at..last + 1)
        {
            return Some(at..last + 1);
        }
    }
    rows.iter().position(|&rows| is_beyond(rows, dead_part)).map(|at| at..at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of flushes of one size, merged whenever that is due.
    #[test]
    fn segments_stay_few_and_rows_are_written_a_few_times() {
        for flush in [1, 7, 2_000] {
            let (mut rows, mut written): (Vec<(usize, usize)>, _) = (Vec::new(), 0);
            for _ in 0..1_000 {
                rows.push((flush, 0));
                written += flush;
                while let Some(range) = due(&rows, 0.5, |_| true) {
                    let sum = rows[range.clone()].iter().map(|row| row.0).sum();
                    written += sum;
                    rows.splice(range, [(sum, 0)]);
                }
                assert!(rows.len() <= 3 * 6, "{rows:?}");
            }
            assert!(written <= 1_000 * flush * 7, "{flush}: {written}");
        }
    }

    #[test]
    fn segments_that_do_not_fit_into_one_are_not_merged() {
        let rows = [(400, 0), (400, 0), (400, 0), (400, 0)];
        let [merged, left] = [4, 3].map(|most| due(&rows, 0.5, |range| range.len() <= most));
        assert_eq!((merged, left), (Some(0..4), None));
        let mostly_dead = [(400, 0), (400, 0), (4, 400), (400, 0)];
        assert_eq!(due(&mostly_dead, 0.5, |range| range.len() == 1), Some(2..3));
    }

    #[test]
    fn what_is_mostly_dead_is_written_anew() {
        assert_eq!(due(&[(400, 0), (4, 5)], 0.5, |_| true), Some(1..2));
        assert_eq!(due(&[(400, 0), (5, 5)], 0.5, |_| true), None);
        assert_eq!(due(&[], 0.5, |_| true), None);
        assert_eq!((whole(&[]), whole(&[(3, 0)])), (None, None));
        assert_eq!((whole(&[(3, 1)]), whole(&[(3, 0), (1, 0)])), (Some(0..1), Some(0..2)));
    }
}
