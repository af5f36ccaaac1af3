//! Real threads on a real engine: what the interleaving models show for small cases holds under
//! load, and what was closed was written.

use std::sync::mpsc;
use std::thread;

use skeg_engine::{
    Bound, Drain, Engine, EngineOptions, Exec, Expiry, Hold, Holder, Progress, Refusal, ShardList,
};
use skeg_io::Io;
use skeg_io::sync::Arc;

use crate::support::{Call, ManualClock, add, execute, keys, number};

fn open(options: &EngineOptions) -> Engine {
    Engine::open(&Io::real(), None, options).expect("opens in memory")
}

#[test]
fn transfers_over_all_shards_keep_the_sum() {
    let engine = open(&EngineOptions { shards: Some(8), home_threads: 2, ..Default::default() });
    let keys = Arc::new(keys(&engine));
    let threads: Vec<_> = (0..4_usize)
        .map(|thread| {
            let (engine, keys) = (engine.clone(), Arc::clone(&keys));
            thread::spawn(move || {
                let drain = if thread == 0 { Drain::WakeOnly } else { Drain::Serve };
                for n in 0..3_000_usize {
                    let (from, to) = ((n * 7 + thread) % 8, (n * 3 + thread * 5 + 1) % 8);
                    let shards: ShardList =
                        [from, to].into_iter().map(|at| engine.shard_of(&keys[at])).collect();
                    let keys = Arc::clone(&keys);
                    execute(&engine, drain, &shards, move |exec| {
                        add(exec.shard(&keys[from]), &keys[from], -1);
                        add(exec.shard(&keys[to]), &keys[to], 1);
                    });
                }
            })
        })
        .collect();
    for _ in 0..200 {
        let keys = Arc::clone(&keys);
        let sum = execute(&engine, Drain::Serve, &ShardList::all(8), move |exec| {
            keys.iter().map(|key| number(exec.shard(key), key)).sum::<i64>()
        });
        assert_eq!(sum, 0);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    engine.close().unwrap();
}

#[test]
fn a_full_queue_refuses_new_work_and_runs_what_it_took() {
    let engine = open(&EngineOptions { queue_limit: 3, ..Default::default() });
    let shards = ShardList::one(engine.shard_of(b"k"));
    let mut holder = Holder::new(&engine, Drain::Serve);
    assert!(holder.try_hold(&shards).unwrap());
    let (sender, done) = mpsc::channel();
    let post = || {
        let sender = sender.clone();
        let job = Call {
            shards: shards.clone(),
            hold: Hold::Together,
            run: |exec: &mut Exec<'_>| {
                add(exec.shard(b"k"), b"k", 1);
                Progress::Done
            },
            done: move |outcome| sender.send(outcome).unwrap(),
        };
        engine.post(Box::new(job), Drain::Serve).map_err(|(_, refusal)| refusal)
    };
    for _ in 0..3 {
        post().unwrap();
    }
    assert_eq!(post(), Err(Refusal::Busy));
    assert_eq!(engine.queued(), 3);
    holder.release();
    for _ in 0..3 {
        done.recv().unwrap().unwrap();
    }
    assert_eq!(engine.queued(), 0);
    engine.close().unwrap();
    assert_eq!(post(), Err(Refusal::Closed));
    assert_eq!(holder.try_hold(&shards), Err(Refusal::Closed));
}

#[test]
fn keys_expire_without_being_read() {
    let clock = Arc::new(ManualClock::default());
    let io = Io { clock: Arc::clone(&clock) as _, ..Io::real() };
    let options = EngineOptions { shards: Some(1), home_threads: 0, ..Default::default() };
    let engine = Engine::open(&io, None, &options).unwrap();
    let shards = ShardList::all(1);
    let mut holder = Holder::new(&engine, Drain::Serve);
    holder.try_hold(&shards).unwrap();
    let fill = |exec: &mut Exec<'_>| {
        let soon = exec.now_ms() + 1_000;
        for n in 0..20_000_u32 {
            let key = n.to_le_bytes();
            exec.shard(&key).set(0, &key, b"value", Expiry::At(soon + u64::from(n % 2) * 1_000));
        }
    };
    holder.run(&shards, Bound::grow(1 << 20), fill).unwrap();
    holder.release();
    let mut count = || {
        holder.try_hold(&shards).unwrap();
        let found = holder.run(&shards, Bound::READ, |exec| exec.shards().next().unwrap().len(0));
        holder.release();
        found.unwrap().0
    };
    engine.tick();
    assert_eq!(count(), 20_000, "nothing is due yet");
    clock.advance(1_000);
    engine.tick();
    assert_eq!(count(), 10_000, "exactly what is due has gone");
    clock.advance(1_000);
    engine.tick();
    assert_eq!(count(), 0);
    engine.close().unwrap();
}

#[test]
fn all_shards_of_a_job_see_one_clock() {
    let clock = Arc::new(ManualClock::default());
    let io = Io { clock: Arc::clone(&clock) as _, ..Io::real() };
    let options = EngineOptions { shards: Some(2), home_threads: 0, ..Default::default() };
    let engine = Engine::open(&io, None, &options).unwrap();
    let mut holder = Holder::new(&engine, Drain::Serve);
    let last = ShardList::one(skeg_engine::ShardId(1));
    assert!(holder.try_hold(&last).unwrap());
    let (sender, clocks) = mpsc::channel();
    let job = Call {
        shards: ShardList::all(2),
        hold: Hold::Together,
        run: move |exec: &mut Exec<'_>| {
            let now_ms = exec.now_ms();
            sender.send((now_ms, exec.shards().map(|shard| shard.now_ms()).collect())).unwrap();
            Progress::Done
        },
        done: |outcome: Result<_, Refusal>| assert!(outcome.is_ok()),
    };
    engine.post(Box::new(job), Drain::Serve).map_err(|(_, refusal)| refusal).unwrap();
    clock.advance(1_000);
    holder.release();
    let (now_ms, of_shards): (u64, Vec<u64>) = clocks.recv().unwrap();
    assert_eq!(of_shards, [now_ms, now_ms], "the first latch was taken a second earlier");
    engine.close().unwrap();
}

#[test]
fn a_panicking_command_fails_the_engine_instead_of_hanging_it() {
    let engine = open(&EngineOptions::default());
    let shards = ShardList::one(engine.shard_of(b"k"));
    let for_thread = (engine.clone(), shards.clone());
    let panicked = thread::spawn(move || {
        let mut holder = Holder::new(&for_thread.0, Drain::Serve);
        holder.try_hold(&for_thread.1).unwrap();
        let _ = holder.run(&for_thread.1, Bound::READ, |_| panic!("a bug in a command"));
    });
    assert!(panicked.join().is_err());
    let mut holder = Holder::new(&engine, Drain::Serve);
    assert_eq!(holder.try_hold(&shards), Err(Refusal::Poisoned));
    engine.close().unwrap();
}
