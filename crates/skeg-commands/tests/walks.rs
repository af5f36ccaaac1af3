//! SCAN, KEYS and RANDOMKEY over many keys on many shards, with free latches and with taken ones.
#![allow(clippy::unwrap_used, reason = "a reply of another shape fails its test")]

mod support;

use std::collections::BTreeSet;

use skeg_proto::Version;
use skeg_proto::client::Value;
use support::{Latches, Store, TestClient};

const BOTH: [Latches; 2] = [Latches::Free, Latches::Taken];

fn text(value: &Value) -> String {
    String::from_utf8(value.as_bytes().unwrap().to_vec()).unwrap()
}

fn keys_of(value: &Value) -> Vec<String> {
    value.as_items().unwrap().iter().map(text).collect()
}

/// Scans to the end; returns what was shown and how many calls it took.
fn scan(client: &mut TestClient, options: &str) -> (Vec<String>, usize) {
    let (mut keys, mut cursor, mut calls) = (Vec::new(), "0".to_owned(), 0);
    loop {
        let reply = client.call(&format!("SCAN {cursor} {options}")).unwrap();
        let [next, found] = reply.as_items().unwrap() else { panic!("{reply:?}") };
        keys.extend(keys_of(found));
        calls += 1;
        cursor = text(next);
        if cursor == "0" {
            return (keys, calls);
        }
        assert!(cursor.parse::<u64>().unwrap() < 1 << 53, "some clients keep cursors in doubles");
        assert!(calls < 100_000, "the scan does not end");
    }
}

fn fill(client: &mut TestClient, count: usize) -> BTreeSet<String> {
    (0..count)
        .map(|number| {
            let key = format!("key:{number}");
            client.call(&format!("SET {key} {number}"));
            key
        })
        .collect()
}

#[test]
fn scan_shows_every_key_once() {
    for latches in BOTH {
        let store = Store::new(16);
        let mut client = store.client(Version::Resp2);
        client.latches = latches;
        let all = fill(&mut client, 3_000);
        for options in ["", "COUNT 1", "COUNT 100", "COUNT 5000"] {
            let (keys, _) = scan(&mut client, options);
            assert_eq!(keys.len(), all.len(), "{options:?} {latches:?}");
            assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), all, "{options:?}");
        }
        let (keys, _) = scan(&mut client, "MATCH key:1?? COUNT 50");
        assert_eq!(keys.len(), 100);
        assert_eq!(scan(&mut client, "TYPE string COUNT 500").0.len(), 3_000);
        assert_eq!(scan(&mut client, "TYPE list COUNT 500").0.len(), 0);
    }
}

#[test]
fn count_bounds_the_work_of_a_call() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    fill(&mut client, 2_000);
    let (_, calls) = scan(&mut client, "COUNT 10 MATCH nothing");
    assert!(calls > 50, "{calls} calls looked at 2,000 keys");
    let (_, calls) = scan(&mut client, "COUNT 1000");
    assert!(calls <= 8, "{calls} calls of 1,000 keys");
}

#[test]
fn what_is_there_all_the_time_is_shown_while_others_come_and_go() {
    for latches in BOTH {
        let store = Store::new(8);
        let mut client = store.client(Version::Resp2);
        client.latches = latches;
        let stay: BTreeSet<String> = fill(&mut client, 400);
        let (mut seen, mut cursor, mut round) = (BTreeSet::new(), "0".to_owned(), 0);
        loop {
            let reply = client.call(&format!("SCAN {cursor} COUNT 7")).unwrap();
            let [next, found] = reply.as_items().unwrap() else { panic!("{reply:?}") };
            seen.extend(keys_of(found));
            cursor = text(next);
            if cursor == "0" {
                break;
            }
            for number in 0..40 {
                client.call(&format!("SET other:{round}:{number} x"));
                if round > 2 {
                    client.call(&format!("DEL other:{}:{number}", round - 3));
                }
            }
            round += 1;
        }
        assert!(stay.is_subset(&seen), "{latches:?}");
    }
}

#[test]
fn keys_shows_every_key_and_no_expired_one() {
    for latches in BOTH {
        let store = Store::new(16);
        let mut client = store.client(Version::Resp2);
        client.latches = latches;
        let all = fill(&mut client, 5_000);
        client.call("SET gone x PX 10");
        store.advance(20);
        let keys = keys_of(&client.call("KEYS *").unwrap());
        assert_eq!(keys.len(), 5_000);
        assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), all);
        assert_eq!(keys_of(&client.call("KEYS key:12??").unwrap()).len(), 100);
    }
}

#[test]
fn a_walk_inside_exec_is_one_step() {
    let store = Store::new(16);
    let mut client = store.client(Version::Resp2);
    fill(&mut client, 2_000);
    for line in ["MULTI", "SET one x", "KEYS *", "DEL one", "SCAN 0 COUNT 100000", "DBSIZE"] {
        client.call(line);
    }
    let reply = client.call("EXEC").unwrap();
    let items = reply.as_items().unwrap();
    assert_eq!(items[1].as_items().unwrap().len(), 2_001);
    let scanned = items[3].as_items().unwrap();
    assert_eq!((text(&scanned[0]), keys_of(&scanned[1]).len()), ("0".to_owned(), 2_000));
    assert_eq!(items[4], Value::Int(2_000));
}

#[test]
fn randomkey_finds_the_one_key_among_many_that_have_expired() {
    for latches in BOTH {
        let store = Store::new(4);
        let mut client = store.client(Version::Resp2);
        client.latches = latches;
        client.call("DEBUG SET-ACTIVE-EXPIRE 0");
        for number in 0..20_000 {
            client.call(&format!("SET gone:{number} x PX 10"));
        }
        client.call("SET live 1");
        store.advance(20);
        assert_eq!(client.show("RANDOMKEY"), "\"live\"", "{latches:?}");
        client.call("DEL live");
        assert_eq!(client.show("RANDOMKEY"), "nil", "{latches:?}");
        client.call("MULTI");
        client.call("SET live 1");
        client.call("RANDOMKEY");
        assert_eq!(client.show("EXEC"), "[OK, \"live\"]", "{latches:?}");
    }
}

#[test]
fn randomkey_reaches_every_key() {
    let store = Store::new(16);
    let mut client = store.client(Version::Resp2);
    let all = fill(&mut client, 5);
    let seen: BTreeSet<String> =
        (0..400).map(|_| text(&client.call("RANDOMKEY").unwrap())).collect();
    assert_eq!(seen, all);
}
