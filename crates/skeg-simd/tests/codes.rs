//! The kernels of coded rows, at every level and in every form that this machine has, against the
//! portable ones: bit for bit. Those against sums in plain words.

use proptest::prelude::*;
use skeg_simd::{
    BYTES_MAX, ENTRY_MAX, Kernels, Level, Levels, ROWS, RowTest, Sieve, Sifted, SignBlock, SignRun,
    UNIT, kernels_at, variants,
};

fn oracle() -> &'static Kernels {
    kernels_at(Level::Scalar).expect("portable")
}

/// Numbers that depend on `seed` alone.
fn stream(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 16
    }
}

fn floats(count: usize, seed: u64) -> Vec<f32> {
    let mut next = stream(seed);
    (0..count).map(|_| (next() & 0xff_ffff) as f32 / (1_u32 << 23) as f32 - 1.0).collect()
}

fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut next = stream(seed);
    (0..count).map(|_| next() as u8).collect()
}

fn signed(count: usize, seed: u64) -> Vec<i8> {
    bytes(count, seed).into_iter().map(u8::cast_signed).collect()
}

/// Halves of every kind, NaN and infinities among them only if `all`.
fn halves(count: usize, seed: u64, all: bool) -> Vec<u16> {
    let mut next = stream(seed);
    let finite = |half: u16| half & 0x7c00 != 0x7c00;
    (0..count)
        .map(|_| next() as u16)
        .map(|half| if all || finite(half) { half } else { 0 })
        .collect()
}

/// The same bits; any NaN is like any other.
fn same(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}

#[test]
fn every_half_has_the_value_that_the_standard_gives_it() {
    for kernels in variants() {
        for half in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(half >> 10 & 0x1f), f64::from(half & 0x3ff));
            let size = match exponent {
                0 => fraction * 2.0_f64.powi(-24),
                0x1f if fraction == 0.0 => f64::INFINITY,
                0x1f => f64::NAN,
                _ => (1.0 + fraction / 1024.0) * 2.0_f64.powi(exponent - 15),
            };
            let value = if half & 0x8000 == 0 { size } else { -size } as f32;
            let mut out = [0.0];
            kernels.dot_f16_rows(&[1.0], &[half], &mut out);
            // A lane starts from 0, so -0 becomes 0.
            assert!(same(&out, &[value + 0.0]), "{} {half:#x}: {out:?}", kernels.level());
        }
    }
}

#[test]
fn the_greatest_numbers_do_not_overflow_integer_sums() {
    let (query, row) = (vec![i8::MIN; BYTES_MAX], vec![i8::MIN; BYTES_MAX]);
    let plane = vec![0xff; 17 * UNIT * 16];
    let table = vec![ENTRY_MAX; plane.len()];
    for kernels in variants() {
        let mut out = [0];
        kernels.dot_i8_rows(&query, &row, &mut out);
        assert_eq!(out, [128 * 128 * 65_536], "{}", kernels.level());
        assert_eq!(kernels.sum_where(&[0xff; BYTES_MAX / 8], &query), -128 * 65_536);
        for (bits, most) in [(1, 1), (2, 3), (4, 15), (8, 255)] {
            let records = vec![0xff; BYTES_MAX / 8 * bits];
            let levels = Levels { bits, records: &records, stride: records.len() };
            let mut out = [0; 3];
            kernels.dot_levels(&query, &levels, &[0; 3], &mut out);
            assert_eq!(out, [-128 * most * 65_536; 3], "{} {bits}", kernels.level());
        }
        let mut sums = [7; ROWS];
        kernels.scan_signs(&plane, &table, &mut sums);
        assert_eq!(sums, [7 + 17 * 256 * 63; ROWS], "{}", kernels.level());
    }
}

#[test]
fn signs_select_what_stands_for_their_pattern() {
    let (plane, groups) = (bytes(UNIT, 3), UNIT / 16);
    let table: Vec<u8> = bytes(UNIT, 4).into_iter().map(|x| x & ENTRY_MAX).collect();
    let expected: Vec<u32> = (0..ROWS)
        .map(|row| {
            let pattern = |group: usize| plane[group * 16 + row % 16] >> (row / 16 * 4) & 15;
            (0..groups).map(|g| u32::from(table[g * 16 + usize::from(pattern(g))])).sum()
        })
        .collect();
    for kernels in variants() {
        let mut sums = [0; ROWS];
        kernels.scan_signs(&plane, &table, &mut sums);
        assert_eq!(sums[..], expected, "{}", kernels.level());
    }
}

#[test]
fn the_transform_is_the_product_with_the_matrix_of_signs() {
    for length in [16, 64, 512, 2048] {
        let given = floats(length, 9);
        let mut expected = given.clone();
        oracle().hadamard(&mut expected);
        for (row, &number) in expected.iter().enumerate().step_by(37) {
            let sign = |place: usize| 1.0 - 2.0 * f64::from((row & place).count_ones() & 1);
            let exact: f64 = given.iter().enumerate().map(|(n, &x)| sign(n) * f64::from(x)).sum();
            assert!((f64::from(number) - exact).abs() < 1e-3, "{length} {row}");
        }
        for kernels in variants() {
            let mut numbers = given.clone();
            kernels.hadamard(&mut numbers);
            assert_eq!(numbers, expected, "{}", kernels.level());
        }
    }
}

#[test]
#[should_panic(expected = "a table for another plane")]
fn a_table_of_another_length_is_refused() {
    skeg_simd::kernels().scan_signs(&[0; 2 * UNIT], &[0; UNIT], &mut [0; ROWS]);
}

#[test]
#[should_panic(expected = "a code longer than its record")]
fn a_code_longer_than_its_record_is_refused() {
    let levels = Levels { bits: 2, records: &[0; 64], stride: 16 };
    skeg_simd::kernels().dot_levels(&[0; 128], &levels, &[0], &mut [0]);
}

#[test]
fn a_place_without_a_record_is_refused_at_every_level() {
    for kernels in variants() {
        let call = || {
            let levels = Levels { bits: 2, records: &[0; 64], stride: 16 };
            kernels.dot_levels(&[0; 64], &levels, &[4], &mut [0]);
        };
        assert!(std::panic::catch_unwind(call).is_err(), "{}", kernels.level());
    }
}

#[test]
#[should_panic(expected = "not one bit for each element")]
fn bits_of_another_length_are_refused() {
    let _ = skeg_simd::kernels().sum_where(&[0; 9], &[0; 64]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn halves_give_the_same_bits_at_every_level(
        dim in 1..=1600_usize, count in 0..6_usize, all: bool, seed in 1..u64::MAX,
    ) {
        let (query, rows) = (floats(dim, seed), halves(dim * count, seed ^ 1, all));
        let (mut dots, mut distances) = (vec![0.0; count], vec![0.0; count]);
        oracle().dot_f16_rows(&query, &rows, &mut dots);
        oracle().l2sq_f16_rows(&query, &rows, &mut distances);
        for kernels in variants() {
            let mut out = vec![9.0; count];
            kernels.dot_f16_rows(&query, &rows, &mut out);
            prop_assert!(same(&out, &dots), "{}: {out:?} {dots:?}", kernels.level());
            kernels.l2sq_f16_rows(&query, &rows, &mut out);
            prop_assert!(same(&out, &distances), "{}: {out:?} {distances:?}", kernels.level());
        }
    }

    #[test]
    fn bytes_give_exact_sums_at_every_level(
        dim in 1..=1600_usize, count in 0..6_usize, seed in 1..u64::MAX,
    ) {
        let (query, rows) = (signed(dim, seed), signed(dim * count, seed ^ 1));
        let exact: Vec<i32> = rows
            .chunks_exact(dim)
            .map(|row| query.iter().zip(row).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum())
            .collect();
        for kernels in variants() {
            let mut out = vec![9; count];
            kernels.dot_i8_rows(&query, &rows, &mut out);
            prop_assert_eq!(&out, &exact, "{}", kernels.level());
        }
    }

    #[test]
    fn levels_give_exact_sums_at_every_level(
        bits in prop_oneof![Just(1_usize), Just(2), Just(4), Just(8)],
        units in 0..=25_usize,
        extra in 0..14_usize,
        places in proptest::collection::vec(0..9_u32, 0..11),
        seed in 1..u64::MAX,
    ) {
        let stride = units * 8 * bits + extra;
        let (query, records) = (signed(units * 64, seed), bytes(stride * 9, seed ^ 1));
        let level = |place: u32, dim: usize| {
            let (unit, within) = (dim / 64, dim % 64);
            let byte = records[place as usize * stride + unit * 8 * bits + within % (8 * bits)];
            i32::from(byte >> (within / (8 * bits) * bits)) & ((1 << bits) - 1)
        };
        let dot = |place| query.iter().enumerate().map(|(n, &x)| i32::from(x) * level(place, n)).sum();
        let exact: Vec<i32> = places.iter().map(|&place| dot(place)).collect();
        for kernels in variants() {
            let mut out = vec![9; places.len()];
            let levels = Levels { bits, records: &records, stride };
            kernels.dot_levels(&query, &levels, &places, &mut out);
            prop_assert_eq!(&out, &exact, "{}", kernels.level());
        }
    }

    #[test]
    fn chosen_bytes_give_exact_sums_at_every_level(parts in 0..=25_usize, seed in 1..u64::MAX) {
        let (query, bits) = (signed(parts * 64, seed), bytes(parts * 8, seed ^ 1));
        let chosen = |place: usize| bits[place / 8] >> (place % 8) & 1 == 1;
        let exact: i32 =
            query.iter().enumerate().filter(|&(n, _)| chosen(n)).map(|(_, &x)| i32::from(x)).sum();
        for kernels in variants() {
            prop_assert_eq!(kernels.sum_where(&bits, &query), exact, "{}", kernels.level());
        }
    }

    #[test]
    fn signs_give_exact_sums_at_every_level(units in 0..=70_usize, seed in 1..u64::MAX) {
        let plane = bytes(units * UNIT, seed);
        let table: Vec<u8> =
            bytes(units * UNIT, seed ^ 1).into_iter().map(|x| x & ENTRY_MAX).collect();
        let mut expected = [3; ROWS];
        oracle().scan_signs(&plane, &table, &mut expected);
        for kernels in variants() {
            let mut sums = [3; ROWS];
            kernels.scan_signs(&plane, &table, &mut sums);
            prop_assert_eq!(sums, expected, "{}", kernels.level());
        }
    }

    #[test]
    fn queries_together_find_what_each_finds_alone(
        units in 0..=70_usize, queries in 0..9_usize, floor in -1.0..2.0_f32, seed in 1..u64::MAX,
    ) {
        let plane = bytes(units * UNIT, seed);
        let numbers = floats(2 * ROWS, seed ^ 1);
        let slopes: [f32; ROWS] = std::array::from_fn(|n| numbers[n].abs());
        let norms: [f32; ROWS] = std::array::from_fn(|n| numbers[ROWS + n].abs());
        let block = SignBlock { plane: &plane, slopes: &slopes, norms: &norms, soon: &plane };
        let tables: Vec<Vec<u8>> = (0..queries as u64)
            .map(|n| bytes(units * UNIT, seed ^ (2 + n)).into_iter().map(|x| x & ENTRY_MAX).collect())
            .collect();
        // Sums are around 500 for each unit.
        let step = 1e-3 / units.max(1) as f32;
        let sieve = |(n, table)| {
            let test = RowTest {
                floor: floor + 0.1 * n as f32,
                base: 0.5,
                weight: -0.5,
                step,
                noise: 0.01,
                known: 0.001,
                ..RowTest::default()
            };
            Sieve { table, test }
        };
        let sieves: Vec<Sieve<'_>> =
            tables.iter().map(Vec::as_slice).enumerate().map(sieve).collect();
        for kernels in variants() {
            let mut sifted = vec![Sifted { rows: 1, sums: [9; ROWS] }; queries];
            kernels.sift_signs(&block, &sieves, &mut sifted);
            for (sieve, sifted) in sieves.iter().zip(&sifted) {
                let mut sums = [0; ROWS];
                oracle().scan_signs(&plane, sieve.table, &mut sums);
                let rows = oracle().passing(&sieve.test, &sums, &slopes, &norms);
                prop_assert_eq!(sifted.rows, rows, "{}", kernels.level());
                prop_assert!(rows == 0 || sifted.sums == sums, "{}", kernels.level());
            }
        }
    }

    #[test]
    fn a_run_is_sought_through_up_to_the_first_block_that_is_left(
        units in 1..=20_usize, blocks in 0..9_usize, ahead in 0..9_usize, floor in 0.4..0.8_f32,
        seed in 1..u64::MAX,
    ) {
        let planes = bytes(blocks * units * UNIT, seed);
        let numbers = floats(2 * blocks * ROWS, seed ^ 1);
        let numbers: Vec<[f32; ROWS]> =
            numbers.as_chunks::<ROWS>().0.iter().map(|row| row.map(f32::abs)).collect();
        let (slopes, norms) = numbers.split_at(blocks);
        let run = SignRun { planes: &planes, slopes, norms };
        let ahead = ahead.min(blocks);
        let soon = SignRun {
            planes: &planes[ahead * units * UNIT..],
            slopes: &slopes[ahead..],
            norms: &norms[ahead..],
        };
        let table: Vec<u8> =
            bytes(units * UNIT, seed ^ 2).into_iter().map(|x| x & ENTRY_MAX).collect();
        let step = 1e-3 / units as f32;
        let test =
            RowTest { floor, base: 0.5, weight: -0.5, step, noise: 0.01, known: 0.001, offset: -0.5 };
        let sieve = Sieve { table: &table, test };
        let expected = planes.chunks_exact(table.len()).enumerate().find_map(|(number, plane)| {
            let mut sums = [0; ROWS];
            oracle().scan_signs(plane, &table, &mut sums);
            let rows = oracle().passing(&test, &sums, &slopes[number], &norms[number]);
            (rows != 0).then_some((number, rows, sums))
        });
        for kernels in variants() {
            let mut sifted = Sifted { rows: 1, sums: [9; ROWS] };
            let found = kernels.seek_signs(run, soon, &sieve, &mut sifted);
            match expected {
                Some(expected) => prop_assert_eq!((found, sifted.rows, sifted.sums), expected),
                None => prop_assert_eq!(found, blocks, "{}", kernels.level()),
            }
        }
    }

    #[test]
    fn the_same_rows_pass_at_every_level(seed in 1..u64::MAX, size in -20..20_i32) {
        let mut next = stream(seed);
        let sums: [u32; ROWS] = std::array::from_fn(|_| (next() & 0xffff) as u32);
        let scale = 2.0_f32.powi(size);
        let number = |n: u64| floats(1, seed ^ n)[0] * scale;
        let slopes: [f32; ROWS] = std::array::from_fn(|n| number(100 + n as u64).abs());
        let norms: [f32; ROWS] = std::array::from_fn(|n| number(200 + n as u64).abs());
        let test = RowTest {
            floor: number(1),
            base: number(2),
            weight: -0.5,
            step: 1e-4,
            offset: number(3),
            noise: number(4).abs(),
            known: number(5).abs(),
        };
        let expected = oracle().passing(&test, &sums, &slopes, &norms);
        for kernels in variants() {
            prop_assert_eq!(kernels.passing(&test, &sums, &slopes, &norms), expected);
        }
    }
}
