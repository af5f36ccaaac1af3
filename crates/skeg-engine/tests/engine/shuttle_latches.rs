//! Interleavings of latches, queues and jobs under the shuttle scheduler, which also reports every
//! deadlock, and with it every lost wake-up.
//!

use crate::support::{Call, Mailbox, add, execute, keys, number};
use shuttle::thread;
use skeg_engine::{
    Blocked, Bound, Drain, End, Engine, EngineOptions, Hold, Holder, Kind, Progress, ShardList,
    Wait, WaitEnd,
};
use skeg_io::Io;
use skeg_io::sync::{Arc, Mutex};

const ITERATIONS: usize = 1_500;

fn check(scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    let again = Arc::clone(&scenario);
    shuttle::check_random(move || scenario(), ITERATIONS);
    shuttle::check_pct(move || again(), ITERATIONS, 3);
}

fn open(shards: u16) -> Engine {
    let options = EngineOptions { shards: Some(shards), ..EngineOptions::default() };
    Engine::open(&Io::real(), None, &options).expect("opens in memory")
}

#[test]
fn every_command_runs_once_whoever_holds_the_latch() {
    check(|| {
        let engine = open(1);
        let only = ShardList::all(1);
        let threads: Vec<_> = [Drain::Serve, Drain::WakeOnly, Drain::Serve]
            .into_iter()
            .map(|drain| {
                let (engine, only) = (engine.clone(), only.clone());
                thread::spawn(move || {
                    for _ in 0..3 {
                        execute(&engine, drain, &only, |exec| add(exec.shard(b"n"), b"n", 1));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let sum = execute(&engine, Drain::Serve, &only, |exec| number(exec.shard(b"n"), b"n"));
        assert_eq!(sum, 9);
        engine.close().unwrap();
    });
}

#[test]
fn jobs_over_several_shards_are_atomic_and_never_deadlock() {
    check(|| {
        let engine = open(4);
        let keys = keys(&engine);
        let threads: Vec<_> = [(0, 2), (2, 1), (1, 0)]
            .into_iter()
            .map(|(from, to)| {
                let (engine, keys) = (engine.clone(), keys.clone());
                thread::spawn(move || {
                    let shards = [&keys[from], &keys[to]];
                    let shards: ShardList =
                        shards.into_iter().map(|key| engine.shard_of(key)).collect();
                    for _ in 0..2 {
                        let (from, to) = (keys[from].clone(), keys[to].clone());
                        execute(&engine, Drain::Serve, &shards, move |exec| {
                            add(exec.shard(&from), &from, -1);
                            add(exec.shard(&to), &to, 1);
                        });
                    }
                })
            })
            .collect();
        let for_sum = keys.clone();
        let sum = execute(&engine, Drain::Serve, &ShardList::all(4), move |exec| {
            for_sum.iter().map(|key| number(exec.shard(key), key)).sum::<i64>()
        });
        assert_eq!(sum, 0, "a transfer is seen whole or not at all");
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        engine.close().unwrap();
    });
}

#[test]
fn what_one_thread_posts_to_a_shard_runs_in_order() {
    check(|| {
        let engine = open(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let other = {
            let engine = engine.clone();
            thread::spawn(move || {
                let only = ShardList::all(1);
                execute(&engine, Drain::Serve, &only, |exec| add(exec.shard(b"n"), b"n", 1));
            })
        };
        let done: Vec<_> = (0..4)
            .map(|n| {
                let (order, done) = (Arc::clone(&order), Mailbox::new());
                let for_done = Arc::clone(&done);
                let job = Call {
                    shards: ShardList::all(1),
                    hold: Hold::Together,
                    run: move |_: &mut skeg_engine::Exec<'_>| {
                        order.lock().push(n);
                        Progress::Done
                    },
                    done: move |outcome| for_done.put(outcome),
                };
                let drain = if n % 2 == 0 { Drain::WakeOnly } else { Drain::Serve };
                engine.post(Box::new(job), drain).map_err(|(_, refusal)| refusal).unwrap();
                done
            })
            .collect();
        let mut holder = Holder::new(&engine, Drain::WakeOnly);
        if holder.try_hold(&ShardList::all(1)).unwrap() {
            assert_eq!(order.lock().len(), 4, "nobody borrows past what they have queued");
        }
        holder.release();
        done.into_iter().for_each(|done| {
            done.take().unwrap();
        });
        other.join().unwrap();
        assert_eq!(*order.lock(), [0, 1, 2, 3]);
        engine.close().unwrap();
    });
}

#[test]
fn a_job_that_visits_shard_after_shard_reaches_each_and_ends_once() {
    check(|| {
        let engine = open(2);
        let visits = Arc::new(Mutex::new(Vec::new()));
        let (for_run, done) = (Arc::clone(&visits), Mailbox::new());
        let for_done = Arc::clone(&done);
        let job = Call {
            shards: ShardList::all(2),
            hold: Hold::Each,
            run: move |exec: &mut skeg_engine::Exec<'_>| {
                let id = exec.shards().next().unwrap().id().0;
                let mut visits = for_run.lock();
                visits.push(id);
                // Two slices on every shard.
                if visits.iter().filter(|&&visited| visited == id).count() < 2 {
                    Progress::Again
                } else {
                    Progress::Done
                }
            },
            done: move |outcome| for_done.put(outcome),
        };
        let other = {
            let engine = engine.clone();
            thread::spawn(move || {
                let all = ShardList::all(2);
                execute(&engine, Drain::WakeOnly, &all, |exec| exec.shards().count())
            })
        };
        engine.post(Box::new(job), Drain::Serve).map_err(|(_, refusal)| refusal).unwrap();
        done.take().unwrap();
        assert_eq!(other.join().unwrap(), 2);
        assert_eq!(*visits.lock(), [0, 0, 1, 1]);
        engine.close().unwrap();
    });
}

/// A client that waits for one of two keys, counting what it is served.
struct Counting {
    served: Arc<Mutex<u32>>,
    end: Arc<Mailbox<WaitEnd>>,
}

impl Blocked for Counting {
    fn serve(&mut self, exec: &mut skeg_engine::Exec<'_>, key: &[u8]) {
        exec.shard(key).list_pop(0, key, End::Front, |_| ()).unwrap();
        *self.served.lock() += 1;
    }

    fn end(self: Box<Self>, end: WaitEnd) {
        self.end.put(end);
    }

    fn is_gone(&self) -> bool {
        false
    }
}

#[test]
fn a_wait_ends_once_whoever_makes_its_keys_ready_or_calls_it_off() {
    check(|| {
        let engine = open(4);
        let keys: Vec<Vec<u8>> = keys(&engine);
        let both: ShardList = [&keys[0], &keys[1]].iter().map(|key| engine.shard_of(key)).collect();
        let (served, end) = (Arc::new(Mutex::new(0)), Mailbox::new());
        let blocked = Counting { served: Arc::clone(&served), end: Arc::clone(&end) };
        let wait = Mutex::new(Some(Wait {
            db: 0,
            keys: vec![keys[0].as_slice().into(), keys[1].as_slice().into()],
            kind: Kind::List,
            also: ShardList::new(),
            deadline_ms: None,
            room: Box::new(|_, _| Bound::release(64)),
            blocked: Box::new(blocked),
        }));
        let waiter = execute(&engine, Drain::Serve, &both, move |exec| {
            exec.wait(wait.lock().take().expect("it runs once"))
        });
        let pushes: Vec<_> = keys[..2]
            .iter()
            .map(|key| {
                let (engine, key) = (engine.clone(), key.clone());
                thread::spawn(move || {
                    let shard = ShardList::one(engine.shard_of(&key));
                    execute(&engine, Drain::Serve, &shard, move |exec| {
                        exec.shard(&key).list_push(0, &key, End::Back, b"x").unwrap();
                    });
                })
            })
            .collect();
        let called_off = {
            let engine = engine.clone();
            thread::spawn(move || engine.call_off(&waiter))
        };
        pushes.into_iter().for_each(|thread| thread.join().unwrap());
        let called_off = called_off.join().unwrap();
        assert_eq!(matches!(end.take(), WaitEnd::CalledOff), called_off);
        let served = *served.lock();
        assert_eq!(served, u32::from(!called_off));
        let left = {
            let keys = keys.clone();
            execute(&engine, Drain::Serve, &both, move |exec| {
                let mut length = |key: &Vec<u8>| {
                    exec.shard(key).list(0, key).unwrap().map_or(0, |list| list.len())
                };
                (length(&keys[0]) + length(&keys[1])) as u32
            })
        };
        assert_eq!(left + served, 2, "nothing is lost, nothing is served twice");
        assert_eq!(engine.waiting(), 0);
        engine.close().unwrap();
    });
}
