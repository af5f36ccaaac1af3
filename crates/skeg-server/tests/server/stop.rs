//! Stopping a server: nothing acknowledged is lost, nothing hangs.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::{command, in_memory, local, ok, open, serve};
use crate::watch::eventually;
use skeg_proto::client::{Decoder, Value};
use skeg_server::{Server, ServerOptions};

#[test]
fn a_stop_under_load_loses_nothing_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(Some(directory.path()), &local());
    let stopping = AtomicBool::new(false);
    let acknowledged: Vec<usize> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let client = served.connect();
                let stopping = &stopping;
                scope.spawn(move || load(number, client.stream, stopping))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        stopping.store(true, Ordering::SeqCst);
        served.server.handle().stop();
        served.server.wait();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(acknowledged.iter().sum::<usize>() > 0);
    served.close();

    let engine = open(Some(directory.path()));
    let server = Server::start(&engine, &local()).unwrap();
    let served = crate::common::Served { server, engine };
    let mut client = served.connect();
    for (number, count) in acknowledged.into_iter().enumerate() {
        for n in 0..count {
            let value = client.call(&["GET", &format!("{number}:{n}")]);
            assert_eq!(value, crate::common::bulk(&n.to_string()), "client {number}, write {n}");
        }
    }
    served.close();
}

/// Writes key after key, 16 in flight, until the connection ends; returns how many were
/// acknowledged.
fn load(number: usize, mut stream: std::net::TcpStream, stopping: &AtomicBool) -> usize {
    let mut decoder = Decoder::new();
    let mut buffer = [0; 4_096];
    let (mut sent, mut acknowledged) = (0, 0);
    loop {
        let mut bytes = Vec::new();
        while sent < acknowledged + 16 {
            bytes.extend(command(&["SET", &format!("{number}:{sent}"), &sent.to_string()]));
            sent += 1;
        }
        let gone = stream.write_all(&bytes).is_err();
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => decoder.feed(&buffer[..count]),
            _ => {
                assert!(stopping.load(Ordering::SeqCst), "closed before the stop");
                return acknowledged;
            }
        }
        while let Some(reply) = decoder.decode().unwrap() {
            assert_eq!(reply, ok());
            acknowledged += 1;
        }
        assert!(!gone || stopping.load(Ordering::SeqCst));
    }
}

#[test]
fn clients_may_stop_a_server_that_allows_it() {
    let served = in_memory();
    let mut client = served.connect();
    client.send(b"SHUTDOWN\r\n");
    assert_eq!(client.try_receive(), None);
    served.server.wait();
    served.close();

    let served = serve(None, &ServerOptions { clients_may_stop: false, ..local() });
    let mut client = served.connect();
    assert!(matches!(client.call(&["SHUTDOWN"]), Value::Error(text) if text.contains("SHUTDOWN")));
    served.close();
}

#[test]
fn a_stop_waits_for_a_peer_that_does_not_read_but_not_for_ever() {
    let options = ServerOptions { shutdown_timeout: Duration::from_millis(300), ..local() };
    let served = serve(None, &options);
    let value = "x".repeat(1 << 20);
    assert_eq!(served.connect().call(&["SET", "key", &value]), ok());
    let mut deaf = served.connect();
    deaf.send(&command(&["GET", "key"]).repeat(32));
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    served.server.handle().stop();
    served.server.wait();
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(250) && waited < Duration::from_secs(5), "{waited:?}");
    served.close();
}

#[test]
fn a_stopped_server_leaves_the_store_open_for_the_next() {
    let served = in_memory();
    let mut client = served.connect();
    assert_eq!(client.call(&["SET", "key", "value"]), ok());
    let address = served.server.addresses()[0];
    served.server.handle().stop();
    served.server.wait();
    assert_eq!(client.try_receive(), None);
    assert!(std::net::TcpStream::connect(address).is_err());
    let again = Server::start(&served.engine, &local()).unwrap();
    let again = crate::common::Served { server: again, engine: served.engine.clone() };
    assert_eq!(again.connect().call(&["GET", "key"]), crate::common::bulk("value"));
    drop(again);
    served.close();
}

#[test]
fn clients_come_and_go_without_a_trace() {
    let served = in_memory();
    for _ in 0..300 {
        assert_eq!(served.connect().call(&["PING"]), Value::Simple("PONG".into()));
    }
    eventually("all are gone", || served.server.clients() == 0);
    served.close();
}
