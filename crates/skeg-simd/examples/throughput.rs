//! Prints what each kernel of each level moves, from the caches and from memory:
//! `cargo run --release -p skeg-simd --example throughput`.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use skeg_simd::{ENTRY_MAX, Kernels, Levels, ROWS, RowTest, Sieve, Sifted, SignBlock, variants};

/// How long each figure is measured for.
const SPAN: Duration = Duration::from_millis(300);

/// Numbers in a row.
const DIM: usize = 1024;

/// Bytes that one call of `work` reads, and the best GB/s of several spans.
fn report(kernels: &Kernels, name: &str, size: &str, bytes: usize, mut work: impl FnMut()) {
    work();
    let mut best = 0.0_f64;
    for _ in 0..3 {
        let start = Instant::now();
        let mut calls = 0_u32;
        while start.elapsed() < SPAN / 3 {
            work();
            calls += 1;
        }
        let rate = bytes as f64 * f64::from(calls) / start.elapsed().as_secs_f64() / 1e9;
        best = best.max(rate);
    }
    println!("{:8} {name:14} {size:>10} {best:8.2} GB/s", kernels.level().name());
}

/// The kernels of coded rows: a block of [`ROWS`] rows of signs, halves, bytes, a plane of bits.
fn coded_rows(kernels: &Kernels) {
    let (plane, table) = (vec![0x5a_u8; 12 << 20], vec![ENTRY_MAX; DIM * ROWS / 8]);
    for (size, length) in [("16 KiB", 16 << 10), ("256 KiB", 256 << 10), ("12 MiB", 12 << 20)] {
        let blocks = &plane[..length];
        report(kernels, "scan_signs", size, length, || {
            for block in black_box(blocks).chunks_exact(table.len()) {
                let mut sums = [0; ROWS];
                kernels.scan_signs(block, &table, &mut sums);
                black_box(&sums);
            }
        });
        let test = RowTest { floor: 1.0, ..RowTest::default() };
        let block =
            |plane| SignBlock { plane, slopes: &[1.0; ROWS], norms: &[1.0; ROWS], soon: &[] };
        for (name, queries) in [("sift_signs, 1", 1), ("sift_signs, 8", 8)] {
            let sieves = vec![Sieve { table: &table, test }; queries];
            report(kernels, name, size, length * queries, || {
                let mut sifted = [Sifted::default(); 8];
                for plane in black_box(blocks).chunks_exact(table.len()) {
                    kernels.sift_signs(&block(plane), &sieves, &mut sifted[..queries]);
                    black_box(&sifted);
                }
            });
        }
        let query = vec![3_i8; DIM];
        report(kernels, "sum_where", size, length, || {
            for plane in black_box(blocks).chunks_exact(DIM / 8) {
                black_box(kernels.sum_where(plane, &query));
            }
        });
        for bits in [2, 4, 8] {
            let stride = DIM / 8 * bits;
            let places: Vec<u32> = (0..(length / stride) as u32).collect();
            let mut sums = vec![0; places.len()];
            report(kernels, &format!("dot_levels {bits}"), size, length, || {
                let levels = Levels { bits, records: black_box(blocks), stride };
                kernels.dot_levels(&query, &levels, &places, &mut sums);
                black_box(&sums);
            });
        }
        let rows = vec![-5_i8; length];
        let mut dots = vec![0; length / DIM];
        report(kernels, "dot_i8_rows", size, length, || {
            kernels.dot_i8_rows(&query, black_box(&rows), &mut dots);
            black_box(&dots);
        });
        let (rows, query) = (vec![0x3c00_u16; length / 2], vec![0.5_f32; DIM]);
        let mut dots = vec![0.0; length / 2 / DIM];
        report(kernels, "dot_f16_rows", size, length, || {
            kernels.dot_f16_rows(&query, black_box(&rows), &mut dots);
            black_box(&dots);
        });
    }
}

fn main() {
    let sizes = [("16 KiB", 16 << 10), ("256 KiB", 256 << 10), ("400 MiB", 400 << 20)];
    let many = vec![0.25_f32; (400 << 20) / 4];
    let data = vec![7_u8; 400 << 20];
    let query = vec![0.5_f32; DIM];
    for kernels in variants() {
        coded_rows(kernels);
        for (size, length) in [("16 B", 16), ("64 B", 64), ("256 B", 256), ("1 KiB", 1024)] {
            let part = &data[..length];
            report(kernels, "crc32c", size, length * 64, || {
                for _ in 0..64 {
                    black_box(kernels.crc32c(0, black_box(part)));
                }
            });
        }
        for (size, length) in sizes {
            let part = &data[..length];
            report(kernels, "crc32c", size, length, || {
                black_box(kernels.crc32c(0, black_box(part)));
            });
            let rows = &many[..length / 4];
            let mut scores = vec![0.0; rows.len() / DIM];
            report(kernels, "dot_f32", size, length, || {
                for row in black_box(rows).chunks_exact(DIM) {
                    black_box(kernels.dot_f32(&query, row));
                }
            });
            report(kernels, "dot_f32_rows", size, length, || {
                kernels.dot_f32_rows(&query, black_box(rows), &mut scores);
                black_box(&scores);
            });
            report(kernels, "l2sq_f32_rows", size, length, || {
                kernels.l2sq_f32_rows(&query, black_box(rows), &mut scores);
                black_box(&scores);
            });
        }
    }
}
