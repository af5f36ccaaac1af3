//! Prints what collections cost: bytes an element, nanoseconds an operation.
//!
//! ```text
//! cargo run --release -p skeg-keyspace --example collections [elements]
//! ```
//!
//! Small collections are many of a few elements, large ones a single one. The standard library's
//! collections do the same beside them, because nanoseconds depend on the machine; they are this
//! thread's on a core where the platform tells (Linux).
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use skeg_keyspace::{End, HashSeed, Keyspace, ValueRef};

const ROUNDS: usize = 5;
const SMALL_KEYS: usize = 100_000;

fn new_keyspace() -> Keyspace {
    Keyspace::new(HashSeed::from_bytes([7; 32]))
}

/// Numbers below `count` in an order without pattern (SplitMix64 swaps).
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
    println!("{what:<40} {:7.1} ns", least.as_nanos() as f64 / count as f64);
}

fn report_bytes(what: &str, keyspace: &Keyspace, elements: usize) {
    let bytes = keyspace.memory_bytes() as f64 / elements as f64;
    println!("{what:<40} {bytes:7.1} bytes an element");
}

/// Sixteen bytes that are no number.
fn member(number: usize) -> [u8; 16] {
    let mut member = *b"member:000000000";
    let mut rest = number;
    for digit in member[7..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    member
}

fn score(number: usize) -> f64 {
    (number.wrapping_mul(2_654_435_761) % 1_000_000_007) as f64
}

#[derive(Clone, Copy)]
enum What {
    Hash,
    Set,
    SortedSet,
    List,
}

impl What {
    fn add(self, keyspace: &mut Keyspace, key: &[u8], number: usize) {
        let (hash, member) = (keyspace.hash(key), member(number));
        match self {
            Self::Hash => drop(keyspace.hash_set(hash, key, &member, b"a value of 24 bytes, yes")),
            Self::Set => drop(keyspace.set_add(hash, key, &member)),
            Self::SortedSet => drop(keyspace.zset_set(hash, key, &member, score(number))),
            Self::List => drop(keyspace.list_push(hash, key, End::Back, &member)),
        }
    }

    fn look(self, keyspace: &Keyspace, key: &[u8], number: usize) {
        let member = member(number);
        let found = match keyspace.get(keyspace.hash(key), key).expect("it is there").value {
            ValueRef::Hash(hash) => hash.get(&member).map(|value| value.len()),
            ValueRef::Set(set) => set.contains(&member).then_some(1),
            ValueRef::SortedSet(set) => set.score(&member).map(|score| score as usize),
            ValueRef::List(list) => list.get(number).map(|item| item.len()),
            _ => None,
        };
        black_box(found.expect("it was added"));
    }

    fn remove(self, keyspace: &mut Keyspace, key: &[u8], number: usize) {
        let (hash, member) = (keyspace.hash(key), member(number));
        match self {
            Self::Hash => drop(keyspace.hash_remove(hash, key, &member)),
            Self::Set => drop(keyspace.set_remove(hash, key, &member)),
            Self::SortedSet => drop(keyspace.zset_remove(hash, key, &member)),
            Self::List => drop(keyspace.list_pop(hash, key, End::Front, |item| item.len())),
        }
    }
}

fn small_hashes() {
    let mut keyspace = new_keyspace();
    let fields: [(&[u8], &[u8]); 5] = [
        (b"name", b"Grace Hopper"),
        (b"email", b"grace@example.org"),
        (b"age", b"85"),
        (b"visits", b"1234567"),
        (b"city", b"Arlington"),
    ];
    report("small hash: a field more", 1, SMALL_KEYS * fields.len(), || {
        for number in 0..SMALL_KEYS {
            let key = member(number);
            for (field, value) in fields {
                let _ = keyspace.hash_set(keyspace.hash(&key), &key, field, value);
            }
        }
    });
    let bytes = keyspace.memory_bytes() as f64 / SMALL_KEYS as f64;
    println!("{:<40} {bytes:7.1} bytes a key", "small hash: 5 fields, 16-byte key");
    let order = shuffled(SMALL_KEYS);
    report("small hash: get a field", ROUNDS, SMALL_KEYS, || {
        for number in &order {
            let key = member(*number);
            let entry = keyspace.get(keyspace.hash(&key), &key).expect("it is there");
            black_box(entry.value.hash().expect("a hash").get(b"visits"));
        }
    });
    report("small hash: change a field", ROUNDS, SMALL_KEYS, || {
        for number in &order {
            let key = member(*number);
            let _ = keyspace.hash_set(keyspace.hash(&key), &key, b"visits", b"7654321");
        }
    });
}

fn sizes(what: What, name: &str, small: usize, count: usize) {
    let mut keyspace = new_keyspace();
    let keys = SMALL_KEYS / 4;
    report(&format!("{name} of {small}: add"), 1, keys * small, || {
        for number in 0..keys * small {
            what.add(&mut keyspace, &member(number % keys), number / keys);
        }
    });
    report_bytes(&format!("{name} of {small}"), &keyspace, keys * small);
    report(&format!("{name} of {small}: look up"), ROUNDS, keys * small, || {
        for number in 0..keys * small {
            what.look(&keyspace, &member(number % keys), number / keys);
        }
    });
    let order = shuffled(count);
    let mut keyspace = new_keyspace();
    report(&format!("{name} of {count}: add"), 1, count, || {
        order.iter().for_each(|number| what.add(&mut keyspace, b"large", *number));
    });
    report_bytes(&format!("{name} of {count}"), &keyspace, count);
    report(&format!("{name} of {count}: look up"), ROUNDS, count, || {
        order.iter().for_each(|number| what.look(&keyspace, b"large", *number));
    });
    report(&format!("{name} of {count}: add again"), 1, count, || {
        let other = if matches!(what, What::List) { &[][..] } else { &order[..] };
        other.iter().for_each(|number| what.add(&mut keyspace, b"large", *number));
    });
    let entry = keyspace.get(keyspace.hash(b"large"), b"large").expect("it is there");
    if let ValueRef::SortedSet(set) = entry.value {
        report(&format!("{name} of {count}: rank"), ROUNDS, count, || {
            order.iter().for_each(|number| {
                black_box(set.rank(&member(*number)));
            });
        });
        report(&format!("{name} of {count}: ten from a score"), ROUNDS, count, || {
            order.iter().for_each(|number| {
                let start = set.count_below(score(*number));
                black_box(set.range(start..start + 10).map(|(_, score)| score).sum::<f64>());
            });
        });
        report(&format!("{name} of {count}: walk"), ROUNDS, count, || {
            black_box(set.iter().map(|(_, score)| score).sum::<f64>());
        });
    }
    if let ValueRef::List(list) = entry.value {
        report(&format!("{name} of {count}: walk"), ROUNDS, count, || {
            black_box(list.iter().map(|item| item.len()).sum::<usize>());
        });
        report(&format!("{name} of {count}: push front, pop back"), 1, count, || {
            let hash = keyspace.hash(b"large");
            for number in &order {
                let _ = keyspace.list_push(hash, b"large", End::Front, &member(*number));
                let _ = keyspace.list_pop(hash, b"large", End::Back, |_| ());
            }
        });
    }
    report(&format!("{name} of {count}: remove"), 1, count, || {
        order.iter().for_each(|number| what.remove(&mut keyspace, b"large", *number));
    });
}

fn peers(count: usize) {
    let order = shuffled(count);
    let mut set: HashSet<Box<[u8]>> = HashSet::new();
    report("std HashSet: add", 1, count, || {
        order.iter().for_each(|number| assert!(set.insert(Box::from(member(*number)))));
    });
    report("std HashSet: look up", ROUNDS, count, || {
        order.iter().for_each(|number| assert!(black_box(set.contains(&member(*number)[..]))));
    });
    let mut scores: HashMap<Box<[u8]>, u64> = HashMap::new();
    let mut ranking: BTreeSet<(u64, Box<[u8]>)> = BTreeSet::new();
    report("std HashMap and BTreeSet: add", 1, count, || {
        for number in &order {
            let score = score(*number) as u64;
            scores.insert(Box::from(member(*number)), score);
            ranking.insert((score, Box::from(member(*number))));
        }
    });
    report("std BTreeSet: ten from a score", ROUNDS, count, || {
        for number in &order {
            let start = (score(*number) as u64, Box::from([]));
            black_box(ranking.range(start..).take(10).map(|(score, _)| score).sum::<u64>());
        }
    });
    report("std HashMap and BTreeSet: remove", 1, count, || {
        for number in &order {
            let name = member(*number);
            let score = scores.remove(&name[..]).expect("it is there");
            ranking.remove(&(score, Box::from(name)));
        }
    });
}

fn main() {
    let count = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number"));
    small_hashes();
    for (what, name) in [
        (What::Hash, "hash"),
        (What::Set, "set"),
        (What::SortedSet, "sorted set"),
        (What::List, "list"),
    ] {
        sizes(what, name, 20, count);
    }
    peers(count);
}
