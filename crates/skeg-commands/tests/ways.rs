//! One command, several ways to run it: in place, delegated, inside EXEC, on one shard or on many.
//! All of them must answer the same and leave the same behind.
#![allow(clippy::unwrap_used, reason = "a reply of another shape fails its test")]

mod support;

use proptest::prelude::*;
use skeg_proto::client::Value;
use skeg_proto::{ArgsBuf, Version};
use support::{Latches, Show, Store, TestClient, decode, show};

/// A command, or the passing of time.
#[derive(Clone, Debug)]
enum Act {
    Command(Vec<String>),
    Advance(u64),
}

fn key() -> impl Strategy<Value = String> {
    (0..6).prop_map(|number| format!("k{number}"))
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        (-20_i64..20).prop_map(|number| number.to_string()),
        Just("1.5".to_owned()),
        "[ab]{0,5}",
        Just("9223372036854775807".to_owned()),
    ]
}

fn command() -> impl Strategy<Value = Vec<String>> {
    let number = || (-3_i64..30).prop_map(|number| number.to_string());
    let option = || {
        prop::sample::select(vec![
            "",
            "NX",
            "XX",
            "GET",
            "KEEPTTL",
            "EX 1",
            "PX 40",
            "EXAT 1700000001",
            "NX GET",
            "XX PX 5",
        ])
    };
    let condition = || prop::sample::select(vec!["", "NX", "XX", "GT", "LT", "XX LT"]);
    let split = |line: String| line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    prop_oneof![
        4 => (key(), value(), option()).prop_map(move |(key, value, option)| {
            let mut line = vec!["SET".to_owned(), key, value];
            line.extend(option.split_ascii_whitespace().map(str::to_owned));
            line
        }),
        4 => (prop::sample::select(vec![
            "GET", "GETDEL", "STRLEN", "INCR", "DECR", "TTL", "PTTL", "EXPIRETIME", "PERSIST",
            "TYPE", "EXISTS", "DEL", "OBJECT ENCODING",
        ]), key()).prop_map(move |(name, key)| split(format!("{name} {key}"))),
        3 => (prop::sample::select(vec!["GETSET", "SETNX", "APPEND", "INCRBYFLOAT"]), key(), value())
            .prop_map(move |(name, key, value)| vec![name.to_owned(), key, value]),
        2 => (prop::sample::select(vec!["INCRBY", "DECRBY"]), key(), number())
            .prop_map(move |(name, key, by)| vec![name.to_owned(), key, by]),
        2 => (prop::sample::select(vec!["EXPIRE", "PEXPIRE"]), key(), number(), condition())
            .prop_map(move |(name, key, time, on)| split(format!("{name} {key} {time} {on}"))),
        2 => (prop::sample::select(vec!["RENAME", "RENAMENX", "COPY"]), key(), key())
            .prop_map(move |(name, from, to)| vec![name.to_owned(), from, to]),
        1 => (key(), key(), 0..3).prop_map(move |(from, to, db)| {
            split(format!("COPY {from} {to} DB {db} REPLACE"))
        }),
        2 => prop::collection::vec((key(), value()), 1..4).prop_map(|pairs| {
            let pairs = pairs.into_iter().flat_map(|(key, value)| [key, value]);
            ["MSET".to_owned()].into_iter().chain(pairs).collect()
        }),
        1 => prop::collection::vec((key(), value()), 1..3).prop_map(|pairs| {
            let pairs = pairs.into_iter().flat_map(|(key, value)| [key, value]);
            ["MSETNX".to_owned()].into_iter().chain(pairs).collect()
        }),
        2 => prop::collection::vec(key(), 1..5).prop_map(|keys| {
            ["MGET".to_owned()].into_iter().chain(keys).collect()
        }),
        1 => (key(), number(), value())
            .prop_map(|(key, at, value)| vec!["SETRANGE".to_owned(), key, at, value]),
        1 => (key(), number(), number())
            .prop_map(|(key, from, to)| vec!["GETRANGE".to_owned(), key, from, to]),
        1 => (key(), prop::sample::select(vec!["", "PERSIST", "EX 2", "PX 7", "EX 0"]))
            .prop_map(move |(key, option)| split(format!("GETEX {key} {option}"))),
        1 => Just(words(&["KEYS", "*"])),
        1 => Just(words(&["DBSIZE"])),
        1 => (0..3).prop_map(move |db| split(format!("SELECT {db}"))),
        1 => Just(words(&["SWAPDB", "0", "1"])),
        1 => prop::sample::select(vec!["FLUSHDB", "PING", "ECHO x", "SKEG.CAS k1 1 2"])
            .prop_map(move |line| split(line.to_owned())),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        9 => command().prop_map(Act::Command),
        1 => (0..60_u64).prop_map(Act::Advance),
    ]
}

/// A way to run commands.
struct Way {
    store: Store,
    client: TestClient,
    inside_exec: bool,
}

impl Way {
    fn new(shards: u16, latches: Latches, inside_exec: bool) -> Self {
        let store = Store::new(shards);
        let mut client = store.client(Version::Resp3);
        client.latches = latches;
        Self { store, client, inside_exec }
    }

    fn run(&mut self, line: &[String]) -> Value {
        let args: ArgsBuf = line.iter().collect();
        let reply = if self.inside_exec {
            self.client.call("MULTI");
            let queued = self.client.run(&args);
            assert_eq!(queued, b"+QUEUED\r\n", "{line:?}");
            match self.client.call("EXEC").unwrap() {
                Value::Array(mut items) => items.pop().unwrap(),
                other => panic!("{line:?}: {other:?}"),
            }
        } else {
            decode(&self.client.run(&args)).unwrap()
        };
        // The order of KEYS is the shards' own.
        match reply {
            Value::Array(mut items) if line[0] == "KEYS" => {
                items.sort_by_key(|item| show(item, Show::Resp3));
                Value::Array(items)
            }
            other => other,
        }
    }
}

/// Runs the acts in every way, and compares each reply.
fn compare(acts: &[Act]) -> Result<(), TestCaseError> {
    let mut ways = [
        Way::new(1, Latches::Free, false),
        Way::new(16, Latches::Free, false),
        Way::new(16, Latches::Taken, false),
        Way::new(16, Latches::Free, true),
        Way::new(4, Latches::Taken, true),
    ];
    for act in acts {
        match act {
            Act::Advance(ms) => ways.iter().for_each(|way| way.store.advance(*ms)),
            Act::Command(line) => {
                let replies: Vec<Value> = ways.iter_mut().map(|way| way.run(line)).collect();
                for reply in &replies[1..] {
                    let (reply, first) = (show(reply, Show::Resp3), show(&replies[0], Show::Resp3));
                    prop_assert_eq!(reply, first, "{:?}", line);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn an_expired_source_of_copy_goes_although_the_destination_is_there() {
    let command = |line: &str| Act::Command(line.split(' ').map(str::to_owned).collect());
    for (from, to) in [("k2", "k4"), ("k1", "k5"), ("k3", "k0")] {
        let acts = [
            command(&format!("SET {to} 0")),
            command(&format!("SET {from} 0 PX 40")),
            Act::Advance(40),
            command(&format!("COPY {from} {to}")),
            command("DBSIZE"),
        ];
        compare(&acts).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_way_gives_the_same_answers(acts in prop::collection::vec(act(), 1..60)) {
        compare(&acts)?;
    }
}
