//! What was written is there when the database is opened again: keys of every kind of effect,
//! vectors, transactions over several shards; with real threads on a real directory.

use std::path::Path;
use std::time::Duration;

use skeg_engine::{
    Bound, Drain, End, Engine, EngineError, EngineOptions, Expiry, Holder, Level, Receipt, Refusal,
    ShardList, StrRef,
};
use skeg_io::Io;
use skeg_vector::{IndexOptions, Metric};

use crate::support::{add, keys, number};

fn open(dir: &Path) -> Engine {
    Engine::open(&Io::real(), Some(dir), &EngineOptions::default()).expect("opens")
}

pub(crate) fn run<T>(
    engine: &Engine,
    command: impl FnOnce(&mut skeg_engine::Exec<'_>) -> T,
) -> (T, Receipt) {
    let all = ShardList::all(engine.shards());
    let mut holder = Holder::new(engine, Drain::Serve);
    while !holder.try_hold(&all).expect("open") {
        holder.release();
        std::thread::sleep(Duration::from_millis(1));
    }
    holder.run(&all, Bound::grow(64 << 10), command).expect("not refused")
}

fn text(exec: &mut skeg_engine::Exec<'_>, db: u8, key: &[u8]) -> Option<Vec<u8>> {
    let value: Option<StrRef<'_>> = exec.shard(key).string(db, key).expect("a string");
    value.map(|value| {
        let mut bytes = Vec::new();
        value.write_to(&mut bytes);
        bytes
    })
}

#[test]
fn every_effect_survives_close_and_open() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let far = engine.now_ms() + 3_600_000;
    let (_, receipt) = run(&engine, |exec| {
        exec.shard(b"a").set(0, b"a", b"one", Expiry::Clear);
        exec.shard(b"b").set(1, b"b", b"two", Expiry::At(far));
        exec.shard(b"n").set_int(0, b"n", -5);
        exec.shard(b"app").append(0, b"app", b"x").expect("a string");
        exec.shard(b"app").append(0, b"app", b"yz").expect("a string");
        exec.shard(b"r").set_range(0, b"r", 3, b"end").expect("a string");
        exec.shard(b"gone").set(0, b"gone", b"x", Expiry::Clear);
        exec.shard(b"gone").remove(0, b"gone");
        exec.shard(b"{t}1").set(0, b"{t}1", b"moved", Expiry::At(far));
        exec.shard(b"{t}1").move_key((0, b"{t}1"), (2, b"{t}2"), false);
        exec.shard(b"p").set(3, b"p", b"persisted", Expiry::At(far));
        exec.shard(b"p").set_expiry(3, b"p", None);
        collections(exec);
        let options = IndexOptions::new(3, Metric::Cosine);
        let index = exec.shard(b"docs");
        index.index_create(b"docs", options).unwrap();
        index.vector_set(b"docs", "one".into(), &[1.0, 0.0, 0.5]).unwrap();
        index.vector_set(b"docs", "two".into(), &[0.0, 1.0, 0.0]).unwrap();
        index.vector_remove(b"docs", "two".into()).unwrap();
    });
    engine.log().unwrap().wait(Level::Kernel, receipt.written).unwrap();
    engine.close().unwrap();

    let engine = open(dir.path());
    assert!(engine.recovered().records > 0);
    run(&engine, |exec| {
        assert_eq!(text(exec, 0, b"a").as_deref(), Some(&b"one"[..]));
        assert_eq!(text(exec, 1, b"b").as_deref(), Some(&b"two"[..]));
        assert_eq!(exec.shard(b"b").expiry(1, b"b"), Some(Some(far)));
        assert_eq!(number(exec.shard(b"n"), b"n"), -5);
        assert_eq!(text(exec, 0, b"app").as_deref(), Some(&b"xyz"[..]));
        assert_eq!(text(exec, 0, b"r").as_deref(), Some(&b"\0\0\0end"[..]));
        assert!(!exec.shard(b"gone").exists(0, b"gone"));
        assert_eq!(exec.shard(b"{t}2").expiry(2, b"{t}2"), Some(Some(far)));
        assert!(!exec.shard(b"{t}1").exists(0, b"{t}1"));
        assert_eq!(exec.shard(b"p").expiry(3, b"p"), Some(None));
        check_collections(exec);
        let index = exec.shard(b"docs");
        let row = index.vector_get(b"docs", "one".into()).unwrap().unwrap();
        assert_eq!(*row.read().unwrap(), [1.0, 0.0, 0.5]);
        assert_eq!(index.index_info(b"docs").unwrap().figures.vectors, 1);
    });
    engine.close().unwrap();
}

/// Every change of a collection, of small ones and of one that is large.
fn collections(exec: &mut skeg_engine::Exec<'_>) {
    let hash = exec.shard(b"hash");
    for number in 0..600 {
        let field = format!("field {number}");
        hash.hash_set(0, b"hash", field.as_bytes(), &[b'v'; 9]).expect("of this kind");
    }
    for number in 3..600 {
        hash.hash_remove(0, b"hash", format!("field {number}").as_bytes()).expect("of this kind");
    }
    hash.hash_set(0, b"hash", b"field 1", b"-7").expect("of this kind");
    let set = exec.shard(b"set");
    for member in ["a", "b", "3", ""] {
        assert!(set.set_add(0, b"set", member.as_bytes()).expect("of this kind"));
    }
    assert!(!set.set_add(0, b"set", b"a").expect("of this kind"));
    assert!(set.set_remove(0, b"set", b"b").expect("of this kind"));
    let list = exec.shard(b"list");
    for item in ["c", "b", "a"] {
        list.list_push(0, b"list", End::Front, item.as_bytes()).expect("of this kind");
    }
    for item in ["d", "e", "f", "g", "h"] {
        list.list_push(0, b"list", End::Back, item.as_bytes()).expect("of this kind");
    }
    for (end, item) in [(End::Front, b"a"), (End::Back, b"h")] {
        let is_it = |popped: StrRef<'_>| popped == StrRef::Bytes(item);
        assert_eq!(list.list_pop(0, b"list", end, is_it), Ok(Some(true)));
    }
    assert!(list.list_set(0, b"list", 1, b"C").expect("of this kind"));
    assert_eq!(list.list_insert(0, b"list", 2, b"between").expect("of this kind"), Some(7));
    assert_eq!(list.list_remove(0, b"list", 4, 2).expect("of this kind"), 2);
    let sorted = exec.shard(b"sorted");
    for (member, score) in [("one", 1.0), ("two", 2.5), ("three", f64::INFINITY), ("two", -0.0)] {
        sorted.zset_set(0, b"sorted", member.as_bytes(), score).expect("of this kind");
    }
    assert_eq!(sorted.zset_remove(0, b"sorted", b"one").expect("of this kind"), Some(1.0));
    for key in [&b"emptied"[..], b"stored"] {
        exec.shard(key).set_add(0, key, b"only").expect("of this kind");
    }
    exec.shard(b"emptied").set_remove(0, b"emptied", b"only").expect("of this kind");
    exec.shard(b"stored").set_store(0, b"stored", [&b"x"[..], b"y"]);
    // Values that go to another shard.
    for (from, to) in [("hash", "h2"), ("set", "s2"), ("list", "l2"), ("sorted", "z2")] {
        let value = exec.shard(from.as_bytes()).copy_value(0, from.as_bytes());
        let (value, _) = value.expect("a string").expect("it is there");
        let far = exec.now_ms() + 3_600_000;
        exec.shard(to.as_bytes()).put_value(0, to.as_bytes(), value, Some(far));
    }
}

fn check_collections(exec: &mut skeg_engine::Exec<'_>) {
    let bytes = |value: StrRef<'_>| {
        let mut bytes = Vec::new();
        value.write_to(&mut bytes);
        String::from_utf8(bytes).expect("of this kind")
    };
    for key in [&b"hash"[..], b"h2"] {
        let hash = exec.shard(key).hash(0, key).expect("of this kind").expect("it is there");
        let mut fields: Vec<_> =
            hash.iter().map(|(field, value)| bytes(field) + " " + &bytes(value)).collect();
        fields.sort();
        assert_eq!(fields, ["field 0 vvvvvvvvv", "field 1 -7", "field 2 vvvvvvvvv"]);
    }
    for key in [&b"set"[..], b"s2"] {
        let set = exec.shard(key).set_of(0, key).expect("of this kind").expect("it is there");
        assert_eq!(set.iter().map(bytes).collect::<Vec<_>>(), ["a", "3", ""]);
    }
    for key in [&b"list"[..], b"l2"] {
        let list = exec.shard(key).list(0, key).expect("of this kind").expect("it is there");
        assert_eq!(list.iter().map(bytes).collect::<Vec<_>>(), ["b", "C", "between", "d", "g"]);
    }
    for key in [&b"sorted"[..], b"z2"] {
        let sorted =
            exec.shard(key).sorted_set(0, key).expect("of this kind").expect("it is there");
        let members: Vec<_> = sorted.iter().map(|(it, score)| (bytes(it), score)).collect();
        assert_eq!(members, [("two".to_owned(), 0.0), ("three".to_owned(), f64::INFINITY)]);
        assert!(members[0].1.is_sign_negative());
    }
    assert!(!exec.shard(b"emptied").exists(0, b"emptied"));
    assert_eq!(
        exec.shard(b"stored")
            .set_of(0, b"stored")
            .expect("of this kind")
            .expect("of this kind")
            .len(),
        2
    );
    assert!(exec.shard(b"z2").expiry(0, b"z2").expect("of this kind").is_some());
}

#[test]
fn a_second_open_is_refused_and_another_shard_count_where_nothing_may_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let again = Engine::open(&Io::real(), Some(dir.path()), &EngineOptions::default());
    assert!(matches!(again, Err(EngineError::Log(skeg_engine::LogError::Locked { .. }))));
    engine.close().unwrap();
    let four = EngineOptions { shards: Some(4), read_only: true, ..EngineOptions::default() };
    let refused = Engine::open(&Io::real(), Some(dir.path()), &four);
    assert!(matches!(refused, Err(EngineError::Log(skeg_engine::LogError::ShardCount { .. }))));
}

#[test]
fn read_only_serves_and_refuses_writes() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    run(&engine, |exec| add(exec.shard(b"n"), b"n", 7));
    engine.close().unwrap();
    let options = EngineOptions { read_only: true, ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options).unwrap();
    let only = ShardList::one(engine.shard_of(b"n"));
    let mut holder = Holder::new(&engine, Drain::Serve);
    holder.try_hold(&only).unwrap();
    let (found, _) = holder.run(&only, Bound::READ, |exec| number(exec.shard(b"n"), b"n")).unwrap();
    assert_eq!(found, 7);
    let refused = holder.run(&only, Bound::grow(10), |exec| add(exec.shard(b"n"), b"n", 1));
    assert_eq!(refused, Err(Refusal::ReadOnly));
    holder.release();
    engine.close().unwrap();
}

#[test]
fn a_reader_of_a_pending_change_is_told_to_wait_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { home_threads: 0, shards: Some(1), ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options).unwrap();
    let (_, written) = run(&engine, |exec| add(exec.shard(b"n"), b"n", 1));
    let (_, seen) = run(&engine, |exec| number(exec.shard(b"n"), b"n"));
    assert_eq!(seen.seen, written.written);
    let (_, other) = run(&engine, |exec| number(exec.shard(b"m"), b"m"));
    assert_eq!(other.seen.0, 0);
    engine.log().unwrap().wait(Level::Kernel, written.written).unwrap();
    let (_, seen) = run(&engine, |exec| number(exec.shard(b"n"), b"n"));
    assert_eq!(seen.seen.0, 0, "it is written now");
    engine.close().unwrap();
}

#[test]
fn transactions_over_shards_are_in_one_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let keys = keys(&engine);
    let (_, receipt) = run(&engine, |exec| {
        for key in &keys {
            add(exec.shard(key), key, 1);
        }
    });
    assert!(receipt.written.0 > 0);
    engine.close().unwrap();
    let engine = open(dir.path());
    let (sum, _) =
        run(&engine, |exec| keys.iter().map(|key| number(exec.shard(key), key)).sum::<i64>());
    assert_eq!(sum, i64::from(engine.shards()));
    engine.close().unwrap();
}

#[test]
fn what_reads_remove_as_expired_is_reserved_on_whichever_shard() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let keys = keys(&engine);
    let all = ShardList::all(engine.shards());
    let soon = engine.now_ms() + 20;
    run(&engine, |exec| {
        for key in &keys {
            exec.shard(key).set(0, key, b"soon gone", Expiry::At(soon));
        }
    });
    // All latches are held, so that nobody else removes them.
    let mut holder = Holder::new(&engine, Drain::Serve);
    // The slice sees the clock as it was when its first latch was taken.
    loop {
        let before = engine.now_ms();
        if holder.try_hold(&all).unwrap() && before > soon {
            break;
        }
        holder.release();
    }
    let read = |exec: &mut skeg_engine::Exec<'_>| {
        keys.iter().filter(|key| exec.shard(key).exists(0, key)).count()
    };
    let (found, receipt) = holder.run(&all, Bound::READ, read).unwrap();
    drop(holder);
    assert_eq!(found, 0);
    let status = engine.log().unwrap().status();
    assert_eq!(status.overdrawn_bytes, 0, "{receipt:?}");
    engine.close().unwrap();
}
