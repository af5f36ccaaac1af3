//! Interleavings of latches, queues and jobs under the shuttle scheduler, which also reports every
//! deadlock, and with it every lost wake-up.
//!

use crate::support::{Call, Mailbox, add, execute, keys, number};
use shuttle::thread;
use skeg_engine::{Drain, Engine, EngineOptions, Hold, Holder, Progress, ShardList};
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
