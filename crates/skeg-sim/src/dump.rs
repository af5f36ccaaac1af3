//! Reading all that an engine holds.
//!
//! Invariant: nothing lapses while it is read, because the clock stands at time 0 meanwhile.

use std::collections::BTreeMap;

use skeg_engine::{
    Bound, DATABASES, Drain, Engine, Exec, Holder, LogErrorKind, ReadError, Shard, ShardList,
    ValueRef, put_together,
};
use skeg_io::Clock;
use skeg_io::sim::SimClock;
use skeg_vector::{Id, IdKind};

use crate::elements::{Holds, bytes};
use crate::state::{At, Entry, IndexState, State};

/// Ids of vectors in simulated databases are numbers below this, or their texts.
pub(crate) const IDS: u64 = 10;

/// The id of a number in an index of a kind.
pub(crate) fn id(kind: IdKind, number: u64) -> Id {
    match kind {
        IdKind::U64 => Id::U64(number),
        IdKind::Str => Id::Str(format!("id {number}").into()),
    }
}

/// In how many parts the index of a name is, in every plan: so where its rows are does not depend on what came
/// before.
pub(crate) fn parts_of(name: &[u8]) -> u16 {
    if name == b"index 2" { 3 } else { 1 }
}

/// Runs `act` with the wall clock at time 0.
pub(crate) fn at_time_zero<R>(clock: &SimClock, act: impl FnOnce() -> R) -> R {
    let now_ms = clock.now_ms();
    clock.set_now_ms(0);
    let result = act();
    clock.set_now_ms(now_ms);
    result
}

/// All that the engine holds.
///
/// # Errors
/// When a latch is not free, a string cannot be read, or an index has vectors that nobody can have put
/// there.
pub(crate) fn read(engine: &Engine, clock: &SimClock) -> Result<State, String> {
    match read_damaged(engine, clock)? {
        (state, unreadable) if unreadable.is_empty() => Ok(state),
        (_, unreadable) => Err(format!("strings that cannot be read: {unreadable:?}")),
    }
}

/// All that the engine holds, and the keys of strings whose damage was found out; they are empty.
///
/// # Errors
/// As [`read`], but for those.
pub(crate) fn read_damaged(
    engine: &Engine,
    clock: &SimClock,
) -> Result<(State, Vec<(At, String)>), String> {
    at_time_zero(clock, || {
        let mut holder = Holder::new(engine, Drain::Serve);
        let all = ShardList::all(engine.shards());
        if !holder.try_hold(&all).map_err(|refusal| format!("cannot be read: {refusal}"))? {
            return Err("a latch is held by nobody who could hold it".to_owned());
        }
        let read = holder.run(&all, Bound::READ, |exec| {
            let (mut state, mut unreadable) = (State::default(), Vec::new());
            exec.shards().try_for_each(|shard| read_shard(shard, &mut state, &mut unreadable))?;
            read_indexes(exec, &mut state)?;
            Ok::<_, String>((state, unreadable))
        });
        let (state, receipt) = read.map_err(|refusal| format!("cannot be read: {refusal}"))?;
        if receipt.written.0 != 0 {
            return Err("reading has changed something".to_owned());
        }
        state
    })
}

fn read_shard(
    shard: &mut Shard,
    state: &mut State,
    unreadable: &mut Vec<(At, String)>,
) -> Result<(), String> {
    for db in (0..DATABASES).filter(|db| !shard.is_empty(*db)).collect::<Vec<_>>() {
        let mut cursor = 0;
        let mut found = 0;
        loop {
            let mut away = Vec::new();
            cursor = shard.scan(db, cursor, 64, &mut |key, entry| {
                let at = At { db, key: key.to_vec() };
                let value = match entry.value {
                    ValueRef::Away(_) => {
                        away.push(at.clone());
                        Holds::Text(Vec::new())
                    }
                    value => Holds::of(value),
                };
                let entry = Entry { value, expire_at_ms: entry.expire_at_ms };
                found += usize::from(state.entries.insert(at, entry).is_none());
            });
            for at in away {
                let value = match shard.string(db, &at.key) {
                    Err(ReadError::Unreadable { kind: LogErrorKind::Corrupt, reason }) => {
                        unreadable.push((at, reason.to_string()));
                        continue;
                    }
                    other => other.map_err(|error| error.to_string())?,
                };
                let value = value.map(bytes).ok_or("a string in the log that is not there")?;
                state.entries.get_mut(&at).expect("it was put in").value = Holds::Text(value);
            }
            if cursor == 0 {
                break;
            }
        }
        if found != shard.len(db) {
            return Err(format!("a scan of db {db} found {found} of {} keys", shard.len(db)));
        }
    }
    Ok(())
}

fn read_indexes(exec: &mut Exec<'_>, state: &mut State) -> Result<(), String> {
    let parts: Vec<_> = exec.shards().flat_map(Shard::index_list).collect();
    let count = parts.len();
    let indexes = put_together(parts);
    let expected: usize = indexes.iter().map(|info| usize::from(info.partitions())).sum();
    if count != expected {
        return Err(format!(
            "there are {count} parts of indexes, where {expected} belong together"
        ));
    }
    for info in indexes {
        let mut vectors = BTreeMap::new();
        let parts = exec.index_parts(&info.name);
        for number in 0..IDS {
            let id = id(info.options.ids, number);
            let row = exec
                .shard_of_id(&parts, id.as_ref())
                .and_then(|(shard, part)| shard.vector_get(part, id.as_ref()));
            if let Some(row) = row.map_err(|error| error.to_string())? {
                let row = row.read().map_err(|error| error.to_string())?;
                vectors.insert(id.clone(), row.into_owned());
            }
        }
        if vectors.len() != info.figures.vectors {
            return Err(format!(
                "an index has {} vectors, known are {}",
                info.figures.vectors,
                vectors.len()
            ));
        }
        state.indexes.insert(info.name, IndexState { options: info.options, vectors });
    }
    Ok(())
}
