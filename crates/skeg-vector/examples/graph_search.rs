//! Recall and speed of the graph and of the coded scan, side by side, on vectors of the big-ann formats
//! (`base.fbin`, `query.fbin`, and `truth.ibin` where all rows and dimensions are used; otherwise the truth
//! is found first): `cargo run --release -p skeg-vector --example graph_search FOLDER [name=value ...]`.
//!
//! Names: `rows`, `dim` (as many of the first), `build`, `coarse` (walked on meanwhile) and `walk` (codes), `degree`,
//! `list`, `alpha`, `threads` (of the build), `lists` (of searches, with commas), `k`, `slack`, and `graph`, a file:
//! the graph is read from it, or built and written to it.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

mod big_ann;

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use big_ann::{Table, Threads, exact_truth, running_s, used_s};
use skeg_vector::Metric;
use skeg_vector::graph::{BuildOptions, Graph, WalkOptions, WalkScratch, build};
use skeg_vector::quant::{CodeKind, CodedRows, Memory, Points, ScanOptions, Scratch, Trainer};

/// Queries of a measurement.
const QUERIES: usize = 1_000;

struct Bench {
    dim: usize,
    memory: Memory,
    queries: Vec<f32>,
    truth: Vec<u32>,
    truth_k: usize,
}

impl Bench {
    /// Recall, and queries per second of a processor, of `search`, which appends the places it finds.
    fn measure(&self, k: usize, mut search: impl FnMut(&[f32], &mut Vec<u32>)) -> (f64, f64) {
        let mut found = Vec::new();
        let (mut hits, mut best) = (0, f64::MAX);
        for round in 0..2 {
            let start = running_s();
            for (number, query) in self.queries.chunks_exact(self.dim).enumerate() {
                found.clear();
                search(query, &mut found);
                if round == 0 {
                    let truth = &self.truth[number * self.truth_k..][..k];
                    hits += found.iter().filter(|place| truth.contains(place)).count();
                }
            }
            best = best.min(running_s() - start);
        }
        let queries = (self.queries.len() / self.dim) as f64;
        (hits as f64 / (queries * k as f64), queries / best)
    }
}

fn parameters(
    kind: CodeKind,
    dim: u32,
    memory: &Memory,
) -> Result<skeg_vector::quant::Parameters, Box<dyn Error>> {
    let mut trainer = Trainer::new(kind, Metric::Cosine, dim, 1)?;
    for row in memory.iter() {
        trainer.add(row)?;
    }
    Ok(trainer.finish())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("name the folder of base.fbin and query.fbin")?;
    let given: HashMap<String, String> = words
        .filter_map(|word| word.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())))
        .collect();
    let text = |name: &str, other: &str| given.get(name).cloned().unwrap_or(other.to_owned());
    let numbers = |name: &str, other: &str| -> Result<Vec<usize>, Box<dyn Error>> {
        Ok(text(name, other).split(',').map(str::parse).collect::<Result<_, _>>()?)
    };
    let table = |name| Table::read(&Path::new(&folder).join(name));
    let (base, queries) = (table("base.fbin")?, table("query.fbin")?);
    let rows = numbers("rows", &base.rows().to_string())?[0].min(base.rows());
    let dim = numbers("dim", &base.dim.to_string())?[0].min(base.dim);
    let dim_u32 = u32::try_from(dim)?;
    let memory = Memory::new(Metric::Cosine, dim_u32, base.cut(rows, dim))?;
    let queries = queries.cut(QUERIES, dim);
    let (truth, truth_k) = if rows == base.rows() && dim == base.dim {
        let truth = table("truth.ibin")?;
        (truth.numbers(u32::from_le_bytes), truth.dim)
    } else {
        (exact_truth(&memory, dim_u32, &queries, 100), 100)
    };
    drop(base);
    println!("{rows} x {dim}, {} kernels", skeg_simd::level());

    let crew = Threads(numbers("threads", "1")?[0]);
    let options = BuildOptions {
        degree: numbers("degree", "32")?[0],
        list: numbers("list", "128")?[0],
        alpha: text("alpha", "1.05").parse()?,
        ..BuildOptions::default()
    };
    let built_on = text("build", "int8");
    let kept = given.get("graph").map(Path::new);
    let graph = if let Some(file) = kept.filter(|file| file.exists()) {
        Graph::from_bytes(&std::fs::read(file)?)?
    } else {
        let (start, used) = (Instant::now(), used_s());
        let coded = |kind: &str| -> Result<Points, Box<dyn Error>> {
            let mut points = Points::new(parameters(kind.parse()?, dim_u32, &memory)?, rows)?;
            memory.iter().try_for_each(|row| points.push(row))?;
            Ok(points)
        };
        let points = coded(&built_on)?;
        let coarse = given.get("coarse").map(|kind| coded(kind)).transpose()?;
        let coded_s = start.elapsed().as_secs_f64();
        let draft = build(&points, coarse.as_ref(), &options, &crew)?;
        let (built_s, used_s) = (start.elapsed().as_secs_f64(), used_s() - used);
        drop((points, coarse));
        println!(
            "{built_on} degree {} list {} alpha {}: coded in {coded_s:.1} s, built in {built_s:.1} s of wall \
         time with {} threads, {used_s:.1} s of a processor",
            options.degree, options.list, options.alpha, crew.0,
        );
        let graph = Graph::new(&draft);
        if let Some(file) = kept {
            std::fs::write(file, graph.to_bytes())?;
        }
        graph
    };
    println!(
        "{:.1} links a row, {:.1} bytes a row",
        graph.links() as f64 / rows as f64,
        graph.memory_bytes() as f64 / rows as f64,
    );
    let bench = Bench { dim, memory, queries, truth, truth_k };

    for kind in text("walk", "tq2").split(',') {
        let kind: CodeKind = kind.parse()?;
        let parameters = parameters(kind, dim_u32, &bench.memory)?;
        let mut points = Points::new(parameters.clone(), rows)?;
        let mut codes = CodedRows::new(parameters, rows);
        for row in bench.memory.iter() {
            points.push(row)?;
            codes.push(row)?;
        }
        for k in numbers("k", "10,100")? {
            let mut scratch = Scratch::default();
            for deviations in [1.25, 2.0] {
                let options = ScanOptions { k, deviations, ..ScanOptions::default() };
                let (recall, rate) = bench.measure(k, |query, out| {
                    codes.search(&bench.memory, query, &options, &mut scratch).expect("valid");
                    out.extend(scratch.found(0).iter().map(|found| found.place));
                });
                println!("{kind} k={k} scan {deviations}: recall {recall:.4}, {rate:.0}/s");
            }
            for list in numbers("lists", "20,40,80,120,160,240,320,480,640")? {
                let slack = given.get("slack").map(|slack| slack.parse()).transpose()?;
                let options = WalkOptions { k, list, slack, ..WalkOptions::default() };
                let mut scratch = WalkScratch::default();
                let (mut expanded, mut scored, mut reranked) = (0, 0, 0);
                if list < k {
                    continue;
                }
                let (recall, rate) = bench.measure(k, |query, out| {
                    graph
                        .search(&points, &bench.memory, query, |_| true, &options, &mut scratch)
                        .expect("valid");
                    out.extend(scratch.found().iter().map(|found| found.place));
                    let walked = scratch.walked();
                    expanded += walked.expanded;
                    scored += walked.scored;
                    reranked += walked.reranked;
                });
                let each = |sum: usize| sum as f64 / 2.0 / QUERIES as f64;
                println!(
                    "{kind} k={k} list {list}: recall {recall:.4}, {rate:.0}/s, expanded {:.0}, scored \
                     {:.0}, reranked {:.1}",
                    each(expanded),
                    each(scored),
                    each(reranked),
                );
            }
        }
    }
    Ok(())
}
