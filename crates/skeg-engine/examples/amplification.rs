//! What a store takes of a disk while its data is overwritten (Linux): bytes written for each byte of user
//! data, and the size of all its files against the data that is live, at their peak and at the end.
//!
//! `cargo run --release -p skeg-engine --example amplification DIR uniform|skewed|large [LIVE_MIB [TIMES]]`
//! fills DIR with so many MiB of keys and values (1,024), overwrites as many bytes again so many times (20),
//! and prints figures as JSON. Values have 400 bytes, `large` ones 16 KiB. Skewed: the fourth power of what
//! would be uniform, so half of all writes go to a sixteenth of the keys.
//!
//! Sizes are allocated blocks, of files that are being written and of room ahead as well, looked at every
//! ten milliseconds from the end of the first filling on.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skeg_engine::{Bound, Drain, Engine, EngineError, EngineOptions, Expiry, Holder};
use skeg_io::Io;

const KEY_BYTES: u64 = 20;
/// Writers that are not served yet are told to try again after so many changes.
const BATCH: u64 = 100;
/// The store is at rest when its files have not changed for so long.
const REST: Duration = Duration::from_secs(3);

fn main() -> Result<(), EngineError> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| "amplification-data".into());
    let pattern = args.next().unwrap_or_default();
    let mut number = |standard| args.next().and_then(|arg| arg.parse().ok()).unwrap_or(standard);
    let (live_mib, times): (u64, u64) = (number(1_024), number(20));
    let value_bytes: u64 = if pattern == "large" { 16 << 10 } else { 400 };
    let keys = (live_mib << 20) / (KEY_BYTES + value_bytes);
    let live = keys * (KEY_BYTES + value_bytes);

    let engine = Engine::open(&Io::real(), Some(Path::new(&dir)), &EngineOptions::default())?;
    let mut writer = Writer { engine: &engine, value: vec![b'v'; value_bytes as usize], random: 1 };
    for key in 0..keys {
        writer.set(key);
    }

    let watch = Watch::start(Path::new(&dir));
    let (start, written_before) = (Instant::now(), written_bytes());
    let mut micros = vec![0_u64; 1 << 20];
    for _ in 0..times * keys {
        let share = writer.next() as f64 / u64::MAX as f64;
        let share = if pattern == "skewed" { share.powi(4) } else { share };
        let took = writer.set(((share * keys as f64) as u64).min(keys - 1));
        let slot = (took.as_micros() as usize).min(micros.len() - 1);
        micros[slot] += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    let snapshots = engine.snapshot_status().published;
    let written = written_bytes() - written_before;
    let last = rest(Path::new(&dir));
    let (most, user) = (watch.stop(), times * live);
    println!(
        "{{\"live_bytes\": {live}, \"write_amplification\": {:.3}, \"peak_space\": {:.3}, \"final_space\": {:.3}, \
         \"snapshots\": {snapshots}, \"sets_per_second\": {:.0}, \"set_p99_us\": {}, \"set_p9999_us\": {}}}",
        written as f64 / user as f64,
        most as f64 / live as f64,
        last as f64 / live as f64,
        (times * keys) as f64 / seconds,
        quantile(&micros, 0.99),
        quantile(&micros, 0.9999),
    );
    engine.close()
}

struct Writer<'a> {
    engine: &'a Engine,
    value: Vec<u8>,
    random: u64,
}

impl Writer<'_> {
    /// A random number, by xorshift.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Sets a key to a new value. How long that took.
    fn set(&mut self, number: u64) -> Duration {
        let stamp = self.next();
        self.value[..8].copy_from_slice(&stamp.to_le_bytes());
        let key = format!("key:{number:016}");
        let key = key.as_bytes();
        let start = Instant::now();
        let shard = self.engine.shard_of(key);
        let bound = Bound::grow((key.len() + self.value.len()) as u64);
        let mut holder = Holder::new(self.engine, Drain::Serve);
        loop {
            while holder.try_hold_one(shard) != Ok(true) {
                holder.release();
            }
            let value = &self.value;
            let set = holder
                .run_one(shard, bound, |exec| exec.shard(key).set(0, key, value, Expiry::Clear));
            holder.release();
            if set.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        let took = start.elapsed();
        if stamp.is_multiple_of(BATCH)
            && let Some(log) = self.engine.log()
        {
            log.try_write();
        }
        took
    }
}

/// The least number of microseconds within which such a part of all sets was done.
fn quantile(micros: &[u64], part: f64) -> usize {
    let wanted = (micros.iter().sum::<u64>() as f64 * part) as u64;
    let mut sum = 0;
    let found = micros.iter().position(|count| {
        sum += count;
        sum > wanted
    });
    found.unwrap_or(micros.len())
}

/// Looks at the size of the files again and again.
struct Watch {
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn start(dir: &Path) -> Self {
        let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (dir, most, stop) = (dir.to_owned(), Arc::clone(&most), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(allocated(&dir), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(10));
                }
            })
        };
        Self { most, stop, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        // It only looks: a panic there has spoilt nothing but the figure.
        let _ = self.thread.join();
        self.most.load(Ordering::Relaxed)
    }
}

/// Waits until the files change no more. Their size.
fn rest(dir: &Path) -> u64 {
    loop {
        let before = allocated(dir);
        std::thread::sleep(REST);
        let after = allocated(dir);
        if before == after {
            return after;
        }
    }
}

/// Bytes of all blocks of all files of a directory. One that goes in the middle counts as gone.
fn allocated(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => allocated(&entry.path()),
        Ok(about) => about.blocks() * 512,
        Err(_) => 0,
    });
    bytes.sum()
}

/// Bytes that this process has caused to be written to the disk.
fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}
