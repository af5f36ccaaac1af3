//! Strings that are written part by part: given to a key whole or not at all, read as any other, and gone from the disk
//! when nobody needs them.

use std::path::Path;

use skeg_engine::offline::{Offline, plan_repair, repair};
use skeg_engine::{
    Engine, EngineOptions, Expiry, LogErrorKind, Refusal, WriteError, Writing, WrittenString,
};
use skeg_io::Io;
use skeg_io::sync::Arc;

use crate::support::{Mailbox, keys};
use crate::values::{open, run, set, settle, take_snapshot};

const BYTES: usize = 700_000;

fn value(number: u8) -> Vec<u8> {
    (0..BYTES).map(|at| number ^ (at % 251) as u8).collect()
}

fn begin(engine: &Engine) -> Arc<Writing> {
    engine.begin_writing().expect("there is room").expect("there is a disk")
}

fn write(engine: &Engine, writing: &Arc<Writing>, part: &[u8]) -> Result<(), WriteError> {
    let wrote = Mailbox::new();
    let for_wrote = Arc::clone(&wrote);
    engine.write_part(writing, part.to_vec(), Box::new(move |done| for_wrote.put(done)));
    wrote.take()
}

fn end(engine: &Engine, writing: &Arc<Writing>) -> Result<Arc<WrittenString>, WriteError> {
    let ended = Mailbox::new();
    let for_ended = Arc::clone(&ended);
    engine.end_writing(writing, Box::new(move |written| for_ended.put(written)));
    ended.take()
}

fn written(engine: &Engine, number: u8) -> Arc<WrittenString> {
    let writing = begin(engine);
    value(number).chunks(99_991).for_each(|part| write(engine, &writing, part).expect("room"));
    end(engine, &writing).expect("it is named")
}

fn give(engine: &Engine, key: &[u8], string: &Arc<WrittenString>, expiry: Expiry) {
    let (key, string) = (key.to_vec(), Arc::clone(string));
    run(engine, true, move |exec| exec.shard(&key).set_written(0, &key, &string, expiry));
}

fn set_in_parts(engine: &Engine, key: &[u8], number: u8) {
    give(engine, key, &written(engine, number), Expiry::Clear);
}

fn get(engine: &Engine, key: &[u8]) -> Option<Vec<u8>> {
    let key = key.to_vec();
    let read = move |exec: &mut skeg_engine::Exec<'_>| {
        let found = exec.shard(&key).string(0, &key);
        found.map(|found| {
            found.map(|found| {
                let mut bytes = Vec::new();
                found.write_to(&mut bytes);
                bytes
            })
        })
    };
    run(engine, false, read).0.expect("it can be read")
}

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("values")).map_or(0, Iterator::count)
}

fn eventually(what: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if what() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("it did not come to that");
}

#[test]
fn a_string_is_given_to_a_key_whole() {
    let dir = tempfile::tempdir().expect("a folder of its own");
    let engine = open(dir.path(), 0);
    let key = keys(&engine)[0].clone();
    set(&engine, &key, b"before".to_vec());
    let writing = begin(&engine);
    for part in value(1).chunks(250_000) {
        write(&engine, &writing, part).expect("there is room");
        assert_eq!(get(&engine, &key), Some(b"before".to_vec()));
    }
    let string = end(&engine, &writing).expect("it is named");
    assert_eq!(string.len(), BYTES);
    assert_eq!(get(&engine, &key), Some(b"before".to_vec()));
    give(&engine, &key, &string, Expiry::Clear);
    assert!(get(&engine, &key) == Some(value(1)));
    assert_eq!(write(&engine, &writing, b"more"), Err(WriteError::Over));
    engine.close().expect("closes");
    let engine = open(dir.path(), 0);
    assert!(get(&engine, &key) == Some(value(1)), "from its record");
    take_snapshot(&engine);
    engine.close().expect("closes");
    let engine = open(dir.path(), 0);
    assert!(get(&engine, &key) == Some(value(1)), "from the snapshot");
    assert_eq!(files(dir.path()), 1);
    engine.close().expect("closes");
}

#[test]
fn what_is_replaced_or_removed_goes_with_the_next_snapshots() {
    let dir = tempfile::tempdir().expect("a folder of its own");
    let engine = open(dir.path(), 0);
    let keys = keys(&engine);
    for (key, number) in keys[..3].iter().zip(0..) {
        set_in_parts(&engine, key, number);
    }
    set_in_parts(&engine, &keys[0], 9);
    set(&engine, &keys[1], b"short".to_vec());
    assert_eq!(files(dir.path()), 4);
    // Records of the epoch that a snapshot begins in may be replayed.
    settle(&engine, 64 << 10);
    take_snapshot(&engine);
    assert_eq!(files(dir.path()), 2);
    assert!(get(&engine, &keys[0]) == Some(value(9)));
    assert!(get(&engine, &keys[2]) == Some(value(2)));
    engine.close().expect("closes");
    let engine = open(dir.path(), 0);
    assert!(get(&engine, &keys[0]) == Some(value(9)));
    assert_eq!(get(&engine, &keys[1]), Some(b"short".to_vec()));
    assert!(get(&engine, &keys[2]) == Some(value(2)));
    let key = keys[2].clone();
    run(&engine, true, move |exec| exec.shard(&key).remove(0, &key));
    // What was there when it was opened may be in any record up to then.
    settle(&engine, 64 << 10);
    take_snapshot(&engine);
    take_snapshot(&engine);
    assert_eq!(files(dir.path()), 1);
    engine.close().expect("closes");
}

#[test]
fn what_is_never_given_to_a_key_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder of its own");
    let engine = open(dir.path(), 0);
    let writing = begin(&engine);
    write(&engine, &writing, &value(1)).expect("there is room");
    assert_eq!(files(dir.path()), 1);
    engine.give_up_writing(&writing);
    eventually(|| files(dir.path()) == 0);
    assert_eq!(write(&engine, &writing, b"more"), Err(WriteError::Over));
    drop(written(&engine, 2));
    eventually(|| files(dir.path()) == 0);
    let left = begin(&engine);
    write(&engine, &left, &value(3)).expect("there is room");
    let named = written(&engine, 4);
    engine.close().expect("closes");
    drop((left, named));
    // It is the next one's directory now.
    assert_eq!(files(dir.path()), 2);
    let engine = open(dir.path(), 0);
    assert!(matches!(files(dir.path()), 0 | 1), "one was named");
    take_snapshot(&engine);
    settle(&engine, 64 << 10);
    take_snapshot(&engine);
    assert_eq!(files(dir.path()), 0);
    engine.close().expect("closes");
}

#[test]
fn it_is_a_string_as_any_other() {
    let dir = tempfile::tempdir().expect("a folder of its own");
    let engine = open(dir.path(), 1 << 20);
    let all = keys(&engine);
    set_in_parts(&engine, &all[0], 1);
    let (from, to) = (all[0].clone(), all[1].clone());
    let held = run(&engine, true, move |exec| {
        let held = exec.shard(&from).copy_value(0, &from);
        if let Ok(Some((value, expiry))) = held {
            exec.shard(&to).put_value(0, &to, value, expiry);
        }
    });
    assert!(held.1 >= 1);
    assert!(get(&engine, &all[1]) == Some(value(1)));
    let key = all[0].clone();
    run(&engine, true, move |exec| exec.shard(&key).append(0, &key, b"tail").is_ok());
    let appended = [value(1), b"tail".to_vec()].concat();
    assert!(get(&engine, &all[0]) == Some(appended.clone()));
    set_in_parts(&engine, &all[2], 2);
    let key = all[2].clone();
    run(&engine, true, move |exec| exec.shard(&key).set_expiry(0, &key, Some(1 << 44)));
    give(&engine, &all[2], &written(&engine, 3), Expiry::Keep);
    engine.close().expect("closes");
    // From the records, then with another number of shards.
    for shards in [4, 8, 2] {
        let options = EngineOptions { shards: Some(shards), ..EngineOptions::default() };
        let engine = Engine::open(&Io::real(), Some(dir.path()), &options).expect("opens");
        assert!(get(&engine, &all[0]) == Some(appended.clone()), "{shards}");
        assert!(get(&engine, &all[1]) == Some(value(1)), "{shards}");
        assert!(get(&engine, &all[2]) == Some(value(3)), "{shards}");
        let key = all[2].clone();
        let expiry = run(&engine, true, move |exec| exec.shard(&key).expiry(0, &key)).0;
        assert_eq!(expiry, Some(Some(1 << 44)), "{shards}");
        engine.close().expect("closes");
    }
}

#[test]
fn a_reading_keeps_the_file() {
    let dir = tempfile::tempdir().expect("a folder of its own");
    let engine = open(dir.path(), 0);
    let key = keys(&engine)[0].clone();
    set_in_parts(&engine, &key, 1);
    let for_begin = key.clone();
    let reading = run(&engine, true, move |exec| exec.begin_reading(0, &for_begin)).0;
    let reading = Arc::new(reading.expect("a string").expect("it is there"));
    set(&engine, &key, b"new".to_vec());
    take_snapshot(&engine);
    assert_eq!(files(dir.path()), 1, "it is being read");
    let found = Mailbox::new();
    let for_take = Arc::clone(&found);
    engine.read_part(&reading, 300_000..BYTES, Box::new(move |part| for_take.put(part)));
    assert!(*found.take().expect("it is there") == value(1)[300_000..]);
    drop(reading);
    take_snapshot(&engine);
    assert_eq!(files(dir.path()), 0);
    engine.close().expect("closes");
}

#[test]
fn there_is_no_such_thing_in_memory_or_read_only() {
    let options = EngineOptions::default();
    let engine = Engine::open(&Io::real(), None, &options).expect("opens");
    assert!(engine.begin_writing().expect("no error").is_none());
    engine.close().expect("closes");
    let refused = engine.begin_writing().expect_err("it is closed");
    assert_eq!(refused, Refusal::Closed);
    let dir = tempfile::tempdir().expect("a folder of its own");
    open(dir.path(), 0).close().expect("closes");
    let options = EngineOptions { read_only: true, ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options).expect("opens");
    let refused = write(&engine, &begin(&engine), b"1").expect_err("it is only read");
    assert!(
        matches!(refused, WriteError::Failed { kind: LogErrorKind::ReadOnly, .. }),
        "{refused}"
    );
    engine.close().expect("closes");
}

#[test]
fn an_empty_string_and_one_byte_are_strings() {
    let dir = tempfile::tempdir().expect("a folder of its own");
    let engine = open(dir.path(), 0);
    for (key, part) in keys(&engine).iter().zip([&b""[..], b"1"]) {
        let writing = begin(&engine);
        write(&engine, &writing, part).expect("there is room");
        give(&engine, key, &end(&engine, &writing).expect("it is named"), Expiry::Clear);
        assert_eq!(get(&engine, key), Some(part.to_vec()));
    }

    engine.close().expect("closes");
}

#[test]
fn a_repair_keeps_them_and_what_was_written_behind() {
    let dir = tempfile::tempdir().expect("a folder of its own");
    let engine = open(dir.path(), 0);
    let keys = keys(&engine);
    set(&engine, &keys[0], b"before".to_vec());
    set_in_parts(&engine, &keys[1], 1);
    set(&engine, &keys[2], b"behind".to_vec());
    engine.close().expect("closes");
    std::fs::remove_file(dir.path().join("CURRENT")).expect("it is there");
    let offline = Offline::open_to_write(&Io::real(), dir.path(), "test").expect("it is closed");
    let plan = plan_repair(&offline, None, &|_, _| {}, &mut |_, _| {});
    let plan = plan.expect("it is this database").expect("CURRENT is not there");
    assert!(plan.drops.is_empty(), "{plan:?}");
    repair(&offline, &plan, &|_, _| {}).expect("it can be repaired");
    drop(offline);
    let engine = open(dir.path(), 0);
    assert_eq!(get(&engine, &keys[0]), Some(b"before".to_vec()));
    assert!(get(&engine, &keys[1]) == Some(value(1)));
    assert_eq!(get(&engine, &keys[2]), Some(b"behind".to_vec()));
    engine.close().expect("closes");
}
