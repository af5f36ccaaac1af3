//! Reading all that an engine holds.
//!
//! Invariant: nothing lapses while it is read, because the clock stands at time 0 meanwhile.

use std::collections::BTreeMap;

use skeg_engine::{Bound, DATABASES, Drain, Engine, Holder, Shard, ShardList};
use skeg_io::Clock;
use skeg_io::sim::SimClock;
use skeg_vector::{Id, IdKind};

use crate::elements::Holds;
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
/// When a latch is not free, or an index has vectors that nobody can have put there.
pub(crate) fn read(engine: &Engine, clock: &SimClock) -> Result<State, String> {
    at_time_zero(clock, || {
        let mut holder = Holder::new(engine, Drain::Serve);
        let all = ShardList::all(engine.shards());
        if !holder.try_hold(&all).map_err(|refusal| format!("cannot be read: {refusal}"))? {
            return Err("a latch is held by nobody who could hold it".to_owned());
        }
        let read = holder.run(&all, Bound::READ, |exec| {
            let mut state = State::default();
            exec.shards().try_for_each(|shard| read_shard(shard, &mut state))?;
            Ok::<_, String>(state)
        });
        let (state, receipt) = read.map_err(|refusal| format!("cannot be read: {refusal}"))?;
        if receipt.written.0 != 0 {
            return Err("reading has changed something".to_owned());
        }
        state
    })
}

fn read_shard(shard: &mut Shard, state: &mut State) -> Result<(), String> {
    for db in (0..DATABASES).filter(|db| !shard.is_empty(*db)).collect::<Vec<_>>() {
        let mut cursor = 0;
        let mut found = 0;
        loop {
            cursor = shard.scan(db, cursor, 64, &mut |key, entry| {
                let entry =
                    Entry { value: Holds::of(entry.value), expire_at_ms: entry.expire_at_ms };
                found += usize::from(
                    state.entries.insert(At { db, key: key.to_vec() }, entry).is_none(),
                );
            });
            if cursor == 0 {
                break;
            }
        }
        if found != shard.len(db) {
            return Err(format!("a scan of db {db} found {found} of {} keys", shard.len(db)));
        }
    }
    for info in shard.index_list() {
        let mut vectors = BTreeMap::new();
        for number in 0..IDS {
            let id = id(info.options.ids, number);
            let row =
                shard.vector_get(&info.name, id.as_ref()).map_err(|error| error.to_string())?;
            if let Some(row) = row {
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
