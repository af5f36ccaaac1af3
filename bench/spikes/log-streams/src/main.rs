//! Spike behind `docs/decisions/0001-one-commit-stream.md`: one commit stream for all shards
//! against a log per shard. Three questions: what appending costs under load, what making it
//! durable costs, how fast it is read again.
//!
//! `cargo run --release -- <empty directory on the disk in question>`
#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const SHARDS: usize = 16;
const RECORD_BYTES: usize = 100;
const HEADER_BYTES: usize = 8;
const SECONDS_EACH: f64 = 1.0;

fn main() -> std::io::Result<()> {
    let dir = PathBuf::from(std::env::args().nth(1).expect("a directory on the disk to measure"));
    std::fs::create_dir_all(&dir)?;
    for round in 1..=3 {
        println!("round {round}");
        append(&dir)?;
        fsync(&dir)?;
        recover(&dir)?;
    }
    Ok(())
}

/// A file whose blocks are allocated, so that writing does not change its size.
fn create(path: &Path, bytes: u64) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let zeros = vec![0; 1 << 20];
    for step in 0..bytes.div_ceil(1 << 20) {
        file.write_all_at(&zeros, step << 20)?;
    }
    file.sync_all()?;
    Ok(file)
}

#[repr(align(128))]
struct Buffer(Mutex<[Vec<u8>; 2]>);

fn buffers() -> Vec<Buffer> {
    (0..SHARDS).map(|_| Buffer(Mutex::new([Vec::new(), Vec::new()]))).collect()
}

fn put(half: &mut Vec<u8>, payload: &[u8]) {
    half.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    half.extend_from_slice(payload);
}

fn checksum(records: &mut [u8]) {
    for record in records.chunks_exact_mut(HEADER_BYTES + RECORD_BYTES) {
        let crc = crc32c::crc32c(&record[HEADER_BYTES..]);
        record[4..8].copy_from_slice(&crc.to_le_bytes());
    }
}

struct Random(u64);
impl Random {
    fn shard(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % SHARDS
    }
}

struct Writer {
    file: File,
    offset: u64,
    block: Vec<u8>,
    spare: Vec<u8>,
}

impl Writer {
    /// The file is written round and round: the spike measures appending, not disk capacity.
    fn write(&mut self) {
        if self.block.len() as u64 + self.offset > (64 << 20) {
            self.offset = 0;
        }
        self.file.write_all_at(&self.block, self.offset).expect("the disk takes it");
        self.offset += self.block.len() as u64;
    }
}

/// Threads push `turn` records to random shards, then see to it that the kernel has them.
/// Returns records handed to the kernel per second, and write calls per record.
fn run(threads: usize, work: impl Fn(u64, &Random) -> (u64, u64) + Sync) -> (f64, f64) {
    let barrier = Barrier::new(threads);
    let totals = Mutex::new((0, 0));
    let began = Instant::now();
    thread::scope(|scope| {
        for thread in 0..threads as u64 {
            let (barrier, totals, work) = (&barrier, &totals, &work);
            scope.spawn(move || {
                barrier.wait();
                let (records, writes) = work(thread, &Random(thread + 88_172_645_463_325_252));
                let mut totals = totals.lock().expect("not poisoned");
                totals.0 += records;
                totals.1 += writes;
            });
        }
    });
    let (records, writes) = totals.into_inner().expect("not poisoned");
    (records as f64 / began.elapsed().as_secs_f64(), writes as f64 / records as f64)
}

fn append(dir: &Path) -> std::io::Result<()> {
    println!(
        "append: {RECORD_BYTES}-byte records to {SHARDS} shards at random, all handed to the kernel"
    );
    println!("threads turn | one stream M/s  writes/record | per shard M/s  writes/record");
    let limit = Duration::from_secs_f64(SECONDS_EACH);
    let payload = [7; RECORD_BYTES];
    for threads in [1, 2] {
        for turn in [1, 16, 128] {
            let buffers_one = buffers();
            let epoch = AtomicU64::new(1);
            let pushed = AtomicU64::new(0);
            let writer = Mutex::new(Writer {
                file: create(&dir.join("one"), 64 << 20)?,
                offset: 0,
                block: Vec::new(),
                spare: Vec::new(),
            });
            let written = AtomicU64::new(0);
            let one = run(threads, |_, seed| {
                let (mut random, mut records, mut writes) = (Random(seed.0), 0, 0);
                let began = Instant::now();
                while began.elapsed() < limit {
                    let mut last = 0;
                    for _ in 0..turn {
                        let mut halves =
                            buffers_one[random.shard()].0.lock().expect("not poisoned");
                        last = epoch.load(SeqCst);
                        put(&mut halves[last as usize & 1], &payload);
                        if pushed.load(SeqCst) < last {
                            pushed.fetch_max(last, SeqCst);
                        }
                    }
                    records += turn;
                    while written.load(SeqCst) < last {
                        let Ok(mut writer) = writer.try_lock() else {
                            thread::yield_now();
                            continue;
                        };
                        let closed = epoch.load(SeqCst);
                        if pushed.load(SeqCst) < closed {
                            continue;
                        }
                        epoch.store(closed + 1, SeqCst);
                        writer.block.clear();
                        writer.block.resize(64 + 8 * SHARDS, 1);
                        for buffer in &buffers_one {
                            let mut spare = std::mem::take(&mut writer.spare);
                            {
                                let mut halves = buffer.0.lock().expect("not poisoned");
                                std::mem::swap(&mut halves[closed as usize & 1], &mut spare);
                            }
                            checksum(&mut spare);
                            writer.block.extend_from_slice(&spare);
                            spare.clear();
                            writer.spare = spare;
                        }
                        writer.write();
                        writes += 1;
                        written.store(closed, SeqCst);
                    }
                }
                (records, writes)
            });
            let buffers_each = buffers();
            let writers: Vec<_> = (0..SHARDS)
                .map(|shard| {
                    Ok(Mutex::new(Writer {
                        file: create(&dir.join(format!("each{shard}")), 64 << 20)?,
                        offset: 0,
                        block: Vec::new(),
                        spare: Vec::new(),
                    }))
                })
                .collect::<std::io::Result<_>>()?;
            let each = run(threads, |_, seed| {
                let (mut random, mut records, mut writes) = (Random(seed.0), 0, 0);
                let began = Instant::now();
                let mut dirty = [false; SHARDS];
                while began.elapsed() < limit {
                    for _ in 0..turn {
                        let shard = random.shard();
                        dirty[shard] = true;
                        put(&mut buffers_each[shard].0.lock().expect("not poisoned")[0], &payload);
                    }
                    records += turn;
                    for (shard, dirty) in dirty.iter_mut().enumerate() {
                        if !std::mem::take(dirty) {
                            continue;
                        }
                        let mut writer = writers[shard].lock().expect("not poisoned");
                        let mut spare = std::mem::take(&mut writer.spare);
                        std::mem::swap(
                            &mut buffers_each[shard].0.lock().expect("not poisoned")[0],
                            &mut spare,
                        );
                        if !spare.is_empty() {
                            checksum(&mut spare);
                            writer.block.clear();
                            writer.block.resize(64, 1);
                            writer.block.extend_from_slice(&spare);
                            writer.write();
                            writes += 1;
                        }
                        spare.clear();
                        writer.spare = spare;
                    }
                }
                (records, writes)
            });
            println!(
                "{threads:>7} {turn:>4} | {:>14.2} {:>14.3} | {:>13.2} {:>14.3}",
                one.0 / 1e6,
                one.1,
                each.0 / 1e6,
                each.1
            );
        }
    }
    Ok(())
}

/// The calling thread syncs one of the files itself: with one file there is no other thread.
fn fsync(dir: &Path) -> std::io::Result<()> {
    println!("fsync: 16 KiB appended in all, then fdatasync of every file, one thread per file");
    println!("files | p10 us  median us");
    for files in [1, 2, 4, 16] {
        let (rounds, part) = (400, 16384 / files);
        let barrier = Arc::new(Barrier::new(files));
        let mut workers = Vec::new();
        for number in 1..files {
            let file = create(&dir.join(format!("sync{number}")), 16 << 20)?;
            let barrier = Arc::clone(&barrier);
            workers.push(thread::spawn(move || {
                for round in 0..rounds {
                    file.write_all_at(&vec![5; part], round * part as u64).expect("writable");
                    barrier.wait();
                    file.sync_data().expect("the disk syncs");
                    barrier.wait();
                }
            }));
        }
        let file = create(&dir.join("sync0"), 16 << 20)?;
        let mut times = Vec::new();
        for round in 0..rounds {
            file.write_all_at(&vec![5; part], round * part as u64)?;
            barrier.wait();
            let began = Instant::now();
            file.sync_data()?;
            barrier.wait();
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        for worker in workers {
            worker.join().expect("no worker panics");
        }
        times.sort_by(f64::total_cmp);
        println!("{files:>5} | {:>6.0} {:>10.0}", times[times.len() / 10], times[times.len() / 2]);
    }
    Ok(())
}

/// Reads a file of records, verifies each, and hands it to a table of its shard.
fn scan(file: &File, bytes: u64) -> u64 {
    let mut window = vec![0; 1080 * 1024];
    let (mut offset, mut records) = (0, 0);
    while offset < bytes {
        let wanted = window.len().min((bytes - offset) as usize);
        file.read_exact_at(&mut window[..wanted], offset).expect("readable");
        for record in window[..wanted].chunks_exact(HEADER_BYTES + RECORD_BYTES) {
            let crc = crc32c::crc32c(&record[HEADER_BYTES..]);
            records += u64::from(crc.to_le_bytes() == record[4..8]);
        }
        offset += wanted as u64;
    }
    black_box(records)
}

fn recover(dir: &Path) -> std::io::Result<()> {
    println!("recovery: verify and walk the records of 256 MiB in all, page cache warm");
    println!("files threads | M records/s    GB/s");
    let total = 1080 * 1024 * 240;
    for (files, threads) in [(1_usize, 1_usize), (16, 1), (16, 2)] {
        let each = (total / files) as u64;
        let mut block = Vec::new();
        while block.len() < 1080 * 1024 {
            put(&mut block, &[9; RECORD_BYTES]);
        }
        checksum(&mut block);
        let set: Vec<File> = (0..files)
            .map(|number| {
                let file = create(&dir.join(format!("scan{number}")), 0)?;
                for step in 0..each / block.len() as u64 {
                    file.write_all_at(&block, step * block.len() as u64)?;
                }
                Ok(file)
            })
            .collect::<std::io::Result<_>>()?;
        set.iter().for_each(|file| {
            scan(file, each);
        });
        let began = Instant::now();
        let records: u64 = thread::scope(|scope| {
            let workers: Vec<_> = set
                .chunks(files.div_ceil(threads))
                .map(|part| {
                    scope.spawn(move || part.iter().map(|file| scan(file, each)).sum::<u64>())
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().expect("no worker panics")).sum()
        });
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{files:>5} {threads:>7} | {:>11.1} {:>7.2}",
            records as f64 / seconds / 1e6,
            total as f64 / seconds / 1e9
        );
    }
    Ok(())
}
