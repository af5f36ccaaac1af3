//! Eviction of groups: that they go whole and those not used for the longest time first, on whichever shards
//! their keys are, and how good the choice is on a skewed trace.

use std::collections::BTreeMap;
use std::time::Duration;

use skeg_engine::{
    Drain, Engine, EngineOptions, EvictionPolicy, Expiry, Grouping, Holder, MemoryLimit,
};
use skeg_io::Io;
use skeg_io::sync::Arc;

use crate::evict::{Zipf, contents, hits_of_lru, in_memory, limit, run, set, used};
use crate::support::ManualClock;

/// Keys of each group.
const TURNS: u64 = 12;

fn key(session: u64, turn: u64) -> Vec<u8> {
    format!("session:{session}:turn:{turn}").into_bytes()
}

/// An engine with a clock, and without threads of its own.
fn with_clock(shards: u16) -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let io = Io { clock: Arc::clone(&clock) as _, ..Io::real() };
    let options =
        EngineOptions { shards: Some(shards), home_threads: 0, ..EngineOptions::default() };
    (Engine::open(&io, None, &options).expect("opens"), clock)
}

fn set_session(engine: &Engine, holder: &mut Holder, session: u64) {
    for turn in 0..TURNS {
        assert!(set(engine, holder, &key(session, turn), &[7; 64], Expiry::Clear));
    }
}

fn read(engine: &Engine, key: &[u8]) -> bool {
    run(engine, |exec| exec.shard(key).read_string(0, key).expect("a string").is_some()).0
}

/// How many keys there are of each session of which there are any.
fn sessions(engine: &Engine) -> BTreeMap<u64, u64> {
    let mut sessions = BTreeMap::new();
    for key in contents(engine).into_keys() {
        let text = String::from_utf8(key).expect("text");
        let session = text.split(':').nth(1).expect("a session").parse().expect("a number");
        *sessions.entry(session).or_default() += 1;
    }
    sessions
}

fn in_part(sessions: &BTreeMap<u64, u64>) -> Vec<u64> {
    let mut parts: Vec<u64> = sessions.keys().copied().collect();
    parts.retain(|session| sessions[session] < TURNS);
    parts
}

#[test]
fn the_groups_go_whole_that_were_not_used_for_the_longest_time() {
    for shards in [1, 8] {
        let (engine, clock) = with_clock(shards);
        let mut holder = Holder::new(&engine, Drain::WakeOnly);
        limit(&engine, u64::MAX, EvictionPolicy::AllGroupLru);
        for session in 0..1_000 {
            set_session(&engine, &mut holder, session);
            clock.advance(1);
            if session == 500 {
                let max = used(&engine);
                limit(&engine, max, EvictionPolicy::AllGroupLru);
            }
        }
        let max = engine.memory_limit().max_bytes;
        assert!(used(&engine) < max + 4_096);
        let sessions = sessions(&engine);
        assert!(sessions.len() > 450, "{} of 500 sessions are left", sessions.len());
        // Those that are there in part are of the last sweep, and that takes the oldest.
        let parts = in_part(&sessions);
        assert!(parts.len() < 50, "{} of {} are there in part", parts.len(), sessions.len());
        let oldest: Vec<u64> = sessions.keys().take(50).copied().collect();
        assert!(parts.iter().all(|session| oldest.contains(session)), "{parts:?} of {oldest:?}");
        assert!(oldest[0] > 400, "{} is left over", oldest[0]);
        assert_eq!(sessions[&999], TURNS);
    }
}

/// Home threads end a sweep although there is room already.
#[test]
fn no_group_is_left_in_part_once_there_is_no_pressure() {
    let options = EngineOptions { shards: Some(4), home_threads: 1, ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), None, &options).expect("opens");
    let mut holder = Holder::new(&engine, Drain::Serve);
    limit(&engine, 300_000, EvictionPolicy::AllGroupLru);
    for session in 0..600 {
        for turn in 0..TURNS {
            // A home thread may have the latch just then.
            while !holder.try_hold_one(engine.shard_of(&key(session, turn))).expect("open") {
                std::thread::yield_now();
            }
            assert!(set(&engine, &mut holder, &key(session, turn), &[7; 64], Expiry::Clear));
        }
    }
    drop(holder);
    loop {
        let sessions = sessions(&engine);
        assert!(sessions.len() > 100 && sessions.len() < 500, "{} are left", sessions.len());
        // The last one may have lost its first keys while it was written.
        if in_part(&sessions).iter().all(|session| *session == 599) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    engine.close().expect("closes");
}

#[test]
fn one_key_that_is_used_keeps_its_group_on_all_shards() {
    let (engine, clock) = with_clock(8);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    for session in 0..300 {
        set_session(&engine, &mut holder, session);
        clock.advance(1);
    }
    let max = used(&engine);
    // Whoever was used before anybody took note is as old as all others.
    limit(&engine, max, EvictionPolicy::AllGroupLru);
    (0..20).for_each(|session| assert!(read(&engine, &key(session, 0))));
    for session in 300..1_500 {
        clock.advance(1);
        set_session(&engine, &mut holder, session);
        assert!(read(&engine, &key(session % 20, session % TURNS)));
    }
    let sessions = sessions(&engine);
    assert!((0..20).all(|session| sessions.get(&session) == Some(&TURNS)), "{sessions:?}");
    assert!(!(20..300).any(|session| sessions.contains_key(&session)), "{sessions:?}");
}

/// A key that was looked for in vain, or removed, was not used.
#[test]
fn what_is_not_there_keeps_no_group() {
    let (engine, clock) = with_clock(2);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    limit(&engine, u64::MAX, EvictionPolicy::AllGroupLru);
    for session in 0..200 {
        clock.advance(1);
        set_session(&engine, &mut holder, session);
    }
    let max = used(&engine);
    clock.advance(1);
    assert!(!read(&engine, b"session:0:no"));
    let removed = key(1, 3);
    run(&engine, |exec| exec.shard(&removed).remove(0, &removed));
    limit(&engine, max, EvictionPolicy::AllGroupLru);
    (200..250).for_each(|session| set_session(&engine, &mut holder, session));
    let sessions = sessions(&engine);
    assert!(!sessions.contains_key(&0) && !sessions.contains_key(&1), "{sessions:?}");
    assert_eq!(sessions.get(&150), Some(&TURNS));
}

/// With all of the data in one group, which is always in use, the limit holds nevertheless.
#[test]
fn a_group_that_is_larger_than_the_limit_goes_in_part() {
    let (engine, clock) = with_clock(4);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    let max = 1_500_000;
    limit(&engine, max, EvictionPolicy::AllGroupLru);
    for turn in 0..30_000 {
        clock.advance(1);
        assert!(set(&engine, &mut holder, &key(1, turn), &[7; 64], Expiry::Clear));
        // Some are written before the walk is over that nothing goes in any more, and the table grows.
        assert!(used(&engine) < max + max / 50, "{} at {turn}", used(&engine));
    }
    assert!(contents(&engine).len() > 10_000);
}

#[test]
fn all_groups_go_if_they_must() {
    let engine = in_memory(2);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    (0..100).for_each(|turn| {
        assert!(set(&engine, &mut holder, &key(0, turn), b"value", Expiry::Clear));
    });
    limit(&engine, 1, EvictionPolicy::AllGroupLru);
    // One key is more than the limit, and all before it go.
    for session in 1..10 {
        assert!(set(&engine, &mut holder, &key(session, 0), b"value", Expiry::Clear));
        assert_eq!(contents(&engine).into_keys().collect::<Vec<_>>(), [key(session, 0)]);
    }
}

#[test]
fn a_group_is_what_the_setting_says() {
    let (engine, clock) = with_clock(4);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    let grouping = Grouping { delimiter: b'/', depth: 1 };
    let by = |max_bytes| {
        let policy = EvictionPolicy::AllGroupLru;
        let limit = MemoryLimit { max_bytes, policy, grouping, ..MemoryLimit::default() };
        engine.set_memory_limit(limit);
        run(&engine, |exec| exec.note_memory());
    };
    by(u64::MAX);
    let key = |group: u64, number: u64| format!("{group}/a:{number}/b").into_bytes();
    for group in 0..400 {
        clock.advance(1);
        for number in 0..10 {
            assert!(set(&engine, &mut holder, &key(group, number), &[7; 64], Expiry::Clear));
        }
        if group == 200 {
            by(used(&engine));
        }
    }
    let contents = contents(&engine);
    let mut counts = [0; 400];
    for group in 0..400 {
        counts[group as usize] =
            (0..10).filter(|number| contents.contains_key(&key(group, *number))).count();
    }
    let whole = counts.iter().filter(|count| **count == 10).count();
    let parts = counts.iter().filter(|count| (1..10).contains(*count)).count();
    assert!(whole > 150 && parts < 20, "{whole} whole, {parts} in part");
}

/// Each access is of a whole group, and a hit when all of it is there.
#[test]
fn hits_on_a_skewed_trace_are_those_of_an_exact_lru_of_groups() {
    let mut zipf = Zipf::new(4_000);
    let trace: Vec<u64> = (0..20_000).map(|_| zipf.next()).collect();
    let (engine, clock) = with_clock(4);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    (0..500).for_each(|session| set_session(&engine, &mut holder, session + 100_000));
    let max = used(&engine);
    limit(&engine, max, EvictionPolicy::AllGroupLru);
    let (mut hits, mut kept) = (0, 0);
    for session in &trace {
        clock.advance(1);
        let is_whole = (0..TURNS).all(|turn| read(&engine, &key(*session, turn)));
        hits += usize::from(is_whole);
        if !is_whole {
            set_session(&engine, &mut holder, *session);
        }
        kept += run(&engine, |exec| exec.shards().map(|shard| shard.len(0)).sum::<usize>()).0;
    }
    let kept = kept / trace.len() / TURNS as usize;
    let share = |hits: usize| 100.0 * hits as f64 / trace.len() as f64;
    let (hits, exact) = (share(hits), share(hits_of_lru(&trace, kept)));
    assert!(kept > 450, "{kept} of 500 groups");
    assert!(hits > exact - 2.0, "{hits:.2} %, exact LRU of groups: {exact:.2} %");
}
