//! What an operation costs in the engine, without protocol and sockets: nanoseconds for GET and SET
//! when each borrows its latch alone, and when 16 share the borrowed latches as a pipeline does.
//!
//! `cargo run --release -p skeg-engine --example shard_ops [DIR]`; with a directory the database is
//! durable, and a block is written every 1,000 commands.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;
use std::time::Instant;

use skeg_engine::{Bound, Drain, Engine, EngineError, EngineOptions, Expiry, Holder};
use skeg_io::Io;

const KEYS: u64 = 1_000_000;
const OPERATIONS: u64 = 4_000_000;

fn main() -> Result<(), EngineError> {
    let dir = std::env::args().nth(1);
    let engine =
        Engine::open(&Io::real(), dir.as_deref().map(Path::new), &EngineOptions::default())?;
    let value = [b'v'; 64];
    for pipeline in [1, 16] {
        run(&engine, "SET", pipeline, |holder, key| {
            let shard = holder.engine().shard_of(key);
            hold(holder, shard);
            let bound = Bound::grow((key.len() + value.len()) as u64);
            let done = holder
                .run_one(shard, bound, |exec| exec.shard(key).set(0, key, &value, Expiry::Clear));
            u64::from(done.is_ok())
        });
        run(&engine, "GET", pipeline, |holder, key| {
            let shard = holder.engine().shard_of(key);
            hold(holder, shard);
            let found = holder.run_one(shard, Bound::READ, |exec| {
                exec.shard(key).read_string(0, key).map(|value| value.map_or(0, |v| v.len() as u64))
            });
            found.map_or(0, |(length, _)| length.unwrap_or(0))
        });
    }
    engine.close()
}

fn hold(holder: &mut Holder, shard: skeg_engine::ShardId) {
    while holder.try_hold_one(shard) != Ok(true) {
        holder.release();
    }
}

fn run(engine: &Engine, name: &str, pipeline: u64, mut op: impl FnMut(&mut Holder, &[u8]) -> u64) {
    let mut holder = Holder::new(engine, Drain::Serve);
    let mut draw = 88_172_645_463_325_252_u64;
    let (mut sum, start) = (0, Instant::now());
    for n in 0..OPERATIONS {
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        let mut key = *b"key:000000000000";
        let mut rest = draw % KEYS;
        for digit in key.iter_mut().rev().take(12) {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        sum += op(&mut holder, &key);
        if n % pipeline == pipeline - 1 {
            holder.release();
        }
        if n % 1_000 == 999
            && let Some(log) = engine.log()
        {
            holder.release();
            log.try_write();
        }
    }
    holder.release();
    let each_ns = start.elapsed().as_nanos() as f64 / OPERATIONS as f64;
    println!("{name} {pipeline:>2} to a borrow: {each_ns:6.1} ns (checksum {sum})");
}
