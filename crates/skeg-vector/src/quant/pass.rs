//! A pass of a scan over the blocks, for one query or for several together.
//!
//! May not know: which rows are kept, what is compared afterwards.

use skeg_simd::{ROWS, Sifted};

use super::Blocks;
use super::order::{RUN, Run, runs};
use super::ready::{Ready, Scores};
use super::scan::{QUERIES_MAX, State, Stretch};

/// Shows every block to every active query.
pub(super) fn pass(
    codec: &impl Blocks,
    stretch: &Stretch<'_>,
    wanted: usize,
    guess: bool,
    readies: &[Ready],
    states: &mut [State],
) {
    let mut active = [0; QUERIES_MAX];
    let mut count = 0;
    for (number, _) in states.iter().enumerate().filter(|(_, state)| state.active) {
        active[count] = number;
        count += 1;
    }
    let blocks = codec.len().div_ceil(ROWS);
    let runs = runs(blocks).enumerate().map(|(number, run)| {
        let share = (number * RUN) as f32 / blocks as f32;
        let expected = wanted as f32 * share;
        let rank = (expected + 3.0 * expected.sqrt() + 3.0) as usize;
        (run, if guess { rank.min(wanted) } else { wanted })
    });
    match active[..count] {
        [] => {}
        [one] => pass_one(codec, stretch, runs, &readies[one], &mut states[one]),
        _ => pass_several(codec, stretch, runs, &active[..count], readies, states),
    }
}

/// Shows every block to one query. A codec goes on by itself to where something is left.
fn pass_one(
    codec: &impl Blocks,
    stretch: &Stretch<'_>,
    runs: impl Iterator<Item = (Run, usize)>,
    ready: &Ready,
    state: &mut State,
) {
    let (mut now, mut before) = (Sifted::default(), Sifted::default());
    let (mut sifted, mut waiting) = (&mut now, &mut before);
    let mut scores = Scores::default();
    let mut last = 0;
    for (run, bounds_max) in runs {
        state.bounds_max = bounds_max;
        let mut block = run.blocks.start;
        while block < run.blocks.end {
            // What is left of a block is looked at after the next one: until then it has come from memory.
            let end = if waiting.rows == 0 { run.blocks.end } else { block + 1 };
            block = codec.seek(block..end, &run, (ready, state.floor), sifted);
            if block < end {
                codec.prefetch(block, sifted.rows);
            }
            state.score(codec, stretch, ready, (last, waiting), &mut scores);
            (sifted, waiting, last) = (waiting, sifted, block);
            block = (block + 1).min(end);
        }
    }
    state.score(codec, stretch, ready, (last, waiting), &mut scores);
}

/// Shows every block to several queries.
fn pass_several(
    codec: &impl Blocks,
    stretch: &Stretch<'_>,
    runs: impl Iterator<Item = (Run, usize)>,
    active: &[usize],
    readies: &[Ready],
    states: &mut [State],
) {
    let mut asked = [(&readies[active[0]], f32::NEG_INFINITY); QUERIES_MAX];
    let asked = &mut asked[..active.len()];
    for (asked, &number) in asked.iter_mut().zip(active) {
        *asked = (&readies[number], states[number].floor);
    }
    let (mut now, mut before) =
        ([Sifted::default(); QUERIES_MAX], [Sifted::default(); QUERIES_MAX]);
    let (mut sifted, mut waiting) = (&mut now[..active.len()], &mut before[..active.len()]);
    let mut scores = Scores::default();
    let mut last = 0;
    for (run, bounds_max) in runs {
        for &number in active {
            states[number].bounds_max = bounds_max;
        }
        for block in run.blocks.clone() {
            codec.sift(block, run.after(block, codec.ahead()), asked, sifted);
            let left = sifted.iter().fold(0, |left, sifted| left | sifted.rows);
            if left != 0 {
                codec.prefetch(block, left);
            }
            take(codec, stretch, (last, waiting), (active, &mut *asked), states, &mut scores);
            (sifted, waiting, last) = (waiting, sifted, block);
        }
    }
    take(codec, stretch, (last, waiting), (active, &mut *asked), states, &mut scores);
}

/// Scores what each query's first look at a block has left.
#[inline]
fn take(
    codec: &impl Blocks,
    stretch: &Stretch<'_>,
    (block, sifted): (usize, &[Sifted]),
    (active, asked): (&[usize], &mut [(&Ready, f32)]),
    states: &mut [State],
    scores: &mut Scores,
) {
    for ((&number, asked), sifted) in active.iter().zip(asked).zip(sifted) {
        let state = &mut states[number];
        state.score(codec, stretch, asked.0, (block, sifted), scores);
        asked.1 = state.floor;
    }
}
