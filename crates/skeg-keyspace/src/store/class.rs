//! Cell sizes: steps of 2 bytes up to 128, then 32 steps to each doubling, up to 2 KiB.
//!
//! So a cell wastes less than 2 bytes up to 128 and less than 1/32 of its size beyond.

/// The smallest cell, in bytes.
pub(super) const CELL_BYTES_MIN: usize = 8;

/// The largest cell, in bytes; what needs more lies in the slab.
pub(crate) const CELL_BYTES_MAX: usize = 2048;

const FINE_STEP: usize = 2;
const FINE_BYTES_MAX: usize = 128;
const FINE_CLASSES: usize = (FINE_BYTES_MAX - CELL_BYTES_MIN) / FINE_STEP + 1;
const STEPS_PER_DOUBLING: usize = 32;

/// The number of classes.
pub(super) const CLASSES: usize = FINE_CLASSES + 4 * STEPS_PER_DOUBLING;

/// The class whose cells are the smallest that hold `bytes`, at most [`CELL_BYTES_MAX`].
#[inline]
pub(super) fn class_of(bytes: usize) -> usize {
    debug_assert!(bytes <= CELL_BYTES_MAX, "what is larger lies in the slab");
    if bytes <= FINE_BYTES_MAX {
        return bytes.saturating_sub(CELL_BYTES_MIN).div_ceil(FINE_STEP);
    }
    let last = bytes - 1;
    let doubling = last.ilog2();
    let first_of_doubling =
        FINE_CLASSES + (doubling - FINE_BYTES_MAX.ilog2()) as usize * STEPS_PER_DOUBLING;
    let step = doubling - STEPS_PER_DOUBLING.ilog2();
    first_of_doubling + ((last - (1 << doubling)) >> step)
}

/// The size of the cells of `class`, in bytes.
pub(super) fn cell_bytes(class: usize) -> usize {
    let Some(index) = class.checked_sub(FINE_CLASSES) else {
        return CELL_BYTES_MIN + class * FINE_STEP;
    };
    let start = FINE_BYTES_MAX << (index / STEPS_PER_DOUBLING);
    start + (index % STEPS_PER_DOUBLING + 1) * (start / STEPS_PER_DOUBLING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_sufficient_class_is_chosen() {
        for bytes in 0..=CELL_BYTES_MAX {
            let class = class_of(bytes);
            assert!(class < CLASSES);
            assert!(cell_bytes(class) >= bytes);
            assert!(class == 0 || cell_bytes(class - 1) < bytes);
        }
        assert_eq!(cell_bytes(CLASSES - 1), CELL_BYTES_MAX);
    }

    #[test]
    fn little_is_wasted() {
        for bytes in 64..=CELL_BYTES_MAX {
            let waste = cell_bytes(class_of(bytes)) - bytes;
            assert!(waste * 32 < bytes, "{bytes} bytes waste {waste}");
        }
    }
}
