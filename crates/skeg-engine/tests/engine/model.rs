//! The engine against a plain map: every method of a shard, in random order, over two databases and
//! a clock that moves.

use std::collections::BTreeMap;

use crate::support::ManualClock;
use proptest::collection::vec;
use proptest::prelude::*;
use skeg_engine::{Bound, Drain, Engine, EngineOptions, Expiry, Holder, Shard, ShardList, StrRef};
use skeg_io::sync::Arc;
use skeg_io::{Clock, Io};

#[derive(Clone, Debug)]
enum Op {
    Set(u8, u8, Vec<u8>, u8),
    SetInt(u8, u8, i64),
    Append(u8, u8, Vec<u8>),
    SetRange(u8, u8, u8, Vec<u8>),
    Remove(u8, u8),
    Expire(u8, u8, Option<u8>),
    Move(u8, u8, u8, u8, bool),
    Flush(u8),
    Swap,
    Sleep(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let db = 0_u8..2;
    let key = 0_u8..6;
    let bytes =
        || prop_oneof![vec(any::<u8>(), 0..40), (-20_i64..20).prop_map(|n| n.to_string().into())];
    prop_oneof![
        (db.clone(), key.clone(), bytes(), 0_u8..8).prop_map(|(d, k, v, e)| Op::Set(d, k, v, e)),
        (db.clone(), key.clone(), any::<i64>()).prop_map(|(d, k, n)| Op::SetInt(d, k, n)),
        (db.clone(), key.clone(), bytes()).prop_map(|(d, k, v)| Op::Append(d, k, v)),
        (db.clone(), key.clone(), 0_u8..60, bytes())
            .prop_map(|(d, k, o, v)| Op::SetRange(d, k, o, v)),
        (db.clone(), key.clone()).prop_map(|(d, k)| Op::Remove(d, k)),
        (db.clone(), key.clone(), proptest::option::of(0_u8..8))
            .prop_map(|(d, k, e)| Op::Expire(d, k, e)),
        (db.clone(), key.clone(), db.clone(), key, any::<bool>())
            .prop_map(|(d, k, e, t, s)| Op::Move(d, k, e, t, s)),
        db.prop_map(Op::Flush),
        Just(Op::Swap),
        (0_u8..4).prop_map(Op::Sleep),
    ]
}

type Database = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

#[derive(Default)]
struct Model {
    now_ms: u64,
    databases: [Database; 2],
}

impl Model {
    fn db(&mut self, db: u8) -> &mut Database {
        let now_ms = self.now_ms;
        let database = &mut self.databases[usize::from(db)];
        database.retain(|_, (_, deadline)| deadline.is_none_or(|at| at > now_ms));
        database
    }

    fn apply(&mut self, op: &Op) {
        let now_ms = self.now_ms;
        match op.clone() {
            Op::Set(db, key, value, expiry) => {
                let kept = self.db(db).get(&name(key)).and_then(|(_, deadline)| *deadline);
                let deadline = match expiry {
                    0 => None,
                    1 => kept,
                    n => Some(now_ms + u64::from(n)),
                };
                self.db(db).insert(name(key), (value, deadline));
            }
            Op::SetInt(db, key, number) => {
                self.db(db).entry(name(key)).or_default().0 = number.to_string().into();
            }
            Op::Append(db, key, tail) => self.db(db).entry(name(key)).or_default().0.extend(tail),
            Op::SetRange(_, _, _, bytes) if bytes.is_empty() => {}
            Op::SetRange(db, key, offset, bytes) => {
                let value = &mut self.db(db).entry(name(key)).or_default().0;
                let end = usize::from(offset) + bytes.len();
                value.resize(value.len().max(end), 0);
                value[usize::from(offset)..end].copy_from_slice(&bytes);
            }
            Op::Remove(db, key) => drop(self.db(db).remove(&name(key))),
            Op::Expire(db, key, after) => {
                if let Some((_, deadline)) = self.db(db).get_mut(&name(key)) {
                    *deadline = after.map(|after| now_ms + u64::from(after));
                }
            }
            Op::Move(db, key, to_db, to, keep) => {
                if (db, key) != (to_db, to)
                    && let Some(entry) = self.db(db).get(&name(key)).cloned()
                {
                    self.db(to_db).insert(name(to), entry);
                    if !keep {
                        self.db(db).remove(&name(key));
                    }
                }
            }
            Op::Flush(db) => self.db(db).clear(),
            Op::Swap => self.databases.swap(0, 1),
            Op::Sleep(ms) => self.now_ms += u64::from(ms),
        }
    }
}

fn name(key: u8) -> Vec<u8> {
    format!("{{tag}}{key}").into()
}

fn apply(shard: &mut Shard, op: &Op) {
    let now_ms = shard.now_ms();
    match op {
        Op::Set(db, key, value, expiry) => {
            let expiry = match expiry {
                0 => Expiry::Clear,
                1 => Expiry::Keep,
                n => Expiry::At(now_ms + u64::from(*n)),
            };
            shard.set(*db, &name(*key), value, expiry);
        }
        Op::SetInt(db, key, number) => shard.set_int(*db, &name(*key), *number),
        Op::Append(db, key, tail) => drop(shard.append(*db, &name(*key), tail).expect("a string")),
        Op::SetRange(db, key, offset, bytes) => {
            let length = shard.set_range(*db, &name(*key), usize::from(*offset), bytes);
            length.expect("a string");
        }
        Op::Remove(db, key) => drop(shard.remove(*db, &name(*key))),
        Op::Expire(db, key, after) => {
            shard.set_expiry(*db, &name(*key), after.map(|after| now_ms + u64::from(after)));
        }
        Op::Move(db, key, to_db, to, keep) => {
            if (db, key) != (to_db, to) {
                shard.move_key((*db, &name(*key)), (*to_db, &name(*to)), *keep);
            }
        }
        Op::Flush(db) => drop(shard.flush(*db)),
        Op::Swap => shard.swap(0, 1),
        Op::Sleep(_) => {}
    }
}

fn contents(shard: &mut Shard, db: u8) -> Database {
    let mut keys = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = shard.scan(db, cursor, 3, &mut |key, _| keys.push(key.to_vec()));
        if cursor == 0 {
            break;
        }
    }
    keys.into_iter()
        .map(|key| {
            let deadline = shard.expiry(db, &key).expect("scanned");
            let mut value = Vec::new();
            let stored: StrRef<'_> = shard.string(db, &key).expect("a string").expect("scanned");
            stored.write_to(&mut value);
            assert_eq!(stored.len(), value.len());
            (key, (value, deadline))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_shard_does_what_a_map_does(ops in vec(op(), 1..80)) {
        let clock = Arc::new(ManualClock::default());
        let io = Io { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..Io::real() };
        let options = EngineOptions { home_threads: 0, ..EngineOptions::default() };
        let engine = Engine::open(&io, None, &options).unwrap();
        let mut model = Model { now_ms: engine.now_ms(), ..Model::default() };
        let shards = ShardList::one(engine.shard_of(&name(0)));
        let mut holder = Holder::new(&engine, Drain::Serve);
        for op in &ops {
            if let Op::Sleep(ms) = op {
                clock.advance(u64::from(*ms));
            }
            model.apply(op);
            holder.try_hold(&shards).unwrap();
            let run = |exec: &mut skeg_engine::Exec<'_>| {
                let shard = exec.shard(&name(0));
                apply(shard, op);
                [contents(shard, 0), contents(shard, 1)]
            };
            let (found, _) = holder.run(&shards, Bound::grow(4_096), run).unwrap();
            holder.release();
            prop_assert_eq!(&found[0], model.db(0));
            prop_assert_eq!(&found[1], model.db(1));
        }
        engine.close().unwrap();
    }
}
