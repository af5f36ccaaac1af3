//! Vectors in segments, with real threads on a real directory: flushed and merged while they are
//! written and searched, there again when the database is opened, and never answered from damage.
#![expect(clippy::unwrap_used, reason = "what helps a test is a test")]

mod by_hand;
mod churn;
mod panics;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use skeg_engine::offline::{self, Found, Offline, RecordEffects};
use skeg_engine::{
    Bound, BuildProgress, Drain, Engine, EngineError, EngineOptions, Exec, Holder, Incoming,
    IndexError, IndexInfo, IndexState, Job, LogError, Progress, Receipt, Refusal, ShardList,
    VectorsError,
};
use skeg_io::Io;
use skeg_io::sim::SimRng;
use skeg_vector::{Backend, FlatIndex, Hit, Id, IdKind, IndexOptions, Metric, Tier};

const DIM: u32 = 32;

fn open(dir: &Path) -> Result<Engine, EngineError> {
    let options = EngineOptions { vector_delta_bytes: 32 << 10, ..EngineOptions::default() };
    Engine::open(&Io::real(), Some(dir), &options)
}

/// Runs a command, again when the log has no room for it at the moment.
fn run<T>(engine: &Engine, command: impl FnMut(&mut Exec<'_>) -> T) -> (T, Receipt) {
    run_within(engine, 64 << 10, command)
}

/// [`run`], with room for so many bytes of log.
fn run_within<T>(
    engine: &Engine,
    bytes: u64,
    mut command: impl FnMut(&mut Exec<'_>) -> T,
) -> (T, Receipt) {
    let all = ShardList::all(engine.shards());
    let mut holder = Holder::new(engine, Drain::Serve);
    loop {
        if holder.try_hold(&all).unwrap() {
            match holder.run(&all, Bound::grow(bytes), &mut command) {
                Err(Refusal::Wait) => {}
                other => return other.unwrap(),
            }
        }
        holder.release();
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn options(tier: Tier) -> IndexOptions {
    let new = IndexOptions::new(DIM, Metric::Euclidean);
    IndexOptions { ids: IdKind::U64, tier, backend: Backend::Disk, ..new }
}

/// Rows that are far from each other: those nearer than their codes tell may be missed by a walk.
fn row(seed: u64) -> Vec<f32> {
    let mut rng = SimRng::new(seed);
    (0..DIM).map(|_| (rng.next_u64() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn info(engine: &Engine) -> IndexInfo {
    run(engine, |exec| exec.shard(b"docs").index_info(b"docs").unwrap()).0
}

fn wait_for(engine: &Engine, what: &str, done: impl Fn(&IndexInfo) -> bool) {
    for _ in 0..30_000 {
        if done(&info(engine)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("{what}: {:?}, {:?}", info(engine), engine.vectors_status());
}

fn search(engine: &Engine, seed: u64, k: usize) -> Vec<Hit> {
    let view = run(engine, |exec| exec.shard(b"docs").vector_view(b"docs").unwrap()).0;
    let (tell, told) = mpsc::channel();
    let search = Box::new(move |scratch: &mut _| {
        let options = skeg_vector::SearchOptions::new(k);
        tell.send(view.search_with(&row(seed), &options, scratch)).unwrap();
    });
    engine.search(search).unwrap();
    told.recv().unwrap().unwrap()
}

fn check(engine: &Engine, model: &BTreeMap<u64, u64>) {
    assert_eq!(info(engine).figures.vectors, model.len());
    let mut flat = FlatIndex::new(options(Tier::F32), 1).unwrap();
    for (id, seed) in model {
        flat.set(*id, &row(*seed)).unwrap();
    }
    for seed in [3, 99, 1_234] {
        assert_eq!(search(engine, seed, 20), flat.view().search(&row(seed), 20).unwrap());
    }
    run(engine, |exec| {
        let shard = exec.shard(b"docs");
        for id in (0..2_000).step_by(7) {
            let found = shard.vector_get(b"docs", id.into()).unwrap();
            let found = found.map(|row| row.read().unwrap().into_owned());
            assert_eq!(found, model.get(&id).map(|seed| row(*seed)), "{id}");
        }
    });
}

#[test]
fn an_index_larger_than_its_delta_is_flushed_merged_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    run(&engine, |exec| exec.shard(b"docs").index_create(b"docs", options(Tier::F32)).unwrap());
    let mut model = BTreeMap::new();
    for round in 0..6_000_u64 {
        // Ids come again, and every ninth is removed.
        let id = round * 37 % 2_000;
        run(&engine, |exec| {
            let shard = exec.shard(b"docs");
            if round % 9 == 0 {
                let removed = shard.vector_remove(b"docs", id.into()).unwrap();
                assert_eq!(removed, model.remove(&id).is_some());
            } else {
                let replaced = shard.vector_set(b"docs", id.into(), &row(round)).unwrap();
                assert_eq!(replaced, model.insert(id, round).is_some());
            }
        });
        if round % 1_999 == 0 {
            check(&engine, &model);
        }
        // However late its thread comes to run, there is more than one to merge.
        if round == 3_000 {
            wait_for(&engine, "flushed", |info| info.figures.segments > 0);
        }
    }
    wait_for(&engine, "flushed again", |_| engine.vectors_status().published > 1);
    check(&engine, &model);
    engine.close().unwrap();

    let engine = open(dir.path()).unwrap();
    check(&engine, &model);
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |result| tell.send(result).unwrap());
    engine.consolidate(b"docs", Box::new(|told| told.written <= told.rows), done).unwrap();
    assert_eq!(told.recv().unwrap(), Ok(()));
    let figures = info(&engine).figures;
    assert_eq!((figures.segments, figures.dead, figures.delta_vectors), (1, 0, 0), "{figures:?}");
    check(&engine, &model);
    assert_eq!(segments(dir.path()), 1, "what was merged is gone");

    let (tell, told) = mpsc::channel();
    engine.snapshot(Box::new(move |result| tell.send(result).unwrap())).unwrap();
    let snapshot = told.recv().unwrap().unwrap();
    assert!(snapshot.bytes < 4_096, "rows in segments are not in snapshots: {snapshot:?}");
    engine.close().unwrap();
    let engine = open(dir.path()).unwrap();
    check(&engine, &model);
    let dropped = run(&engine, |exec| exec.shard(b"docs").index_drop(b"docs")).0;
    assert!(dropped);
    for _ in 0..3_000 {
        if segments(dir.path()) == 0 {
            return engine.close().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("the files of a dropped index stay: {:?}", engine.vectors_status());
}

/// The one segment of a closed database, and its bytes.
fn only_segment(dir: &Path) -> (PathBuf, Vec<u8>) {
    let file = std::fs::read_dir(dir.join("vectors")).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&file).unwrap();
    (file, bytes)
}

/// What a check finds.
fn damages_in(dir: &Path) -> Vec<offline::Corruption> {
    let offline = Offline::open(&Io::real(), dir).unwrap();
    offline::check(&Io::real(), &offline, &|_, _| {}).unwrap().damage
}

/// A database with an index of so many vectors in one segment.
fn consolidated(dir: &Path, tier: Tier, vectors: u64) -> Engine {
    let engine = open(dir).unwrap();
    run(&engine, |exec| exec.shard(b"docs").index_create(b"docs", options(tier)).unwrap());
    for id in 0..vectors {
        run(&engine, |exec| {
            exec.shard(b"docs").vector_set(b"docs", id.into(), &row(id)).unwrap();
        });
    }
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |result| tell.send(result).unwrap());
    engine.consolidate(b"docs", Box::new(|_| true), done).unwrap();
    assert_eq!(told.recv().unwrap(), Ok(()));
    engine
}

#[test]
fn damage_is_named_by_check_and_search_and_stops_what_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = consolidated(dir.path(), Tier::Tq2, 500);
    engine.close().unwrap();
    let (file, whole) = only_segment(dir.path());
    let damages = || damages_in(dir.path());
    assert!(damages().is_empty());

    // In a row: the check names it, the database opens, and reading it fails.
    let mut bytes = whole.clone();
    bytes[4096 + 11 * 128 + 5] ^= 4;
    std::fs::write(&file, &bytes).unwrap();
    let found = damages();
    assert_eq!((&found[0].file, found[0].offset), (&file, 4096 + 11 * 128));
    let engine = open(dir.path()).unwrap();
    run(&engine, |exec| {
        let shard = exec.shard(b"docs");
        let error = shard.vector_get(b"docs", 11.into()).unwrap().unwrap().read().unwrap_err();
        assert!(error.to_string().contains("damaged at offset 5504"), "{error}");
        assert!(shard.vector_get(b"docs", 12.into()).unwrap().unwrap().read().is_ok());
    });
    engine.close().unwrap();

    // In the codes: the open stops.
    let mut bytes = whole.clone();
    let codes = 4096 + 500 * 128 + 3 * 4096;
    bytes[codes] ^= 4;
    std::fs::write(&file, &bytes).unwrap();
    match open(dir.path()).unwrap_err() {
        EngineError::Log(LogError::Corrupt(found)) => {
            assert_eq!(found.file, file);
            assert_eq!(damages()[0], *found);
        }
        other => panic!("{other}"),
    }
    std::fs::write(&file, &whole).unwrap();
    open(dir.path()).unwrap().close().unwrap();
}

/// Files of vectors that there are.
fn segments(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("vectors")).unwrap().count()
}

/// A repair would cut the drop of an index that the snapshot has, and whose segments are removed.
#[test]
fn a_repair_does_not_bring_back_an_index_without_its_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let engine = consolidated(dir.path(), Tier::F32, 50);
    let (tell, told) = mpsc::channel();
    engine.snapshot(Box::new(move |result| tell.send(result).unwrap())).unwrap();
    told.recv().unwrap().unwrap();
    assert!(run(&engine, |exec| exec.shard(b"docs").index_drop(b"docs")).0);
    for _ in 0..3_000 {
        if segments(dir.path()) == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(segments(dir.path()), 0, "{:?}", engine.vectors_status());
    engine.close().unwrap();
    assert_eq!(damages_in(dir.path()), []);

    let looker = Offline::open(&Io::real(), dir.path()).unwrap();
    let mut place = None;
    for segment in looker.summary().unwrap().segments {
        let mut find_drop = |found: Found<'_>| {
            let Found::Block(block) = found else { return ControlFlow::Continue(()) };
            for record in block.records() {
                let effects = RecordEffects::new(record.kind, record.payload).unwrap();
                if effects.into_iter().any(|effect| effect.unwrap().op == "drop-index") {
                    place = Some((segment.path.clone(), usize::try_from(record.offset).unwrap()));
                }
            }
            ControlFlow::Continue(())
        };
        looker.walk_segment(&segment, &mut find_drop).unwrap();
    }
    drop(looker);
    let (file, offset) = place.expect("the index was dropped");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[offset] ^= 4;
    std::fs::write(&file, &bytes).unwrap();
    let repairer = Offline::open_to_write(&Io::real(), dir.path(), "test").unwrap();
    match offline::plan_repair(&repairer, None, &|_, _| {}, &mut |_, _| {}).unwrap_err() {
        LogError::Corrupt(found) => {
            assert_eq!(found.file, file);
            assert!(found.remedy.contains("vector index that was dropped"), "{found:?}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_consolidated_index_is_linked_checked_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    run(&engine, |exec| exec.shard(b"docs").index_create(b"docs", options(Tier::Tq4)).unwrap());
    for id in 0..1_500_u64 {
        run(&engine, |exec| {
            exec.shard(b"docs").vector_set(b"docs", id.into(), &row(id)).unwrap();
        });
    }
    let consolidate = |goes_on: bool| {
        let (tell, told) = mpsc::channel();
        let done = Box::new(move |result| tell.send(result).unwrap());
        let mut told_times = 0;
        let progress = Box::new(move |told: BuildProgress| {
            told_times += u32::from(told.linked > Some(0));
            goes_on || told_times < 2
        });
        engine.consolidate(b"docs", progress, done).unwrap();
        told.recv().unwrap()
    };
    assert_eq!(consolidate(false), Err(VectorsError::Aborted));
    let linked = |engine: &Engine| {
        let view = run(engine, |exec| exec.shard(b"docs").vector_view(b"docs").unwrap()).0;
        view.linked_segments()
    };
    assert_eq!(linked(&engine), 0);
    assert_eq!(consolidate(true), Ok(()));
    assert_eq!((info(&engine).figures.segments, linked(&engine)), (1, 1));
    engine.close().unwrap();

    let (file, whole) = only_segment(dir.path());
    let damages = || damages_in(dir.path());
    assert!(damages().is_empty());
    // The last byte is of the codes that walks read.
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(damages()[0].file, file);
    assert!(matches!(open(dir.path()), Err(EngineError::Log(LogError::Corrupt(_)))));
    std::fs::write(&file, &whole).unwrap();

    let engine = open(dir.path()).unwrap();
    assert_eq!(linked(&engine), 1);
    for seed in (0..1_200).step_by(100) {
        let hits = search(&engine, seed, 3);
        assert_eq!((hits[0].id.clone(), hits[0].score), (seed.into(), 0.0));
    }
    engine.close().unwrap();
}

/// Begins to consolidate; gives where it says that it links rows, where it is told to go on, and what
/// becomes of it.
fn stopped_while_linking(
    engine: &Engine,
) -> (mpsc::Receiver<()>, mpsc::Sender<()>, mpsc::Receiver<Result<(), VectorsError>>) {
    let (links, linking) = mpsc::channel();
    let (goes, go_on) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let mut has_stopped = false;
    let progress = Box::new(move |told: BuildProgress| {
        if told.linked > Some(0) && !has_stopped {
            has_stopped = true;
            links.send(()).unwrap();
            go_on.recv().unwrap();
        }
        true
    });
    let done = Box::new(move |result| tell.send(result).unwrap());
    engine.consolidate(b"docs", progress, done).unwrap();
    (linking, goes, told)
}

#[test]
fn deltas_are_flushed_and_small_segments_merged_while_a_large_one_is_linked() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    run(&engine, |exec| exec.shard(b"docs").index_create(b"docs", options(Tier::Tq4)).unwrap());
    let mut model = BTreeMap::new();
    let set = |model: &mut BTreeMap<u64, u64>, id: u64, seed: u64| {
        run(&engine, |exec| {
            exec.shard(b"docs").vector_set(b"docs", id.into(), &row(seed)).unwrap();
        });
        model.insert(id, seed);
    };
    (0..1_500).for_each(|id| set(&mut model, id, id));
    let (linking, goes, told) = stopped_while_linking(&engine);
    linking.recv().unwrap();
    let progress = info(&engine).progress.unwrap();
    assert_eq!((progress.written, progress.rows), (1_500, 1_500));
    assert!(progress.linked.is_some_and(|linked| linked > 0 && linked < 1_500));
    // Rows of the segment that is linked are replaced and removed, others come.
    for id in (0..50).chain(1_500..1_950) {
        set(&mut model, id, id + 7_000);
    }
    run(&engine, |exec| exec.shard(b"docs").vector_remove(b"docs", 60.into()).unwrap());
    model.remove(&60);
    let before = engine.vectors_status().published;
    let mut id = 1_950;
    // Four flushed ones make one: so there are merges among so many.
    while engine.vectors_status().published < before + 8 {
        set(&mut model, id, id + 7_000);
        id += 1;
        if id == 2_000 {
            id = 1_500;
        }
    }
    // Another consolidation waits for this one, and nothing else for it.
    let (tell, second) = mpsc::channel();
    let done = Box::new(move |result| tell.send(result).unwrap());
    engine.consolidate(b"docs", Box::new(|_| true), done).unwrap();
    assert!(second.try_recv().is_err());
    goes.send(()).unwrap();
    assert_eq!(told.recv().unwrap(), Ok(()));
    assert_eq!(second.recv().unwrap(), Ok(()));
    let view = run(&engine, |exec| exec.shard(b"docs").vector_view(b"docs").unwrap()).0;
    assert_eq!(view.linked_segments(), 1);
    let contains = |id: u64| {
        run(&engine, |exec| {
            let found = exec.shard(b"docs").vector_get(b"docs", id.into()).unwrap();
            found.map(|row| row.read().unwrap().into_owned())
        })
        .0
    };
    for id in 0..2_000 {
        assert_eq!(contains(id), model.get(&id).map(|seed| row(*seed)), "{id}");
    }
    engine.close().unwrap();
    let engine = open(dir.path()).unwrap();
    assert_eq!(info(&engine).figures.vectors, model.len());
    engine.close().unwrap();
}

#[test]
fn linking_ends_when_the_index_is_dropped_or_the_engine_closed() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    for closes in [false, true] {
        run(&engine, |exec| {
            let shard = exec.shard(b"docs");
            shard.index_create(b"docs", options(Tier::Int8)).unwrap();
            for id in 0..1_500_u64 {
                shard.vector_set(b"docs", id.into(), &row(id)).unwrap();
            }
        });
        let (linking, goes, told) = stopped_while_linking(&engine);
        linking.recv().unwrap();
        if !closes {
            run(&engine, |exec| exec.shard(b"docs").index_drop(b"docs"));
            goes.send(()).unwrap();
            assert_eq!(told.recv().unwrap(), Err(VectorsError::NoIndex));
            continue;
        }
        let closed = std::thread::scope(|scope| {
            let closing = scope.spawn(|| engine.close());
            while engine.consolidate(b"none", Box::new(|_| true), Box::new(drop)).is_ok() {
                std::thread::yield_now();
            }
            goes.send(()).unwrap();
            closing.join().unwrap()
        });
        closed.unwrap();
        assert_eq!(told.recv().unwrap(), Err(Refusal::Closed.into()));
    }
    let engine = open(dir.path()).unwrap();
    assert_eq!((info(&engine).figures.vectors, info(&engine).figures.dead), (1_500, 0));
    engine.close().unwrap();
}

#[test]
fn a_copy_has_the_segments() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = open(dir.path()).unwrap();
    let mut model = BTreeMap::new();
    run(&engine, |exec| {
        let shard = exec.shard(b"docs");
        shard.index_create(b"docs", options(Tier::F32)).unwrap();
        for id in 0..400_u64 {
            shard.vector_set(b"docs", id.into(), &row(id)).unwrap();
            model.insert(id, id);
        }
    });
    wait_for(&engine, "flushed", |info| info.figures.segments > 0);
    engine.close().unwrap();
    let offline = Offline::open(&Io::real(), dir.path()).unwrap();
    let options = offline::CopyOptions::default();
    offline::copy_to(&offline, target.path(), options, &|_, _| {}).unwrap();
    let engine = open(target.path()).unwrap();
    check(&engine, &model);
    engine.close().unwrap();
}

/// Stores rows of 16,384 numbers from `ids` when there is room for all of them.
struct Batch {
    index: &'static [u8],
    shards: ShardList,
    ids: std::ops::Range<u64>,
    keeps_place: bool,
    runs: Arc<AtomicUsize>,
    done: mpsc::Sender<Result<Receipt, Refusal>>,
}

const WIDE: u32 = 16_384;

impl Job for Batch {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        Bound::grow(64 << 20)
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let count = (self.ids.end - self.ids.start) as usize;
        let shard = exec.shard(self.index);
        let mut incoming = Incoming::default();
        (0..count).for_each(|_| incoming.add(8, WIDE as usize));
        if shard.vector_room(self.index, incoming).is_ok() {
            for id in self.ids.clone() {
                shard.vector_set(self.index, id.into(), &[0.5; WIDE as usize]).unwrap();
            }
        } else {
            // So long that what makes room is queued just now, and not between two runs.
            std::thread::sleep(Duration::from_millis(20));
        }
        Progress::Done
    }

    fn keeps_place(&self) -> bool {
        self.keeps_place
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        self.done.send(outcome).unwrap();
    }
}

#[test]
fn writers_wait_for_room_and_memory_stays_within_the_bound() {
    for keeps_place in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).unwrap();
        let wide = IndexOptions { dim: WIDE, ..options(Tier::F32) };
        run(&engine, |exec| exec.shard(b"docs").index_create(b"docs", wide).unwrap());
        let (tell, told) = mpsc::channel();
        let runs = Arc::new(AtomicUsize::new(0));
        // 10 MiB each; the bound is 16.
        let (batches, rows) = (3, 150);
        for batch in 0..batches {
            let job = Batch {
                index: b"docs",
                shards: [engine.shard_of(b"docs")].into_iter().collect(),
                ids: batch * rows..(batch + 1) * rows,
                keeps_place,
                runs: Arc::clone(&runs),
                done: tell.clone(),
            };
            assert!(engine.post(Box::new(job), Drain::WakeOnly).is_ok());
        }
        let mut most = 0;
        let mut over = 0;
        let since = Instant::now();
        while over < batches {
            assert!(since.elapsed() < Duration::from_secs(60), "no room has been made");
            match told.recv_timeout(Duration::from_millis(1)) {
                Ok(outcome) => {
                    outcome.unwrap();
                    over += 1;
                }
                Err(_) => {
                    // Whoever borrows the latch would stand in the queue behind who keeps his place.
                    if !keeps_place {
                        most = most.max(
                            info(&engine).figures.delta_vectors * WIDE as usize * size_of::<f32>(),
                        );
                    }
                }
            }
        }
        assert!(most <= 16 << 20, "{most}");
        assert!(runs.load(Ordering::Relaxed) > batches as usize, "some have waited");
        assert_eq!(info(&engine).figures.vectors, (batches * rows) as usize);
        wait_for(&engine, "caught up", |info| info.state == IndexState::Ready);
        engine.close().unwrap();
    }
}

/// Needs the latches of several shards at once.
struct Over {
    shards: ShardList,
    done: mpsc::Sender<Result<Receipt, Refusal>>,
}

impl Job for Over {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        Bound::READ
    }

    fn run(&mut self, _: &mut Exec<'_>) -> Progress {
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        self.done.send(outcome).unwrap();
    }
}

/// A writer of one index waits for a segment, which is made after one of another index, which is put in its
/// place under a latch: nobody may hold that one while he stands behind the writer.
#[test]
fn who_stands_behind_a_writer_without_room_holds_up_no_other_index() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    let mut names: Vec<&'static [u8]> = vec![b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"];
    names.sort_by_key(|name| engine.shard_of(name));
    names.dedup_by_key(|name| engine.shard_of(name));
    let names = &names[..3.min(names.len())];
    assert!(names.len() > 1, "shards for two indexes at least");
    let wide = IndexOptions { dim: WIDE, ..options(Tier::F32) };
    for &name in names {
        run(&engine, |exec| exec.shard(name).index_create(name, wide).unwrap());
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    let in_time = |told: &mpsc::Receiver<Result<Receipt, Refusal>>| {
        let left = deadline.saturating_duration_since(Instant::now());
        told.recv_timeout(left).expect("nobody waits for himself").unwrap();
    };
    // 10 MiB each, of all indexes in turn; the bound is 16.
    let (rounds, rows) = (3, 150_u64);
    let (tell, told) = mpsc::channel();
    for round in 0..rounds {
        for &index in names {
            let job = Batch {
                index,
                shards: [engine.shard_of(index)].into_iter().collect(),
                ids: round * rows..(round + 1) * rows,
                keeps_place: true,
                runs: Arc::default(),
                done: tell.clone(),
            };
            assert!(engine.post(Box::new(job), Drain::WakeOnly).is_ok());
        }
        for over in [names, &names[..2], &names[1..]] {
            let shards = over.iter().map(|name| engine.shard_of(name)).collect();
            let job = Over { shards, done: tell.clone() };
            assert!(engine.post(Box::new(job), Drain::WakeOnly).is_ok());
        }
    }
    (0..2 * rounds as usize * names.len()).for_each(|_| in_time(&told));
    engine.close().unwrap();
}

#[test]
fn a_batch_beyond_the_bound_is_taken_alone_and_closing_ends_who_waits() {
    for keeps_place in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path()).unwrap();
        let wide = IndexOptions { dim: WIDE, ..options(Tier::F32) };
        let (tell, told) = mpsc::channel();
        let batch = |ids| Batch {
            index: b"docs",
            shards: [engine.shard_of(b"docs")].into_iter().collect(),
            ids,
            keeps_place,
            runs: Arc::default(),
            done: tell.clone(),
        };
        let (blocks, blocked) = mpsc::channel();
        // While the latch is held nothing can be written.
        run_within(&engine, 64 << 20, |exec| {
            let shard = exec.shard(b"docs");
            shard.index_create(b"docs", wide).unwrap();
            let many = Incoming::new(1_000, 1_000 * WIDE as usize * size_of::<f32>());
            assert_eq!(shard.vector_room(b"docs", many), Ok(()), "nothing else waits");
            for id in 0..270_u64 {
                shard.vector_set(b"docs", id.into(), &[0.5; WIDE as usize]).unwrap();
            }
            assert_eq!(shard.index_info(b"docs").unwrap().state, IndexState::Behind);
            assert!(engine.post(Box::new(batch(270..400)), Drain::WakeOnly).is_ok());
            blocks.send(()).unwrap();
        });
        blocked.recv().unwrap();
        engine.close().unwrap();
        // Either there was room, or it was ended.
        let outcome = told.recv().unwrap();
        assert!(matches!(outcome, Ok(_) | Err(Refusal::Closed)), "{outcome:?}");
        let engine = open(dir.path()).unwrap();
        let expected = if outcome.is_ok() { 400 } else { 270 };
        assert_eq!(info(&engine).figures.vectors, expected);
        engine.close().unwrap();
    }
}

#[test]
fn a_delta_that_nobody_writes_to_is_flushed() {
    let dir = tempfile::tempdir().unwrap();
    // A 64th of what is written at once: 8 KiB.
    let options_of = |idle_ms| EngineOptions {
        vector_delta_bytes: 512 << 10,
        vector_idle_ms: idle_ms,
        ..EngineOptions::default()
    };
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options_of(20)).unwrap();
    run(&engine, |exec| {
        for (name, rows) in [(&b"docs"[..], 200), (b"tiny", 3)] {
            let shard = exec.shard(name);
            shard.index_create(name, options(Tier::Tq2)).unwrap();
            for id in 0..rows {
                shard.vector_set(name, id.into(), &row(id)).unwrap();
            }
        }
    });
    wait_for(&engine, "flushed", |info| {
        info.figures.segments == 1 && info.figures.delta_vectors == 0
    });
    let tiny = run(&engine, |exec| exec.shard(b"tiny").index_info(b"tiny").unwrap().figures).0;
    assert_eq!((tiny.delta_vectors, tiny.segments), (3, 0), "not worth a file");
    engine.close().unwrap();
    // What was replayed into a delta is flushed as well.
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options_of(30_000)).unwrap();
    run(&engine, |exec| {
        for id in 200..400_u64 {
            exec.shard(b"docs").vector_set(b"docs", id.into(), &row(id)).unwrap();
        }
    });
    engine.close().unwrap();
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options_of(20)).unwrap();
    wait_for(&engine, "flushed", |info| info.figures.segments == 2);
    engine.close().unwrap();
}

#[test]
fn an_index_stays_below_its_limit_of_memory() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    let limit = 256 << 10;
    let backends = [(&b"docs"[..], Backend::Disk), (b"flat", Backend::Flat)];
    for (name, backend) in backends {
        let options = IndexOptions { backend, ..options(Tier::F32) };
        run(&engine, |exec| {
            let shard = exec.shard(name);
            shard.index_create_within(name, options, Some(limit)).unwrap();
            let other = shard.index_create(name, options);
            assert_eq!(other, Err(IndexError::Mismatch { option: "maxMemory" }));
        });
        let mut ids = 0_u64;
        let refused = loop {
            let stored = run(&engine, |exec| {
                let shard = exec.shard(name);
                shard.vector_room(name, Incoming::new(1, 8 + DIM as usize * size_of::<f32>()))?;
                shard.vector_set(name, ids.into(), &row(ids))
            })
            .0;
            match stored {
                Ok(_) => ids += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(refused, IndexError::Memory { limit });
        assert!(ids > 800, "{ids}");
    }
    // A limit below what an index without rows takes: there is nothing to be written that would make room.
    let tiny = run(&engine, |exec| {
        let shard = exec.shard(b"tiny");
        shard.index_create_within(b"tiny", options(Tier::F32), Some(300)).unwrap();
        shard.vector_room(b"tiny", Incoming::new(1, DIM as usize * size_of::<f32>()))
    });
    assert_eq!(tiny.0, Err(IndexError::Memory { limit: 300 }));
    let figures = |engine: &Engine, name: &[u8]| {
        let info = run(engine, |exec| exec.shard(name).index_info(name).unwrap()).0;
        (info.figures.memory_bytes as u64, info.memory_max)
    };
    for (name, _) in backends {
        let (bytes, max) = figures(&engine, name);
        assert!(bytes <= limit + (64 << 10) && max == Some(limit), "{bytes}");
    }
    let (tell, told) = mpsc::channel();
    engine.snapshot(Box::new(move |result| tell.send(result.is_ok()).unwrap())).unwrap();
    assert!(told.recv().unwrap());
    engine.close().unwrap();
    let engine = open(dir.path()).unwrap();
    assert_eq!(backends.map(|(name, _)| figures(&engine, name).1), [Some(limit); 2]);
    engine.close().unwrap();
}

#[test]
fn what_is_ephemeral_or_in_memory_has_no_segments() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    let ephemeral = IndexOptions { backend: Backend::Ephemeral, ..options(Tier::Tq2) };
    let flat = IndexOptions { backend: Backend::Flat, ..options(Tier::F32) };
    run(&engine, |exec| {
        for (name, options) in [(&b"e"[..], ephemeral), (b"f", flat)] {
            let shard = exec.shard(name);
            shard.index_create(name, options).unwrap();
            for id in 0..300_u64 {
                shard.vector_set(name, id.into(), &row(id)).unwrap();
            }
        }
    });
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |result| tell.send(result).unwrap());
    engine.consolidate(b"f", Box::new(|_| true), done).unwrap();
    assert_eq!(told.recv().unwrap(), Ok(()));
    engine.close().unwrap();
    let engine = open(dir.path()).unwrap();
    run(&engine, |exec| {
        let vectors =
            |exec: &mut Exec<'_>, name: &[u8]| exec.shard(name).index_info(name).unwrap().figures;
        assert_eq!(vectors(exec, b"e").vectors, 0, "an ephemeral index is empty again");
        assert_eq!((vectors(exec, b"f").vectors, vectors(exec, b"f").segments), (300, 0));
    });
    engine.close().unwrap();
    let memory = Engine::open(&Io::real(), None, &EngineOptions::default()).unwrap();
    let refused = memory.consolidate(b"f", Box::new(|_| true), Box::new(drop));
    assert_eq!(refused, Err(VectorsError::NoSegments));
    memory.close().unwrap();
}
