//! Every level that this machine has against the portable kernels, bit for bit, and those against
//! published checksums and sums in `f64`. `SKEG_ISA_MIN=v4 cargo test` fails where V4 is missing.

use proptest::prelude::*;
use skeg_simd::{Kernels, Level, available, kernels_at};

const LENGTHS: std::ops::RangeInclusive<usize> = 0..=260;

fn oracle() -> &'static Kernels {
    kernels_at(Level::Scalar).expect("portable")
}

/// What a row of numbers holds.
#[derive(Debug, Clone, Copy)]
enum Values {
    Ordinary,
    Huge,
    Subnormal,
    WithNonFinite,
}

const VALUES: [Values; 4] =
    [Values::Ordinary, Values::Huge, Values::Subnormal, Values::WithNonFinite];

/// `count` numbers that depend on `seed` alone.
fn numbers(count: usize, seed: u64, values: Values) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|place| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let unit = (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0;
            match values {
                Values::Ordinary => unit,
                Values::Huge => unit * f32::MAX,
                Values::Subnormal => unit * 1e-21,
                Values::WithNonFinite if place % 41 == 40 => f32::INFINITY,
                Values::WithNonFinite if place % 97 == 96 => f32::NAN,
                Values::WithNonFinite => unit,
            }
        })
        .collect()
}

fn bytes(count: usize) -> Vec<u8> {
    numbers(count, 3, Values::Ordinary).iter().map(|x| (x * 128.0) as i8 as u8).collect()
}

/// The same bits; any NaN is like any other.
fn assert_same(a: f32, b: f32, context: &dyn Fn() -> String) {
    let same = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    assert!(same, "{a:?} is not {b:?}: {}", context());
}

#[test]
fn the_chosen_level_is_one_of_those_present() {
    let present: Vec<Level> = available().map(Kernels::level).collect();
    println!("levels tested: {present:?}, chosen: {}", skeg_simd::level());
    assert!(present.contains(&skeg_simd::level()));
    assert_eq!(present.first(), Some(&Level::Scalar));
}

#[test]
fn checksums_are_the_published_ones() {
    let rising: Vec<u8> = (0..32).collect();
    let falling: Vec<u8> = (0..32).rev().collect();
    for kernels in available() {
        let crc = |bytes: &[u8]| kernels.crc32c(0, bytes);
        assert_eq!(crc(b"123456789"), 0xe306_9283);
        assert_eq!(crc(b""), 0);
        // RFC 3720, appendix B.4.
        assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc(&rising), 0x46dd_794e);
        assert_eq!(crc(&falling), 0x113f_db5c);
    }
}

#[test]
fn checksums_of_all_lengths_and_alignments_are_the_same_at_every_level() {
    let data = bytes(16 + 40_000);
    let long = [511, 767, 768, 769, 3071, 3072, 3073, 4096, 6143, 6144, 6145, 12_345, 40_000];
    for kernels in available() {
        for start in 0..16 {
            for length in LENGTHS.chain(long) {
                let part = &data[start..][..length];
                let seed = (length as u32).wrapping_mul(0x9e37_79b9);
                let context = (kernels.level(), start, length);
                assert_eq!(kernels.crc32c(seed, part), oracle().crc32c(seed, part), "{context:?}");
            }
        }
    }
}

#[test]
fn a_checksum_continues_where_another_stopped() {
    let data = bytes(10_000);
    for kernels in available() {
        let whole = kernels.crc32c(0, &data);
        for cut in (0..data.len()).step_by(37) {
            let (head, tail) = data.split_at(cut);
            assert_eq!(kernels.crc32c(kernels.crc32c(0, head), tail), whole, "cut at {cut}");
        }
    }
}

#[test]
fn sums_of_all_lengths_and_alignments_are_the_same_at_every_level() {
    for values in VALUES {
        let (a, b) = (numbers(300, 1, values), numbers(300, 2, values));
        for kernels in available() {
            for start in 0..9 {
                for length in LENGTHS {
                    let (a, b) = (&a[start..][..length], &b[8 - start..][..length]);
                    let context =
                        || format!("{} {values:?} from {start}, {length}", kernels.level());
                    assert_same(kernels.dot_f32(a, b), oracle().dot_f32(a, b), &context);
                    assert_same(kernels.l2sq_f32(a, b), oracle().l2sq_f32(a, b), &context);
                    assert_same(kernels.norm2_f32(a), oracle().norm2_f32(a), &context);
                    assert_same(kernels.norm2_f32(a), oracle().dot_f32(a, a), &context);
                }
            }
        }
    }
}

#[test]
fn a_row_scores_the_same_wherever_it_lies() {
    for values in VALUES {
        for dim in [1, 2, 7, 8, 9, 31, 32, 33, 100, 129] {
            let query = numbers(dim, 5, values);
            let rows = numbers(dim * 11 + 1, 6, values);
            for kernels in available() {
                for (count, start) in (0..=11).flat_map(|count| [(count, 0), (count, 1)]) {
                    let rows = &rows[start..][..count * dim];
                    let (mut dots, mut distances) = (vec![9.0; count], vec![9.0; count]);
                    kernels.dot_f32_rows(&query, rows, &mut dots);
                    kernels.l2sq_f32_rows(&query, rows, &mut distances);
                    for (place, row) in rows.chunks_exact(dim).enumerate() {
                        let context =
                            || format!("{} {values:?} {dim}: {place}/{count}", kernels.level());
                        assert_same(dots[place], oracle().dot_f32(&query, row), &context);
                        assert_same(distances[place], oracle().l2sq_f32(&query, row), &context);
                    }
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "vectors of different lengths")]
fn vectors_of_different_lengths_are_refused() {
    let _ = skeg_simd::dot_f32(&[1.0], &[1.0, 2.0]);
}

#[test]
#[should_panic(expected = "rows are not")]
fn rows_that_are_cut_short_are_refused() {
    skeg_simd::kernels().dot_f32_rows(&[1.0, 2.0], &[1.0; 3], &mut [0.0; 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sums_are_within_the_stated_error(length in 0..5_000_usize, seed in 1..u64::MAX) {
        let a = numbers(length, seed, Values::Ordinary);
        let b = numbers(length, seed ^ 0x55, Values::Ordinary);
        let pairs = || a.iter().zip(&b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
        let unit = 2.0_f64.powi(-24);
        let blocks = length as f64 / 32.0;
        let (dot, size) = pairs().fold((0.0, 0.0), |(sum, size), (x, y)| (sum + x * y, size + (x * y).abs()));
        let distance: f64 = pairs().map(|(x, y)| (x - y).powi(2)).sum();
        for kernels in available() {
            let error = (f64::from(kernels.dot_f32(&a, &b)) - dot).abs();
            prop_assert!(error <= (blocks + 8.0) * unit * size, "{} {}", kernels.level(), error);
            let error = (f64::from(kernels.l2sq_f32(&a, &b)) - distance).abs();
            prop_assert!(error <= (blocks + 11.0) * unit * distance, "{} {}", kernels.level(), error);
        }
    }
}
