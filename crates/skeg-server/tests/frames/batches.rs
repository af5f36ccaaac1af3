//! Batches: whole or not at all, and every frame of them answered.

use std::time::Duration;

use skeg_proto::client::Value;
use skeg_proto::frame::{Flags, Op};

use crate::common::{command, in_memory, ok};
use crate::{Caller, ERR, OK, id, name, pair, string};

/// So many frames, from that of this id on, are answered with ERR and this code.
fn assert_all_fail(caller: &mut Caller, first: u64, frames: u64, code: u8) {
    for number in 0..frames {
        let (kind, id, error) = caller.receive().expect("an answer");
        assert_eq!((kind, id, error[0]), (ERR, first + number, code));
    }
}

#[test]
fn a_batch_takes_effect_whole_or_not_at_all() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    let mut other = served.connect();
    let first = caller.send(Op::Set, Flags::BATCH, &pair("a", "1"));
    caller.send(Op::Get, Flags::BATCH, &name("a"));
    caller.send(Op::Del, Flags::BATCH.with(Flags::NO_REPLY), &name("none"));
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(other.call(&["EXISTS", "a"]), Value::Int(0));
    let last = caller.send(Op::Get, Flags::BATCH_END, &name("none"));
    assert_eq!(caller.receive(), Some((OK, first, vec![0; 8])));
    assert_eq!(caller.receive(), Some((OK, first + 1, string("1"))));
    let (kind, answered, error) = caller.receive().expect("an answer");
    assert_eq!((kind, answered, error[0]), (ERR, last, 1));
    // A frame that is wrong stops all of them, and each is told.
    let first = caller.send(Op::Set, Flags::BATCH, &pair("b", "1"));
    caller.send(Op::Set, Flags::BATCH, b"\xff\xff");
    caller.send(Op::Command, Flags::BATCH, &command(&["PING"]));
    caller.send(Op::VGet, Flags::BATCH, &[name("docs"), id(7)].concat());
    caller.send(Op::Set, Flags::BATCH_END, &pair("c", "1"));
    assert_all_fail(&mut caller, first, 5, 2);
    assert_eq!(other.call(&["EXISTS", "b", "c"]), Value::Int(0));
    // Alone it is a batch of one.
    assert_eq!(caller.call(Op::Set, Flags::BATCH_END, &pair("d", "1")).0, OK);
    assert_eq!(caller.get(Op::Get, &name("d")), string("1"));
    served.close();
}

#[test]
fn a_batch_of_a_client_that_wants_no_replies_has_none() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    caller.send(Op::Command, Flags::default(), &command(&["CLIENT", "REPLY", "OFF"]));
    caller.send(Op::Set, Flags::BATCH, &pair("a", "1"));
    caller.send(Op::Set, Flags::BATCH_END, &pair("b", "2"));
    let replies = command(&["CLIENT", "REPLY", "ON"]);
    assert_eq!(caller.get(Op::Command, &replies), b"+OK\r\n");
    assert_eq!(caller.get(Op::Get, &name("b")), string("2"));
    served.close();
}

#[test]
fn what_a_client_leaves_unfinished_is_not_done() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    caller.send(Op::Set, Flags::BATCH, &pair("a", "1"));
    caller.send(Op::Set, Flags::CONTINUATION, &pair("b", "1"));
    drop(caller);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(served.connect().call(&["EXISTS", "a", "b"]), Value::Int(0));
    served.close();
}

#[test]
fn a_batch_within_multi_is_refused_and_leaves_it_as_it_is() {
    let served = in_memory();
    let mut caller = Caller::new(&served);
    assert_eq!(caller.get(Op::Command, &command(&["MULTI"])), b"+OK\r\n");
    assert_eq!(caller.get(Op::Command, &command(&["SET", "a", "1"])), b"+QUEUED\r\n");
    let first = caller.send(Op::Set, Flags::BATCH, &pair("b", "1"));
    caller.send(Op::Set, Flags::BATCH_END, &pair("c", "1"));
    assert_all_fail(&mut caller, first, 2, 2);
    assert_eq!(caller.get(Op::Command, &command(&["EXEC"])), b"*1\r\n+OK\r\n");
    assert_eq!(served.connect().call(&["EXISTS", "a", "b", "c"]), Value::Int(1));
    assert_eq!(caller.call(Op::Set, Flags::BATCH_END, &pair("d", "1")).0, OK);
    served.close();
}

/// 5 says that a client may try again.
#[test]
fn all_of_a_batch_are_told_whether_it_may_be_tried_again() {
    let served = in_memory();
    let mut other = served.connect();
    let mut caller = Caller::new(&served);
    assert_eq!(other.call(&["CONFIG", "SET", "maxmemory", "1"]), ok());
    let first = caller.send(Op::Get, Flags::BATCH, &name("a"));
    caller.send(Op::Set, Flags::BATCH, &pair("a", "1"));
    caller.send(Op::Set, Flags::BATCH_END, &pair("b", "1"));
    assert_all_fail(&mut caller, first, 3, 5);
    assert_eq!(other.call(&["CONFIG", "SET", "maxmemory", "0"]), ok());
    // Somebody else has changed what a batch relies on.
    assert_eq!(caller.get(Op::Command, &command(&["WATCH", "a"])), b"+OK\r\n");
    assert_eq!(other.call(&["SET", "a", "2"]), ok());
    assert_eq!(caller.fail(Op::Set, Flags::BATCH_END, &pair("a", "1")), 5);
    assert_eq!(caller.call(Op::Set, Flags::BATCH_END, &pair("a", "1")).0, OK);
    served.close();
}
