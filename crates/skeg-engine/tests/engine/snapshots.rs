//! Snapshots: with the log behind them they are the state, whatever was written meanwhile.

use std::path::Path;
use std::sync::mpsc;

use skeg_engine::{
    Bound, Drain, Engine, EngineOptions, Exec, Expiry, Holder, Job, Progress, Receipt, Refusal,
    SavePoint, ShardList, SnapshotError, SnapshotInfo, ValueRef,
};
use skeg_io::Io;
use skeg_vector::{IndexOptions, Metric};

use crate::support::{add, keys, number};

fn open(dir: &Path, options: &EngineOptions) -> Engine {
    Engine::open(&Io::real(), Some(dir), options).expect("opens")
}

fn by_hand() -> EngineOptions {
    EngineOptions { home_threads: 0, shards: Some(4), ..EngineOptions::default() }
}

/// What threads would do while somebody waits.
fn turn(engine: &Engine) {
    let log = engine.log().expect("on disk");
    log.try_write();
    log.maintain().expect("the disk is healthy");
    log.sync().expect("the disk is healthy");
}

/// Runs a command on all shards, patiently.
fn run<T>(engine: &Engine, mut command: impl FnMut(&mut Exec<'_>) -> T) -> (T, Receipt) {
    let all = ShardList::all(engine.shards());
    let mut holder = Holder::new(engine, Drain::Serve);
    loop {
        if holder.try_hold(&all).expect("open") {
            match holder.run(&all, Bound::grow(64 << 10), &mut command) {
                Err(Refusal::Wait) => {}
                other => return other.expect("not refused"),
            }
        }
        holder.release();
        turn(engine);
    }
}

/// Runs a command on the shard of one key, patiently.
fn on_key(engine: &Engine, key: &[u8], mut command: impl FnMut(&mut Exec<'_>)) {
    let id = engine.shard_of(key);
    let mut holder = Holder::new(engine, Drain::Serve);
    loop {
        if holder.try_hold_one(id).expect("open") {
            match holder.run_one(id, Bound::grow(10 << 10), &mut command) {
                Err(Refusal::Wait) => {}
                other => {
                    other.expect("not refused");
                    return;
                }
            }
        }
        holder.release();
        turn(engine);
    }
}

fn take(engine: &Engine) -> Result<SnapshotInfo, SnapshotError> {
    let (sender, receiver) = mpsc::channel();
    engine.snapshot(Box::new(move |result| sender.send(result).expect("waited for")))?;
    receiver.recv().expect("told once")
}

/// Brings the snapshot under way to its end.
fn finish(engine: &Engine) {
    while engine.snapshot_status().running {
        engine.step_snapshot();
        turn(engine);
    }
}

#[test]
fn a_snapshot_with_the_log_behind_it_is_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { segment_bytes: 64 << 10, ..EngineOptions::default() };
    let engine = open(dir.path(), &options);
    let far = engine.now_ms() + 3_600_000;
    let key = |number: u32| format!("key:{number}").into_bytes();
    for count in 0..3_000 {
        on_key(&engine, &key(count), |exec| {
            let expiry = if count % 3 == 0 { Expiry::At(far) } else { Expiry::Clear };
            let db = (count % 5) as u8;
            exec.shard(&key(count)).set(db, &key(count), &vec![b'v'; count as usize % 300], expiry);
        });
    }
    run(&engine, |exec| {
        let index = exec.shard(b"docs");
        index.index_create(b"docs", IndexOptions::new(2, Metric::Euclidean)).unwrap();
        index.vector_set(b"docs", "one".into(), &[1.0, 0.5]).unwrap();
        exec.shard(b"n").set_int(0, b"n", -77);
    });
    let before = engine.log().unwrap().status();
    let info = take(&engine).unwrap();
    let status = engine.snapshot_status();
    assert_eq!((status.running, status.last, status.last_error), (false, Some(info), None));
    assert!(before.segments > 5 && engine.log().unwrap().status().segments <= 3);
    run(&engine, |exec| {
        add(exec.shard(b"n"), b"n", 7);
        exec.shard(b"docs").vector_set(b"docs", "two".into(), &[0.0, 0.0]).unwrap();
    });
    engine.close().unwrap();

    let engine = open(dir.path(), &options);
    let recovered = engine.recovered();
    assert_eq!(recovered.snapshot_entries, 3_002);
    assert!(recovered.records < 1_000, "{recovered:?}");
    run(&engine, |exec| {
        assert_eq!(number(exec.shard(b"n"), b"n"), -70);
        assert_eq!(exec.shard(b"docs").index_info(b"docs").unwrap().figures.vectors, 2);
        for count in 0..3_000 {
            let (db, key) = ((count % 5) as u8, key(count));
            let deadline = (count % 3 == 0).then_some(far);
            assert_eq!(exec.shard(&key).expiry(db, &key), Some(deadline));
            let value = exec.shard(&key).string(db, &key).unwrap().unwrap();
            assert_eq!(value.len(), count as usize % 300);
        }
    });
    engine.close().unwrap();
}

#[test]
fn writers_go_on_while_snapshots_are_taken_and_nothing_is_doubled() {
    let dir = tempfile::tempdir().unwrap();
    // So small that writers meet a full outlet all the time.
    let options = EngineOptions {
        shards: Some(4),
        snapshot_buffer_bytes: 500,
        snapshot_log_bytes: 32 << 10,
        segment_bytes: 64 << 10,
        ..EngineOptions::default()
    };
    let engine = open(dir.path(), &options);
    let key = |writer: usize, number: usize| format!("{writer}:{number}").into_bytes();
    let writes = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let engine = engine.clone();
                scope.spawn(move || {
                    for round in 0..6_000 {
                        let key = key(writer, round % 997);
                        on_key(&engine, &key, |exec| {
                            add(exec.shard(&key), &key, 1);
                        });
                    }
                })
            })
            .collect();
        let mut taken = 0;
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            take(&engine).unwrap();
            taken += 1;
        }
        taken
    });
    assert!(writes > 0);
    take(&engine).unwrap();
    engine.close().unwrap();
    let engine = open(dir.path(), &options);
    run(&engine, |exec| {
        for (writer, count) in (0..2).flat_map(|w| (0..997).map(move |n| (w, n))) {
            let expected = (0..6_000).filter(|round| round % 997 == count).count() as i64;
            let key = key(writer, count);
            assert_eq!(number(exec.shard(&key), &key), expected, "{writer}:{count}");
        }
    });
    engine.close().unwrap();
}

#[test]
fn what_is_flushed_or_swapped_meanwhile_is_in_the_snapshot_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &by_hand());
    let key = |number: u32| format!("key:{number}").into_bytes();
    let fill = |db: u8, text: &[u8]| {
        run(&engine, |exec| {
            for count in 0..500 {
                exec.shard(&key(count)).set(db, &key(count), text, Expiry::Clear);
            }
        });
    };
    fill(0, b"zero");
    fill(1, b"one");
    fill(2, b"two");
    assert_eq!(engine.start_snapshot(), Ok(true));
    assert_eq!(engine.start_snapshot(), Ok(false), "one at a time");
    // The walk of the first shard has begun, and that of others has not.
    for _ in 0..2 {
        engine.step_snapshot();
    }
    run(&engine, |exec| exec.shards().for_each(|shard| shard.swap(0, 1)));
    run(&engine, |exec| {
        let old: Vec<_> = exec.shards().filter_map(|shard| shard.flush(1)).collect();
        old.into_iter().for_each(|contents| exec.discard(contents));
    });
    fill(1, b"younger");
    engine.step_snapshot();
    run(&engine, |exec| exec.shards().for_each(|shard| shard.swap(1, 2)));
    finish(&engine);
    assert_eq!(engine.snapshot_status().last_error, None);
    engine.close().unwrap();
    let engine = open(dir.path(), &by_hand());
    assert!(engine.recovered().snapshot_entries >= 1_500);
    run(&engine, |exec| {
        for (db, text) in [(0, &b"one"[..]), (1, b"two"), (2, b"younger")] {
            for count in 0..500 {
                let value = exec.shard(&key(count)).string(db, &key(count)).unwrap();
                let mut found = Vec::new();
                value.expect("it is there").write_to(&mut found);
                assert_eq!(found, text, "{db} {count}");
            }
        }
    });
    engine.close().unwrap();
}

#[test]
fn a_writer_waits_for_a_full_outlet_and_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { snapshot_buffer_bytes: 1, ..by_hand() };
    let engine = open(dir.path(), &options);
    run(&engine, |exec| {
        for count in 0..2_000 {
            let key = format!("{{k}}{count}").into_bytes();
            exec.shard(&key).set(0, &key, &[7; 100], Expiry::Clear);
        }
    });
    let id = engine.shard_of(b"{k}");
    engine.start_snapshot().unwrap();
    let mut holder = Holder::new(&engine, Drain::Serve);
    let mut waited = false;
    while engine.snapshot_status().running {
        engine.step_snapshot();
        assert!(holder.try_hold_one(id).unwrap());
        let write = |exec: &mut Exec<'_>| {
            exec.shard(b"{k}7").set(0, b"{k}7", b"new", Expiry::Clear);
        };
        let ran = holder.run_one(id, Bound::grow(100), write);
        waited |= matches!(ran, Err(Refusal::Wait));
        let read = |exec: &mut Exec<'_>| exec.shard(b"{k}8").exists(0, b"{k}8");
        assert!(holder.run_one(id, Bound::READ, read).unwrap().0, "readers never wait");
        holder.release();
        turn(&engine);
    }
    assert!(waited);
    engine.close().unwrap();
}

const MEMBERS: u32 = 5_000;

/// Removes a member of a large set, after it has said so.
struct RemoveMember {
    shards: ShardList,
    key: &'static [u8],
    keeps_place: bool,
    done: mpsc::Sender<Result<Receipt, Refusal>>,
}

impl Job for RemoveMember {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        Bound::grow(200)
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        exec.shard(self.key).want_change(0, self.key);
        if !exec.must_wait() {
            assert!(
                exec.shard(self.key).set_remove(0, self.key, &0_u32.to_le_bytes()).expect("a set")
            );
        }
        Progress::Done
    }

    fn keeps_place(&self) -> bool {
        self.keeps_place
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        self.done.send(outcome).expect("waited for");
    }
}

#[test]
fn a_large_collection_delays_only_who_changes_it() {
    for keeps_place in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let options = EngineOptions { snapshot_slice_bytes: 4 << 10, ..by_hand() };
        let engine = open(dir.path(), &options);
        let keys: [&'static [u8]; 2] = [b"{k}set", b"{k}other"];
        for from in 0..50 {
            run(&engine, |exec| {
                for key in keys {
                    for member in 0..MEMBERS / 50 {
                        let member = (from * (MEMBERS / 50) + member).to_le_bytes();
                        exec.shard(key).set_add(0, key, &member).unwrap();
                    }
                }
            });
        }
        run(&engine, |exec| {
            exec.shard(b"{k}small").set(0, b"{k}small", b"old", Expiry::Clear);
        });
        engine.start_snapshot().unwrap();
        let id = engine.shard_of(b"{k}");
        let mut holder = Holder::new(&engine, Drain::Serve);
        let is_walked = |holder: &mut Holder| {
            assert!(holder.try_hold_one(id).unwrap());
            let walked = holder.run_one(id, Bound::READ, |exec| exec.is_walked()).unwrap().0;
            holder.release();
            walked
        };
        while !is_walked(&mut holder) {
            engine.step_snapshot();
        }
        let (sender, done) = mpsc::channel();
        for key in keys {
            let (shards, done) = (ShardList::one(id), sender.clone());
            let job = Box::new(RemoveMember { shards, key, keeps_place, done });
            engine.post(job, Drain::Serve).map_err(|(_, refusal)| refusal).unwrap();
        }
        let mut steps = 0;
        while done.try_recv().is_err() {
            steps += 1;
            engine.step_snapshot();
            if keeps_place {
                assert_eq!(
                    holder.try_hold_one(id),
                    Ok(engine.queued() == 0),
                    "it is overtaken by none"
                );
            } else {
                assert!(holder.try_hold_one(id).unwrap(), "nobody else waits");
                let command = |exec: &mut Exec<'_>| {
                    let shard = exec.shard(b"{k}");
                    shard.want_change(0, b"{k}small");
                    shard.set(0, b"{k}small", b"new", Expiry::Clear);
                    shard.exists(0, b"{k}set")
                };
                assert!(holder.run_one(id, Bound::grow(100), command).unwrap().0);
            }
            holder.release();
            turn(&engine);
        }
        assert!(steps > 50, "{steps}");
        finish(&engine);
        assert!(done.try_recv().unwrap().is_ok());
        assert_eq!(engine.snapshot_status().published, 1);
        engine.close().unwrap();

        let engine = open(dir.path(), &options);
        run(&engine, |exec| {
            for key in keys {
                let Some(ValueRef::Set(set)) = exec.shard(key).peek(0, key) else { panic!() };
                assert_eq!(set.len() as u32, MEMBERS - 1);
            }
        });
        engine.close().unwrap();
    }
}

/// Reads a key that has expired, then removes a member of a large set.
struct ReadAndRemove {
    shards: ShardList,
    expired: Vec<u8>,
    set: Vec<u8>,
    runs: usize,
    done: mpsc::Sender<(usize, Result<Receipt, Refusal>)>,
}

impl ReadAndRemove {
    fn run_on(&self, exec: &mut Exec<'_>) {
        assert!(!exec.shard(&self.expired).exists(0, &self.expired));
        exec.shard(&self.set).want_change(0, &self.set);
        if !exec.must_wait() {
            // It was not there in the first place.
            assert!(!exec.shard(&self.set).set_remove(0, &self.set, b"nothing").expect("a set"));
        }
    }
}

impl Job for ReadAndRemove {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        Bound::grow(200)
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        self.runs += 1;
        self.run_on(exec);
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        self.done.send((self.runs, outcome)).expect("waited for");
    }
}

#[test]
fn what_was_written_before_a_wait_is_in_the_receipt() {
    // Of a job and of what is run in place first; on one shard and on two.
    for (in_place, other) in [(false, false), (false, true), (true, false), (true, true)] {
        let dir = tempfile::tempdir().unwrap();
        let options = EngineOptions { snapshot_slice_bytes: 4 << 10, ..by_hand() };
        let engine = open(dir.path(), &options);
        let keys = keys(&engine);
        let (set, expired) =
            (keys[0].clone(), [&b"{"[..], &keys[usize::from(other)], b"}"].concat());
        run(&engine, |exec| {
            for member in 0..1_000_u32 {
                exec.shard(&set).set_add(0, &set, &member.to_le_bytes()).unwrap();
            }
            exec.shard(&expired).set(0, &expired, b"value", Expiry::At(1));
        });
        let shards: ShardList =
            [&set, &expired].map(|key| engine.shard_of(key)).into_iter().collect();
        engine.start_snapshot().unwrap();
        let mut holder = Holder::new(&engine, Drain::Serve);
        loop {
            engine.step_snapshot();
            assert!(holder.try_hold(&shards).unwrap());
            if holder.run(&shards, Bound::READ, |exec| exec.is_walked()).unwrap().0 {
                break;
            }
            holder.release();
        }
        holder.release();
        // What follows has an epoch of its own.
        turn(&engine);
        let before = engine.log().unwrap().last_epoch();
        let (done, over) = mpsc::channel();
        let job = ReadAndRemove { shards, expired, set, runs: 0, done };
        if in_place {
            assert!(holder.try_hold(&job.shards).unwrap());
            let ran = holder.run(&job.shards, job.bound(), |exec| job.run_on(exec));
            assert_eq!(ran, Err(Refusal::Wait));
        }
        holder.post(Box::new(job)).map_err(|(_, refusal)| refusal).unwrap();
        finish(&engine);
        let (runs, receipt) = over.recv().unwrap();
        assert_eq!(runs, 2);
        assert!(receipt.unwrap().written > before);
        engine.close().unwrap();
    }
}

#[test]
fn a_snapshot_that_is_given_up_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &by_hand());
    run(&engine, |exec| add(exec.shard(b"n"), b"n", 1));
    engine.start_snapshot().unwrap();
    engine.step_snapshot();
    let (sender, receiver) = mpsc::channel();
    engine.snapshot(Box::new(move |result| sender.send(result).unwrap())).unwrap();
    engine.close().unwrap();
    assert_eq!(receiver.recv().unwrap(), Err(SnapshotError::GivenUp));
    let left = std::fs::read_dir(dir.path().join("snap")).unwrap().count();
    assert_eq!(left, 0);
    assert_eq!(engine.start_snapshot(), Err(SnapshotError::Refused(Refusal::Closed)));
}

#[test]
fn only_what_is_on_disk_and_writable_has_snapshots() {
    let memory = Engine::open(&Io::real(), None, &by_hand()).unwrap();
    assert_eq!(memory.start_snapshot(), Err(SnapshotError::InMemory));
    memory.close().unwrap();
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), &by_hand()).close().unwrap();
    let read_only = open(dir.path(), &EngineOptions { read_only: true, ..by_hand() });
    assert_eq!(read_only.start_snapshot(), Err(SnapshotError::ReadOnly));
    read_only.close().unwrap();
}

#[test]
fn snapshots_are_taken_at_save_points_and_when_the_log_has_outgrown_them() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { snapshot_log_bytes: 20_000, ..by_hand() };
    let engine = open(dir.path(), &options);
    let write = |bytes: usize| {
        run(&engine, |exec| {
            exec.shard(b"k").set(0, b"k", &vec![1; bytes], Expiry::Clear);
        });
        engine.log().unwrap().try_write();
        engine.tick();
    };
    write(1_000);
    assert!(!engine.snapshot_status().running, "nothing is due");
    engine.set_save_points(vec![SavePoint { after_ms: 0, changes: 3 }]);
    write(10);
    assert!(!engine.snapshot_status().running, "two of three changes");
    write(10);
    assert!(engine.snapshot_status().running);
    finish(&engine);
    assert_eq!(engine.snapshot_status().changes, 0);
    engine.set_save_points(Vec::new());
    write(15_000);
    assert!(!engine.snapshot_status().running);
    write(15_000);
    assert!(engine.snapshot_status().running, "more than 20,000 bytes are behind it");
    finish(&engine);
    assert_eq!(engine.snapshot_status().last.unwrap().id, 2);
    engine.close().unwrap();
}

#[test]
fn a_snapshot_is_taken_when_much_was_removed_and_nothing_else_is_written() {
    // In the snapshot, and in the log only.
    for value_bytes in [900, 9_000] {
        let dir = tempfile::tempdir().unwrap();
        let small = EngineOptions { segment_bytes: 64 << 10, ..by_hand() };
        let engine = open(dir.path(), &EngineOptions { snapshot_log_bytes: 20_000, ..small });
        let keys: Vec<Vec<u8>> = (0..200).map(|n| format!("key:{n}").into_bytes()).collect();
        for key in &keys {
            on_key(&engine, key, |exec| {
                exec.shard(key).set(0, key, &vec![1; value_bytes], Expiry::Clear);
            });
        }
        let settle = || {
            for _ in 0..20 {
                turn(&engine);
                engine.tick();
                finish(&engine);
            }
            engine.snapshot_status().published
        };
        let taken = settle();
        assert!(taken > 0, "they are more than 20,000 bytes");
        for (n, key) in keys.iter().enumerate().filter(|(n, _)| n % 10 > 0) {
            on_key(&engine, key, |exec| assert!(exec.shard(key).remove(0, key), "{n}"));
        }
        let behind = engine.snapshot_status().behind_bytes;
        assert!(behind < 20_000, "{behind} bytes alone would not have been a reason");
        let taken_then = settle();
        assert!(taken_then > taken, "{:?}", engine.snapshot_status());
        let status = engine.log().unwrap().status();
        let bytes = status.bytes + status.snapshot.unwrap().bytes;
        let live = 20 * value_bytes as u64;
        assert!(bytes < 3 * live + (64 << 10), "{bytes} bytes stay for {live}");
        assert_eq!(settle(), taken_then, "once it is as good as it gets");
        engine.close().unwrap();
    }
}

/// What every shard holds, as numbers by key.
fn numbers(engine: &Engine, keys: &[Vec<u8>]) -> Vec<i64> {
    run(engine, |exec| keys.iter().map(|key| number(exec.shard(key), key)).collect()).0
}

#[test]
fn threads_load_what_one_thread_loads() {
    let dir = tempfile::tempdir().unwrap();
    let keys: Vec<Vec<u8>> = (0..5_000).map(|n| format!("key:{n}").into_bytes()).collect();
    let engine = open(dir.path(), &by_hand());
    let mut draw = 1_usize;
    let mut transfers = |count| {
        for _ in 0..count {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (from, to) = (&keys[(draw >> 33) % keys.len()], &keys[(draw >> 20) % keys.len()]);
            run(&engine, |exec| {
                add(exec.shard(from), from, -1);
                add(exec.shard(to), to, 1);
            });
        }
    };
    transfers(10_000);
    engine.start_snapshot().unwrap();
    engine.step_snapshot();
    transfers(5_000);
    finish(&engine);
    transfers(10_000);
    let expected = numbers(&engine, &keys);
    assert_eq!(expected.iter().sum::<i64>(), 0);
    engine.close().unwrap();
    for home_threads in [0, 2] {
        let told = std::cell::Cell::new((0, 0));
        let tell = |done: u64, total: u64| {
            assert!(told.get().0 <= done && done <= total);
            told.set((done, total));
        };
        let options = EngineOptions { home_threads, ..by_hand() };
        let engine = Engine::open_with(&Io::real(), Some(dir.path()), &options, &tell).unwrap();
        assert!(engine.recovered().snapshot_entries > 0 && engine.recovered().records > 10_000);
        assert!(told.get().1 > 0 && told.get().0 == told.get().1, "all is read in the end");
        assert_eq!(numbers(&engine, &keys), expected);
        engine.close().unwrap();
    }
}

/// The files of a folder of the database, by name.
fn files(dir: &Path, folder: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir.join(folder)).expect("it is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it is there").path()).collect();
    files.retain(|file| !file.ends_with("spare"));
    files.sort();
    files
}

/// Turns a bit in the middle of a file.
fn flip(file: &Path) {
    let mut bytes = std::fs::read(file).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(file, bytes).expect("it may be written");
}

#[test]
fn an_older_snapshot_serves_when_newer_ones_are_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        EngineOptions { keep_snapshots: 3, segment_bytes: 64 << 10, inline_max: 200, ..by_hand() };
    let engine = open(dir.path(), &options);
    let key = |number: usize| format!("key:{number}").into_bytes();
    let value = |round: usize, number: usize| vec![b'a' + round as u8; 150 + number % 200];
    for round in 0..6 {
        for number in 0..400 {
            if number % 5 != 0 || round == 0 {
                on_key(&engine, &key(number), |exec| {
                    let value = value(round, number);
                    exec.shard(&key(number)).set(0, &key(number), &value, Expiry::Clear);
                });
            }
        }
        if round < 5 {
            engine.start_snapshot().unwrap();
            finish(&engine);
        }
    }
    let status = engine.log().unwrap().status();
    assert_eq!((status.snapshots, status.snapshot.unwrap().id), (3, 5));
    engine.close().unwrap();
    let snapshots = files(dir.path(), "snap");
    assert_eq!(snapshots.len(), 3);

    let check = || {
        let offline = skeg_engine::offline::Offline::open(&Io::real(), dir.path()).unwrap();
        skeg_engine::offline::check(&Io::real(), &offline, &|_, _| {}).unwrap()
    };
    let sound = check();
    assert!(sound.is_sound() && sound.leftovers.is_empty(), "{sound:?}");
    let judge = |engine: &Engine| {
        let all = ShardList::all(engine.shards());
        let mut holder = Holder::new(engine, Drain::Serve);
        assert!(holder.try_hold(&all).unwrap());
        let looked = holder.run(&all, Bound::READ, |exec| {
            for number in 0..400 {
                let round = if number % 5 == 0 { 0 } else { 5 };
                let key = key(number);
                let found = exec.shard(&key).string(0, &key).unwrap().unwrap();
                let mut bytes = Vec::new();
                found.write_to(&mut bytes);
                assert_eq!(bytes, value(round, number), "{number}");
            }
        });
        looked.unwrap();
    };
    flip(&snapshots[2]);
    flip(&snapshots[1]);
    let report = check();
    let damaged: Vec<_> = report.damage.iter().map(|damage| damage.file.clone()).collect();
    assert_eq!(damaged, [snapshots[2].clone(), snapshots[1].clone()]);
    assert_eq!(report.outcome, skeg_engine::offline::Outcome::Opens);
    for read_only in [true, false] {
        let engine = open(dir.path(), &EngineOptions { read_only, ..options.clone() });
        let damaged = &engine.recovered().damaged_snapshots;
        assert_eq!(damaged.len(), 2);
        assert_eq!(damaged[0].file, snapshots[2]);
        judge(&engine);
        engine.close().unwrap();
    }
    // What was damaged is gone, and what it alone needed.
    assert_eq!(files(dir.path(), "snap"), &snapshots[..1]);
    assert!(check().is_sound());
    let once = EngineOptions { keep_snapshots: 1, ..options.clone() };
    let engine = open(dir.path(), &once);
    judge(&engine);
    let before = files(dir.path(), "log").len();
    engine.start_snapshot().unwrap();
    finish(&engine);
    assert!(files(dir.path(), "log").len() < before, "the log for older ones goes with them");
    judge(&engine);
    engine.close().unwrap();
    // With one alone it is as it always was.
    flip(&files(dir.path(), "snap")[0]);
    assert!(Engine::open(&Io::real(), Some(dir.path()), &options).is_err());
}
