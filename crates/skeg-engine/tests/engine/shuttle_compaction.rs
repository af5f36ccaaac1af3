//! Interleavings of compaction with readers and writers, under the shuttle scheduler: whoever reads a large
//! string gets the one that was written last, be it at its old place, at its new one or in the cache; and
//! nothing that is written or removed meanwhile is undone, also not by the next opening.

use shuttle::thread;
use skeg_engine::{Bound, Drain, Engine, EngineOptions, Exec, Expiry, Holder, Refusal, ShardList};
use skeg_io::Io;
use skeg_io::sim::SimMachine;

use crate::shuttle_support::{self, check, turn};

const ITERATIONS: usize = 150;
/// Longer than what stays in memory.
const LARGE: usize = 1_500;

fn open(io: &Io) -> Engine {
    // Room for some of what is read.
    let (segment_bytes, cache_bytes) = (16 << 10, 20 * LARGE);
    let options = EngineOptions { segment_bytes, cache_bytes, ..EngineOptions::default() };
    shuttle_support::open(io, options)
}

/// Runs a command when its latch is free and the log has room for it.
fn run<T>(engine: &Engine, mut command: impl FnMut(&mut Exec<'_>) -> T) -> T {
    let only = ShardList::all(1);
    loop {
        let mut holder = Holder::new(engine, Drain::Serve);
        if holder.try_hold(&only).unwrap() {
            match holder.run(&only, Bound::grow(2 * LARGE as u64), &mut command) {
                Err(Refusal::Wait) => {}
                other => return other.unwrap().0,
            }
        }
        holder.release();
        turn(engine);
        thread::yield_now();
    }
}

fn set(engine: &Engine, key: &[u8], fill: u8) {
    run(engine, |exec| exec.shard(key).set(0, key, &[fill; LARGE], Expiry::Clear));
}

/// What a large string is filled with.
fn get(engine: &Engine, key: &[u8]) -> Option<u8> {
    let found = run(engine, |exec| {
        let found = exec.shard(key).string(0, key).expect("it can be read");
        found.map(|value| {
            let mut bytes = Vec::new();
            value.write_to(&mut bytes);
            bytes
        })
    });
    let bytes = found?;
    assert!(bytes.len() == LARGE && bytes.iter().all(|byte| *byte == bytes[0]), "another's bytes");
    Some(bytes[0])
}

/// An engine whose first segment has three strings that are needed, and is mostly dead.
fn mostly_dead(io: &Io) -> (Engine, u64) {
    let engine = open(io);
    [b"kept", b"lost", b"read"].into_iter().for_each(|key| set(&engine, key, 1));
    let mut fill = 0;
    while engine.log().unwrap().sealed_segments().is_empty() {
        fill += 1;
        set(&engine, b"filler", fill);
        turn(&engine);
    }
    engine.tick();
    let first = engine.log().unwrap().sealed_segments()[0].id;
    (engine, first)
}

#[test]
fn compaction_undoes_nothing_and_hides_nothing() {
    check(ITERATIONS, || {
        let io = SimMachine::new(1).io();
        let (engine, first) = mostly_dead(&io);
        let compactor = {
            let engine = engine.clone();
            thread::spawn(move || {
                engine.start_snapshot().unwrap();
                while engine.step_snapshot() {
                    turn(&engine);
                    thread::yield_now();
                }
            })
        };
        let writer = {
            let engine = engine.clone();
            thread::spawn(move || {
                set(&engine, b"kept", 2);
                assert!(run(&engine, |exec| exec.shard(b"lost").remove(0, b"lost")));
            })
        };
        let mut seen = (Some(1), Some(1));
        for _ in 0..3 {
            assert_eq!(get(&engine, b"read"), Some(1));
            let now = (get(&engine, b"kept"), get(&engine, b"lost"));
            assert!(now.0 == seen.0 || now.0 == Some(2), "{now:?} after {seen:?}");
            assert!(now.1 == seen.1 || now.1.is_none(), "{now:?} after {seen:?}");
            seen = now;
        }
        writer.join().unwrap();
        compactor.join().unwrap();
        let state = |engine: &Engine| [b"read", b"kept", b"lost"].map(|key| get(engine, key));
        assert_eq!(state(&engine), [Some(1), Some(2), None]);
        assert_eq!(engine.snapshot_status().published, 1, "{:?}", engine.snapshot_status());
        assert!(engine.value_figures().restated_bytes >= LARGE as u64);
        let segments = engine.log().unwrap().sealed_segments();
        assert!(segments.iter().all(|segment| segment.id != first), "{segments:?}");
        engine.close().unwrap();
        let engine = open(&io);
        assert_eq!(state(&engine), [Some(1), Some(2), None], "when it was opened again");
        engine.close().unwrap();
    });
}
