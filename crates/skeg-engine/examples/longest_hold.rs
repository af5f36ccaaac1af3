//! How long a snapshot holds a latch at most, in processor time of the thread that holds it: while it is
//! taken of many small keys and of one large hash, this thread also writes keys, whose buckets it then has
//! to hand out first, and a second one has fields of the hash set.
//!
//! `cargo run --release -p skeg-engine --example longest_hold -- DIR [KEYS] [FIELDS]`; DIR is created.
//! A step of the snapshot is one hold and what the snapshot does without a latch; steps that write a block
//! of the file are told apart. Durations are microseconds.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;
use std::time::Instant;

use skeg_engine::{
    Bound, Drain, Engine, EngineError, EngineOptions, Exec, Expiry, Holder, Job, Progress, Receipt,
    Refusal, ShardList,
};
use skeg_io::sync::{Arc, Mutex};
use skeg_io::{Io, thread_cpu_ns};

const HASH: &[u8] = b"hash";
/// After so many writes the log's buffer is written.
const WRITE_EVERY: u64 = 20_000;

fn main() -> Result<(), EngineError> {
    let mut words = std::env::args().skip(1);
    let dir = words.next().unwrap_or_else(|| "longest-hold".to_owned());
    let mut number = |or| words.next().and_then(|word| word.parse().ok()).unwrap_or(or);
    let (keys, fields): (u64, u64) = (number(10_000_000), number(1_000_000));
    // No threads but this one: what is measured is under way when it says so.
    let options = EngineOptions {
        home_threads: 0,
        snapshot_log_bytes: u64::MAX / 2,
        ..EngineOptions::default()
    };
    let engine = Engine::open(&Io::real(), Some(Path::new(&dir)), &options)?;
    let mut holder = Holder::new(&engine, Drain::Serve);
    for n in 0..keys {
        set(&mut holder, n);
    }
    for n in 0..fields {
        let field = n.to_string();
        let set = |exec: &mut Exec<'_>| {
            let _ = exec.shard(HASH).hash_set(0, HASH, field.as_bytes(), b"a value of some bytes");
        };
        run(&mut holder, HASH, n, set);
    }
    println!("{keys} keys and a hash of {fields} fields");
    snapshot(&engine, &mut holder, keys);
    engine.close()
}

/// Takes a snapshot step by step, with writes in between.
fn snapshot(engine: &Engine, holder: &mut Holder, keys: u64) {
    if let Err(error) = engine.start_snapshot() {
        println!("no snapshot: {error}");
        return;
    }
    let (mut holds, mut writing, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    let waits = Arc::new(Mutex::new(Waits::default()));
    let (mut draw, mut written) = (88_172_645_463_325_252_u64, 0);
    while engine.snapshot_status().running {
        let begun = thread_cpu_ns();
        engine.step_snapshot();
        let ns = thread_cpu_ns() - begun;
        let bytes = engine.snapshot_status().bytes;
        if bytes == written {
            holds.push(ns);
        } else {
            writing.push(ns);
        }
        written = bytes;
        for _ in 0..3 {
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17;
            writes.push(set(holder, draw % keys.max(1)));
        }
        change_hash(engine, &waits);
        turn(engine);
    }
    let held_ns = engine.snapshot_status().longest_hold_ns;
    println!("longest hold of a latch: {:.1}", held_ns as f64 / 1_000.0);
    tell("steps of the snapshot without a block", holds);
    tell("steps of the snapshot with a block", writing);
    tell("writes of keys", writes);
    tell("waits of who changes the hash, by the clock", std::mem::take(&mut waits.lock().took));
}

/// Sets a field of the large hash, unless somebody waits to.
fn change_hash(engine: &Engine, waits: &Arc<Mutex<Waits>>) {
    if std::mem::replace(&mut waits.lock().is_waiting, true) {
        return;
    }
    let shards = ShardList::one(engine.shard_of(HASH));
    let job = SetField { shards, since: Instant::now(), waits: Arc::clone(waits) };
    if engine.post(Box::new(job), Drain::Serve).is_err() {
        waits.lock().is_waiting = false;
    }
}

#[derive(Default)]
struct Waits {
    is_waiting: bool,
    took: Vec<u64>,
}

struct SetField {
    shards: ShardList,
    since: Instant,
    waits: Arc<Mutex<Waits>>,
}

impl Job for SetField {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        Bound::grow(200)
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        exec.shard(HASH).want_change(0, HASH);
        if !exec.must_wait() {
            let _ = exec.shard(HASH).hash_set(0, HASH, b"7", b"another value");
        }
        Progress::Done
    }

    fn keeps_place(&self) -> bool {
        false
    }

    fn done(self: Box<Self>, _: Result<Receipt, Refusal>) {
        let mut waits = self.waits.lock();
        waits.is_waiting = false;
        waits.took.push(u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Sets a key; what that takes, in nanoseconds of processor time.
fn set(holder: &mut Holder, n: u64) -> u64 {
    let key = format!("key:{n:012}").into_bytes();
    run(holder, &key, n, |exec| {
        exec.shard(&key).set(0, &key, &[b'v'; 16], Expiry::Clear);
    })
}

/// Runs a write when there is room for it.
fn run(holder: &mut Holder, key: &[u8], n: u64, mut write: impl FnMut(&mut Exec<'_>)) -> u64 {
    let id = holder.engine().shard_of(key);
    loop {
        if holder.try_hold_one(id) == Ok(true) {
            let begun = thread_cpu_ns();
            let ran = holder.run_one(id, Bound::grow(200), &mut write);
            let ns = thread_cpu_ns() - begun;
            holder.release();
            if n.is_multiple_of(WRITE_EVERY) {
                turn(holder.engine());
            }
            if ran.is_ok() {
                return ns;
            }
        }
        turn(holder.engine());
        holder.engine().step_snapshot();
    }
}

/// What the log's threads would do.
fn turn(engine: &Engine) {
    let Some(log) = engine.log() else { return };
    log.try_write();
    if log.maintain().is_err() || log.sync().is_err() {
        println!("the disk has failed");
        std::process::exit(1);
    }
}

fn tell(name: &str, mut ns: Vec<u64>) {
    ns.sort_unstable();
    let at = |part: f64| {
        let place = (ns.len() as f64 * part) as usize;
        ns.get(place.min(ns.len().saturating_sub(1))).copied().unwrap_or(0) as f64 / 1_000.0
    };
    println!(
        "{name}: {} times, half below {:.1}, 99 of 100 below {:.1}, longest {:.1}",
        ns.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
