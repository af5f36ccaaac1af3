//! Which segments of an index are to become one, and whether that is done beside other tasks.

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
            let mut build = index.merge(whole(&rows).or_else(unlinked)?);
            build.take_time(self.crew);
            return Some(Wanted::merge(build, true));
        }
        // What is taken stands before all that came since.
        let taken = index.files().map(|file| self.taken.contains(&file));
        let free = rows.len() - taken.rev().take_while(|taken| !taken).count();
        let merged =
            due(&rows[free..], dead_part).map(|range| range.start + free..range.end + free);
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
fn whole(rows: &[(usize, usize)]) -> Option<std::ops::Range<usize>> {
    match rows {
        [] | [(_, 0)] => None,
        _ => Some(0..rows.len()),
    }
}

/// The segments to be merged, oldest first with live and dead rows: as many as [`FANOUT`] of one size, by
/// its order of magnitude, with none larger after the first of them; otherwise one of which more than this part
/// is dead.
fn due(rows: &[(usize, usize)], dead_part: f64) -> Option<std::ops::Range<usize>> {
    let levels = rows.iter().map(|&(live, dead)| (live + dead).max(1).ilog(FANOUT));
    let levels: Vec<u32> = levels.collect();
    for (at, &level) in levels.iter().enumerate().rev() {
        let run = levels[at..].iter().take_while(|other| **other <= level).count();
        let mut same = (at..at + run).filter(|&n| levels[n] == level);
        if same.clone().count() >= FANOUT {
            return same.next_back().map(|last| at..last + 1);
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
                while let Some(range) = due(&rows, 0.5) {
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
    fn what_is_mostly_dead_is_written_anew() {
        assert_eq!(due(&[(400, 0), (4, 5)], 0.5), Some(1..2));
        assert_eq!(due(&[(400, 0), (5, 5)], 0.5), None);
        assert_eq!(due(&[], 0.5), None);
        assert_eq!((whole(&[]), whole(&[(3, 0)])), (None, None));
        assert_eq!((whole(&[(3, 1)]), whole(&[(3, 0), (1, 0)])), (Some(0..1), Some(0..2)));
    }
}
