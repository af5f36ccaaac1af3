//! What deletions leave is given back, in the background.

use skeg_engine::{Bound, Drain, Engine, EngineOptions, Expiry, Holder, ShardList};
use skeg_io::Io;

const KEYS: u32 = 60_000;

fn key(number: u32) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

fn on_shard<R>(engine: &Engine, run: impl FnOnce(&mut skeg_engine::Shard) -> R) -> R {
    let shards = ShardList::one(engine.shard_of(b""));
    let mut holder = Holder::new(engine, Drain::Serve);
    assert!(holder.try_hold(&shards).expect("open"));
    let run = |exec: &mut skeg_engine::Exec<'_>| run(exec.shard(b""));
    holder.run(&shards, Bound::grow(1 << 20), run).expect("not refused").0
}

fn memory_bytes(engine: &Engine) -> u64 {
    on_shard(engine, |shard| shard.figures().memory_bytes)
}

#[test]
fn sparse_pages_are_freed_tick_by_tick_and_nothing_else_changes() {
    let options = EngineOptions { shards: Some(1), home_threads: 0, ..Default::default() };
    let engine = Engine::open(&Io::real(), None, &options).expect("opens in memory");
    on_shard(&engine, |shard| {
        for number in 0..KEYS {
            let expiry = if number % 3 == 0 { Expiry::At(u64::MAX >> 16) } else { Expiry::Clear };
            shard.set(0, &key(number), &[b'v'; 64], expiry);
        }
    });
    let full = memory_bytes(&engine);
    engine.tick();
    assert_eq!(memory_bytes(&engine), full, "nothing is moved without need");

    on_shard(&engine, |shard| {
        for number in (0..KEYS).filter(|number| number % 10 != 0) {
            assert!(shard.remove(0, &key(number)));
        }
    });
    let sparse = memory_bytes(&engine);
    engine.tick();
    let first = memory_bytes(&engine);
    assert!(first < sparse, "one tick frees something");
    for _ in 0..20 {
        engine.tick();
    }
    let left = memory_bytes(&engine);
    assert!(left < full / 6, "{left} bytes of {full} are left");
    on_shard(&engine, |shard| {
        assert_eq!(shard.len(0), KEYS as usize / 10);
        for number in 0..KEYS {
            assert_eq!(shard.exists(0, &key(number)), number % 10 == 0, "{number}");
        }
    });
}
