//! Who serves a shard hands out a little to the snapshot that walks it; a thread whose time is its user's does not.

use skeg_engine::{Bound, Drain, Engine, EngineOptions, Exec, Expiry, Holder, Refusal, ShardId};
use skeg_io::Io;

const KEYS: u64 = 20_000;

/// Runs a command on the only shard.
fn on_shard(engine: &Engine, drain: Drain, command: &mut dyn FnMut(&mut Exec<'_>)) {
    let (mut holder, log) = (Holder::new(engine, drain), engine.log().expect("on disk"));
    loop {
        assert_eq!(holder.try_hold_one(ShardId(0)), Ok(true), "nobody else is there");
        let outcome = holder.run_one(ShardId(0), Bound::grow(1_000), &mut *command);
        holder.release();
        log.try_write();
        match outcome {
            Err(Refusal::Wait) => drop(log.maintain().expect("the disk is healthy")),
            other => return other.map(drop).expect("there is room"),
        }
    }
}

/// Entries that a snapshot has written once a slice was walked and all keys were read by such a thread.
fn entries_after_reading_all(drain: Drain) -> u64 {
    let dir = tempfile::tempdir().expect("there is room");
    let options = EngineOptions { home_threads: 0, shards: Some(1), ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options).expect("opens");
    for key in 0..KEYS {
        let key = key.to_le_bytes();
        on_shard(&engine, drain, &mut |exec| {
            exec.shard(&key).set(0, &key, &[b'v'; 100], Expiry::Clear);
        });
    }
    engine.start_snapshot().expect("none is under way");
    let mut is_walked = false;
    while !is_walked {
        engine.step_snapshot();
        on_shard(&engine, drain, &mut |exec| is_walked = exec.is_walked());
    }
    for key in 0..KEYS {
        let key = key.to_le_bytes();
        on_shard(&engine, drain, &mut |exec| {
            assert!(exec.shard(&key).string(0, &key).is_ok_and(|it| it.is_some()));
        });
    }
    engine.step_snapshot();
    let entries = engine.snapshot_status().entries;
    while engine.snapshot_status().running {
        engine.step_snapshot();
        engine.log().expect("on disk").sync().expect("the disk is healthy");
    }
    let status = engine.snapshot_status();
    assert_eq!((status.published, status.last_error), (1, None));
    engine.close().expect("the disk is healthy");
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options).expect("opens");
    assert_eq!(engine.recovered().snapshot_entries, KEYS, "each is handed out once");
    engine.close().expect("the disk is healthy");
    entries
}

#[test]
fn who_serves_others_walks_along_until_there_is_a_block() {
    let entries = entries_after_reading_all(Drain::Serve);
    assert!((1_500..KEYS / 2).contains(&entries), "{entries}");
}

#[test]
fn the_thread_of_a_script_does_not() {
    assert_eq!(entries_after_reading_all(Drain::WakeOnly), 0);
}
