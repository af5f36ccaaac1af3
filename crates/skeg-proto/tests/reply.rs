//! What a reply looks like on the wire, and that the decoder reads back what was written.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use skeg_proto::client::{Decoder, Value};
use skeg_proto::{Reply, Version};

type Write = fn(&mut Reply);

fn written(version: Version, write: impl Fn(&mut Reply)) -> String {
    let mut reply = Reply::new(version);
    write(&mut reply);
    String::from_utf8(reply.take()).unwrap()
}

/// What `write` puts on the wire, for RESP2 and RESP3.
fn both(write: impl Fn(&mut Reply)) -> [String; 2] {
    [Version::Resp2, Version::Resp3].map(|version| written(version, &write))
}

#[test]
fn types_common_to_both_versions() {
    let cases: [(Write, &str); 9] = [
        (Reply::ok, "+OK\r\n"),
        (|reply| reply.simple("a\r\nb"), "+a  b\r\n"),
        (|reply| reply.error("ERR no\nway"), "-ERR no way\r\n"),
        (|reply| reply.int(-12), ":-12\r\n"),
        (|reply| reply.count(7), ":7\r\n"),
        (|reply| reply.bulk(b""), "$0\r\n\r\n"),
        (|reply| reply.bulk_str("a value of 21 letters"), "$21\r\na value of 21 letters\r\n"),
        (|reply| reply.bulk_int(-5), "$2\r\n-5\r\n"),
        (|reply| reply.array(123), "*123\r\n"),
    ];
    for (write, wire) in cases {
        assert_eq!(both(write), [wire, wire]);
    }
}

#[test]
fn strings_of_all_lengths_are_as_they_were_given() {
    let text: String = ('0'..='z').cycle().take(120).collect();
    for len in 0..=text.len() {
        let given = &text[text.len() - len..];
        let wire = format!("+OK\r\n${len}\r\n{given}\r\n:1\r\n");
        let write = |reply: &mut Reply| {
            reply.ok();
            reply.bulk_str(given);
            reply.int(1);
        };
        assert_eq!(both(write), [wire.as_str(); 2]);
    }
}

#[test]
fn resp3_types_degrade_as_in_redis() {
    let cases: [(Write, [&str; 2]); 12] = [
        (Reply::null, ["$-1\r\n", "_\r\n"]),
        (Reply::null_array, ["*-1\r\n", "_\r\n"]),
        (|reply| reply.map(6), ["*12\r\n", "%6\r\n"]),
        (|reply| reply.set(2), ["*2\r\n", "~2\r\n"]),
        (|reply| reply.push(3), ["*3\r\n", ">3\r\n"]),
        (|reply| reply.bool(true), [":1\r\n", "#t\r\n"]),
        (|reply| reply.bool(false), [":0\r\n", "#f\r\n"]),
        (|reply| reply.double(1.5), ["$3\r\n1.5\r\n", ",1.5\r\n"]),
        (|reply| reply.double(f64::NEG_INFINITY), ["$4\r\n-inf\r\n", ",-inf\r\n"]),
        (|reply| reply.verbatim(*b"txt", "hello"), ["$5\r\nhello\r\n", "=9\r\ntxt:hello\r\n"]),
        (|reply| reply.big_number("123"), ["$3\r\n123\r\n", "(123\r\n"]),
        (|reply| reply.big_number("1\n"), ["$2\r\n1\n\r\n", "(1 \r\n"]),
    ];
    for (write, wire) in cases {
        assert_eq!(both(write), wire);
    }
}

#[test]
fn lengths_may_be_given_at_the_end() {
    let write = |count: usize| {
        move |reply: &mut Reply| {
            let outer = reply.start_array();
            for index in 0..count {
                let inner = reply.start_map();
                reply.bulk_str("k");
                reply.count(index);
                reply.finish(inner, 1);
            }
            reply.finish(outer, count);
            let empty = reply.start_set();
            reply.finish(empty, 0);
        }
    };
    assert_eq!(both(write(1))[0], "*1\r\n*2\r\n$1\r\nk\r\n:0\r\n*0\r\n");
    assert_eq!(both(write(1))[1], "*1\r\n%1\r\n$1\r\nk\r\n:0\r\n~0\r\n");
    for count in [0, 9, 10, 1000] {
        for wire in both(write(count)) {
            let mut decoder = Decoder::new();
            decoder.feed(wire.as_bytes());
            let Ok(Some(Value::Array(items))) = decoder.decode() else { panic!("{wire}") };
            assert_eq!(items.len(), count);
            assert!(decoder.decode().unwrap().is_some());
            assert_eq!(decoder.decode(), Ok(None));
        }
    }
}

#[test]
fn a_reply_can_be_cut_and_taken_in_parts() {
    let mut reply = Reply::new(Version::Resp2);
    reply.ok();
    let before = reply.len();
    reply.int(1);
    reply.truncate(before);
    reply.null();
    reply.drop_front(5);
    assert_eq!(reply.as_bytes(), b"$-1\r\n");
    reply.set_version(Version::Resp3);
    reply.raw(b":1\r\n");
    reply.null();
    assert_eq!(reply.take(), b"$-1\r\n:1\r\n_\r\n");
    assert!(reply.is_empty());
}

fn write_value(reply: &mut Reply, value: &Value) {
    let each = |reply: &mut Reply, items: &[Value]| {
        for item in items {
            write_value(reply, item);
        }
    };
    match value {
        Value::Simple(text) => reply.simple(text),
        Value::Error(text) => reply.error(text),
        Value::Int(value) => reply.int(*value),
        Value::Bulk(bytes) => reply.bulk(bytes),
        Value::Null => reply.null(),
        Value::Double(value) => reply.double(*value),
        Value::Bool(value) => reply.bool(*value),
        Value::Big(digits) => reply.big_number(digits),
        Value::Verbatim { format, text } => {
            reply.verbatim(*format, std::str::from_utf8(text).unwrap());
        }
        Value::Array(items) => {
            reply.array(items.len());
            each(reply, items);
        }
        Value::Set(items) => {
            let started = reply.start_set();
            each(reply, items);
            reply.finish(started, items.len());
        }
        Value::Push(items) => {
            reply.push(items.len());
            each(reply, items);
        }
        Value::Map(pairs) => {
            reply.map(pairs.len());
            for (key, value) in pairs {
                write_value(reply, key);
                write_value(reply, value);
            }
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[a-zA-Z ]{0,9}".prop_map(Value::Simple),
        "[A-Z]{1,5} [a-z ]{0,9}".prop_map(Value::Error),
        any::<i64>().prop_map(Value::Int),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bulk),
        Just(Value::Null),
        any::<f64>()
            .prop_filter("NaN equals nothing", |value| !value.is_nan())
            .prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
        "-?[1-9][0-9]{0,30}".prop_map(Value::Big),
        "[a-z\r\n]{0,9}".prop_map(|text| Value::Verbatim { format: *b"txt", text: text.into() }),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let items = proptest::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            items.clone().prop_map(Value::Array),
            items.clone().prop_map(Value::Set),
            items.prop_map(Value::Push),
            proptest::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn resp3_comes_back_in_any_pieces(
        values in proptest::collection::vec(value(), 0..4),
        size in 1..40_usize,
    ) {
        let mut reply = Reply::new(Version::Resp3);
        for value in &values {
            write_value(&mut reply, value);
        }
        let mut decoder = Decoder::new();
        let mut decoded = Vec::new();
        for chunk in reply.as_bytes().chunks(size) {
            decoder.feed(chunk);
            while let Some(value) = decoder.decode().unwrap() {
                decoded.push(value);
            }
        }
        prop_assert_eq!(decoded, values);
    }
}
