//! Commands at random, from their own syntax and against it, on keys of every type: stores of one shard
//! and of many, asked in RESP2 and RESP3, in place and delegated, answer the same and end up the same.
//!
//! `SKEG_RANDOM_COMMANDS=N cargo test --release -p skeg-commands --test random` tries N commands
//! (20,000 by default), `SKEG_RANDOM_SEED` others. A failure names its seed, which repeats it.
#![allow(clippy::unwrap_used, reason = "a reply of another shape fails its test")]

mod support;

use skeg_commands::{Flags, Group, Spec, commands};
use skeg_proto::client::Value;
use skeg_proto::{ArgsBuf, Version};
use support::{Latches, Show, Store, TestClient, decode, show};

/// Commands whose replies are drawn at random or depend on how a store is laid out. Their errors and
/// their types are compared all the same, and nothing that they would change is kept.
const ONLY_READ_AT_RANDOM: &[&str] =
    &["randomkey", "srandmember", "hrandfield", "zrandmember", "scan", "memory|usage"];

/// Commands after which two stores need not be equal, and whose replies depend on the moment or the layout.
const LEFT_OUT: &[&str] = &["spop", "object|idletime", "object|freq", "dump", "restore"];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// Words that break what takes them for granted.
const HOSTILE: &[&str] = &[
    "",
    "-1",
    "0",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "nan",
    "-inf",
    "inf",
    "(",
    "[",
    "(1",
    "[a",
    "-",
    "+",
    "*",
    "a*",
    "[",
    "\\",
    "0x10",
    " 1",
    "1 ",
    "\u{0}",
    "\u{7f}\u{80}",
    "4611686018427387904",
    "-4611686018427387905",
    "1.5",
    "3.0e-320",
];

const VALUES: &[&str] =
    &["a", "b", "c", "1", "2", "3", "10", "-5", "text", "1.25", "value of many bytes"];

/// A key: of each type there are a few, so that commands find their own and others.
fn key(random: &mut Random) -> String {
    let kinds = ["s", "h", "l", "set", "z", "any"];
    format!("{}{}", random.pick(&kinds), random.below(3))
}

fn argument(random: &mut Random, name: &str) -> String {
    if random.one_in(12) {
        return random.pick(HOSTILE).to_owned();
    }
    match name {
        _ if name.contains("key") || matches!(name, "source" | "destination" | "newkey") => {
            key(random)
        }
        "encoding" => random.pick(&["u1", "i3", "u8", "i16", "u63", "i64"]).to_owned(),
        "numkeys" => (1 + random.below(3)).to_string(),
        _ if random.one_in(3) => (random.below(12) as i64 - 3).to_string(),
        _ => random.pick(VALUES).to_owned(),
    }
}

/// Arguments for a syntax, read loosely: brackets may be taken or left, repetitions repeat.
fn arguments(random: &mut Random, syntax: &str) -> Vec<String> {
    let spaced: String = syntax.replace('[', " [ ").replace(']', " ] ");
    let words: Vec<&str> = spaced.split_ascii_whitespace().collect();
    let mut taken = Vec::new();
    let (mut depth_left_out, mut depth) = (0, 0);
    for word in words {
        match word {
            "[" => {
                depth += 1;
                if depth_left_out == 0 && random.one_in(2) {
                    depth_left_out = depth;
                }
            }
            "]" => {
                if depth_left_out == depth {
                    depth_left_out = 0;
                }
                depth -= 1;
            }
            _ if depth_left_out > 0 || matches!(word, "|" | "...") => {}
            _ => {
                let word = word.trim_matches(['<', '>']);
                let is_token = word.bytes().all(|byte| !byte.is_ascii_lowercase());
                if !is_token {
                    taken.push(argument(random, word));
                } else if !random.one_in(3) {
                    taken.push(word.to_owned());
                }
            }
        }
    }
    match random.below(20) {
        0 => drop(taken.pop()),
        1 => taken.push(random.pick(HOSTILE).to_owned()),
        _ => {}
    }
    taken
}

fn command(random: &mut Random, specs: &[&'static Spec]) -> (&'static Spec, ArgsBuf) {
    let spec = specs[random.below(specs.len())];
    let name = spec.name.split('|').map(str::to_owned);
    (spec, name.chain(arguments(random, spec.syntax)).collect())
}

/// The commands on data.
fn specs() -> Vec<&'static Spec> {
    let of_data = |spec: &Spec| {
        matches!(
            spec.group,
            Group::Generic
                | Group::String
                | Group::Bitmap
                | Group::Hash
                | Group::List
                | Group::Set
                | Group::SortedSet
        )
    };
    let chosen = commands().iter().copied().filter(|spec| of_data(spec));
    chosen
        .filter(|spec| !spec.flags.has(Flags::BLOCKING) && !LEFT_OUT.contains(&spec.name))
        .collect()
}

/// What has no order of its own is put into one.
fn settled(value: Value) -> Value {
    let sorted = |mut items: Vec<Value>| {
        items.sort_by_key(|item| show(item, Show::Resp3));
        items
    };
    match value {
        Value::Array(items) => Value::Array(sorted(items.into_iter().map(settled).collect())),
        Value::Set(items) => Value::Set(sorted(items.into_iter().map(settled).collect())),
        other => other,
    }
}

/// Replies whose order is that of a table.
fn has_no_order(spec: &Spec) -> bool {
    matches!(
        spec.name,
        "keys"
            | "smembers"
            | "sdiff"
            | "sinter"
            | "sunion"
            | "hkeys"
            | "hvals"
            | "hgetall"
            | "hscan"
            | "sscan"
            | "zscan"
            | "sort"
            | "sort_ro"
    )
}

struct Way {
    store: Store,
    client: TestClient,
}

impl Way {
    fn new(shards: u16, version: Version, latches: Latches) -> Self {
        let store = Store::new(shards);
        let mut client = store.client(version);
        client.latches = latches;
        Self { store, client }
    }

    fn ask(&mut self, args: &ArgsBuf) -> Value {
        let reply = decode(&self.client.run(args)).expect("a command of data replies");
        assert!(!self.client.closed, "the connection was closed");
        reply
    }

    /// Every key with its type, deadline and elements, in RESP2's words.
    fn contents(&mut self) -> Vec<String> {
        let Some(Value::Array(keys)) = self.client.call("KEYS *") else { panic!("KEYS") };
        let mut lines: Vec<String> = keys
            .iter()
            .map(|key| {
                let Value::Bulk(key) = key else { panic!("{key:?}") };
                let mut ask = |words: &[&[u8]]| {
                    let reply = decode(&self.client.run(&words.iter().collect())).unwrap();
                    let is_list = words[0] == b"lrange" || words[0] == b"zrange";
                    show(&if is_list { reply } else { settled(flat(reply)) }, Show::Resp2)
                };
                let read: &[&[u8]] = match ask(&[b"type", key]).as_str() {
                    "string" => &[b"get", key],
                    "hash" => &[b"hgetall", key],
                    "list" => &[b"lrange", key, b"0", b"-1"],
                    "set" => &[b"smembers", key],
                    _ => &[b"zrange", key, b"0", b"-1"],
                };
                format!("{}: {} {}", key.escape_ascii(), ask(read), ask(&[b"pttl", key]))
            })
            .collect();
        lines.sort();
        lines
    }
}

fn number(name: &str, standard: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(standard)
}

#[test]
fn stores_of_any_shape_answer_the_same_to_commands_at_random() {
    const RUN: u64 = 500;
    let specs = specs();
    let first = number("SKEG_RANDOM_SEED", 1);
    for seed in first..first + number("SKEG_RANDOM_COMMANDS", 20_000).div_ceil(RUN) {
        let mut random = Random(seed);
        let mut ways = [
            Way::new(1, Version::Resp2, Latches::Free),
            Way::new(1, Version::Resp3, Latches::Taken),
            Way::new(16, Version::Resp2, Latches::Taken),
            Way::new(16, Version::Resp3, Latches::Free),
        ];
        for _ in 0..RUN {
            if random.one_in(40) {
                let ms = random.next() % 3_000;
                ways.iter().for_each(|way| way.store.advance(ms));
            }
            let (spec, args) = command(&mut random, &specs);
            let replies: Vec<String> = ways
                .iter_mut()
                .map(|way| match way.ask(&args) {
                    Value::Error(text) => format!("-{text}"),
                    _ if ONLY_READ_AT_RANDOM.contains(&spec.name) => String::new(),
                    reply if has_no_order(spec) => {
                        show(&settled(number_text(flat(reply))), Show::Resp2)
                    }
                    reply => show(&number_text(flat(reply)), Show::Resp2),
                })
                .collect();
            let line: Vec<_> = args
                .as_args()
                .iter()
                .map(<[u8]>::escape_ascii)
                .map(|word| word.to_string())
                .collect();
            for reply in &replies[1..] {
                assert_eq!(reply, &replies[0], "seed {seed}: {line:?}");
            }
        }
        let contents: Vec<_> = ways.iter_mut().map(Way::contents).collect();
        for other in &contents[1..] {
            assert_eq!(other, &contents[0], "seed {seed}: what is left");
        }
    }
}

/// Long numbers as doubles are written here: RESP2 has a double as text, in the fewest digits that tell it.
fn number_text(value: Value) -> Value {
    match value {
        Value::Bulk(text) if text.len() > 15 || text.contains(&b'e') => {
            let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<f64>().ok());
            number.map_or(Value::Bulk(text), Value::Double)
        }
        Value::Array(items) | Value::Set(items) => {
            Value::Array(items.into_iter().map(number_text).collect())
        }
        other => other,
    }
}

/// Pairs within arrays, as RESP3 has them, one behind the other, as RESP2 has them.
fn flat(value: Value) -> Value {
    match value {
        Value::Array(items)
            if items.iter().all(|item| matches!(item, Value::Array(pair) if pair.len() == 2)) =>
        {
            Value::Array(
                items
                    .into_iter()
                    .flat_map(|item| match item {
                        Value::Array(pair) => pair,
                        other => vec![other],
                    })
                    .collect(),
            )
        }
        Value::Map(pairs) => {
            Value::Array(pairs.into_iter().flat_map(|(name, value)| [name, value]).collect())
        }
        other => other,
    }
}
