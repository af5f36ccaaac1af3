//! Segments that cannot be written at first, are called off, or are not worth their rows any more: on a
//! simulated disk, in an engine without threads.

use skeg_engine::Shard;
use skeg_io::sim::{Failure, Fault, Injection, Operation, SimMachine};

use super::*;

struct Store {
    machine: SimMachine,
    engine: Engine,
}

impl Store {
    /// A store with an index, which may take so much memory.
    fn new(options_of: &EngineOptions, options: IndexOptions, memory_max: Option<u64>) -> Self {
        let by_hand = EngineOptions { shards: Some(4), home_threads: 0, ..options_of.clone() };
        let machine = SimMachine::new(1);
        let engine = Engine::open(&machine.io(), Some(Path::new("/db")), &by_hand).unwrap();
        let store = Self { machine, engine };
        store.run(|shard| {
            shard.index_create_within(b"docs", options, memory_max).unwrap();
        });
        store
    }

    /// Runs a command on the shard of the index.
    fn run<T>(&self, command: impl FnMut(&mut Shard) -> T) -> T {
        self.try_run(command).expect("it waits for nothing")
    }

    /// Runs a command; `None` if it waits for room all the time.
    fn try_run<T>(&self, mut command: impl FnMut(&mut Shard) -> T) -> Option<T> {
        let id = self.engine.shard_of(b"docs");
        for _ in 0..1_000 {
            let mut holder = Holder::new(&self.engine, Drain::Serve);
            assert!(holder.try_hold_one(id).unwrap());
            let bound = Bound::grow(16 << 20);
            let outcome = holder.run_one(id, bound, |exec| command(exec.shard(b"docs")));
            holder.release();
            match outcome {
                Err(Refusal::Wait) => self.turn(),
                other => return Some(other.unwrap().0),
            }
        }
        None
    }

    fn set(&self, ids: std::ops::Range<u64>, row: &[f32]) {
        self.run(|shard| {
            for id in ids.clone() {
                shard.vector_set(b"docs", id.into(), row).unwrap();
            }
        });
    }

    fn remove(&self, ids: std::ops::Range<u64>) {
        self.run(|shard| {
            for id in ids.clone() {
                assert!(shard.vector_remove(b"docs", id.into()).unwrap());
            }
        });
    }

    fn info(&self) -> IndexInfo {
        self.run(|shard| shard.index_info(b"docs").unwrap())
    }

    /// What threads do in a tenth of a second.
    fn turn(&self) {
        let log = self.engine.log().unwrap();
        log.try_write();
        log.sync().unwrap();
        log.maintain().unwrap();
        self.engine.tick();
        self.machine.clock.advance(Duration::from_millis(100));
    }

    fn turn_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            if done(self) {
                return;
            }
            self.turn();
        }
        panic!("{what}: {:?}, {:?}", self.info(), self.engine.vectors_status());
    }

    /// From now on there is no space for a segment.
    fn refuse_segments(&self) {
        let full = Fault::Fail(Failure::OutOfSpace);
        let refused = Injection::always(Operation::Write, full).on("vectors");
        self.machine.disk.inject(refused);
    }

    fn admit_segments(&self) {
        self.machine.disk.clear_injections();
    }

    fn has_failed(&self) -> bool {
        self.engine.vectors_status().last_error.is_some()
    }

    /// Consolidates for as long as `progress` says.
    fn consolidate(
        &self,
        progress: impl FnMut(BuildProgress) -> bool + Send + 'static,
    ) -> Result<(), VectorsError> {
        self.finish(&self.begin_to_consolidate(progress))
    }

    fn finish(&self, told: &mpsc::Receiver<Result<(), VectorsError>>) -> Result<(), VectorsError> {
        for _ in 0..10_000 {
            match told.try_recv() {
                Ok(result) => return result,
                Err(_) => self.turn(),
            }
        }
        panic!("a consolidation goes on and on");
    }

    fn begin_to_consolidate(
        &self,
        progress: impl FnMut(BuildProgress) -> bool + Send + 'static,
    ) -> mpsc::Receiver<Result<(), VectorsError>> {
        let (tell, told) = mpsc::channel();
        let done = Box::new(move |result| tell.send(result).unwrap());
        self.engine.consolidate(b"docs", Box::new(progress), done).unwrap();
        told
    }
}

fn small() -> EngineOptions {
    EngineOptions { vector_delta_bytes: 32 << 10, ..EngineOptions::default() }
}

fn wide() -> IndexOptions {
    IndexOptions { dim: WIDE, ..options(Tier::F32) }
}

#[test]
fn an_index_whose_segments_cannot_be_written_does_not_ask_its_writers_to_wait() {
    let store = Store::new(&small(), wide(), None);
    store.refuse_segments();
    // 9 MiB; with 8 it is behind.
    store.set(0..144, &[0.5; WIDE as usize]);
    assert_eq!(store.info().state, IndexState::Behind);
    store.turn_until("it fails", Store::has_failed);
    assert_eq!(store.info().state, IndexState::Due);
    store.admit_segments();
    store.turn_until("written", |store| store.info().figures.delta_vectors == 0);
    store.engine.close().unwrap();
}

/// Of what is small nothing is written, however long it rests.
fn patient() -> EngineOptions {
    let vector_idle_ms = u64::MAX;
    EngineOptions { vector_delta_bytes: 4 << 20, vector_idle_ms, ..EngineOptions::default() }
}

#[test]
fn what_a_consolidation_froze_is_written_though_it_was_called_off() {
    let store = Store::new(&patient(), options(Tier::F32), None);
    store.set(0..300, &row(1));
    assert_eq!(store.consolidate(|told| told.written == 0), Err(VectorsError::Aborted));
    store.turn_until("written", |store| store.info().figures.delta_vectors == 0);
    assert_eq!(store.info().figures.segments, 1);
    store.engine.close().unwrap();
}

#[test]
fn a_consolidation_takes_the_rows_that_came_after_one_that_was_called_off() {
    let store = Store::new(&patient(), options(Tier::F32), None);
    store.set(0..300, &row(1));
    assert_eq!(store.consolidate(|told| told.written == 0), Err(VectorsError::Aborted));
    store.set(300..600, &row(2));
    // Writing what was frozen fails once, so that the next consolidation comes before.
    let full = Fault::Fail(Failure::OutOfSpace);
    store.machine.disk.inject(Injection::once(Operation::Write, full).on("vectors"));
    let told = store.begin_to_consolidate(|_| true);
    assert_eq!(store.finish(&told), Ok(()));
    let figures = store.info().figures;
    assert_eq!((figures.segments, figures.delta_vectors), (1, 0));
    store.engine.close().unwrap();
}

#[test]
fn an_index_at_its_limit_takes_rows_again_when_a_disk_has_space_again() {
    let limit = 256 << 10;
    let store = Store::new(&patient(), options(Tier::Tq2), Some(limit));
    let one = Incoming::new(1, 8 + DIM as usize * size_of::<f32>());
    store.refuse_segments();
    let mut ids = 0_u64;
    while store.info().figures.memory_bytes < 200 << 10 {
        store.set(ids..ids + 10, &row(ids));
        ids += 10;
    }
    // It is another index that was refused, and it is gone.
    let other = b"{docs}";
    store.run(|shard| {
        shard.index_create(other, wide()).unwrap();
        for id in 0..70_u64 {
            shard.vector_set(other, id.into(), &[0.5; WIDE as usize]).unwrap();
        }
    });
    store.turn_until("it fails", Store::has_failed);
    assert!(store.run(|shard| shard.index_drop(other)));
    let many = Incoming::new(1_000, 1_000 * (8 + DIM as usize * size_of::<f32>()));
    let refused = store.run(|shard| shard.vector_room(b"docs", many));
    assert_eq!(refused, Err(IndexError::Unwritten));
    store.admit_segments();
    store.turn_until("written", |store| store.info().figures.delta_vectors == 0);
    assert_eq!(store.try_run(|shard| shard.vector_room(b"docs", one)), Some(Ok(())));
    store.engine.close().unwrap();
}

#[test]
fn a_merge_that_cannot_be_made_holds_up_no_flush() {
    let store = Store::new(&small(), wide(), None);
    for round in 0..4 {
        store.set(round * 10..round * 10 + 10, &[0.5; WIDE as usize]);
        store.turn_until("written", |store| store.info().figures.delta_vectors == 0);
        if round == 0 {
            let files = store.machine.disk.files();
            let first = files.iter().find(|file| file.ends_with(".vec")).unwrap();
            let unreadable = Injection::always(Operation::Read, Fault::Fail(Failure::Io));
            store.machine.disk.inject(unreadable.on(first));
        }
    }
    store.turn_until("it fails", Store::has_failed);
    // 13 MiB and 10; the bound is 16.
    store.set(1_000..1_200, &[0.5; WIDE as usize]);
    assert_eq!(store.info().state, IndexState::Behind);
    let many = Incoming::new(150, 150 * WIDE as usize * size_of::<f32>());
    assert_eq!(store.try_run(|shard| shard.vector_room(b"docs", many)), Some(Ok(())));
    assert!(store.info().figures.segments > 4);
    store.engine.close().unwrap();
}

#[test]
fn a_segment_that_removals_leave_mostly_dead_is_written_anew() {
    let store = Store::new(&patient(), options(Tier::Tq2), None);
    store.set(0..1_000, &row(1));
    assert_eq!(store.consolidate(|_| true), Ok(()));
    let before = store.info().figures;
    store.remove(0..500);
    (0..100).for_each(|_| store.turn());
    assert_eq!(store.info().figures.dead, 500, "half of it is not enough");
    store.remove(500..501);
    store.turn_until("written anew", |store| store.info().figures.dead == 0);
    let after = store.info().figures;
    assert!(after.memory_bytes < before.memory_bytes * 3 / 4, "{before:?} {after:?}");
    assert!(after.file_bytes < before.file_bytes * 3 / 4, "{before:?} {after:?}");
    store.remove(501..1_000);
    store.turn_until("written anew", |store| store.info().figures.dead == 0);
    assert_eq!(store.info().figures.vectors, 0);
    store.engine.close().unwrap();
}

#[test]
fn an_index_at_its_limit_takes_rows_again_when_some_are_removed() {
    let limit = 128 << 10;
    // A graph would go beyond the limit.
    let flat = IndexOptions { backend: Backend::Flat, ..options(Tier::Tq2) };
    let store = Store::new(&patient(), flat, Some(limit));
    let one = Incoming::new(1, 8 + DIM as usize * size_of::<f32>());
    let mut ids = 0_u64;
    let room = || store.try_run(|shard| shard.vector_room(b"docs", one)).unwrap();
    while room().is_ok() {
        store.set(ids..ids + 1, &row(ids));
        ids += 1;
    }
    assert_eq!(room(), Err(IndexError::Memory { limit }));
    // No segment is mostly dead.
    store.remove(0..ids / 4);
    assert_eq!(room(), Ok(()));
    store.engine.close().unwrap();
}

#[test]
fn a_consolidation_that_is_called_off_before_its_turn_ends_at_once_and_freezes_nothing() {
    let store = Store::new(&patient(), options(Tier::F32), None);
    store.set(0..1_000, &row(1));
    assert_eq!(store.consolidate(|_| true), Ok(()));
    store.remove(0..1);
    let first = store.begin_to_consolidate(|_| true);
    store.turn_until("it is built", |store| store.info().progress.is_some_and(|p| p.written > 0));
    store.set(1_000..1_300, &row(2));
    let second = store.begin_to_consolidate(|_| false);
    store.turn();
    assert_eq!(second.try_recv(), Ok(Err(VectorsError::Aborted)));
    assert!(first.try_recv().is_err(), "it waited for the first");
    assert_eq!(store.finish(&first), Ok(()));
    store.turn_until("nothing is done", |store| !store.engine.step_vectors());
    // Its turn has come when it is looked at.
    let third = store.begin_to_consolidate(|_| false);
    assert!(store.engine.step_vectors());
    assert_eq!(third.try_recv(), Ok(Err(VectorsError::Aborted)));
    (0..100).for_each(|_| store.turn());
    assert_eq!(store.info().figures.delta_vectors, 300);
    store.engine.close().unwrap();
}
