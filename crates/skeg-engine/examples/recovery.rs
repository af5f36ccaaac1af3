//! How fast a database is read when it is opened, from its log and from a snapshot: records and bytes a
//! second, and for each second of processor time (Linux).
//!
//! `cargo run --release -p skeg-engine --example recovery DIR fill [KEYS [VALUE_BYTES [ROUNDS]]]` writes,
//! `... DIR snapshot` takes a snapshot, `... DIR open` opens and prints figures as JSON.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;
use std::time::Instant;

use skeg_engine::{Bound, Drain, Engine, EngineError, EngineOptions, Expiry, Holder};
use skeg_io::Io;

fn main() -> Result<(), EngineError> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| "recovery-data".into());
    let what = args.next().unwrap_or_default();
    let mut number = |standard| args.next().and_then(|arg| arg.parse().ok()).unwrap_or(standard);
    let (keys, value_bytes, rounds) = (number(2_000_000), number(64), number(1));
    // No snapshot but the one that is asked for.
    let options = EngineOptions { snapshot_log_bytes: u64::MAX, ..EngineOptions::default() };
    let engine = open(Path::new(&dir), &options)?;
    match what.as_str() {
        "fill" => (0..rounds).for_each(|_| fill(&engine, keys, value_bytes)),
        "snapshot" => snapshot(&engine),
        _ => {}
    }
    engine.close()
}

fn snapshot(engine: &Engine) {
    let (tell, told) = std::sync::mpsc::channel();
    let start = Instant::now();
    let done = move |result| drop(tell.send(result));
    if engine.snapshot(Box::new(done)).is_ok() {
        println!("snapshot: {:?} in {:.2?}", told.recv(), start.elapsed());
    }
}

/// Seconds of processor time of all threads so far, in steps of a hundredth.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    // Fields 14 and 15: user and system time.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn open(dir: &Path, options: &EngineOptions) -> Result<Engine, EngineError> {
    let (start, cpu_before) = (Instant::now(), cpu_seconds());
    let engine = Engine::open(&Io::real(), Some(dir), options)?;
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
    let found = engine.recovered();
    println!(
        "{{\"records\": {}, \"entries\": {}, \"bytes\": {}, \"seconds\": {seconds:.3}, \"cpu_seconds\": {cpu:.2}}}",
        found.records,
        found.snapshot_entries,
        found.bytes + found.snapshot_bytes,
    );
    Ok(engine)
}

fn fill(engine: &Engine, keys: u64, value_bytes: u64) {
    let value = vec![b'v'; value_bytes as usize];
    let mut holder = Holder::new(engine, Drain::Serve);
    for n in 0..keys {
        let key = format!("key:{:012}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % keys);
        let key = key.as_bytes();
        let shard = engine.shard_of(key);
        let bound = Bound::grow((key.len() + value.len()) as u64);
        loop {
            while holder.try_hold_one(shard) != Ok(true) {
                holder.release();
            }
            let set = holder
                .run_one(shard, bound, |exec| exec.shard(key).set(0, key, &value, Expiry::Clear));
            holder.release();
            if set.is_ok() {
                break;
            }
            std::thread::yield_now();
        }
        if n % 100 == 99
            && let Some(log) = engine.log()
        {
            log.try_write();
        }
    }
}
