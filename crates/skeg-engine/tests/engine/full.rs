//! A store that fills its disk gets space back when keys are removed, whatever it has written before:
//! growth is refused while what is left is needed for the next snapshot.

use std::path::{Path, PathBuf};

use skeg_engine::{Bound, Drain, Engine, EngineOptions, Expiry, Health, Holder, Log, Refusal};
use skeg_io::Io;
use skeg_io::sim::{Failure, SimMachine};

fn options() -> EngineOptions {
    EngineOptions { shards: Some(4), home_threads: 0, ..EngineOptions::default() }
}

/// A store without threads, and what drives it.
struct Store<'a> {
    engine: Engine,
    value: Vec<u8>,
    /// Lets time pass.
    pass: &'a dyn Fn(),
}

impl Store<'_> {
    fn log(&self) -> &Log {
        self.engine.log().expect("on disk")
    }

    /// What threads do meanwhile, until no snapshot is under way.
    fn turn(&self) {
        let log = self.log();
        for _ in 0..100_000 {
            log.try_write();
            log.sync().expect("the disk is healthy");
            log.maintain().expect("the disk is healthy");
            self.engine.tick();
            if !self.engine.snapshot_status().running {
                return (self.pass)();
            }
        }
        panic!("a snapshot goes on and on");
    }

    fn run(&self, key: &[u8], bound: Bound, value: Option<&[u8]>) -> Result<(), Refusal> {
        let id = self.engine.shard_of(key);
        for _ in 0..10_000 {
            let mut holder = Holder::new(&self.engine, Drain::Serve);
            assert!(holder.try_hold_one(id).expect("open"));
            let outcome = holder.run_one(id, bound, |exec| match value {
                Some(value) => drop(exec.shard(key).set(0, key, value, Expiry::Clear)),
                None => assert!(exec.shard(key).remove(0, key)),
            });
            holder.release();
            match outcome {
                Err(Refusal::Wait) => self.turn(),
                other => return other.map(drop),
            }
        }
        panic!("it waits and waits: {:?}", self.log().status());
    }

    /// Sets keys until the disk is full for good; how many there are then.
    fn fill(&self, from: u64) -> u64 {
        let mut count = from;
        let mut refused = 0;
        while refused < 30 {
            let key = key(count);
            let bound = Bound::grow((key.len() + self.value.len()) as u64);
            match self.run(&key, bound, Some(&self.value)) {
                Ok(()) => (count, refused) = (count + 1, 0),
                Err(Refusal::NoSpace) => {
                    refused += 1;
                    self.turn();
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(self.log().status().health, Health::Full);
        count
    }
}

fn key(number: u64) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

/// Fills a disk, removes two of three keys, and fills it again, some times; `part` of what fitted fits each time.
fn fill_again_and_again(store: &Store<'_>, part: f64) {
    let first = store.fill(0);
    let mut end = first;
    let mut keys: Vec<u64> = (0..first).collect();
    for round in 0..4 {
        let removed: Vec<u64> = keys.iter().copied().filter(|n| n % 3 != 1).collect();
        keys.retain(|n| n % 3 == 1);
        for number in &removed {
            store.run(&key(*number), Bound::release(32), None).expect("removals pass");
        }
        let before = end;
        end = store.fill(end);
        keys.extend(before..end);
        let held = keys.len() as u64;
        assert!(held as f64 > first as f64 * part, "round {round}: {held} keys of {first} fit");
    }
}

#[test]
fn a_store_that_fills_its_disk_gets_space_back() {
    // Segments that are half live stay.
    for (value_bytes, part) in [(900, 0.75), (9_000, 0.4)] {
        let machine = SimMachine::new(1);
        machine.disk.set_capacity(12 << 20, Failure::OutOfSpace);
        let small = EngineOptions { segment_bytes: 256 << 10, ..options() };
        let engine = Engine::open(&machine.io(), Some(Path::new("/db")), &small).unwrap();
        let pass = || machine.clock.advance(std::time::Duration::from_millis(200));
        let store = Store { engine, value: vec![7; value_bytes], pass: &pass };
        fill_again_and_again(&store, part);
        store.engine.close().unwrap();
    }
}

/// Needs an empty file system of about 512 MiB, named by `SKEG_TEST_SMALL_DIR`.
#[test]
#[ignore = "needs a small file system"]
fn a_store_that_fills_a_real_disk_gets_space_back() {
    for (value_bytes, part) in [(900, 0.75), (90_000, 0.4)] {
        let dir = PathBuf::from(std::env::var_os("SKEG_TEST_SMALL_DIR").unwrap()).join("store");
        let engine = Engine::open(&Io::real(), Some(&dir), &options()).unwrap();
        let pass = || std::thread::sleep(std::time::Duration::from_millis(20));
        let store = Store { engine, value: vec![7; value_bytes], pass: &pass };
        fill_again_and_again(&store, part);
        store.engine.close().unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
