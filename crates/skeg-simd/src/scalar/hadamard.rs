//! The Walsh-Hadamard transform, without its scale.
//!
//! Invariant: every element is a tree of sums and differences of pairs, distance 1 first; each is
//! rounded by itself, so the bits do not depend on how many are computed at once.
//!
//! May not know: instruction sets.

/// Elements whose pairs lie in one array.
const PART: usize = 16;

/// [`crate::Kernels::hadamard`]; every level compiles it for its own registers.
#[inline(always)]
pub(crate) fn transform(numbers: &mut [f32]) {
    let (parts, _) = numbers.as_chunks_mut::<PART>();
    for part in parts {
        let mut distance = 1;
        while distance < PART {
            let before = *part;
            for (place, number) in part.iter_mut().enumerate() {
                let other = before[place ^ distance];
                let lower = place & distance == 0;
                *number = if lower { before[place] + other } else { other - before[place] };
            }
            distance *= 2;
        }
    }
    let mut distance = PART;
    while distance < numbers.len() {
        for pair in numbers.chunks_exact_mut(2 * distance) {
            let (first, second) = pair.split_at_mut(distance);
            for (a, b) in first.iter_mut().zip(second) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        distance *= 2;
    }
}

/// [`transform`], as the portable level compiles it.
pub(crate) fn hadamard(numbers: &mut [f32]) {
    transform(numbers);
}
