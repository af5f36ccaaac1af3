//! Another number of shards for a database that is there: everything is as it was, and where routing looks.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

use std::collections::BTreeMap;
use std::path::Path;

use skeg_engine::offline::{self, Offline};
use skeg_engine::{
    Bound, DATABASES, Drain, End, Engine, EngineError, EngineOptions, Exec, Expiry, Holder,
    LogError, Refusal, ShardList, ValueRef,
};
use skeg_io::Io;
use skeg_io::sim::{CrashPolicy, SimMachine};
use skeg_vector::{Backend, IdKind, IndexOptions, Metric, Tier};

fn options(shards: Option<u16>) -> EngineOptions {
    EngineOptions {
        home_threads: 0,
        shards,
        inline_max: 64,
        segment_bytes: 64 << 10,
        vector_delta_bytes: 1,
        ..EngineOptions::default()
    }
}

fn open(dir: &Path, shards: Option<u16>) -> Result<Engine, EngineError> {
    Engine::open(&Io::real(), Some(dir), &options(shards))
}

/// Runs a command on the shard of a key, doing what threads would do while it must wait.
fn on_key(engine: &Engine, key: &[u8], command: impl FnMut(&mut Exec<'_>)) {
    run(engine, &ShardList::one(engine.shard_of(key)), command);
}

fn run<T>(engine: &Engine, on: &ShardList, mut command: impl FnMut(&mut Exec<'_>) -> T) -> T {
    let mut holder = Holder::new(engine, Drain::Serve);
    loop {
        if holder.try_hold(on).unwrap() {
            match holder.run(on, Bound::grow(64 << 10), &mut command) {
                Err(Refusal::Wait) => {}
                other => return other.unwrap().0,
            }
        }
        holder.release();
        turn(engine);
    }
}

fn turn(engine: &Engine) {
    let log = engine.log().unwrap();
    log.try_write();
    log.maintain().unwrap();
    log.sync().unwrap();
    engine.tick();
}

/// Writes keys of every kind, some with deadlines, and rows of an index that go into segments.
fn write(engine: &Engine, round: u64) {
    let far = engine.now_ms() + 3_600_000;
    for number in 0..300_u64 {
        let key = format!("{round} {number}").into_bytes();
        let (db, item) = ((number % 3) as u8, number.to_le_bytes());
        on_key(engine, &key, |exec| {
            let shard = exec.shard(&key);
            match number % 6 {
                0 => drop(shard.set(db, &key, &vec![b'v'; number as usize], Expiry::Clear)),
                1 => shard.set_int(db, &key, number.cast_signed()),
                2 => drop(shard.hash_set(db, &key, b"field", &item).unwrap()),
                3 => drop(shard.list_push(db, &key, End::Back, &item).unwrap()),
                4 => drop(shard.set_add(db, &key, &item).unwrap()),
                _ => drop(shard.zset_set(db, &key, &item, 0.5).unwrap()),
            }
            if number % 7 == 0 {
                shard.set_expiry(db, &key, Some(far));
            }
        });
    }
    for name in [&b"docs"[..], b"others", b"{17}"] {
        on_key(engine, name, |exec| {
            let new = IndexOptions::new(4, Metric::Euclidean);
            let options =
                IndexOptions { ids: IdKind::U64, tier: Tier::Tq2, backend: Backend::Disk, ..new };
            let shard = exec.shard(name);
            shard.index_create(name, options).unwrap();
            for id in 0..5 + round {
                let row = [round as f32, id as f32, 1.0, -1.0];
                shard.vector_set(name, id.into(), &row).unwrap();
            }
            shard.vector_remove(name, round.into()).unwrap();
        });
        for _ in 0..10 {
            engine.step_vectors();
            turn(engine);
        }
    }
}

/// All there is, looked for where routing has it.
fn contents(engine: &Engine) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    run(engine, &ShardList::all(engine.shards()), |exec| {
        let mut keys = Vec::new();
        let mut names = Vec::new();
        for shard in exec.shards() {
            for db in 0..DATABASES {
                let mut cursor = 0;
                loop {
                    cursor = shard.scan(db, cursor, 64, &mut |key, entry| {
                        keys.push((db, key.to_vec(), entry.expire_at_ms));
                    });
                    if cursor == 0 {
                        break;
                    }
                }
            }
            names.extend(shard.index_list().into_iter().map(|info| info.name));
        }
        for (db, key, deadline) in keys {
            let shard = exec.shard(&key);
            let value = match shard.peek(db, &key).expect("it is where it is looked for") {
                ValueRef::Away(_) | ValueRef::Str(_) => {
                    let mut bytes = Vec::new();
                    shard.string(db, &key).unwrap().unwrap().write_to(&mut bytes);
                    format!("{bytes:?}")
                }
                ValueRef::Hash(hash) => format!("{:?}", hash.iter().collect::<Vec<_>>()),
                ValueRef::List(list) => format!("{:?}", list.iter().collect::<Vec<_>>()),
                ValueRef::Set(set) => format!("{:?}", set.iter().collect::<Vec<_>>()),
                ValueRef::SortedSet(set) => format!("{:?}", set.iter().collect::<Vec<_>>()),
                other => panic!("nobody stored a {:?}", other.kind()),
            };
            let key = format!("{db} {}", key.escape_ascii());
            assert_eq!(found.insert(key, format!("{value} {deadline:?}")), None);
        }
        for name in names {
            let shard = exec.shard(&name);
            let vectors = shard.index_info(&name).unwrap().figures.vectors;
            let rows: Vec<_> = (0..40_u64)
                .filter_map(|id| {
                    let row = shard.vector_get(&name, id.into()).unwrap()?;
                    Some(row.read().unwrap().into_owned())
                })
                .collect();
            assert_eq!(rows.len(), vectors);
            assert_eq!(found.insert(format!("{name:?}"), format!("{rows:?}")), None);
        }
    });
    found
}

#[test]
fn everything_is_there_under_any_number_of_shards() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), Some(2)).unwrap();
    write(&engine, 0);
    let mut expected = contents(&engine);
    assert!(expected.len() > 290, "{}", expected.len());
    engine.close().unwrap();
    for (round, shards) in (1..).zip([8_u16, 1, 4, 64, 16, 1]) {
        let engine = open(dir.path(), Some(shards)).unwrap();
        assert_eq!(engine.shards(), shards);
        assert_eq!(engine.recovered().records, 0, "the log begins anew behind a snapshot");
        assert!(engine.recovered().resharded_from.is_some());
        assert_eq!(contents(&engine), expected, "{shards} shards");
        write(&engine, round);
        expected = contents(&engine);
        if round % 2 == 0 {
            engine.log().unwrap().sync().unwrap();
            drop(engine);
        } else {
            engine.close().unwrap();
        }
        // It keeps its number.
        let engine = open(dir.path(), None).unwrap();
        assert_eq!((engine.shards(), engine.recovered().resharded_from), (shards, None));
        assert_eq!(contents(&engine), expected, "{shards} shards, opened again");
        engine.close().unwrap();
        let offline = Offline::open(&Io::real(), dir.path()).unwrap();
        let report = offline::check(&Io::real(), &offline, &|_, _| {}).unwrap();
        assert!(report.is_sound() && report.leftovers.is_empty(), "{report:?}");
    }
}

#[test]
fn a_crash_at_any_step_leaves_the_old_number_or_the_new() {
    let mut machine = SimMachine::new(1);
    let open = |machine: &SimMachine, shards| {
        Engine::open(&machine.io(), Some(Path::new("/db")), &options(shards))
    };
    let engine = open(&machine, Some(4)).unwrap();
    write(&engine, 0);
    let expected = contents(&engine);
    engine.close().unwrap();
    let closed = machine.disk.after_kill();
    for policy in [None, Some(CrashPolicy::DropAll), Some(CrashPolicy::AnySubset)] {
        let mut numbers = Vec::new();
        for change in 1.. {
            machine.disk = closed.after_kill();
            machine.disk.stop_at(machine.disk.changes() + change);
            let opened = open(&machine, Some(8));
            let was_struck = machine.disk.is_stopped();
            assert!(opened.is_ok() || was_struck, "{opened:?}");
            drop(opened);
            match policy {
                None => machine.kill(),
                Some(policy) => machine.crash(policy),
            }
            let engine = open(&machine, None).unwrap();
            numbers.push(engine.shards());
            assert_eq!(contents(&engine), expected, "{policy:?} at {change}");
            if !was_struck {
                break;
            }
        }
        assert!(numbers.len() > 20, "{} changes were struck", numbers.len());
        assert!(numbers.contains(&4) && numbers.contains(&8), "{numbers:?}");
    }
}

#[test]
fn whoever_only_reads_keeps_the_number() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), Some(2)).unwrap().close().unwrap();
    let read_only = EngineOptions { read_only: true, ..options(Some(4)) };
    let refused = Engine::open(&Io::real(), Some(dir.path()), &read_only).unwrap_err();
    let EngineError::Log(LogError::ShardCount { stored: 2, asked: 4 }) = refused else {
        panic!("{refused}")
    };
    // An empty database is dealt out like any other.
    let engine = open(dir.path(), Some(4)).unwrap();
    assert_eq!((engine.shards(), contents(&engine).len()), (4, 0));
    engine.close().unwrap();
}
