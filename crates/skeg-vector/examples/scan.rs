//! Prints what a search costs beside merely reading the same rows, one thread:
//! `cargo run --release -p skeg-vector --example scan [rows] [dim]`.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

use std::hint::black_box;
use std::time::Instant;

use skeg_vector::{
    IdKind, Index, IndexOptions, Metric, SearchOptions, SearchScratch, VectorError, View,
};

/// Passes of each kind, taken in turns; the best counts.
const PASSES: usize = 15;

/// Writes that each find a view held.
const WRITES: u64 = 2_000;

/// Queries in the batch.
const BATCH: usize = 16;

fn vector(dim: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..dim)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
        })
        .collect()
}

/// Touches every number and does next to nothing with it.
fn read(view: &View) -> u32 {
    view.unstored()
        .map(|(_, row)| row.iter().fold(0, |all, x| all | x.to_bits()))
        .fold(0, |a, b| a | b)
}

fn consume<T>(result: T) {
    black_box(result);
}

fn main() -> Result<(), VectorError> {
    let mut words = std::env::args().skip(1).map_while(|word| word.parse().ok());
    let rows: u64 = words.next().unwrap_or(100_000);
    let dim: u32 = words.next().and_then(|dim| u32::try_from(dim).ok()).unwrap_or(1024);
    let bytes = rows as f64 * f64::from(dim) * 4.0;
    println!("{rows} x {dim}, {} kernels", skeg_simd::level());
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::Euclidean] {
        let options = IndexOptions { ids: IdKind::U64, ..IndexOptions::new(dim, metric) };
        let mut index = Index::new(options, 1)?;
        let start = Instant::now();
        for id in 0..rows {
            index.set(id, &vector(dim as usize, id))?;
        }
        println!("{metric}: filled in {:.2} s", start.elapsed().as_secs_f64());
        let view = index.view();
        let query = vector(dim as usize, rows + 1);
        let queries = vector(dim as usize * BATCH, rows + 2);
        let (ten, mut scratch) = (SearchOptions::new(10), SearchScratch::default());
        let mut best = [f64::INFINITY; 4];
        for _ in 0..PASSES {
            let mut timed = |place: usize, work: &mut dyn FnMut()| {
                let start = Instant::now();
                work();
                best[place] = best[place].min(start.elapsed().as_secs_f64());
            };
            timed(0, &mut || consume(read(black_box(&view))));
            timed(1, &mut || consume(view.search(&query, 10)));
            timed(2, &mut || consume(view.search(&query, 1000)));
            timed(3, &mut || consume(view.search_many(&queries, &ten, &mut scratch)));
        }
        let names = ["read", "search k=10", "search k=1000", "search_many of 16"];
        for ((name, seconds), passes) in names.iter().zip(best).zip([1, 1, 1, BATCH]) {
            let rate = bytes * passes as f64 / seconds / 1e9;
            let each = seconds * 1e3 / passes as f64;
            println!("  {name:20} {each:8.3} ms a query, {rate:6.2} GB/s");
        }
        drop(view);
        let start = Instant::now();
        let mut view = index.view();
        for turn in 0..WRITES {
            index.set(turn * 7_919 % rows, &query)?;
            view = index.view();
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / WRITES as f64;
        println!("  {:20} {each:8.3} microseconds, {} rows seen", "write under a view", view.len());
    }
    Ok(())
}
