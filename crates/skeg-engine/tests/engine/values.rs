//! Large strings: they leave memory once they are written, come back when they are read, and outlive
//! snapshots and openings.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use skeg_engine::{
    Bound, Drain, Engine, EngineOptions, Exec, Expiry, Hold, Level, LogErrorKind, Progress,
    ReadError, Receipt, Refusal, ShardList,
};
use skeg_io::Io;
use skeg_io::sync::{Arc, Mutex};

use crate::support::{Call, Mailbox, keys};

/// Longer than what is read under a latch.
const LARGE: usize = 100 << 10;

pub(crate) fn open(dir: &Path, cache_bytes: usize) -> Engine {
    let options = EngineOptions {
        shards: Some(4),
        segment_bytes: 1 << 20,
        cache_bytes,
        ..EngineOptions::default()
    };
    Engine::open(&Io::real(), Some(dir), &options).expect("opens")
}

fn large(number: u8) -> Vec<u8> {
    (0..LARGE).map(|at| number ^ (at % 251) as u8).collect()
}

/// Runs a job that keeps its place, or one that may be overtaken; how often it ran, and what came of it.
struct Attempt<R> {
    shards: ShardList,
    keeps_place: bool,
    /// Of log, at most.
    bytes: usize,
    run: R,
    done: Arc<Mailbox<Result<Receipt, Refusal>>>,
}

impl<R: FnMut(&mut Exec<'_>) + Send> skeg_engine::Job for Attempt<R> {
    fn shards(&self) -> &ShardList {
        &self.shards
    }
    fn bound(&self) -> Bound {
        Bound::grow(self.bytes as u64)
    }
    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        (self.run)(exec);
        Progress::Done
    }
    fn keeps_place(&self) -> bool {
        self.keeps_place
    }
    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        self.done.put(outcome);
    }
}

pub(crate) fn run<T: Send + 'static>(
    engine: &Engine,
    keeps_place: bool,
    command: impl FnMut(&mut Exec<'_>) -> T + Send + 'static,
) -> (T, usize) {
    run_within(engine, keeps_place, 2 * LARGE, command)
}

fn run_within<T: Send + 'static>(
    engine: &Engine,
    keeps_place: bool,
    bytes: usize,
    mut command: impl FnMut(&mut Exec<'_>) -> T + Send + 'static,
) -> (T, usize) {
    let (done, result) = (Mailbox::new(), Arc::new(Mutex::new((None, 0))));
    let for_run = Arc::clone(&result);
    let job = Attempt {
        shards: ShardList::all(engine.shards()),
        keeps_place,
        bytes,
        run: move |exec: &mut Exec<'_>| {
            let value = command(exec);
            let mut result = for_run.lock();
            *result = (Some(value), result.1 + 1);
        },
        done: Arc::clone(&done),
    };
    engine.post(Box::new(job), Drain::Serve).map_err(|(_, refusal)| refusal).expect("not refused");
    done.take().expect("not refused");
    let (value, runs) = std::mem::take(&mut *result.lock());
    (value.expect("it ran"), runs)
}

pub(crate) fn set(engine: &Engine, key: &[u8], value: Vec<u8>) {
    let key = key.to_vec();
    // Where segments end depends on what is reserved.
    let bytes = (2 * LARGE).max(LARGE + value.len());
    run_within(engine, true, bytes, move |exec| {
        exec.shard(&key).set(0, &key, &value, Expiry::Clear)
    });
}

fn get(engine: &Engine, key: &[u8], keeps_place: bool) -> (Result<Vec<u8>, ReadError>, usize) {
    let key = key.to_vec();
    run(engine, keeps_place, move |exec| {
        let found = exec.shard(&key).string(0, &key)?;
        let mut bytes = Vec::new();
        found.expect("it is there").write_to(&mut bytes);
        Ok(bytes)
    })
}

/// Bytes of memory of all entries.
pub(crate) fn memory(engine: &Engine) -> u64 {
    run(engine, true, |exec| exec.shards().map(|shard| shard.figures().memory_bytes).sum()).0
}

/// Waits until everything written is in the log only.
pub(crate) fn settle(engine: &Engine, bytes_max: u64) {
    let log = engine.log().expect("on disk");
    log.wait(Level::Disk, log.last_epoch()).expect("the disk is healthy");
    let mut waited = 0;
    while memory(engine) > bytes_max {
        std::thread::sleep(Duration::from_millis(5));
        waited += 1;
        assert!(waited < 10_000, "{} bytes stay in memory", memory(engine));
    }
}

pub(crate) fn take_snapshot(engine: &Engine) {
    let (send, receive) = mpsc::channel();
    engine
        .snapshot(Box::new(move |outcome| send.send(outcome).expect("somebody waits")))
        .expect("one can be taken");
    receive.recv().expect("it ends").expect("it succeeds");
}

#[test]
fn large_strings_leave_memory_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path(), 0);
    let keys = keys(&engine);
    for (number, key) in keys.iter().enumerate() {
        set(&engine, key, large(number as u8));
    }
    settle(&engine, 64 << 10);
    for _ in 0..2 {
        for keeps_place in [true, false] {
            for (number, key) in keys.iter().enumerate() {
                let (value, runs) = get(&engine, key, keeps_place);
                assert!(value == Ok(large(number as u8)), "{number}");
                assert_eq!(runs, 2, "once to find out what has to be read");
            }
        }
        let lengths = run(&engine, true, {
            let keys = keys.clone();
            move |exec| {
                let mut length = |key: &Vec<u8>| exec.shard(key).string_len(0, key).unwrap();
                keys.iter().map(&mut length).collect::<Vec<_>>()
            }
        });
        assert_eq!(lengths, (vec![Some(LARGE); 4], 1), "a length needs no read");
        // All that is missing is read before the command runs again.
        let (all, runs) = run(&engine, false, {
            let keys = keys.clone();
            move |exec| {
                keys.iter().for_each(|key| exec.shard(key).want(0, key));
                let here = !exec.must_wait();
                here.then(|| keys.iter().all(|key| exec.shard(key).string(0, key).is_ok()))
            }
        });
        assert_eq!((all, runs), (Some(true), 2));
        engine.close().unwrap();
        engine = open(dir.path(), 0);
        assert!(memory(&engine) < 64 << 10, "what is replayed stays in the log");
    }
    engine.close().unwrap();
}

#[test]
fn a_command_that_removed_an_expired_key_before_it_must_wait_runs_again() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 0);
    let key = keys(&engine)[0].clone();
    set(&engine, &key, large(3));
    settle(&engine, 64 << 10);
    let gone = [b"{".as_slice(), &key, b"}gone"].concat();
    let for_set = gone.clone();
    run(&engine, true, move |exec| {
        let soon = exec.now_ms() + 1;
        exec.shard(&for_set).set(0, &for_set, b"v", Expiry::At(soon));
    });
    std::thread::sleep(Duration::from_millis(5));
    let (found, runs) = run(&engine, false, move |exec| {
        let is_there = exec.shard(&gone).exists(0, &gone);
        (is_there, exec.shard(&key).string(0, &key).map(|found| found.map(|value| value.len())))
    });
    assert_eq!((found, runs), ((false, Ok(Some(LARGE))), 2));
    engine.close().unwrap();
}

#[test]
fn the_cache_spares_the_read() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 16 << 20);
    let key = keys(&engine)[2].clone();
    set(&engine, &key, large(7));
    settle(&engine, 64 << 10);
    assert_eq!(get(&engine, &key, false), (Ok(large(7)), 2));
    assert_eq!(get(&engine, &key, false), (Ok(large(7)), 1));
    let figures = engine.value_figures();
    assert_eq!((figures.reads, figures.cache.hits, figures.cache.values), (1, 1, 1));
    // What is short enough is read at once, when the system has it in memory.
    set(&engine, &key, large(1)[..2_000].to_vec());
    settle(&engine, 64 << 10);
    assert_eq!(get(&engine, &key, true).0.as_deref(), Ok(&large(1)[..2_000]));
    engine.close().unwrap();
}

#[test]
fn what_is_changed_in_place_comes_back_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path(), 0);
    let keys = keys(&engine);
    set(&engine, &keys[0], large(1));
    set(&engine, &keys[1], large(2));
    settle(&engine, 64 << 10);
    let (one, two) = (keys[0].clone(), keys[1].clone());
    let (length, runs) = run(&engine, true, move |exec| exec.shard(&one).append(0, &one, b"tail"));
    assert_eq!((length, runs), (Ok(LARGE + 4), 2));
    run(&engine, true, move |exec| exec.shard(&two).set_range(0, &two, 3, b"patch")).0.unwrap();
    let expected = [[large(1), b"tail".to_vec()].concat(), {
        let mut value = large(2);
        value[3..8].copy_from_slice(b"patch");
        value
    }];
    for _ in 0..2 {
        for (key, expected) in keys.iter().zip(&expected) {
            assert!(get(&engine, key, true) == (Ok(expected.clone()), 1), "it is in memory");
        }
        engine.close().unwrap();
        engine = open(dir.path(), 0);
    }
    engine.close().unwrap();
}

#[test]
fn values_go_to_other_keys_shards_and_databases() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path(), 0);
    let keys = keys(&engine);
    let (here, there) = (keys[0].clone(), keys[3].clone());
    // As long as it waits to be written, and afterwards.
    for settled in [false, true] {
        set(&engine, &here, large(4));
        if settled {
            settle(&engine, 64 << 10);
        }
        let (from, to) = (here.clone(), there.clone());
        run(&engine, true, move |exec| {
            assert!(exec.shard(&from).move_key((0, &from), (5, &from), true));
            let copied = exec.shard(&from).copy_value(0, &from)?;
            let (value, at) = copied.expect("it is there");
            exec.shard(&to).put_value(0, &to, value, at);
            exec.shards().for_each(|shard| shard.swap(5, 6));
            assert!(exec.shard(&from).move_key((6, &from), (0, &from), false));
            Ok::<_, ReadError>(())
        })
        .0
        .unwrap_or_else(|error| assert_eq!((error, settled), (ReadError::Away, true)));
        settle(&engine, 64 << 10);
        for _ in 0..2 {
            assert!(get(&engine, &here, true).0 == Ok(large(4)));
            assert!(get(&engine, &there, true).0 == Ok(large(4)));
            engine.close().unwrap();
            engine = open(dir.path(), 0);
        }
    }
    engine.close().unwrap();
}

#[test]
fn segments_stay_as_long_as_their_strings_are_needed() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path(), 0);
    let keys = keys(&engine);
    set(&engine, &keys[0], large(9));
    // Through several segments.
    for round in 0..30 {
        set(&engine, &keys[1], large(round));
    }
    settle(&engine, 64 << 10);
    let before = engine.log().unwrap().status().segments;
    take_snapshot(&engine);
    let kept = engine.log().unwrap().status().segments;
    assert!(before > 3 && kept <= 3, "{before} segments, then {kept}");
    for _ in 0..3 {
        assert!(get(&engine, &keys[0], true).0 == Ok(large(9)));
        assert!(get(&engine, &keys[1], true).0 == Ok(large(29)));
        engine.close().unwrap();
        engine = open(dir.path(), 0);
    }
    set(&engine, &keys[0], b"short".to_vec());
    for round in 0..12 {
        set(&engine, &keys[1], large(round));
    }
    take_snapshot(&engine);
    let oldest = std::fs::read_dir(dir.path().join("log")).unwrap();
    let oldest = oldest.map(|entry| entry.unwrap().file_name()).min().unwrap();
    assert!(oldest.to_str() > Some("00000001.seg"), "nobody needs the first segment any more");
    engine.close().unwrap();
}

#[test]
fn damage_is_named_and_costs_one_value() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 0);
    let keys = keys(&engine);
    set(&engine, &keys[0], large(1));
    set(&engine, &keys[1], large(2));
    settle(&engine, 64 << 10);
    let beginning = &large(1)[..64];
    let files = std::fs::read_dir(dir.path().join("log")).unwrap();
    let found = files.map(|entry| entry.unwrap().path()).find_map(|path| {
        let bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(64).position(|window| window == beginning)?;
        Some((path, bytes, at))
    });
    let (path, mut bytes, at) = found.expect("it is in the log");
    bytes[at + 5_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let file = path.file_name().unwrap().to_str().unwrap();
    for keeps_place in [true, false] {
        let (value, _) = get(&engine, &keys[0], keeps_place);
        let Err(ReadError::Unreadable { kind, reason }) = value else { panic!("it was served") };
        assert_eq!(kind, LogErrorKind::Corrupt);
        assert!(reason.contains(file) && reason.contains(&at.to_string()), "{reason}");
        assert!(get(&engine, &keys[1], keeps_place).0 == Ok(large(2)));
    }
    engine.close().unwrap();
}

#[test]
fn a_job_that_keeps_its_place_is_not_overtaken() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 0);
    let key = keys(&engine)[0].clone();
    set(&engine, &key, large(1));
    settle(&engine, 64 << 10);
    let (done, seen) = (Mailbox::new(), Arc::new(Mutex::new(Vec::new())));
    let shards = ShardList::one(engine.shard_of(&key));
    let (read_key, for_read) = (key.clone(), Arc::clone(&seen));
    let first = Attempt {
        shards: shards.clone(),
        keeps_place: true,
        bytes: 2 * LARGE,
        run: move |exec: &mut Exec<'_>| {
            if let Ok(Some(value)) = exec.shard(&read_key).string(0, &read_key) {
                for_read.lock().push(value.len());
            }
        },
        done: Mailbox::new(),
    };
    let (write_key, for_write, for_done) = (key, Arc::clone(&seen), Arc::clone(&done));
    let second = Call {
        shards,
        hold: Hold::Together,
        run: move |exec: &mut Exec<'_>| {
            exec.shard(&write_key).set(0, &write_key, b"new", Expiry::Clear);
            for_write.lock().push(0);
            Progress::Done
        },
        done: move |outcome| for_done.put(outcome),
    };
    for job in [Box::new(first) as Box<dyn skeg_engine::Job>, Box::new(second)] {
        engine.post(job, Drain::Serve).map_err(|(_, refusal)| refusal).unwrap();
    }
    done.take().unwrap();
    assert_eq!(*seen.lock(), [LARGE, 0], "the write waited for the read");
    engine.close().unwrap();
}

#[test]
fn compaction_states_again_what_mostly_dead_segments_still_have() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path(), 0);
    let key = keys(&engine)[0].clone();
    let name = |number: u8| [b"{".as_slice(), &key, b"}", &[number]].concat();
    for number in 0..40 {
        set(&engine, &name(number), large(number));
    }
    // One has another name and one a deadline that is far away.
    let (from, to, timed) = (name(8), name(48), name(16));
    run(&engine, true, move |exec| exec.shard(&from).move_key((0, &from), (0, &to), false));
    settle(&engine, 64 << 10);
    take_snapshot(&engine);
    assert_eq!(engine.value_figures().restated_bytes, 0, "nothing is dead yet");
    let deadline = 33_177_117_420_123;
    let for_timed = timed.clone();
    run(&engine, true, move |exec| {
        exec.shard(&for_timed).set_expiry(0, &for_timed, Some(deadline))
    });
    let live = [0, 48, 16, 24, 32];
    for number in (0..40).filter(|number| number % 8 != 0) {
        let removed = name(number);
        run(&engine, true, move |exec| exec.shard(&removed).remove(0, &removed));
    }
    take_snapshot(&engine);
    let status = engine.log().expect("on disk").status();
    let restated = engine.value_figures().restated_bytes;
    assert!(
        restated >= 4 * LARGE as u64,
        "those of the segment that is written to stay: {restated}"
    );
    assert!(status.bytes < 16 * LARGE as u64, "{status:?}");
    for _ in 0..2 {
        for number in live {
            let original = if number == 48 { 8 } else { number };
            assert!(get(&engine, &name(number), false).0 == Ok(large(original)), "{number}");
        }
        let for_timed = timed.clone();
        let found = run(&engine, true, move |exec| exec.shard(&for_timed).expiry(0, &for_timed)).0;
        assert_eq!(found, Some(Some(deadline)));
        assert!(memory(&engine) < 64 << 10, "they stay in the log");
        engine.close().unwrap();
        engine = open(dir.path(), 0);
    }
    engine.close().unwrap();
}
