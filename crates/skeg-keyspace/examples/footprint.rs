//! Prints what keys cost: bytes each, nanoseconds a read and a write, the longest write.
//!
//! ```text
//! cargo run --release -p skeg-keyspace --example footprint [keys [pause_keys]]
//! ```
//!
//! The standard library's hash map does the same beside it, because nanoseconds depend on the
//! machine; they are this thread's on a core where the platform tells (Linux). The longest write is searched by running the same writes three times: what takes
//! long at the same write each time is the table's doing, the rest is the machine's.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use skeg_keyspace::{HashSeed, Keyspace, StrRef, ValueRef};

const KEYSPACES: usize = 16;
const VALUE_BYTES: usize = 64;
const ROUNDS: usize = 7;
const PAUSE_RUNS: u32 = 3;
const PAUSE_NOTED: Duration = Duration::from_micros(20);

/// A 16-byte key.
fn key(number: usize) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// Every number below `count` once, in an order without pattern (SplitMix64 swaps).
fn shuffled(count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    let mut state = 1_u64;
    for index in (1..count).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        numbers.swap(index, (mixed ^ (mixed >> 31)) as usize % (index + 1));
    }
    numbers
}

/// The process's resident bytes, if the platform says (Linux), else 0.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn new_keyspace() -> Keyspace {
    Keyspace::new(HashSeed::from_bytes([7; 32]))
}

/// Keys dealt out to several keyspaces.
struct Keyspaces(Vec<Keyspace>);

impl Keyspaces {
    fn set(&mut self, number: usize, value: &[u8], expire_at_ms: Option<u64>) {
        let (keyspace, key) = (&mut self.0[number % KEYSPACES], key(number));
        keyspace.set(keyspace.hash(&key), &key, value, expire_at_ms);
    }

    fn get(&self, number: usize) -> bool {
        let (keyspace, key) = (&self.0[number % KEYSPACES], key(number));
        let Some(entry) = keyspace.get(keyspace.hash(&key), &key) else { return false };
        let ValueRef::Str(StrRef::Bytes(bytes)) = entry.value else {
            unreachable!("no value is a number")
        };
        black_box(bytes[bytes.len() - 1]);
        true
    }

    fn remove(&mut self, number: usize) {
        let (keyspace, key) = (&mut self.0[number % KEYSPACES], key(number));
        keyspace.remove(keyspace.hash(&key), &key);
    }

    fn report_bytes(&self, what: &str) {
        let bytes: usize = self.0.iter().map(Keyspace::memory_bytes).sum();
        let count: usize = self.0.iter().map(Keyspace::len).sum();
        println!("{what:<32} {:7.1} bytes a key", bytes as f64 / count as f64);
    }
}

/// How long this thread has been on a core, if the platform says (Linux), else the time.
fn busy(start: Instant) -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let busy = times.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
    busy.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// Prints the time for each of `count` operations, the shortest of some rounds.
fn report(what: &str, rounds: usize, count: usize, mut run: impl FnMut()) {
    let times = (0..rounds).map(|_| {
        let start = Instant::now();
        let before = busy(start);
        run();
        busy(start) - before
    });
    let least = times.min().unwrap_or_default();
    println!("{what:<32} {:7.1} ns", least.as_nanos() as f64 / count as f64);
}

fn peer(count: usize, order: &[usize]) {
    let mut peer: HashMap<Box<[u8]>, Box<[u8]>> = HashMap::new();
    report("std HashMap: set, new", 1, count, || {
        for number in 0..count {
            peer.insert(Box::from(key(number)), Box::from([b'v'; VALUE_BYTES]));
        }
    });
    report("std HashMap: get, random", ROUNDS, count, || {
        for number in order {
            black_box(peer[&key(*number)[..]][VALUE_BYTES - 1]);
        }
    });
    report("std HashMap: set, random", ROUNDS, count, || {
        for number in order {
            peer.insert(Box::from(key(*number)), Box::from([b'w'; VALUE_BYTES]));
        }
    });
}

fn sizes(count: usize, order: &[usize]) {
    let before = resident_bytes();
    let mut keyspaces = Keyspaces((0..KEYSPACES).map(|_| new_keyspace()).collect());
    let value = [b'v'; VALUE_BYTES];
    report("set, new", 1, count, || {
        (0..count).for_each(|number| keyspaces.set(number, &value, None));
    });
    keyspaces.report_bytes("memory_bytes");
    let resident = resident_bytes().saturating_sub(before) as f64 / count as f64;
    println!("{:<32} {resident:7.1} bytes a key", "resident");
    report("get, random", ROUNDS, count, || {
        order.iter().for_each(|number| assert!(keyspaces.get(*number)));
    });
    report("get, absent", ROUNDS, count, || {
        order.iter().for_each(|number| assert!(!keyspaces.get(*number + count)));
    });
    report("set, random, same size", ROUNDS, count, || {
        order.iter().for_each(|number| keyspaces.set(*number, &value, None));
    });
    report("set, random, other size", 1, count, || {
        order.iter().for_each(|number| keyspaces.set(*number, &value[..60], None));
    });
    for what in ["set, random, with deadline", "set, random, later deadline"] {
        let start = u64::from(what.contains("later")) << 40;
        report(what, 1, count, || {
            for number in order {
                keyspaces.set(*number, &value, Some(start + *number as u64 * 8));
            }
        });
        keyspaces.report_bytes("memory_bytes with deadlines");
    }
    report("remove half, random", 1, count / 2, || {
        let half = order.iter().filter(|number| (*number / KEYSPACES).is_multiple_of(2));
        half.for_each(|number| keyspaces.remove(*number));
    });
    keyspaces.report_bytes("memory_bytes, half removed");
    report("defragment", 1, count / 2, || {
        for keyspace in &mut keyspaces.0 {
            while keyspace.defragment(256) {}
        }
    });
    keyspaces.report_bytes("memory_bytes, defragmented");
    report("pop_expired, the other half", 1, count / 2, || {
        for keyspace in &mut keyspaces.0 {
            while keyspace.pop_expired(u64::MAX, 256, &mut |_| {}) > 0 {}
        }
    });
    let left: usize = keyspaces.0.iter().map(Keyspace::memory_bytes).sum();
    println!("{:<32} {left:7} bytes in all", "memory_bytes, all removed");
}

fn growth() {
    let value = [b'v'; VALUE_BYTES];
    let mut keyspace = new_keyspace();
    let mut next = 100;
    print!("memory_bytes a key as one keyspace grows:");
    for count in 1..=200_000 {
        let key = key(count);
        keyspace.set(keyspace.hash(&key), &key, &value, None);
        if count == next {
            print!(" {count}: {:.1}", keyspace.memory_bytes() as f64 / count as f64);
            next += next * 3 / 10;
        }
    }
    println!();
}

fn pauses(count: usize) {
    let value = [b'v'; VALUE_BYTES];
    let mut noted: HashMap<usize, (u32, Duration)> = HashMap::new();
    for _ in 0..PAUSE_RUNS {
        let mut keyspace = new_keyspace();
        let mut last = Instant::now();
        for number in 0..count {
            let key = key(number);
            keyspace.set(keyspace.hash(&key), &key, &value, None);
            let took = last.elapsed();
            last += took;
            if took > PAUSE_NOTED {
                let entry = noted.entry(number).or_insert((0, Duration::MAX));
                *entry = (entry.0 + 1, entry.1.min(took));
            }
        }
    }
    let lasting = noted.iter().filter(|(_, (runs, _))| *runs == PAUSE_RUNS);
    let mut lasting: Vec<(Duration, usize)> =
        lasting.map(|(number, (_, least))| (*least, *number)).collect();
    lasting.sort_unstable_by(|one, two| two.cmp(one));
    lasting.truncate(6);
    println!("longest writes up to {count} keys, and at which key: {lasting:?}");
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse().expect("a number"));
    let count = arguments.next().unwrap_or(1_000_000);
    let order = shuffled(count);
    sizes(count, &order);
    peer(count, &order);
    growth();
    pauses(arguments.next().unwrap_or(10_000_000));
}
