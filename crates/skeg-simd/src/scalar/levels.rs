//! Inner products of signed bytes with small unsigned numbers, row by row from wherever they lie. See
//! [`Levels`] for the layout. Integers: exact in any order.
//!
//! May not know: instruction sets.

use crate::dispatch::Levels;

/// [`crate::Kernels::dot_levels`].
pub(crate) fn dot_levels(query: &[i8], levels: &Levels<'_>, places: &[u32], out: &mut [i32]) {
    let width = 8 * levels.bits;
    let mask = u8::MAX >> (8 - levels.bits);
    for (sum, &place) in out.iter_mut().zip(places) {
        *sum = 0;
        let units = levels.code(place, query.len()).chunks_exact(width);
        for (unit, numbers) in units.zip(query.as_chunks::<64>().0) {
            for (part, numbers) in numbers.chunks_exact(width).enumerate() {
                let shift = part * levels.bits;
                for (&byte, &number) in unit.iter().zip(numbers) {
                    *sum += i32::from(byte >> shift & mask) * i32::from(number);
                }
            }
        }
    }
}
