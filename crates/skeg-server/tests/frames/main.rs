//! The binary protocol over real sockets: every operation, batches, what is cut, packed or broken.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod batches;
#[path = "../server/common.rs"]
mod common;

use std::io::Read;
use std::time::Duration;

use proptest::prelude::*;
use skeg_engine::{Engine, EngineOptions, Level, SyncPolicy};
use skeg_io::Io;
use skeg_proto::client::Value;
use skeg_proto::frame::{
    Answer, Flags, Frame, Framed, HEADER_BYTES, Op, PAYLOAD_BYTES_MAX, pack, unpack,
};

use skeg_server::Server;

use crate::common::{Client, Served, bulk, command, in_memory, local, ok, serve};

const OK: u8 = Answer::Ok as u8;
const ERR: u8 = Answer::Err as u8;

/// Speaks frames.
struct Caller {
    client: Client,
    bytes: Vec<u8>,
    id: u64,
}

/// An answer: what it is, the request's id, the payload.
type Answered = (u8, u64, Vec<u8>);

impl Caller {
    fn new(served: &Served) -> Self {
        Self { client: served.connect(), bytes: Vec::new(), id: 0 }
    }

    fn send(&mut self, op: Op, flags: Flags, payload: &[u8]) -> u64 {
        self.id += 1;
        let mut bytes = Vec::new();
        Frame { op: op as u8, flags, id: self.id, payload }.write(&mut bytes);
        self.client.send(&bytes);
        self.id
    }

    /// The next answer; `None` at the end of the connection.
    fn receive(&mut self) -> Option<Answered> {
        self.receive_flagged().map(|(_, answered)| answered)
    }

    /// The next answer, and the flags of its frame.
    fn receive_flagged(&mut self) -> Option<(Flags, Answered)> {
        let mut chunk = vec![0; 64 << 10];
        loop {
            if let Framed::Whole(frame, size) = Frame::read(&self.bytes).expect("a frame") {
                let packed = frame.flags.has(Flags::LZ4);
                let payload = frame.payload.to_vec();
                let payload = if packed { unpack(&payload).expect("packed") } else { payload };
                let answered = (frame.flags, (frame.op, frame.id, payload));
                self.bytes.drain(..size);
                return Some(answered);
            }
            match self.client.stream.read(&mut chunk).expect("bytes or the end") {
                0 => return None,
                count => self.bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn call(&mut self, op: Op, flags: Flags, payload: &[u8]) -> (u8, Vec<u8>) {
        let id = self.send(op, flags, payload);
        let (kind, answered, payload) = self.receive().expect("an answer");
        assert_eq!(answered, id);
        (kind, payload)
    }

    /// The payload of an answer that has to be OK.
    fn get(&mut self, op: Op, payload: &[u8]) -> Vec<u8> {
        let (kind, payload) = self.call(op, Flags::default(), payload);
        assert_eq!(kind, OK, "{op:?}: {}", String::from_utf8_lossy(&payload));
        payload
    }

    /// The code of an answer that has to be ERR.
    fn fail(&mut self, op: Op, flags: Flags, payload: &[u8]) -> u8 {
        let (kind, payload) = self.call(op, flags, payload);
        assert_eq!((kind, payload.len()), (ERR, 2 + usize::from(payload[1])), "{op:?}");
        assert!(std::str::from_utf8(&payload[2..]).is_ok());
        payload[0]
    }
}

fn name(name: &str) -> Vec<u8> {
    [&(name.len() as u16).to_le_bytes()[..], name.as_bytes()].concat()
}

fn pair(key: &str, value: &str) -> Vec<u8> {
    let mut out = (key.len() as u16).to_le_bytes().to_vec();
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(value.as_bytes());
    out
}

fn string(value: &str) -> Vec<u8> {
    [&(value.len() as u32).to_le_bytes()[..], value.as_bytes()].concat()
}

fn count(count: u32) -> Vec<u8> {
    count.to_le_bytes().to_vec()
}

fn row(row: &[f32]) -> Vec<u8> {
    let mut out = count(row.len() as u32);
    row.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    out
}

fn id(id: u64) -> Vec<u8> {
    id.to_le_bytes().to_vec()
}

/// Packed even where that is longer.
fn as_literals(bytes: &[u8]) -> Vec<u8> {
    let mut packed = (bytes.len() as u32).to_le_bytes().to_vec();
    // A block of literals alone: its length, less than 15, in the upper half of a byte.
    packed.push((bytes.len() as u8) << 4);
    packed.extend_from_slice(bytes);
    packed
}

#[test]
fn keys_are_set_and_read() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    assert_eq!(caller.get(Op::Ping, b""), b"");
    assert_eq!(caller.fail(Op::Get, Flags::default(), &name("k")), 1);
    assert_eq!(caller.fail(Op::Set, Flags::SET_XX, &pair("k", "v")), 1);
    assert_eq!(caller.get(Op::Set, &pair("k", "v")), [0; 8]);
    assert_eq!(caller.fail(Op::Set, Flags::SET_NX, &pair("k", "w")), 4);
    assert_eq!(caller.get(Op::Get, &name("k")), string("v"));
    assert_eq!(caller.get(Op::Exists, &name("k")), [1]);
    let two = [count(2), pair("a", "1"), pair("b", "")].concat();
    assert_eq!(caller.get(Op::MSet, &two), b"");
    let three = [count(3), name("a"), name("none"), name("b")].concat();
    let values = [count(3), vec![0], string("1"), vec![1], vec![0], string("")].concat();
    assert_eq!(caller.get(Op::MGet, &three), values);
    assert_eq!(caller.get(Op::MExists, &three), [count(3), vec![1, 0, 1]].concat());
    assert_eq!(caller.get(Op::Del, &name("a")), [1]);
    assert_eq!(caller.get(Op::Del, &name("a")), [0]);
    assert_eq!(caller.get(Op::Exists, &name("a")), [0]);
    let stats = caller.get(Op::Stats, b"");
    assert_eq!((stats.len(), &stats[16..24]), (32, &id(2)[..]));
    let shards = caller.get(Op::Shards, b"");
    let number = u32::from_le_bytes(shards[..4].try_into().unwrap());
    assert_eq!(shards.len(), 4 + number as usize * 36);
    served.close();
}

#[test]
fn both_protocols_see_the_same_on_one_port() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    let mut client = served.connect();
    caller.get(Op::Set, &pair("k", "v"));
    assert_eq!(client.call(&["GET", "k"]), bulk("v"));
    // The first byte alone does not tell: a command of this name is RESP's.
    client.send(b"K");
    std::thread::sleep(Duration::from_millis(20));
    client.send(b"EYS *\r\n");
    assert_eq!(client.receive(), Value::Array(vec![bulk("k")]));
    let mut fresh = served.connect();
    fresh.send(b"K");
    std::thread::sleep(Duration::from_millis(20));
    fresh.send(b"EYS *\r\n");
    assert_eq!(fresh.receive(), Value::Array(vec![bulk("k")]));
    served.close();
}

#[test]
fn vectors_are_stored_and_found() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    let create = [name("docs"), count(2), vec![0, 0]].concat();
    assert_eq!(caller.fail(Op::VGet, Flags::default(), &[name("docs"), id(1)].concat()), 1);
    assert_eq!(caller.get(Op::VIndexCreate, &create), b"");
    for (number, vector) in [(1, [1.0, 0.0]), (u64::MAX, [0.0, 1.0])] {
        let set = [name("docs"), id(number), row(&vector)].concat();
        assert_eq!(caller.get(Op::VSet, &set), b"");
        assert_eq!(caller.fail(Op::VSet, Flags::SET_NX, &set), 4);
    }
    assert_eq!(caller.get(Op::VGet, &[name("docs"), id(1)].concat()), row(&[1.0, 0.0]));
    let search = [name("docs"), count(1), row(&[0.0, 2.0])].concat();
    let found = [count(1), id(u64::MAX), 1_f32.to_le_bytes().to_vec()].concat();
    assert_eq!(caller.get(Op::VSearch, &search), found);
    assert_eq!(caller.get(Op::VSearch, &[search.clone(), count(40)].concat()), found);
    let list = caller.get(Op::VIndexList, b"");
    assert_eq!(list, [count(1), name("docs"), count(2), vec![0, 0], id(2)].concat());
    assert_eq!(caller.get(Op::VDel, &[name("docs"), id(1)].concat()), [1]);
    assert_eq!(caller.get(Op::VDel, &[name("docs"), id(1)].concat()), [0]);
    assert_eq!(caller.fail(Op::VGet, Flags::default(), &[name("docs"), id(1)].concat()), 1);
    assert_eq!(caller.get(Op::VIndexDrop, &name("docs")), b"");
    assert_eq!(caller.fail(Op::VSearch, Flags::default(), &search), 1);
    // What frames cannot say is said by the command.
    let mut client = served.connect();
    assert_eq!(client.call(&["SKEG.VINDEX.CREATE", "words", "1", "FLAT", "IDS", "STRING"]), ok());
    assert_eq!(client.call(&["SKEG.VSET", "words", "one", "AAAA"]), ok());
    let search = [name("words"), count(1), row(&[1.0])].concat();
    assert_eq!(caller.fail(Op::VSearch, Flags::default(), &search), 2);
    let search =
        b"*5\r\n$12\r\nSKEG.VSEARCH\r\n$5\r\nwords\r\n$1\r\n1\r\n$1\r\n0\r\n$4\r\nAAAA\r\n";
    assert_eq!(caller.get(Op::Command, search), b"*1\r\n*2\r\n$3\r\none\r\n,1\r\n");
    served.close();
}

#[test]
fn every_command_travels_in_a_frame() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    let hash = command(&["HSET", "h", "f", "v"]);
    assert_eq!(caller.get(Op::Command, &hash), b":1\r\n");
    assert_eq!(
        caller.get(Op::Command, &command(&["HGETALL", "h"])),
        b"%1\r\n$1\r\nf\r\n$1\r\nv\r\n"
    );
    assert_eq!(caller.fail(Op::Get, Flags::default(), &name("h")), 2);
    let (kind, error) = caller.call(Op::Command, Flags::default(), &command(&["NOSUCH"]));
    assert_eq!((kind, &error[..5]), (OK, &b"-ERR "[..]));
    // Who leaves RESP3 is brought back, so that frames are still understood.
    caller.get(Op::Command, &command(&["HELLO", "2"]));
    assert_eq!(
        caller.get(Op::Command, &command(&["HGETALL", "h"])),
        b"%1\r\n$1\r\nf\r\n$1\r\nv\r\n"
    );
    for wrong in [&b""[..], b"*1\r\n$4\r\nPI", b"*1\r\n$4\r\nPING\r\n*1\r\n", b"*x\r\n"] {
        assert_eq!(caller.fail(Op::Command, Flags::default(), wrong), 2, "{wrong:?}");
    }
    assert_eq!(caller.get(Op::Ping, b""), b"");
    served.close();
}

#[test]
fn messages_come_in_frames_of_their_own() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    let confirmed = caller.get(Op::Command, &command(&["SUBSCRIBE", "news"]));
    assert_eq!(confirmed, b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    assert_eq!(served.connect().call(&["PUBLISH", "news", "now"]), Value::Int(1));
    let message = b">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\nnow\r\n".to_vec();
    assert_eq!(caller.receive(), Some((Op::Command as u8, 0, message)));
    assert_eq!(caller.get(Op::Ping, b""), b"");
    served.close();
}

#[test]
fn a_long_message_comes_in_several_frames() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    caller.get(Op::Command, &command(&["SUBSCRIBE", "news"]));
    let said = "x".repeat(PAYLOAD_BYTES_MAX + 1_000);
    assert_eq!(served.connect().call(&["PUBLISH", "news", &said]), Value::Int(1));
    let (flags, (op, id, mut message)) = caller.receive_flagged().expect("a part");
    assert_eq!((flags, op, id), (Flags::CONTINUATION, Op::Command as u8, 0));
    let (flags, (op, id, rest)) = caller.receive_flagged().expect("the rest");
    assert_eq!((flags, op, id), (Flags::default(), Op::Command as u8, 0));
    message.extend_from_slice(&rest);
    let start = format!(">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n${}\r\n", said.len());
    assert!(message == [start.as_bytes(), said.as_bytes(), b"\r\n"].concat());
    served.close();
}

/// In RESP2 a client that subscribes may say little.
#[test]
fn who_subscribes_and_leaves_resp3_is_still_answered() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    caller.get(Op::Command, &command(&["SUBSCRIBE", "news"]));
    caller.get(Op::Command, &command(&["HELLO", "2"]));
    assert_eq!(served.connect().call(&["PUBLISH", "news", "now"]), Value::Int(1));
    let message = b">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\nnow\r\n".to_vec();
    assert_eq!(caller.receive(), Some((Op::Command as u8, 0, message)));
    assert_eq!(caller.get(Op::Set, &pair("a", "1")), vec![0; 8]);
    assert_eq!(caller.get(Op::Get, &name("a")), string("1"));
    served.close();
}

#[test]
fn a_client_that_wants_no_replies_is_told_of_no_refusal() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    caller.send(Op::Command, Flags::default(), &command(&["CLIENT", "REPLY", "SKIP"]));
    caller.send(Op::Set, Flags::default(), b"\xff\xff");
    assert_eq!(caller.get(Op::Ping, b""), b"", "only the next one is skipped");
    caller.send(Op::Command, Flags::default(), &command(&["CLIENT", "REPLY", "OFF"]));
    caller.send(Op::Set, Flags::default(), b"\xff\xff");
    let replies = command(&["CLIENT", "REPLY", "ON"]);
    assert_eq!(caller.get(Op::Command, &replies), b"+OK\r\n");
    served.close();
}

#[test]
fn who_quits_in_a_pause_is_answered_in_a_frame() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    assert_eq!(caller.get(Op::Ping, b""), b"");
    assert_eq!(served.connect().call(&["CLIENT", "PAUSE", "200"]), ok());
    assert_eq!(caller.get(Op::Command, &command(&["QUIT"])), b"+OK\r\n");
    assert_eq!(caller.receive(), None);
    served.close();
}

#[test]
fn long_requests_and_answers_come_in_several_frames() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    let value = "x".repeat(PAYLOAD_BYTES_MAX + 1_000);
    let payload = pair("long", &value);
    let mut pieces = payload.chunks(PAYLOAD_BYTES_MAX / 2).peekable();
    while let Some(piece) = pieces.next() {
        let more = pieces.peek().is_some();
        caller.send(Op::Set, if more { Flags::CONTINUATION } else { Flags::default() }, piece);
        caller.id -= u64::from(more);
    }
    assert_eq!(caller.receive(), Some((OK, caller.id, vec![0; 8])));
    let asked = caller.send(Op::Get, Flags::default(), &name("long"));
    let (kind, id, mut answer) = caller.receive().expect("a part");
    assert_eq!((kind, id, answer.len()), (Answer::Continued as u8, asked, PAYLOAD_BYTES_MAX));
    let (kind, id, rest) = caller.receive().expect("the rest");
    assert_eq!((kind, id), (OK, asked));
    answer.extend_from_slice(&rest);
    assert!(answer == string(&value));
    // Packed it is one frame each way.
    let packed = pack(&pair("packed", &value[..PAYLOAD_BYTES_MAX - 100])).expect("it is shorter");
    assert_eq!(caller.call(Op::Set, Flags::LZ4, &packed).0, OK);
    let (kind, answer) = caller.call(Op::Get, Flags::LZ4, &as_literals(&name("packed")));
    assert_eq!((kind, answer.len()), (OK, 4 + PAYLOAD_BYTES_MAX - 100));
    served.close();
}

#[test]
fn an_answer_waits_for_the_disk_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(Some(directory.path()), &local());
    let mut caller = Caller::new(&served);
    let (kind, first) = caller.call(Op::Set, Flags::WAIT_DURABLE, &pair("k", "v"));
    let (_, second) = caller.call(Op::Set, Flags::default(), &pair("k", "w"));
    let epoch = |payload: Vec<u8>| u64::from_le_bytes(payload.try_into().unwrap());
    let (first, second) = (epoch(first), epoch(second));
    assert!(kind == OK && 0 < first && first < second, "{first} {second}");
    assert_eq!(caller.get(Op::Flush, b""), b"");
    served.close();
}

/// The server answers at `kernel`, so nothing else brings to the disk what a read has seen.
#[test]
fn a_read_waits_for_the_disk_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions { sync: SyncPolicy::Never, ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), Some(directory.path()), &options).unwrap();
    let server = Server::start(&engine, &local()).unwrap();
    let served = Served { server, engine };
    let mut caller = Caller::new(&served);
    caller.get(Op::Set, &pair("k", "v"));
    let log = served.engine.log().unwrap();
    assert!(log.reached(Level::Disk) < log.last_epoch());
    assert_eq!(caller.call(Op::Get, Flags::WAIT_DURABLE, &name("k")), (OK, string("v")));
    assert_eq!(log.reached(Level::Disk), log.last_epoch());
    served.close();
}

#[test]
fn a_value_that_is_longer_than_allowed_is_refused_and_the_connection_goes_on() {
    let served = in_memory();
    assert_eq!(served.connect().call(&["CONFIG", "SET", "proto-max-bulk-len", "1mb"]), ok());
    let mut caller = Caller::new(&served);
    let value = "x".repeat((1 << 20) + 1);
    assert_eq!(caller.fail(Op::Set, Flags::default(), &pair("k", &value)), 2);
    assert_eq!(caller.get(Op::Set, &pair("k", &value[1..])), vec![0; 8]);
    served.close();
}

#[test]
fn what_is_no_frame_ends_the_connection_with_a_word() {
    let served = in_memory();
    let mut ping = Vec::new();
    Frame { op: Op::Ping as u8, flags: Flags::default(), id: 7, payload: b"" }.write(&mut ping);
    let with = |at: usize, byte: u8| {
        let mut bytes = ping.clone();
        bytes[at] = byte;
        bytes
    };
    let unpacked = {
        let mut bytes = Vec::new();
        Frame { op: Op::Ping as u8, flags: Flags::LZ4, id: 7, payload: b"no" }.write(&mut bytes);
        bytes
    };
    for wrong in [with(2, 2), with(3, 0x60), with(5, 1), with(19, 2), unpacked] {
        let mut caller = Caller::new(&served);
        caller.client.send(&[&ping[..], &wrong, &ping].concat());
        assert_eq!(caller.receive(), Some((OK, 7, Vec::new())));
        let (kind, id, error) = caller.receive().expect("a word");
        assert_eq!((kind, id, error[0]), (ERR, 7, 2), "{wrong:?}");
        assert_eq!(caller.receive(), None);
    }
    // A reserved field is not looked at.
    let mut caller = Caller::new(&served);
    caller.client.send(&with(HEADER_BYTES - 1, 9));
    assert_eq!(caller.receive(), Some((OK, 7, Vec::new())));
    served.close();
}

/// What changes how a connection goes on.
const SWITCHES: &[&[&str]] = &[
    &["HELLO", "2"],
    &["SUBSCRIBE", "news"],
    &["UNSUBSCRIBE"],
    &["PUBLISH", "news", "now"],
    &["CLIENT", "REPLY", "OFF"],
    &["CLIENT", "REPLY", "SKIP"],
    &["CLIENT", "PAUSE", "1"],
    &["MONITOR"],
    &["RESET"],
    &["QUIT"],
];

/// Frames as a client that has gone wrong sends them: mostly of an operation that exists, with anything behind it.
fn any_frames() -> impl Strategy<Value = Vec<u8>> {
    let op =
        prop_oneof![9 => prop::sample::select(Op::ALL).prop_map(|op| op as u8), 1 => any::<u8>()];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        Just(pair("k", "v")),
        Just(name("k")),
        Just([count(2), name("k"), name("l")].concat()),
        Just([name("docs"), id(1), row(&[1.0, 2.0])].concat()),
        Just([name("docs"), count(2), vec![5, 1]].concat()),
        Just(command(&["INCR", "n"])),
        Just(command(&["MULTI"])),
        Just(command(&["EXEC"])),
        prop::sample::select(SWITCHES).prop_map(command),
    ];
    let frame = (op, 0_u32..256, 0_u64..3, payload).prop_map(|(op, flags, id, payload)| {
        let mut bytes = Vec::new();
        // A frame whose payload claims to be packed rarely is.
        let flags = if flags % 8 == 0 { flags } else { flags & !Flags::LZ4.0 };
        Frame { op, flags: Flags(flags), id, payload: &payload }.write(&mut bytes);
        bytes
    });
    prop::collection::vec(frame, 1..12).prop_map(|frames| frames.concat())
}

#[test]
fn whatever_a_client_sends_is_answered_in_frames() {
    let served = in_memory();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let outcome = runner.run(&any_frames(), |bytes| {
        let mut caller = Caller::new(&served);
        caller.client.send(&bytes);
        caller.client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        while let Some((kind, id, _)) = caller.receive() {
            let is_message = kind == Op::Command as u8 && id == 0;
            prop_assert!(is_message || [OK, ERR].contains(&kind) && id < 3);
        }
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(Caller::new(&served).get(Op::Ping, b""), b"");
    served.close();
}
