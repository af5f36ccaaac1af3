//! What a client cannot make the server do: hold memory for claims, wait for slow readers, serve too many.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use crate::common::{bulk, command, in_memory, local, ok, serve};
use crate::watch::{eventually, resident_bytes};
use skeg_proto::client::Value;
use skeg_proto::frame::{Flags, Frame, Op, PAYLOAD_BYTES_MAX};
use skeg_server::ServerOptions;

#[test]
fn a_claim_without_data_takes_no_memory() {
    let served = in_memory();
    served.connect().call(&["PING"]);
    let before = resident_bytes();
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = served.connect();
        client.send(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$536870912\r\nabc");
        clients.push(client);
    }
    for _ in 0..200 {
        let mut client = served.connect();
        client.send(b"*1048576\r\n$3\r\nSET\r\n");
        clients.push(client);
    }
    let mut header = Vec::new();
    Frame { op: Op::Set as u8, flags: Flags::default(), id: 1, payload: b"" }.write(&mut header);
    header[16..20].copy_from_slice(&(PAYLOAD_BYTES_MAX as u32).to_le_bytes());
    for _ in 0..200 {
        let mut client = served.connect();
        client.send(&header);
        clients.push(client);
    }
    served.connect().call(&["PING"]);
    std::thread::sleep(Duration::from_millis(200));
    // What other tests of this process take at the moment goes; what a claim took would stay.
    let grown = || resident_bytes().saturating_sub(before);
    eventually("claims take little", || grown() < 16 << 20);
    served.close();
}

#[test]
fn a_claim_beyond_the_limit_is_refused_at_once() {
    let served = in_memory();
    let mut client = served.connect();
    client.send(b"*2\r\n$3\r\nGET\r\n$536870913\r\n");
    assert_eq!(client.receive(), Value::Error("ERR Protocol error: invalid bulk length".into()));
    assert_eq!(client.try_receive(), None);
    served.close();
}

#[test]
fn a_client_that_never_reads_holds_little_and_slows_nobody() {
    let served = in_memory();
    let mut other = served.connect();
    let value = "x".repeat(100_000);
    assert_eq!(other.call(&["SET", "key", &value]), ok());
    let before = resident_bytes();
    let mut deaf = served.connect();
    deaf.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let gets = command(&["GET", "key"]).repeat(1_000);
    // The server stops reading, so sending stops too.
    let mut sent = 0;
    let stuck = loop {
        match deaf.stream.write(&gets) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
        assert!(sent < 64 << 20, "everything is taken from a client that reads nothing");
    };
    assert!(matches!(stuck.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes");
    let slowest = (0..200)
        .map(|_| {
            let start = Instant::now();
            other.call(&["PING"]);
            start.elapsed()
        })
        .max();
    assert!(slowest < Some(Duration::from_millis(500)), "{slowest:?}");
    // Once it reads, it goes on where it was.
    for _ in 0..200 {
        assert_eq!(deaf.receive(), bulk(&value));
    }
    // Otherwise stopping would wait for what it has not read.
    drop(deaf);
    served.close();
}

#[test]
fn one_client_too_many_is_told_so() {
    let served = serve(None, &ServerOptions { clients_max: 3, ..local() });
    let mut clients: Vec<_> = (0..3).map(|_| served.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
    }
    let mut refused = served.connect();
    assert_eq!(refused.receive(), Value::Error("ERR max number of clients reached".into()));
    assert_eq!(refused.try_receive(), None);
    clients.pop();
    eventually("a place is free again", || {
        let mut client = served.connect();
        client.stream.write_all(b"PING\r\n").is_ok()
            && client.try_receive() == Some(Value::Simple("PONG".into()))
    });
    served.close();
}

#[test]
fn a_silent_client_is_closed_when_asked_for() {
    let options = ServerOptions { idle_timeout: Duration::from_secs(1), ..local() };
    let served = serve(None, &options);
    let mut silent = served.connect();
    let mut busy = served.connect();
    let until = Instant::now() + Duration::from_millis(1_600);
    while Instant::now() < until {
        assert_eq!(busy.call(&["PING"]), Value::Simple("PONG".into()));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(silent.try_receive(), None);
    served.close();
}
