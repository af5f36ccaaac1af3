//! Prints what keys cost: bytes each, nanoseconds a read and a write, the longest write.
//!
//! ```text
//! cargo run --release -p skeg-keyspace --example footprint [keys [pause_keys]]
//! ```
//!
//! The longest write is searched by running the same writes three times: what takes long at the
//! same write each time is the table's doing, the rest is the machine's.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use skeg_keyspace::{HashSeed, Keyspace, StrRef};

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
fn shuffled(count: usize) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..count as u32).collect();
    let mut state = 1_u64;
    for index in (1..count).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        numbers.swap(index, (mixed ^ (mixed >> 31)) as usize % (index + 1));
    }
    numbers
}

fn keyspaces() -> Vec<Keyspace> {
    (0..KEYSPACES).map(|_| Keyspace::new(HashSeed::from_bytes([7; 32]))).collect()
}

fn memory_bytes(keyspaces: &[Keyspace]) -> usize {
    keyspaces.iter().map(Keyspace::memory_bytes).sum()
}

/// The process's resident bytes, if the platform says (Linux).
fn resident_bytes() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Runs and prints the time for each of `count` operations.
fn report(what: &str, count: usize, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    println!("{what:<28} {:6.1} ns", start.elapsed().as_nanos() as f64 / count as f64);
}

/// Runs several times and prints the shortest time for each of `count` operations.
fn report_best(what: &str, count: usize, mut run: impl FnMut()) {
    let best = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    let best = best.min().expect("there are rounds");
    println!("{what:<28} {:6.1} ns", best.as_nanos() as f64 / count as f64);
}

fn sizes(count: usize) {
    let order = shuffled(count);
    let value = [b'v'; VALUE_BYTES];
    let resident_before = resident_bytes();
    let mut keyspaces = keyspaces();
    report("key and hash alone", count, || {
        for number in &order {
            black_box(keyspaces[*number as usize % KEYSPACES].hash(&key(*number as usize)));
        }
    });
    report("set, new", count, || {
        for number in 0..count {
            let (keyspace, key) = (&mut keyspaces[number % KEYSPACES], key(number));
            keyspace.set(keyspace.hash(&key), &key, &value, None);
        }
    });
    let bytes = memory_bytes(&keyspaces);
    println!("memory_bytes                 {:6.1} bytes a key", bytes as f64 / count as f64);
    if let (Some(before), Some(after)) = (resident_before, resident_bytes()) {
        println!(
            "resident                     {:6.1} bytes a key",
            (after - before) as f64 / count as f64
        );
    }
    report_best("get, random", count, || {
        for number in &order {
            let keyspace = &keyspaces[*number as usize % KEYSPACES];
            let key = key(*number as usize);
            let entry = keyspace.get(keyspace.hash(&key), &key).expect("it was set");
            let StrRef::Bytes(bytes) = entry.value else { unreachable!("no digits") };
            black_box(bytes[VALUE_BYTES - 1]);
        }
    });
    report_best("get, absent", count, || {
        for number in &order {
            let keyspace = &keyspaces[*number as usize % KEYSPACES];
            let key = key(*number as usize + count);
            black_box(keyspace.get(keyspace.hash(&key), &key).is_some());
        }
    });
    let value = [b'w'; VALUE_BYTES];
    report_best("set, random, same size", count, || {
        for number in &order {
            let (keyspace, key) =
                (&mut keyspaces[*number as usize % KEYSPACES], key(*number as usize));
            keyspace.set(keyspace.hash(&key), &key, &value, None);
        }
    });
    report("set, random, other size", count, || {
        for number in &order {
            let (keyspace, key) =
                (&mut keyspaces[*number as usize % KEYSPACES], key(*number as usize));
            keyspace.set(keyspace.hash(&key), &key, &value[..60], None);
        }
    });
    report("set, random, with deadline", count, || {
        for number in &order {
            let (keyspace, key) =
                (&mut keyspaces[*number as usize % KEYSPACES], key(*number as usize));
            keyspace.set(
                keyspace.hash(&key),
                &key,
                &value,
                Some(1 << 40 | u64::from(*number) << 3),
            );
        }
    });
    println!(
        "with deadlines               {:6.1} bytes a key",
        memory_bytes(&keyspaces) as f64 / count as f64
    );
    report("set, random, later deadline", count, || {
        for number in &order {
            let (keyspace, key) =
                (&mut keyspaces[*number as usize % KEYSPACES], key(*number as usize));
            keyspace.set(
                keyspace.hash(&key),
                &key,
                &value,
                Some(1 << 41 | u64::from(*number) << 3),
            );
        }
    });
    report("remove half, random", count / 2, || {
        for number in order.iter().filter(|number| *number % 32 < 16) {
            let (keyspace, key) =
                (&mut keyspaces[*number as usize % KEYSPACES], key(*number as usize));
            keyspace.remove(keyspace.hash(&key), &key);
        }
    });
    println!(
        "before defragmentation       {:6.1} bytes a key",
        memory_bytes(&keyspaces) as f64 / (count / 2) as f64
    );
    report("defragment", count / 2, || {
        for keyspace in &mut keyspaces {
            while keyspace.defragment(256) {}
        }
    });
    println!(
        "after defragmentation        {:6.1} bytes a key",
        memory_bytes(&keyspaces) as f64 / (count / 2) as f64
    );
    report("pop_expired, all", count / 2, || {
        for keyspace in &mut keyspaces {
            while keyspace.pop_expired(u64::MAX, 256, &mut |_| {}) > 0 {}
        }
    });
    println!("left                         {:6} bytes in all", memory_bytes(&keyspaces));
    if let (Some(before), Some(after)) = (resident_before, resident_bytes()) {
        println!("left resident                {:6} bytes in all", after.saturating_sub(before));
    }
}

fn fill_steps() {
    println!("bytes a key as one keyspace grows:");
    let value = [b'v'; VALUE_BYTES];
    let mut keyspace = Keyspace::new(HashSeed::from_bytes([7; 32]));
    let (mut next, mut sum, mut steps) = (100.0_f64, 0.0, 0);
    for number in 0..200_000 {
        let key = key(number);
        keyspace.set(keyspace.hash(&key), &key, &value, None);
        if number as f64 >= next {
            let bytes = keyspace.memory_bytes() as f64 / (number + 1) as f64;
            print!("{} {bytes:.1}  ", number + 1);
            if number > 10_000 {
                sum += bytes;
                steps += 1;
            }
            next *= 1.1;
        }
    }
    println!("\nmean from 10,000 on: {:.1}", sum / f64::from(steps));
}

fn pauses(count: usize) {
    let value = [b'v'; VALUE_BYTES];
    let mut noted: HashMap<usize, (u32, Duration)> = HashMap::new();
    let mut longest = Duration::ZERO;
    for _ in 0..PAUSE_RUNS {
        let mut keyspace = Keyspace::new(HashSeed::from_bytes([7; 32]));
        let mut last = Instant::now();
        for number in 0..count {
            let key = key(number);
            keyspace.set(keyspace.hash(&key), &key, &value, None);
            let now = Instant::now();
            let took = now - last;
            last = now;
            if took > PAUSE_NOTED {
                longest = longest.max(took);
                let entry = noted.entry(number).or_insert((0, Duration::MAX));
                *entry = (entry.0 + 1, entry.1.min(took));
            }
        }
    }
    let mut lasting: Vec<(Duration, usize)> = noted
        .iter()
        .filter(|(_, (runs, _))| *runs == PAUSE_RUNS)
        .map(|(at, (_, least))| (*least, *at))
        .collect();
    lasting.sort_unstable_by(|a, b| b.cmp(a));
    lasting.truncate(5);
    println!(
        "longest writes up to {count} keys in one keyspace: {lasting:?} (machine: {longest:?})"
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse().expect("a number"));
    sizes(arguments.next().unwrap_or(1_000_000));
    fill_steps();
    pauses(arguments.next().unwrap_or(10_000_000));
}
