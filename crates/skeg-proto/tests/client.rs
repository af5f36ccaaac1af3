//! What the decoder does with what no well-meaning server sends, and how commands are encoded.

use proptest::prelude::*;
use skeg_proto::client::{Decoder, Value, encode_command};

fn decode(bytes: &[u8]) -> Result<Option<Value>, String> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    decoder.decode().map_err(|error| error.to_string())
}

#[test]
fn commands_are_arrays_of_bulks() {
    let mut out = Vec::new();
    encode_command(&mut out, &["SET", "key", "a long value"]);
    assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$12\r\na long value\r\n");
}

#[test]
fn both_null_forms_and_blob_errors_are_read() {
    assert_eq!(decode(b"$-1\r\n"), Ok(Some(Value::Null)));
    assert_eq!(decode(b"*-1\r\n"), Ok(Some(Value::Null)));
    assert_eq!(decode(b"!8\r\nERR a\r\nb\r\n"), Ok(Some(Value::Error("ERR a\r\nb".into()))));
}

#[test]
fn attributes_are_dropped() {
    let bytes = b"*2\r\n|1\r\n+ttl\r\n:1\r\n:7\r\n|0\r\n:8\r\n";
    assert_eq!(decode(bytes), Ok(Some(Value::Array(vec![Value::Int(7), Value::Int(8)]))));
}

#[test]
fn wrong_replies_are_errors() {
    let cases: [&[u8]; 13] = [
        b"?\r\n",
        b"\r\n",
        b"+OK\n",
        b":x\r\n",
        b":01\r\n",
        b"#x\r\n",
        b"_x\r\n",
        b",1.x\r\n",
        b"$-2\r\n",
        b"$3\r\nabcde",
        b"=3\r\ntxt\r\n",
        b"*99999999999\r\n",
        b"$99999999999\r\n",
    ];
    for bytes in cases {
        let error = decode(bytes).unwrap_err();
        assert!(error.starts_with("not a RESP reply: "), "{error}");
    }
}

#[test]
fn nesting_is_capped() {
    assert!(decode(&b"*1\r\n".repeat(128)).is_ok());
    assert!(decode(&b"*1\r\n".repeat(129)).is_err());
}

#[test]
fn endless_lines_are_refused() {
    assert!(decode(&[b'-'; 65_000]).is_ok());
    assert!(decode(&[b'-'; 70_000]).is_err());
}

#[test]
fn a_status_may_be_as_long_as_a_string() {
    let line = [&b"+"[..], &[b'x'; 100_000], b"\r\n"].concat();
    let mut decoder = Decoder::new();
    for piece in line.chunks(30_000) {
        assert_eq!(decoder.decode(), Ok(None));
        decoder.feed(piece);
    }
    assert_eq!(decoder.decode(), Ok(Some(Value::Simple("x".repeat(100_000)))));
}

proptest! {
    #[test]
    fn any_bytes_give_values_or_an_error(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just(b"\r\n".to_vec()),
                "[-+:$*%~>|=!,(#_][0-9]{0,3}\r\n".prop_map(String::into_bytes),
                proptest::collection::vec(any::<u8>(), 0..8),
            ],
            0..20,
        ),
    ) {
        let mut decoder = Decoder::new();
        for piece in pieces {
            decoder.feed(&piece);
            while let Ok(Some(_)) = decoder.decode() {}
        }
    }
}
