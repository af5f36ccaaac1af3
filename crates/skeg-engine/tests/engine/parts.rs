//! Indexes in several parts: made, filled, consolidated and dropped as one; opened again, under any number
//! of shards; and after a crash all of them or none.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;

use skeg_engine::{
    Bound, Drain, Engine, EngineOptions, Exec, Holder, IndexError, IndexInfo, PARTS_MAX, Refusal,
    Shard, ShardList, put_together,
};
use skeg_io::Io;
use skeg_io::sim::{CrashPolicy, SimMachine};
use skeg_vector::{Backend, IdKind, IdRef, IndexOptions, Metric, Tier};

const NAME: &[u8] = b"docs";
const PARTS: u16 = 3;
/// Bytes of memory, no multiple of the parts.
const LIMIT: u64 = 3_000_001;

fn open(io: &Io, dir: &Path, shards: Option<u16>) -> Engine {
    let options = EngineOptions {
        home_threads: 0,
        shards,
        segment_bytes: 64 << 10,
        vector_delta_bytes: 1 << 10,
        ..EngineOptions::default()
    };
    Engine::open(io, Some(dir), &options).unwrap()
}

fn options() -> IndexOptions {
    let new = IndexOptions::new(4, Metric::Euclidean);
    IndexOptions { ids: IdKind::Str, tier: Tier::Tq2, backend: Backend::Disk, ..new }
}

fn run<T>(engine: &Engine, on: &ShardList, command: impl FnMut(&mut Exec<'_>) -> T) -> T {
    attempt(engine, on, command).unwrap()
}

/// [`run`], on a machine that may stop.
fn attempt<T>(
    engine: &Engine,
    on: &ShardList,
    mut command: impl FnMut(&mut Exec<'_>) -> T,
) -> Result<T, Refusal> {
    let mut holder = Holder::new(engine, Drain::Serve);
    loop {
        if holder.try_hold(on)? {
            match holder.run(on, Bound::grow(64 << 10), &mut command) {
                Err(Refusal::Wait) => {}
                other => return other.map(|(value, _)| value),
            }
        }
        holder.release();
        turn(engine);
    }
}

fn turn(engine: &Engine) {
    let log = engine.log().unwrap();
    log.try_write();
    // What has failed refuses the next command.
    let _ = log.maintain();
    let _ = log.sync();
    engine.tick();
}

fn create(engine: &Engine, parts: u16) -> Result<bool, IndexError> {
    try_create(engine, parts).unwrap()
}

fn try_create(engine: &Engine, parts: u16) -> Result<Result<bool, IndexError>, Refusal> {
    attempt(engine, &engine.index_shards(NAME, parts), |exec| {
        exec.index_create(NAME, options(), Some(LIMIT), parts)
    })
}

fn drop_it(engine: &Engine) -> Result<bool, IndexError> {
    run(engine, &engine.index_shards(NAME, 0), |exec| exec.index_drop(NAME))
}

fn row(seed: u64) -> [f32; 4] {
    [seed as f32, 1.0, (seed % 7) as f32, -1.0]
}

/// Stores rows in one command, on the shards of their parts and no others.
fn set(engine: &Engine, rows: &[(String, u64)]) -> Result<(), IndexError> {
    try_set(engine, rows).unwrap()
}

fn try_set(engine: &Engine, rows: &[(String, u64)]) -> Result<Result<(), IndexError>, Refusal> {
    let parts = engine.index_parts(NAME);
    let of = |id: &str| engine.shard_of(parts.name_of(IdRef::Str(id)));
    let shards: ShardList = rows.iter().map(|(id, _)| of(id)).collect();
    attempt(engine, &shards, |exec| {
        let parts = exec.index_parts(NAME);
        for (id, seed) in rows {
            let (shard, name) = exec.shard_of_id(&parts, IdRef::Str(id))?;
            shard.vector_set(name, IdRef::Str(id), &row(*seed))?;
        }
        Ok(())
    })
}

/// The rows that are there of some that could be; nothing without an index.
fn rows(engine: &Engine, count: u64) -> BTreeMap<String, Vec<f32>> {
    run(engine, &ShardList::all(engine.shards()), |exec| {
        let parts = exec.index_parts(NAME);
        let mut found = BTreeMap::new();
        for id in (0..count).map(|id| format!("id {id}")) {
            let (shard, name) = exec.shard_of_id(&parts, IdRef::Str(&id)).unwrap();
            if let Ok(Some(row)) = shard.vector_get(name, IdRef::Str(&id)) {
                found.insert(id, row.read().unwrap().into_owned());
            }
        }
        found
    })
}

fn info(engine: &Engine) -> Result<IndexInfo, IndexError> {
    run(engine, &engine.index_shards(NAME, 0), |exec| exec.index_info(NAME))
}

/// All indexes there are, in all parts.
fn listed(engine: &Engine) -> Vec<IndexInfo> {
    run(engine, &ShardList::all(engine.shards()), |exec| {
        exec.shards().flat_map(Shard::index_list).collect()
    })
}

fn expected(count: u64) -> BTreeMap<String, Vec<f32>> {
    (0..count).map(|id| (format!("id {id}"), row(id).to_vec())).collect()
}

fn all(count: u64) -> Vec<(String, u64)> {
    (0..count).map(|id| (format!("id {id}"), id)).collect()
}

#[test]
fn an_index_in_parts_is_one_index() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&Io::real(), dir.path(), Some(8));
    assert_eq!(create(&engine, PARTS), Ok(true));
    assert_eq!(create(&engine, PARTS), Ok(false));
    for other in [1, 2, 4] {
        let mismatch = IndexError::Mismatch { option: "partitions" };
        assert_eq!(create(&engine, other), Err(mismatch));
    }
    let more = run(&engine, &engine.index_shards(NAME, PARTS), |exec| {
        exec.index_create(NAME, options(), Some(LIMIT + 1), PARTS)
    });
    assert_eq!(more, Err(IndexError::Mismatch { option: "maxMemory" }));
    set(&engine, &all(500)).unwrap();
    assert_eq!(rows(&engine, 600), expected(500));
    let there = info(&engine).unwrap();
    assert_eq!((there.partitions(), there.figures.vectors), (PARTS, 500));
    assert_eq!((&*there.name, there.memory_max), (NAME, Some(LIMIT)));

    // Each part has its share, on a shard of its own.
    let parts = listed(&engine);
    assert_eq!(parts.len(), usize::from(PARTS));
    assert!(parts.iter().all(|part| part.figures.vectors > 120), "{parts:?}");
    let shards: Vec<_> = parts.iter().map(|part| engine.shard_of(&part.name)).collect();
    assert_eq!(ShardList::from_iter(shards), engine.index_shards(NAME, 0));
    assert_eq!(engine.index_shards(NAME, 0).as_slice().len(), usize::from(PARTS));
    assert_eq!(put_together(parts.clone()), [there]);

    // Nobody gets at a part by its name, or makes an index that has it.
    for part in parts.iter().filter(|part| part.name != NAME) {
        let everywhere = ShardList::all(engine.shards());
        run(&engine, &everywhere, |exec| {
            assert_eq!(exec.index_info(&part.name), Err(IndexError::NotFound));
            assert_eq!(exec.index_drop(&part.name), Ok(false));
            assert_eq!(exec.index_create(&part.name, options(), None, 1), Err(IndexError::Name));
        });
    }
    assert_eq!(drop_it(&engine), Ok(true));
    assert_eq!(drop_it(&engine), Ok(false));
    assert_eq!((info(&engine), listed(&engine)), (Err(IndexError::NotFound), vec![]));
    assert_eq!(create(&engine, PARTS_MAX), Ok(true), "more parts than shards");
    set(&engine, &all(500)).unwrap();
    assert_eq!(rows(&engine, 500), expected(500));
    engine.close().unwrap();
}

#[test]
fn a_command_that_went_to_other_parts_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&Io::real(), dir.path(), Some(8));
    create(&engine, PARTS).unwrap();
    let last = engine.index_parts(NAME).names().last().unwrap().to_vec();
    let there = ShardList::one(engine.shard_of(&last));
    run(&engine, &there, |exec| {
        // It holds a shard where the index has nothing but its last part.
        assert_eq!(exec.index_drop(NAME), Err(IndexError::Moved));
        assert_eq!(exec.index_info(NAME), Err(IndexError::Moved));
        assert_eq!(exec.index_create(NAME, options(), None, 2), Err(IndexError::Moved));
        assert_eq!(exec.index_options(&exec.index_parts(NAME)), Ok(options()));
    });
    assert_eq!(listed(&engine).len(), usize::from(PARTS));
    engine.close().unwrap();
}

#[test]
fn all_parts_are_consolidated_with_one_voice() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&Io::real(), dir.path(), Some(8));
    create(&engine, PARTS).unwrap();
    for round in 0..4 {
        set(&engine, &all(300 + round)).unwrap();
        while engine.step_vectors() {
            turn(&engine);
        }
    }
    let consolidate = |goes_on: bool| {
        let (tell, told) = mpsc::channel();
        let (told_rows, rows) = mpsc::channel();
        let progress = Box::new(move |progress: skeg_engine::BuildProgress| {
            told_rows.send(progress.written).unwrap();
            goes_on
        });
        let done = Box::new(move |result: Result<_, _>| tell.send(result.is_ok()).unwrap());
        engine.consolidate(NAME, progress, done).unwrap();
        while engine.step_vectors() {
            turn(&engine);
        }
        (told.try_iter().collect::<Vec<_>>(), rows.try_iter().max())
    };
    assert_eq!(consolidate(false).0, [false], "told once that it was given up");
    let (done, written) = consolidate(true);
    assert_eq!(done, [true]);
    assert_eq!(written, Some(303), "progress is that of all parts");
    let figures = info(&engine).unwrap().figures;
    assert_eq!((figures.segments, figures.delta_vectors, figures.dead), (3, 0, 0), "{figures:?}");
    assert_eq!(rows(&engine, 400), expected(303));
    engine.close().unwrap();
}

#[test]
fn parts_are_there_again_under_any_number_of_shards() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&Io::real(), dir.path(), Some(4));
    create(&engine, PARTS).unwrap();
    set(&engine, &all(300)).unwrap();
    engine.close().unwrap();
    for shards in [None, Some(2), Some(1), Some(16), None] {
        let engine = open(&Io::real(), dir.path(), shards);
        assert_eq!(rows(&engine, 300), expected(300), "{shards:?}");
        assert_eq!(info(&engine).unwrap().partitions(), PARTS);
        assert_eq!(create(&engine, PARTS), Ok(false));
        let (id, seed) = ("id 7".to_owned(), 7);
        set(&engine, &[(id, seed)]).unwrap();
        assert_eq!(info(&engine).unwrap().figures.vectors, 300, "it was in the same part");
        while engine.step_vectors() {
            turn(&engine);
        }
        engine.close().unwrap();
    }
}

#[test]
fn a_crash_leaves_all_parts_of_an_index_and_of_a_batch_or_none() {
    let mut machine = SimMachine::new(1);
    let empty = {
        open(&machine.io(), Path::new("/db"), Some(4)).close().unwrap();
        machine.disk.after_kill()
    };
    for policy in [None, Some(CrashPolicy::DropAll), Some(CrashPolicy::AnySubset)] {
        let mut found = Vec::new();
        for change in 1.. {
            machine.disk = empty.after_kill();
            let engine = open(&machine.io(), Path::new("/db"), None);
            machine.disk.stop_at(machine.disk.changes() + change);
            let write = |count| {
                let _ = try_set(&engine, &all(count));
                let log = engine.log().unwrap();
                log.try_write();
                let _ = log.sync();
            };
            let _ = try_create(&engine, PARTS);
            engine.log().unwrap().try_write();
            write(40);
            write(60);
            let was_struck = machine.disk.is_stopped();
            drop(engine);
            match policy {
                None => machine.kill(),
                Some(policy) => machine.crash(policy),
            }
            let engine = open(&machine.io(), Path::new("/db"), None);
            let parts = listed(&engine).len();
            assert!(
                [0, usize::from(PARTS)].contains(&parts),
                "{parts} parts, {policy:?}, {change}"
            );
            let rows = rows(&engine, 60);
            assert!([0, 40, 60].contains(&rows.len()), "{} rows, {policy:?}, {change}", rows.len());
            assert_eq!(rows, expected(rows.len() as u64));
            found.push((parts, rows.len()));
            if !was_struck {
                break;
            }
        }
        found.dedup();
        assert_eq!(found.last(), Some(&(3, 60)), "{policy:?}: {found:?}");
        assert_eq!(found.first(), Some(&(0, 0)), "{policy:?}: {found:?}");
    }
}
