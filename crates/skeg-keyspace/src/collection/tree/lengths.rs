//! The lengths of the entries of a leaf, a byte each: where an entry begins is found by adding up eight
//! lengths at a time, and no entry has to be read before the next one is known.
//!
//! An entry that is too long for a byte has 0 there. Behind the last entry there are zeros.
//!
//! May not know: entries.

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = LOW_BITS << 7;
const EVEN_BYTES: u64 = 0x00ff_00ff_00ff_00ff;

/// What stands for an entry of so many bytes.
#[inline]
fn byte_of(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(0)
}

/// The sum of eight bytes.
#[inline]
fn sum(word: u64) -> u64 {
    let pairs = (word & EVEN_BYTES) + (word >> 8 & EVEN_BYTES);
    pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48
}

/// Where entry `index` begins, if that is known: all entries before it have their lengths here.
#[inline]
pub(in crate::collection) fn place(lengths: &[u8], index: usize) -> Option<usize> {
    let (words, _) = lengths.as_chunks::<8>();
    let (mut at, mut too_long) = (0, 0);
    let mut add = |word: u64, unused: u64| {
        at += sum(word & !unused);
        let word = word | unused;
        too_long |= word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS;
    };
    words.get(..index / 8)?.iter().for_each(|word| add(u64::from_le_bytes(*word), 0));
    let rest = index % 8;
    if rest > 0 {
        add(u64::from_le_bytes(*words.get(index / 8)?), u64::MAX << (rest * 8));
    }
    (too_long == 0).then_some(at as usize)
}

/// The bytes of the eight entries from `index` on, a multiple of eight, if they have their lengths here.
#[inline]
pub(super) fn eight(lengths: &[u8], index: usize) -> Option<usize> {
    place(lengths.get(index..index + 8)?, 8)
}

/// An entry of `len` bytes comes before entry `index`.
#[inline]
pub(super) fn insert(lengths: &mut [u8], index: usize, len: usize) {
    let end = lengths.len() - 1;
    lengths.copy_within(index..end, index + 1);
    lengths[index] = byte_of(len);
}

/// `count` entries from `index` on go.
#[inline]
pub(super) fn remove(lengths: &mut [u8], index: usize, count: usize) {
    if count > 0 {
        lengths.copy_within(index + count.., index);
        let left = lengths.len() - count;
        lengths[left..].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agree_with_sums(
            steps in prop::collection::vec((any::<usize>(), 0_usize..5, 1_usize..260), 0..120),
            scale in 1_usize..3,
        ) {
            let (mut lengths, mut model) = ([0; 48], Vec::new());
            for (index, count, len) in steps {
                let (index, len) = (index % (model.len() + 1), len / scale + 1);
                if count > 0 && model.len() < 48 {
                    insert(&mut lengths, index, len);
                    model.insert(index, len);
                } else {
                    let count = count.min(model.len() - index);
                    remove(&mut lengths, index, count);
                    model.drain(index..index + count);
                }
                for index in 0..=model.len() {
                    let is_known = model[..index].iter().all(|len| *len < 256);
                    let sum = is_known.then(|| model[..index].iter().sum());
                    prop_assert_eq!(place(&lengths, index), sum, "{}", index);
                }
                for index in (0..40).step_by(8) {
                    let eight = model.get(index..index + 8);
                    let eight = eight.filter(|it| it.iter().all(|len| *len < 256));
                    prop_assert_eq!(super::eight(&lengths, index), eight.map(|it| it.iter().sum()));
                }
            }
        }
    }

    #[test]
    fn without_lengths_nothing_is_known() {
        assert_eq!((place(&[], 0), place(&[], 1), eight(&[], 0)), (Some(0), None, None));
    }
}
