//! Tools on a directory that an engine wrote: what is in its records, what replay would refuse, how
//! many shards it had.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use skeg_engine::offline::{
    Contents, Detail, Found, Offline, RecordEffects, Subject, check, contents, plan_repair, repair,
};
use skeg_engine::{Engine, EngineOptions, Expiry, IndexInfo, Level, Purpose, ShardId};
use skeg_io::Io;
use skeg_vector::{IndexOptions, Metric};

use crate::durable::run;
use crate::support::keys;

fn open(dir: &Path, shards: Option<u16>) -> Engine {
    let options = EngineOptions { shards, ..EngineOptions::default() };
    Engine::open(&Io::real(), Some(dir), &options).expect("opens")
}

fn offline(dir: &Path) -> Offline {
    Offline::open(&Io::real(), dir).expect("nobody has it open")
}

/// One key on every shard, and an index with a vector.
fn fill(engine: &Engine) -> Vec<Vec<u8>> {
    let keys = keys(engine);
    for key in &keys {
        run(engine, |exec| exec.shard(key).set(2, key, b"value", Expiry::Clear));
    }
    run(engine, |exec| {
        let shard = exec.shard(b"docs");
        shard.index_create(b"docs", IndexOptions::new(2, Metric::Cosine)).expect("new");
        shard.vector_set(b"docs", "seven".into(), &[1.0, 0.5]).expect("it fits");
    });
    keys
}

const IGNORED: &dyn Fn(u64, u64) = &|_, _| {};

#[test]
fn effects_are_described_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), Some(4));
    let keys = fill(&engine);
    engine.close().unwrap();
    let offline = offline(dir.path());
    assert!(check(&Io::real(), &offline, IGNORED).unwrap().is_sound());
    let (mut named, mut vectors) = (BTreeSet::new(), 0);
    for info in &offline.summary().unwrap().segments {
        offline
            .walk_segment(info, &mut |found| {
                let Found::Block(block) = found else { return ControlFlow::Continue(()) };
                for record in block.records() {
                    for effect in RecordEffects::new(record.kind, record.payload).unwrap() {
                        let effect = effect.unwrap();
                        match effect.subject {
                            Subject::Key { db, key } => {
                                assert_eq!((db, effect.op), (2, "set"));
                                assert_eq!(effect.details, [("bytes", Detail::Size(5))]);
                                named.insert(key.to_vec());
                            }
                            Subject::Index { name, .. } => {
                                assert_eq!(name, b"docs");
                                vectors += u64::from(effect.op == "set-vector");
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                }
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    assert_eq!((named, vectors), (keys.into_iter().collect(), 1));
    let Contents { figures, indexes } = contents(&Io::real(), &offline, IGNORED).unwrap();
    assert_eq!((figures.keys[2], figures.indexes, figures.vectors), (4, 1, 1));
    let [IndexInfo { name, figures, .. }] = indexes.as_slice() else { panic!("{indexes:?}") };
    assert_eq!((name.as_slice(), figures.vectors, figures.delta_vectors), (&b"docs"[..], 1, 1));
}

/// Records whose checksums hold and that no replay can apply.
#[test]
fn what_replay_would_refuse_is_damage() {
    let bad: [(u8, &[u8]); 5] = [
        (9, b""),
        (1, &[99]),
        // A database that there is not, a SETRANGE far out, a vector of no index.
        (1, &[4, 16, 1, b'k']),
        (1, &[8, 0, 1, b'k', 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, b'x']),
        (1, &[34, 4, b'n', b'o', b'n', b'e', 1, 4, 0, 0, 0, 0]),
    ];
    for (kind, payload) in bad {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path(), Some(4));
        fill(&engine);
        let log = engine.log().unwrap();
        log.wait(Level::Kernel, log.last_epoch()).unwrap();
        let mut reservation = log.reserve(payload.len() as u64, Purpose::Growth).unwrap();
        log.push(&mut reservation, ShardId(1), kind, payload);
        log.settle(reservation);
        engine.close().unwrap();
        let report = check(&Io::real(), &offline(dir.path()), IGNORED).unwrap();
        assert_eq!(report.damage.len(), 1, "{report:?}");
        let damage = &report.damage[0];
        assert!(damage.file.ends_with("log/00000002.seg") && damage.offset > 64, "{damage:?}");
        let options = EngineOptions { shards: Some(4), ..EngineOptions::default() };
        let opened = Engine::open(&Io::real(), Some(dir.path()), &options);
        assert!(opened.is_err(), "an open refuses, too");
        let offline = Offline::open_to_write(&Io::real(), dir.path(), "test").unwrap();
        let plan = plan_repair(&offline, None, IGNORED, &mut |_, _| {}).unwrap().unwrap();
        repair(&offline, &plan, IGNORED).unwrap();
        drop(offline);
        let engine = open(dir.path(), None);
        assert_eq!(engine.recovered().records, plan.records);
        assert!(plan.records > 4, "what came before is kept");
        engine.close().unwrap();
    }
}

#[test]
fn without_current_the_shards_are_told_from_the_keys() {
    for shards in [1, 2, 4, 64] {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path(), Some(shards));
        let keys = fill(&engine);
        engine.close().unwrap();
        std::fs::remove_file(dir.path().join("CURRENT")).unwrap();
        let offline = Offline::open_to_write(&Io::real(), dir.path(), "test").unwrap();
        let plan = plan_repair(&offline, None, IGNORED, &mut |_, _| {}).unwrap().unwrap();
        assert!(plan.drops.is_empty(), "{plan:?}");
        repair(&offline, &plan, IGNORED).unwrap();
        drop(offline);
        let engine = open(dir.path(), None);
        // With one key on every shard no other number is possible; one shard could be any.
        assert!(shards == 1 || engine.shards() == shards, "{} for {shards}", engine.shards());
        for key in keys {
            let (kept, _) =
                run(&engine, |exec| exec.shard(&key).string(2, &key).unwrap().is_some());
            assert!(kept, "{key:?} is found where routing looks for it");
        }
        engine.close().unwrap();
    }
}
