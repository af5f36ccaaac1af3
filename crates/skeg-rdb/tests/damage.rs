//! Dumps that are damaged or made up: an error, never a panic, never memory for what is only claimed.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use skeg_rdb::{Item, RdbError, RdbReader, Value};

/// A dump without a checksum, with values of many kinds.
fn example() -> Vec<u8> {
    let mut bytes = b"REDIS0010".to_vec();
    let mut put = |part: &[u8]| bytes.extend_from_slice(part);
    put(b"\xfa\x09redis-ver\x067.0.15");
    put(b"\xfe\x00\xfb\x05\x01");
    put(b"\xfc\x7b\x00\x00\x00\x00\x00\x00\x00\x00\x01a\x05hello");
    put(b"\x00\x01b\xc1\x39\x30");
    put(b"\x00\x01c\xc3\x07\x0c\x02abc\xe0\x00\x02");
    put(b"\x01\x01d\x02\x01x\x01y");
    put(b"\x05\x01e\x01\x01m\x00\x00\x00\x00\x00\x00\x04\x40");
    put(b"\x04\x01f\x01\x01k\x01v");
    put(b"\x0b\x01g\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x02\x00");
    put(b"\xfe\x02\x12\x01h\x02\x01\x05plain\x02\x0c\x0c\x00\x00\x00\x02\x00\x05\x01\x81z\x02\xff");
    put(b"\xff\x00\x00\x00\x00\x00\x00\x00\x00");
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<Item>, RdbError> {
    let mut reader = RdbReader::new(bytes)?;
    let mut items = Vec::new();
    while let Some(item) = reader.next_item()? {
        items.push(item);
    }
    Ok(items)
}

#[test]
fn every_kind_is_read() {
    let items = read(&example()).unwrap();
    let values: Vec<&Value> = items.iter().map(|item| &item.value).collect();
    let text = |text: &str| text.as_bytes().to_vec();
    assert_eq!(values[0], &Value::String(text("hello")));
    assert_eq!(items[0].expire_at_ms, Some(123));
    assert_eq!((values[1], items[1].expire_at_ms), (&Value::String(text("12345")), None));
    assert_eq!(values[2], &Value::String(text("abcabcabcabc")));
    assert_eq!(values[3], &Value::List(vec![text("x"), text("y")]));
    assert_eq!(values[4], &Value::SortedSet(vec![(text("m"), 2.5)]));
    assert_eq!(values[5], &Value::Hash(vec![(text("k"), text("v"))]));
    assert_eq!(values[6], &Value::Set(vec![text("1"), text("2")]));
    assert_eq!(values[7], &Value::List(vec![text("plain"), text("5"), text("z")]));
    assert_eq!(items[7].db, 2);
}

#[test]
fn every_cut_is_an_error_and_claims_take_no_memory() {
    let bytes = example();
    for cut in 0..bytes.len() {
        assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    // 2^60 elements, bytes, and bytes behind a compression.
    for claim in ["\x01\x01a\u{1}", "\x00\x01a", "\x00\x01a\u{7f}"] {
        let mut bytes = b"REDIS0010".to_vec();
        bytes.extend_from_slice(&claim.as_bytes()[..3]);
        if claim.ends_with('\u{7f}') {
            bytes.extend_from_slice(b"\xc3\x03");
        }
        bytes.extend_from_slice(b"\x81\x10\x00\x00\x00\x00\x00\x00\x00\x02ab");
        assert!(read(&bytes).is_err());
    }
    assert!(matches!(read(b"REDIS9999\xff"), Err(RdbError::Version { version: 9999, .. })));
}

#[test]
fn payloads_of_dump_are_read() {
    // A checksum of zeros says that none was made.
    let bytes = b"\x00\x05hello\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    assert_eq!(RdbReader::payload(bytes).unwrap(), Value::String(b"hello".to_vec()));
    for cut in 0..bytes.len() {
        assert!(RdbReader::payload(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(RdbReader::payload(&[&bytes[..], b"x"].concat()).is_err());
    let mut wrong = bytes.to_vec();
    *wrong.last_mut().unwrap() = 1;
    assert!(RdbReader::payload(&wrong).is_err(), "the checksum is another");
    wrong[7] = 99;
    assert!(matches!(RdbReader::payload(&wrong), Err(RdbError::Version { version: 99, .. })));
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(at: prop::sample::Index, byte: u8, second: prop::sample::Index) {
        let mut bytes = example();
        let (at, second) = (at.index(bytes.len()), second.index(bytes.len()));
        bytes[at] = byte;
        bytes[second] = bytes[second].wrapping_add(byte);
        let _ = read(&bytes);
    }

    #[test]
    fn bytes_at_random_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&[b"REDIS0010", bytes.as_slice()].concat());
        let _ = RdbReader::payload(&bytes);
    }
}
