//! Eviction: what goes, that the limit holds, that recovery agrees with memory, and how good the choice
//! is on a skewed trace.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use skeg_engine::{
    Bound, Drain, Engine, EngineOptions, EvictionPolicy, Exec, Expiry, Holder, MemoryLimit,
    Receipt, Refusal, ShardList,
};
use skeg_io::Io;
use skeg_io::sync::Arc;

use crate::support::ManualClock;

/// Runs what grows nothing, on all shards.
pub(crate) fn run<T>(engine: &Engine, command: impl FnOnce(&mut Exec<'_>) -> T) -> (T, Receipt) {
    let all = ShardList::all(engine.shards());
    let mut holder = Holder::new(engine, Drain::Serve);
    while !holder.try_hold(&all).expect("open") {
        holder.release();
        std::thread::sleep(Duration::from_millis(1));
    }
    holder.run(&all, Bound::READ, command).expect("not refused")
}

pub(crate) fn in_memory(shards: u16) -> Engine {
    // Without home threads nothing goes but what the test makes go.
    let options =
        EngineOptions { shards: Some(shards), home_threads: 0, ..EngineOptions::default() };
    Engine::open(&Io::real(), None, &options).expect("opens")
}

pub(crate) fn limit(engine: &Engine, max_bytes: u64, policy: EvictionPolicy) {
    engine.set_memory_limit(MemoryLimit { max_bytes, policy, ..MemoryLimit::default() });
    run(engine, |exec| exec.note_memory());
}

pub(crate) fn used(engine: &Engine) -> u64 {
    run(engine, |exec| exec.shards().map(|shard| shard.used_bytes()).sum()).0
}

/// Sets a key as a command does: room is made, the change is made, what it takes is noted.
pub(crate) fn set(
    engine: &Engine,
    holder: &mut Holder,
    key: &[u8],
    value: &[u8],
    expiry: Expiry,
) -> bool {
    if !holder.make_room().expect("open") {
        holder.release();
        return false;
    }
    let id = engine.shard_of(key);
    assert!(holder.try_hold_one(id).expect("open"));
    let set = |exec: &mut Exec<'_>| {
        exec.shard(key).set(0, key, value, expiry);
        exec.note_memory();
    };
    let outcome = holder.run_one(id, Bound::grow(1 << 10), set);
    holder.release();
    match outcome {
        Ok(_) => true,
        Err(Refusal::Wait) => false,
        Err(refusal) => panic!("{refusal}"),
    }
}

fn key(number: u64) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

/// The keys of database 0, with their deadlines.
pub(crate) fn contents(engine: &Engine) -> BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)> {
    let mut found = BTreeMap::new();
    run(engine, |exec| {
        for shard in exec.shards() {
            let mut cursor = 0;
            loop {
                cursor = shard.scan(0, cursor, 1_000, &mut |key, entry| {
                    let mut value = Vec::new();
                    entry.value.string().expect("strings only").write_to(&mut value);
                    found.insert(key.to_vec(), (value, entry.expire_at_ms));
                });
                if cursor == 0 {
                    break;
                }
            }
        }
    });
    found
}

/// As an option, it holds from the open on, for what was there as well.
#[test]
fn the_limit_of_the_options_counts_what_is_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = |memory_limit: MemoryLimit, read_only| {
        let options = EngineOptions {
            shards: Some(4),
            home_threads: 0,
            memory_limit,
            read_only,
            ..EngineOptions::default()
        };
        Engine::open(&Io::real(), Some(directory.path()), &options).expect("opens")
    };
    let engine = open(MemoryLimit::default(), false);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    for number in 0..1_000 {
        assert!(set(&engine, &mut holder, &key(number), &[7; 64], Expiry::Clear));
    }
    let max_bytes = used(&engine) / 2;
    drop(holder);
    engine.close().expect("closes");
    let limit =
        MemoryLimit { max_bytes, policy: EvictionPolicy::AllRandom, ..MemoryLimit::default() };
    let engine = open(limit, true);
    assert!(!engine.is_memory_limited() && contents(&engine).len() == 1_000);
    engine.close().expect("closes");
    let engine = open(limit, false);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    // A bounded number goes before each command.
    for number in 0..4 {
        assert!(set(&engine, &mut holder, &key(number), &[7; 64], Expiry::Clear));
    }
    assert!(used(&engine) < max_bytes + 4_096 && contents(&engine).len() < 600);
    drop(holder);
    engine.close().expect("closes");
    let engine = open(MemoryLimit::default(), true);
    assert!(contents(&engine).len() < 600, "what was evicted stays away");
    engine.close().expect("closes");
}

#[test]
fn the_limit_holds_and_only_what_may_go_goes() {
    for policy in EvictionPolicy::ALL {
        let engine = in_memory(4);
        let mut holder = Holder::new(&engine, Drain::WakeOnly);
        let far = engine.now_ms() + 3_600_000;
        for number in 0..1_000 {
            assert!(set(&engine, &mut holder, &key(number), &[7; 64], Expiry::Clear));
        }
        let max = used(&engine) + 100_000;
        limit(&engine, max, policy);
        let mut refused = 0;
        for number in 1_000..5_000 {
            let done = set(&engine, &mut holder, &key(number), &[7; 64], Expiry::At(far + number));
            refused += usize::from(!done);
            assert!(used(&engine) < max + 4_096, "{policy:?}");
        }
        let contents = contents(&engine);
        let permanent = contents.values().filter(|(_, expiry)| expiry.is_none()).count();
        if policy == EvictionPolicy::None {
            assert!(refused > 2_000 && permanent == 1_000);
            continue;
        }
        assert_eq!(refused, 0, "{policy:?}");
        assert_eq!(permanent < 1_000, !policy.is_volatile(), "{policy:?}");
        let (evicted, _) =
            run(&engine, |exec| exec.shards().map(|it| it.figures().counters.evicted).sum::<u64>());
        assert_eq!(evicted as usize + contents.len(), 5_000);
        if policy == EvictionPolicy::VolatileTtl {
            // Of each shard the ones that expire first have gone.
            let left: Vec<u64> = contents.values().filter_map(|(_, expiry)| *expiry).collect();
            assert!(*left.iter().min().unwrap() > far + 3_000);
        }
    }
}

#[test]
fn without_anything_that_may_go_growth_is_refused() {
    let engine = in_memory(2);
    let mut holder = Holder::new(&engine, Drain::WakeOnly);
    for number in 0..100 {
        assert!(set(&engine, &mut holder, &key(number), b"value", Expiry::Clear));
    }
    limit(&engine, 1, EvictionPolicy::VolatileLru);
    assert!(!set(&engine, &mut holder, b"more", b"value", Expiry::Clear));
    assert_eq!(contents(&engine).len(), 100);
    // With keys that may go, all of them go; one after the other, and a command waits for no more.
    limit(&engine, 1, EvictionPolicy::AllRandom);
    assert!(set(&engine, &mut holder, b"more", b"value", Expiry::Clear));
    assert_eq!(contents(&engine).into_keys().collect::<Vec<_>>(), [b"more".to_vec()]);
}

#[test]
fn recovery_agrees_with_memory() {
    for policy in [EvictionPolicy::AllLru, EvictionPolicy::AllGroupLru] {
        recovery_agrees_with_memory_under(policy);
    }
}

fn recovery_agrees_with_memory_under(policy: EvictionPolicy) {
    let dir = tempfile::tempdir().expect("a directory");
    let options = EngineOptions { shards: Some(4), ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options).expect("opens");
    let mut holder = Holder::new(&engine, Drain::Serve);
    let mut all = BTreeMap::new();
    let far = engine.now_ms() + 3_600_000;
    for number in 0..2_000_u64 {
        if number == 500 {
            let max = used(&engine);
            limit(&engine, max, policy);
        }
        let (key, value) = (key(number), number.to_string().into_bytes());
        let expiry = if number % 3 == 0 { Expiry::At(far) } else { Expiry::Clear };
        // A home thread may hold a latch just then, or the log must be written first.
        while !set_when_free(&engine, &mut holder, &key, &value, expiry) {
            std::thread::sleep(Duration::from_millis(1));
        }
        all.insert(key, (value, (number % 3 == 0).then_some(far)));
    }
    engine.set_memory_limit(MemoryLimit::default());
    let before = contents(&engine);
    assert!(before.len() < 1_000, "{} are left", before.len());
    // What is there has not changed.
    assert!(before.iter().all(|(key, entry)| all.get(key) == Some(entry)));
    engine.close().expect("closes");
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options).expect("opens");
    assert_eq!(contents(&engine), before);
    engine.close().expect("closes");
}

fn set_when_free(
    engine: &Engine,
    holder: &mut Holder,
    key: &[u8],
    value: &[u8],
    expiry: Expiry,
) -> bool {
    let free = holder.try_hold(&ShardList::all(engine.shards())).expect("open");
    let done = free && set(engine, holder, key, value, expiry);
    holder.release();
    done
}

/// Numbers below `count` by Zipf's law with exponent 0.99, from a table of sums.
pub(crate) struct Zipf {
    sums: Vec<f64>,
    state: u64,
}

impl Zipf {
    pub(crate) fn new(count: u64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=count).map(|rank| {
            sum += 1.0 / (rank as f64).powf(0.99);
            sum
        });
        Self { sums: sums.collect(), state: 1 }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let draw = (self.state >> 11) as f64 / (1_u64 << 53) as f64;
        let wanted = draw * self.sums[self.sums.len() - 1];
        self.sums.partition_point(|sum| *sum < wanted) as u64
    }
}

/// Hits of a cache of `room` keys that always drops the one not used for the longest time.
pub(crate) fn hits_of_lru(trace: &[u64], room: usize) -> usize {
    let (mut last, mut queue) = (BTreeMap::new(), VecDeque::new());
    let mut hits = 0;
    for (time, number) in trace.iter().enumerate() {
        hits += usize::from(last.insert(*number, time).is_some());
        queue.push_back((*number, time));
        while last.len() > room {
            let (oldest, time) = queue.pop_front().expect("every key was queued");
            if last.get(&oldest) == Some(&time) {
                last.remove(&oldest);
            }
        }
    }
    hits
}

#[test]
fn hits_on_a_skewed_trace_are_those_of_exact_lru_or_more() {
    let mut zipf = Zipf::new(10_000);
    let trace: Vec<u64> = (0..50_000).map(|_| zipf.next()).collect();
    for policy in [EvictionPolicy::AllLru, EvictionPolicy::AllLfu] {
        let clock = Arc::new(ManualClock::default());
        let io = Io { clock: Arc::clone(&clock) as _, ..Io::real() };
        let options =
            EngineOptions { shards: Some(1), home_threads: 0, ..EngineOptions::default() };
        let engine = Engine::open(&io, None, &options).expect("opens");
        let mut holder = Holder::new(&engine, Drain::WakeOnly);
        for number in 0..1_000 {
            set(&engine, &mut holder, &key(number + 1_000_000), &[7; 64], Expiry::Clear);
        }
        let max = used(&engine);
        limit(&engine, max, policy);
        let (mut hits, mut kept) = (0, 0);
        for number in &trace {
            clock.advance(1);
            let key = key(*number);
            let (hit, _) =
                run(&engine, |exec| exec.shard(&key).read_string(0, &key).unwrap().is_some());
            hits += usize::from(hit);
            if !hit {
                assert!(set(&engine, &mut holder, &key, &[7; 64], Expiry::Clear));
            }
            kept += run(&engine, |exec| exec.shard(&key).len(0)).0;
        }
        let exact = hits_of_lru(&trace, kept / trace.len());
        let share = |hits: usize| 100.0 * hits as f64 / trace.len() as f64;
        let (hits, exact) = (share(hits), share(exact));
        assert!(hits > exact - 1.0, "{policy:?}: {hits:.2} %, exact LRU: {exact:.2} %");
    }
}
