//! Recall and speed of the coded scan on vectors of the big-ann formats, `base.fbin`, `query.fbin` and
//! `truth.ibin` in a folder: `cargo run --release -p skeg-vector --example coded_scan FOLDER [code ...]`.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

mod big_ann;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use big_ann::{Table, running_s};
use skeg_vector::Metric;
use skeg_vector::quant::{CodeKind, CodedRows, Memory, ScanOptions, Scratch, Trainer};

/// How long each figure is measured for, in seconds.
const SPAN: f64 = 0.5;

/// Queries given at once where throughput counts.
const BATCH: usize = 8;

struct Bench {
    dim: usize,
    memory: Memory,
    queries: Vec<f32>,
    truth: Vec<u32>,
    truth_k: usize,
}

impl Bench {
    /// Queries per second of threads that each answer all queries, `batch` at once; and per second
    /// that they had a processor, where the system tells.
    fn rate(
        &self,
        codes: &CodedRows,
        options: &ScanOptions,
        threads: usize,
        batch: usize,
    ) -> [f64; 2] {
        let start = Instant::now();
        let threads_f64 = threads as f64;
        let (answered, running) = std::thread::scope(|scope| {
            let work = || {
                let mut scratch = Scratch::default();
                let (mut answered, before) = (0, running_s());
                while start.elapsed().as_secs_f64() < SPAN {
                    for some in self.queries.chunks(batch * self.dim) {
                        codes.search(&self.memory, some, options, &mut scratch).expect("valid");
                        answered += some.len() / self.dim;
                    }
                }
                (answered, running_s() - before)
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let results =
                threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
            results.fold((0, 0.0), |(n, s), (more, longer)| (n + more, s + longer))
        });
        let answered = answered as f64;
        [answered / start.elapsed().as_secs_f64(), answered / running * threads_f64]
    }

    /// Recall, rows reranked a query, and the median time of one in microseconds.
    fn quality(&self, codes: &CodedRows, options: &ScanOptions) -> (f64, f64, f64) {
        let mut scratch = Scratch::default();
        let (mut hits, mut reranked, mut times) = (0, 0, Vec::new());
        let count = self.queries.len() / self.dim;
        for (n, query) in self.queries.chunks_exact(self.dim).enumerate() {
            let start = Instant::now();
            codes.search(&self.memory, query, options, &mut scratch).expect("valid");
            times.push(start.elapsed().as_secs_f64() * 1e6);
            let truth = &self.truth[n * self.truth_k..][..options.k];
            hits += scratch.found(0).iter().filter(|found| truth.contains(&found.place)).count();
            reranked += scratch.reranked(0);
        }
        times.sort_unstable_by(f64::total_cmp);
        let recall = hits as f64 / (count * options.k) as f64;
        (recall, reranked as f64 / count as f64, times[times.len() / 2])
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("name the folder of base.fbin, query.fbin and truth.ibin")?;
    let kinds = words.map(|word| word.parse()).collect::<Result<Vec<CodeKind>, _>>()?;
    let kinds = if kinds.is_empty() { vec![CodeKind::Tq2] } else { kinds };
    let table = |name| Table::read(&Path::new(&folder).join(name));
    let (base, queries, truth) = (table("base.fbin")?, table("query.fbin")?, table("truth.ibin")?);
    let dim = u32::try_from(base.dim)?;
    let bench = Bench {
        dim: base.dim,
        memory: Memory::new(Metric::Cosine, dim, base.numbers(f32::from_le_bytes))?,
        queries: queries.numbers(f32::from_le_bytes),
        truth: truth.numbers(u32::from_le_bytes),
        truth_k: truth.dim,
    };
    println!("{} x {dim}, {} queries, {} kernels", base.rows(), queries.rows(), skeg_simd::level());
    for kind in kinds {
        let start = Instant::now();
        let mut trainer = Trainer::new(kind, Metric::Cosine, dim, 1)?;
        for row in bench.memory.iter() {
            trainer.add(row)?;
        }
        let mut codes = CodedRows::new(trainer.finish(), base.rows());
        for row in bench.memory.iter() {
            codes.push(row)?;
        }
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        println!(
            "{kind}: built in {:.2} s, {:.2} MiB of codes, {:.2} MiB of factors",
            start.elapsed().as_secs_f64(),
            mib(codes.code_bytes()),
            mib(codes.factor_bytes()),
        );
        println!(
            "queries per second, and per second of {{running}} threads: 1 and 2 threads, single and \
             {BATCH} at once"
        );
        println!("    k  dev  recall  reranked  p50 us");
        for k in [10, 100] {
            for deviations in [2.0, 1.25, 1.0] {
                let options = ScanOptions { k, deviations, ..ScanOptions::default() };
                let (recall, reranked, p50) = bench.quality(&codes, &options);
                print!("{k:5} {deviations:4.2} {recall:7.4} {reranked:9.1} {p50:7.0}");
                for (threads, batch) in [(1, 1), (1, BATCH), (2, 1), (2, BATCH)] {
                    let [wall, running] = bench.rate(&codes, &options, threads, batch);
                    print!(" {wall:7.0} {running:7.0}");
                }
                println!();
            }
        }
    }
    Ok(())
}
