//! The order in which a scan looks at blocks: in runs, which come from all over.
//!
//! May not know: what blocks hold.

use std::ops::Range;

/// Blocks that lie and are scanned one after the other.
pub(super) const RUN: usize = 16;

/// Blocks that are scanned one after the other, and those that are scanned after them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) blocks: Range<usize>,
    pub(super) next: Range<usize>,
}

impl Run {
    /// The block that comes so many after one of this run, unless it is further than the next run.
    pub(super) fn after(&self, block: usize, ahead: usize) -> Option<usize> {
        let place = block + ahead;
        let Some(behind) = place.checked_sub(self.blocks.end) else { return Some(place) };
        let place = self.next.start + behind;
        (place < self.next.end).then_some(place)
    }
}

/// So many blocks in an order that soon comes by everywhere.
pub(super) fn runs(blocks: usize) -> impl Iterator<Item = Run> {
    let of = move |run: usize| run * RUN..((run + 1) * RUN).min(blocks);
    let mut next = numbers(blocks.div_ceil(RUN)).skip(1).map(of);
    numbers(blocks.div_ceil(RUN))
        .map(move |run| Run { blocks: of(run), next: next.next().unwrap_or_default() })
}

/// The numbers below `count` in such an order.
fn numbers(count: usize) -> impl Iterator<Item = usize> {
    let is_coprime = |step: usize| {
        let (mut a, mut b) = (step, count);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a == 1
    };
    // By the golden ratio.
    let step = (count * 5 / 8 + 1..).find(|&step| is_coprime(step)).unwrap_or(1);
    (0..count).map(move |number| number * step % count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_comes_once() {
        for count in (0..70).chain([1_000, 1_024, 99_991]) {
            let mut seen: Vec<usize> = numbers(count).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn what_comes_after_a_block_is_known_up_to_the_end_of_the_next_run() {
        for blocks in [0, 1, 15, 16, 17, 40, 1_000] {
            let runs: Vec<Run> = runs(blocks).collect();
            let order: Vec<usize> = runs.iter().flat_map(|run| run.blocks.clone()).collect();
            let mut first = 0;
            for run in runs {
                for (place, ahead) in
                    run.blocks.clone().flat_map(|block| [(block, 0), (block, 2), (block, 20)])
                {
                    let number = first + (place - run.blocks.start) + ahead;
                    let is_known = number < first + run.blocks.len() + run.next.len();
                    let expected = is_known.then(|| order[number]);
                    assert_eq!(run.after(place, ahead), expected, "{blocks} {place} {ahead}");
                }
                first += run.blocks.len();
            }
        }
    }
}
