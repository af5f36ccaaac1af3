//! What the parser promises: Redis's grammar and texts, any cut of the stream, no byte kept that
//! a limit forbids.

use proptest::prelude::*;
use skeg_proto::client::encode_command;
use skeg_proto::{FirstArguments, Limits, Parsed, Parser, ProtocolError};

type Command = Vec<Vec<u8>>;
type Outcome = (Vec<Command>, Option<ProtocolError>);

/// Offers `chunks` one after the other, as a connection would, and collects what comes out: the same,
/// whether or not the parser looks ahead.
fn run<'a>(limits: Limits, chunks: impl IntoIterator<Item = &'a [u8]> + Clone) -> Outcome {
    let outcome = run_looking(limits, chunks.clone(), false);
    assert_eq!(run_looking(limits, chunks, true), outcome);
    outcome
}

fn run_looking<'a>(
    limits: Limits,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    looks: bool,
) -> Outcome {
    let mut parser = Parser::new(limits);
    let mut buf = Vec::new();
    let mut commands = Vec::new();
    for chunk in chunks {
        buf.extend_from_slice(chunk);
        let mut at = 0;
        loop {
            let seen = looks.then(|| parser.look_ahead(&buf[at..]).next()).flatten();
            match parser.next(&buf[at..]) {
                Err(error) => return (commands, Some(error)),
                Ok(Parsed::Command { args, consumed }) => {
                    assert!(!args.is_empty());
                    if let Some(seen) = seen {
                        assert_eq!(seen, [1, 2, 3].map(|at| args.try_get(at).unwrap_or_default()));
                    }
                    commands.push(args.iter().map(<[u8]>::to_vec).collect());
                    at += consumed;
                }
                Ok(Parsed::Partial { consumed, wanted }) => {
                    assert!(wanted > 0 && seen.is_none());
                    at += consumed;
                    break;
                }
            }
        }
        buf.drain(..at);
    }
    (commands, None)
}

fn whole(bytes: &[u8]) -> Outcome {
    run(Limits::default(), [bytes])
}

fn error(bytes: &[u8]) -> String {
    whole(bytes).1.map(|error| error.to_string()).unwrap_or_default()
}

fn command(words: &[&str]) -> Command {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn commands_follow_one_another_in_both_forms() {
    let (commands, error) =
        whole(b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\nPING\r\nset a \"b c\"\n*1\r\n$4\r\nQUIT\r\n");
    assert_eq!(error, None);
    let expected = [&["ECHO", "\r\n"][..], &["PING"], &["set", "a", "b c"], &["QUIT"]];
    assert_eq!(commands, expected.map(command));
}

#[test]
fn empty_commands_are_skipped_and_dropped() {
    let (commands, error) = whole(b"\r\n\n*0\r\n*-1\r\n  \r\n*-7\r\n\r\nPING\r\n*0\r\n");
    assert_eq!((commands, error), (vec![command(&["PING"])], None));
    let mut parser = Parser::default();
    assert!(matches!(
        parser.next(b"\r\n*0\r\n\r\n*1"),
        Ok(Parsed::Partial { consumed: 8, wanted: 1 })
    ));
}

#[test]
fn errors_have_redis_texts() {
    let cases: &[(&[u8], &str)] = &[
        (b"*x\r\n", "invalid multibulk length"),
        (b"*20000000\r\n", "invalid multibulk length"),
        (b"*99999999999999999999\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*\r\n", "invalid multibulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\n$2000000000\r\n", "invalid bulk length"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "expected '$', got 'f'"),
        (b"*1\r\nfoo\r\n", "expected '$', got 'f'"),
        (b"*1\r\n$1\r\nab\r\n", "expected CRLF after bulk"),
        (b"set \"\"\"test-key\"\"\" test-value\r\n", "unbalanced quotes in request"),
        (b"set a 'b\r\n", "unbalanced quotes in request"),
    ];
    for (bytes, text) in cases {
        assert_eq!(error(bytes), format!("Protocol error: {text}"), "{}", bytes.escape_ascii());
    }
}

#[test]
fn endless_lines_end_at_the_limit() {
    let max = Limits::default().max_inline;
    let cases: [(&str, &str); 3] = [
        ("", "too big inline request"),
        ("*", "too big mbulk count string"),
        ("*1\r\n$", "too big bulk count string"),
    ];
    for (start, text) in cases {
        let mut bytes = start.as_bytes().to_vec();
        bytes.resize(bytes.len() + max - 1, b'1');
        assert_eq!(error(&bytes), "");
        bytes.extend_from_slice(b"11");
        assert_eq!(error(&bytes), format!("Protocol error: {text}"));
        bytes.extend_from_slice(b"\r\n");
        assert_eq!(error(&bytes), format!("Protocol error: {text}"));
    }
}

#[test]
fn limits_refuse_by_length_alone() {
    let limits = Limits { max_args: 3, max_bulk: 10, max_inline: 64, max_buffer: 40 };
    let refuse = |bytes: &[u8]| run(limits, [bytes]).1;
    assert_eq!(refuse(b"*3\r\n"), None);
    assert_eq!(refuse(b"*4\r\n"), Some(ProtocolError::InvalidMultibulkLength));
    assert_eq!(refuse(b"a b c d\r\n"), Some(ProtocolError::InvalidMultibulkLength));
    assert_eq!(refuse(b"*1\r\n$10\r\n"), None);
    assert_eq!(refuse(b"*1\r\n$11\r\n"), Some(ProtocolError::InvalidBulkLength));
    let two = b"*3\r\n$8\r\n12345678\r\n$8\r\n12345678\r\n$8\r\n";
    assert_eq!(refuse(two), Some(ProtocolError::TooBigCommand));
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let mut parser = Parser::default();
    let claim = b"*1048576\r\n$536870912\r\n";
    let Ok(Parsed::Partial { consumed: 0, wanted }) = parser.next(claim) else { panic!() };
    assert_eq!(wanted, (512 << 20) + 2);
    assert_eq!(parser.memory_bytes(), 0);
    assert!(parser.in_command());
}

#[test]
fn the_wanted_bytes_complete_an_argument() {
    let mut parser = Parser::default();
    let mut buf = b"*2\r\n$4\r\nECHO\r\n$100000\r\nab".to_vec();
    let Ok(Parsed::Partial { wanted, .. }) = parser.next(&buf) else { panic!() };
    buf.resize(buf.len() + wanted - 2, b'x');
    buf.extend_from_slice(b"\r\n");
    assert!(
        matches!(parser.next(&buf), Ok(Parsed::Command { consumed, .. }) if consumed == buf.len())
    );
    assert!(!parser.in_command());
}

#[test]
fn what_was_parsed_ahead_is_handed_out_wherever_it_lies_then() {
    let mut buf = Vec::new();
    encode_command(&mut buf, &["SET", "one", "a value of more than nine bytes"]);
    encode_command(&mut buf, &["PING"]);
    encode_command(&mut buf, &["MGET", "two", "three", "four", "five"]);
    let all: [FirstArguments<'_>; 3] = [
        [b"one", b"a value of more than nine bytes", b""],
        [b"", b"", b""],
        [b"two", b"three", b"four"],
    ];
    for cut in 0..=buf.len() {
        let mut parser = Parser::default();
        let seen: Vec<_> = parser.look_ahead(&buf[..cut]).collect();
        assert!(all.starts_with(&seen) && (seen.len() < 3 || cut == buf.len()));
        assert_eq!(parser.is_ahead(), !seen.is_empty());
        let mut rest = buf.clone();
        for left in (0..seen.len()).rev() {
            assert_eq!(parser.look_ahead(&rest).count(), left + 1);
            let Ok(Parsed::Command { consumed, .. }) = parser.next(&rest) else { panic!() };
            rest = rest[consumed..].to_vec();
        }
        assert!(!parser.is_ahead());
    }
    for text in ["", "*", "*1", "PING\r\n", "*-1\r\n", "*1\r\n$9999999999\r\n", "*2\r\nGET\r\n"] {
        assert_eq!(Parser::default().look_ahead(text.as_bytes()).next(), None, "{text:?}");
    }
    let many = b"*1\r\n$4\r\nPING\r\n".repeat(100);
    assert_eq!(Parser::default().look_ahead(&many).count(), Parser::AHEAD_MAX);
}

#[test]
fn memory_of_a_large_command_is_given_back() {
    let mut bytes = Vec::new();
    encode_command(&mut bytes, &vec!["x"; 100_000]);
    let mut parser = Parser::default();
    assert!(matches!(parser.next(&bytes), Ok(Parsed::Command { .. })));
    assert!(parser.memory_bytes() > 1_000_000);
    assert!(matches!(parser.next(b"*1\r\n$4\r\nPING\r\n"), Ok(Parsed::Command { .. })));
    assert!(parser.memory_bytes() < 100_000);
}

#[test]
fn every_cut_gives_the_same_commands() {
    let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n*1\r\n$4\r\nPING\r\n\r\n*-10\r\nget 'a b'\r\n*0\r\n*1\r\n$0\r\n\r\n";
    let expected = whole(bytes);
    assert_eq!(expected.0.len(), 3);
    for first in 0..bytes.len() {
        let (a, b) = bytes.split_at(first);
        assert_eq!(run(Limits::default(), [a, b]), expected, "cut at {first}");
    }
    assert_eq!(run(Limits::default(), bytes.chunks(1)), expected);
}

/// Bytes that get past the first check often: pieces of the grammar, in any order.
fn nearly_protocol() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"'\\x4".to_vec()),
        Just(b"*1\r\n".to_vec()),
        Just(b"*2\r\n$1\r\na\r\n".to_vec()),
        Just(b"$3\r\nfoo\r\n".to_vec()),
        Just(b"$0\r\n\r\n".to_vec()),
        (-3..12_i64).prop_map(|n| format!("*{n}\r\n").into_bytes()),
        (-3..30_i64).prop_map(|n| format!("${n}\r\n").into_bytes()),
        any::<i64>().prop_map(|n| format!("*{n}").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn small_limits() -> impl Strategy<Value = Limits> {
    (1..6_usize, 0..20_usize, 32..40_usize, 1..60_usize).prop_map(
        |(max_args, max_bulk, max_inline, max_buffer)| Limits {
            max_args,
            max_bulk,
            max_inline,
            max_buffer,
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_in_any_pieces(
        bytes in nearly_protocol(),
        size in 1..9_usize,
        limits in prop_oneof![Just(Limits::default()), small_limits()],
    ) {
        let expected = run(limits, [&bytes[..]]);
        prop_assert_eq!(run(limits, bytes.chunks(size)), expected);
    }

    #[test]
    fn encoded_commands_come_back(
        commands in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6), 0..8),
        size in 1..50_usize,
    ) {
        let mut bytes = Vec::new();
        for command in &commands {
            encode_command(&mut bytes, command);
        }
        let outcome = run(Limits::default(), bytes.chunks(size));
        prop_assert_eq!(outcome, (commands, None));
    }
}
