//! The account of memory against the allocator's own, byte by byte. A program of its own instead of a
//! test of the harness: that one's threads allocate at moments of their own.

use std::alloc::System;

use skeg_keyspace::{End, HashSeed, Keyspace};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that were allocated and not freed since the region began.
fn held(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}

#[expect(clippy::print_stdout, reason = "what `cargo test` prints, for whoever adds tests up")]
fn main() {
    every_byte_is_counted();
    println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}

/// Elements of all lengths and both forms, some too long to lie among others.
fn element(number: usize) -> Vec<u8> {
    match number % 11 {
        0 => (number * 1_000_003).to_string().into_bytes(),
        1 => vec![b'x'; number % 700],
        2 => format!("{number:0100}").into_bytes(),
        _ => format!("element {number}").into_bytes(),
    }
}

fn add(keyspace: &mut Keyspace, key: &[u8], number: usize) {
    let (hash, element) = (keyspace.hash(key), element(number));
    match key[0] {
        b'h' => {
            let value = self::element(number * 7);
            keyspace.hash_set(hash, key, &element, &value).expect("a hash");
        }
        b's' => {
            keyspace.set_add(hash, key, &element).expect("a set");
        }
        b'z' => {
            let score = (number * 7919 % 1_000) as f64 / 3.0;
            keyspace.zset_set(hash, key, &element, score).expect("a sorted set");
        }
        b'l' if number.is_multiple_of(3) => {
            keyspace.list_insert(hash, key, number / 2, &element).expect("a list");
        }
        _ => {
            let end = if number.is_multiple_of(2) { End::Front } else { End::Back };
            keyspace.list_push(hash, key, end, &element).expect("a list");
        }
    }
}

fn remove(keyspace: &mut Keyspace, key: &[u8], number: usize) {
    let (hash, element) = (keyspace.hash(key), element(number));
    match key[0] {
        b'h' => drop(keyspace.hash_remove(hash, key, &element).expect("a hash")),
        b's' => drop(keyspace.set_remove(hash, key, &element).expect("a set")),
        b'z' => drop(keyspace.zset_remove(hash, key, &element).expect("a sorted set")),
        _ => drop(keyspace.list_remove(hash, key, number / 3, 2).expect("a list")),
    }
}

fn every_byte_is_counted() {
    let keys: [&[u8]; 4] = [b"hash", b"set", b"zset", b"list"];
    for count in [3_usize, 100, 150, 9_000] {
        let region = Region::new(ALLOCATOR);
        let mut keyspace = Keyspace::new(HashSeed::from_bytes([7; 32]));
        let mut other = Keyspace::new(HashSeed::from_bytes([7; 32]));
        let check = |keyspaces: [&Keyspace; 2], moment: &str| {
            let counted = keyspaces.map(Keyspace::memory_bytes).iter().sum::<usize>();
            assert_eq!(counted, held(&region), "{count} elements: {moment}");
        };
        check([&keyspace, &other], "empty");
        for number in 0..count {
            keys.iter().for_each(|key| add(&mut keyspace, key, number));
            if number % 17 == 0 {
                check([&keyspace, &other], "filling");
            }
        }
        for key in keys {
            let hash = keyspace.hash(key);
            let (value, _) = keyspace.copy_value(hash, key).expect("it is there");
            other.put_value(hash, key, value, Some(9));
            check([&keyspace, &other], "copied");
            let (value, _) = keyspace.take_value(hash, key).expect("it is there");
            keyspace.put_value(keyspace.hash(b"moved"), b"moved", value, None);
            check([&keyspace, &other], "moved");
            keyspace.set(keyspace.hash(b"moved"), b"moved", b"a string", None);
            check([&keyspace, &other], "replaced");
            for mut collection in keyspace.take_removed() {
                while collection.shed(3) {}
            }
            check([&keyspace, &other], "freed");
        }
        for number in 0..count {
            keys.iter().for_each(|key| remove(&mut other, key, (number * 7) % count));
            if number % 5 == 0 {
                keys.iter().for_each(|key| {
                    if other.get(other.hash(key), key).is_some() {
                        add(&mut other, key, number);
                    }
                });
            }
            if number % 13 == 0 {
                check([&keyspace, &other], "thinning");
            }
        }
        other.pop_expired(10, 10, &mut |_| {});
        assert!(other.is_empty());
        check([&keyspace, &other], "expired");
        drop(other.take_removed());
        check([&keyspace, &other], "emptied");
    }
}
