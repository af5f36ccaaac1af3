//! Recall and times of searches of an index while all of its rows are replaced again and again, in random order.
//!
//! `cargo run --release -p skeg-engine --example churn DIR FOLDER [ROWS [DIM [TIMES [BACKEND]]]]` fills an index
//! of the tier `tq2` in DIR with the first ROWS rows (20,000) of FOLDER's `base.fbin` (big-ann format), of their
//! first DIM numbers (384); gives every id another row TIMES times (10); and compares recall@10 with that of a
//! fresh index of the same ids and rows, which is made in DIR, too, and consolidated. Figures come as JSON.
//!
//! The queries are those of `query.fbin`, 500 at most. Searches are timed one after the other, before rows are
//! replaced and meanwhile. Rows come as fast as they are taken, or, with `PACE=n` in the environment, n a second.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use skeg_engine::{
    Bound, Drain, Engine, EngineOptions, Exec, Holder, Incoming, Refusal, ShardList,
};
use skeg_io::Io;
use skeg_vector::{FlatIndex, Id, IdKind, IndexOptions, Metric, SearchOptions, Tier};

type Failure = Box<dyn Error>;

/// Rows of one command.
const BATCH: usize = 64;
const QUERIES: usize = 500;
const K: usize = 10;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Another order of numbers.
    fn shuffle(&mut self, numbers: &mut [usize]) {
        for place in (1..numbers.len()).rev() {
            numbers.swap(place, self.next() as usize % (place + 1));
        }
    }
}

/// Rows of the big-ann format.
struct Table {
    dim: usize,
    numbers: Vec<f32>,
}

impl Table {
    /// The first `rows` rows at most, of each the first `dim` numbers at most.
    fn read(path: &Path, rows: usize, dim: usize) -> Result<Self, Failure> {
        let mut file = BufReader::new(File::open(path)?);
        let mut number = || -> Result<usize, Failure> {
            let mut bytes = [0; 4];
            file.read_exact(&mut bytes)?;
            Ok(u32::from_le_bytes(bytes) as usize)
        };
        let (stored, width) = (number()?, number()?);
        let (rows, dim) = (stored.min(rows), width.min(dim));
        let mut row = vec![0; 4 * width];
        let mut numbers = Vec::with_capacity(rows * dim);
        for _ in 0..rows {
            file.read_exact(&mut row)?;
            let (row, _) = row.as_chunks::<4>();
            numbers.extend(row[..dim].iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        Ok(Self { dim, numbers })
    }

    fn rows(&self) -> usize {
        self.numbers.len() / self.dim
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.numbers[row * self.dim..][..self.dim]
    }
}

/// An index of an engine, and who writes and asks.
struct Subject<'a> {
    engine: &'a Engine,
    name: &'a [u8],
}

impl Subject<'_> {
    fn run<T>(
        &self,
        bytes: usize,
        mut command: impl FnMut(&mut Exec<'_>) -> T,
    ) -> Result<T, Refusal> {
        let shards: ShardList = [self.engine.shard_of(self.name)].into_iter().collect();
        let mut holder = Holder::new(self.engine, Drain::Serve);
        loop {
            if holder.try_hold(&shards)? {
                match holder.run(&shards, Bound::grow(bytes as u64), &mut command) {
                    Ok((value, _)) => return Ok(value),
                    Err(Refusal::Wait) => {}
                    Err(refusal) => return Err(refusal),
                }
            }
            holder.release();
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Stores rows, waiting for room.
    fn set(&self, rows: &[(u64, &[f32])]) -> Result<(), Failure> {
        let mut incoming = Incoming::default();
        rows.iter().for_each(|(_, row)| incoming.add(8, row.len()));
        let bytes = rows.iter().map(|(_, row)| row.len() * 4 + 64).sum();
        self.run(bytes, |exec| {
            let shard = exec.shard(self.name);
            shard.vector_room(self.name, incoming)?;
            rows.iter()
                .try_for_each(|(id, row)| shard.vector_set(self.name, (*id).into(), row).map(drop))
        })??;
        Ok(())
    }

    fn search(&self, query: &[f32]) -> Result<Vec<u64>, Failure> {
        let view = self.run(0, |exec| exec.shard(self.name).vector_view(self.name))??;
        let (tell, told) = mpsc::channel();
        let query = query.to_vec();
        self.engine.search(Box::new(move |scratch: &mut _| {
            drop(tell.send(view.search_with(&query, &SearchOptions::new(K), scratch)));
        }))?;
        let hits = told.recv()??;
        Ok(hits.into_iter().map(|hit| if let Id::U64(id) = hit.id { id } else { 0 }).collect())
    }

    fn consolidate(&self) -> Result<(), Failure> {
        let (tell, told) = mpsc::channel();
        let done = Box::new(move |result| drop(tell.send(result)));
        self.engine.consolidate(self.name, Box::new(|_| true), done)?;
        Ok(told.recv()??)
    }

    /// Recall@10, and the times of searches.
    fn measure(&self, queries: &Table, truth: &[Vec<u64>]) -> Result<(f64, Times), Failure> {
        let (mut hits, mut times) = (0, Times::default());
        for (number, truth) in truth.iter().enumerate() {
            let start = Instant::now();
            let found = self.search(queries.row(number))?;
            times.0.push(start.elapsed());
            hits += found.iter().filter(|id| truth.contains(id)).count();
        }
        Ok((hits as f64 / (truth.len() * K) as f64, times))
    }

    fn rest(&self) -> Result<(), Failure> {
        let mut since = Instant::now();
        while since.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(20));
            if self.engine.vectors_status().running {
                since = Instant::now();
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    /// Milliseconds that so many of a thousand stay below.
    fn at(&mut self, permille: usize) -> f64 {
        self.0.sort_unstable();
        let place = (self.0.len() * permille / 1_000).min(self.0.len().saturating_sub(1));
        self.0.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, folder, numbers @ ..] = args.as_slice() else {
        return Err("DIR FOLDER [ROWS [DIM [TIMES [BACKEND]]]]".into());
    };
    let number = |at: usize, standard| numbers.get(at).map_or(Ok(standard), |arg| arg.parse());
    let (rows, dim, times) = (number(0, 20_000)?, number(1, 384)?, number(2, 10)?);
    let backend = numbers.get(3).map_or("disk", String::as_str).parse()?;
    let pace: Option<f64> = std::env::var("PACE").ok().map(|rows| rows.parse()).transpose()?;
    let base = Table::read(&Path::new(folder).join("base.fbin"), rows, dim)?;
    let queries = Table::read(&Path::new(folder).join("query.fbin"), QUERIES, dim)?;
    let options = IndexOptions {
        ids: IdKind::U64,
        tier: Tier::Tq2,
        backend,
        ..IndexOptions::new(base.dim as u32, Metric::Cosine)
    };
    let engine = Engine::open(&Io::real(), Some(Path::new(dir)), &EngineOptions::default())?;
    let old = Subject { engine: &engine, name: b"old" };
    let fresh = Subject { engine: &engine, name: b"fresh" };
    for subject in [&old, &fresh] {
        subject
            .run(1 << 10, |exec| exec.shard(subject.name).index_create(subject.name, options))??;
    }

    let mut ids: Vec<usize> = (0..base.rows()).collect();
    let mut given = ids.clone();
    let batch = |ids: &[usize], given: &[usize]| -> Vec<(u64, &[f32])> {
        ids.iter().map(|&id| (id as u64, base.row(given[id]))).collect()
    };
    let start = Instant::now();
    ids.chunks(BATCH).try_for_each(|ids| old.set(&batch(ids, &given)))?;
    let per_second = base.rows() as f64 / start.elapsed().as_secs_f64();
    old.consolidate()?;
    old.rest()?;
    let nothing = vec![Vec::new(); queries.rows()];
    let (_, mut idle) = old.measure(&queries, &nothing)?;

    // All rows anew, in another order each time, while one thread searches.
    let over = Arc::new(AtomicBool::new(false));
    let mut random = Random(7);
    let busy = std::thread::scope(|scope| -> Result<(Times, Duration), String> {
        let searching = {
            let (over, old, queries, nothing) = (Arc::clone(&over), &old, &queries, &nothing);
            scope.spawn(move || -> Result<Times, String> {
                let mut all = Times::default();
                while !over.load(Ordering::Relaxed) {
                    let measured =
                        old.measure(queries, nothing).map_err(|error| error.to_string())?;
                    all.0.extend(measured.1.0);
                }
                Ok(all)
            })
        };
        let start = Instant::now();
        let mut set = 0;
        let written = (0..times).try_for_each(|_| {
            random.shuffle(&mut ids);
            random.shuffle(&mut given);
            ids.chunks(BATCH).try_for_each(|ids| {
                old.set(&batch(ids, &given))?;
                set += ids.len();
                let due = pace.map(|pace| Duration::from_secs_f64(set as f64 / pace));
                let early = due.and_then(|due| due.checked_sub(start.elapsed()));
                early.into_iter().for_each(std::thread::sleep);
                Ok::<(), Failure>(())
            })
        });
        let took = start.elapsed();
        over.store(true, Ordering::Relaxed);
        written.map_err(|error| error.to_string())?;
        let times = searching.join().map_err(|_| "the search panicked".to_owned())??;
        Ok((times, took))
    });
    let (mut busy, took) = busy?;
    old.rest()?;

    let mut exact = FlatIndex::new(IndexOptions { tier: Tier::F32, ..options }, 1)?;
    for ids in ids.chunks(BATCH) {
        let rows = batch(ids, &given);
        rows.iter().try_for_each(|(id, row)| exact.set(*id, row).map(drop))?;
        fresh.set(&rows)?;
    }
    fresh.consolidate()?;
    let exact = exact.view();
    let truth = |number| -> Result<Vec<u64>, Failure> {
        let hits = exact.search(queries.row(number), K)?.into_iter();
        Ok(hits.map(|hit| if let Id::U64(id) = hit.id { id } else { 0 }).collect())
    };
    let truth: Vec<Vec<u64>> = (0..queries.rows()).map(truth).collect::<Result<_, _>>()?;
    let (after, mut rested) = old.measure(&queries, &truth)?;
    let (anew, mut anew_times) = fresh.measure(&queries, &truth)?;
    let info = |subject: &Subject<'_>| {
        subject.run(0, |exec| exec.shard(subject.name).index_info(subject.name))
    };
    let linked = |subject: &Subject<'_>| {
        let view = subject.run(0, |exec| exec.shard(subject.name).vector_view(subject.name));
        view.map(|view| view.map_or(0, |view| view.linked_segments()))
    };
    let (old_info, fresh_info) = (info(&old)??, info(&fresh)??);
    println!(
        "{{\"recall_10\": {after:.4}, \"fresh_recall_10\": {anew:.4}, \"recall_lost\": {:.4}, \
         \"idle_p50_ms\": {:.3}, \"idle_p99_ms\": {:.3}, \"churn_p50_ms\": {:.3}, \"churn_p99_ms\": {:.3}, \
         \"rested_p50_ms\": {:.3}, \"fresh_p50_ms\": {:.3}, \"p99_ratio\": {:.2}, \"set_per_s\": {per_second:.0}, \"replaced_per_s\": {:.0}, \
         \"segments\": {}, \"linked_segments\": {}, \"dead\": {}, \"memory_mib\": {:.1}, \"fresh_memory_mib\": {:.1}}}",
        anew - after,
        idle.at(500),
        idle.at(990),
        busy.at(500),
        busy.at(990),
        rested.at(500),
        anew_times.at(500),
        busy.at(990) / idle.at(990),
        (times * base.rows()) as f64 / took.as_secs_f64(),
        old_info.figures.segments,
        linked(&old)?,
        old_info.figures.dead,
        old_info.figures.memory_bytes as f64 / f64::from(1 << 20),
        fresh_info.figures.memory_bytes as f64 / f64::from(1 << 20),
    );
    engine.close()?;
    Ok(())
}
