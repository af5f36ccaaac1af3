//! The mio loop: all ready connections, then the end-of-turn hook, then all replies.

use crate::store::Store;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read as _, Write as _};

struct Conn {
    stream: TcpStream,
    rest: Vec<u8>,
    out: Vec<u8>,
}

/// Serves for ever. `batched`: replies leave after the hook; otherwise right after each read.
/// `shared`: a store that several such loops share.
pub fn run(mut listener: TcpListener, store: &std::sync::Mutex<Store>, batched: bool) {
    let mut poll = Poll::new().expect("epoll");
    poll.registry().register(&mut listener, Token(usize::MAX), Interest::READABLE).expect("register");
    let mut events = Events::with_capacity(1024);
    let mut conns: Vec<Option<Conn>> = Vec::new();
    let mut buffer = vec![0u8; 64 * 1024];
    let mut replying: Vec<usize> = Vec::new();
    loop {
        if poll.poll(&mut events, None).is_err() {
            continue;
        }
        let mut held = store.lock().expect("no loop panicked");
        for event in &events {
            if event.token().0 == usize::MAX {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.set_nodelay(true);
                    let slot = conns.iter().position(Option::is_none).unwrap_or(conns.len());
                    if slot == conns.len() {
                        conns.push(None);
                    }
                    poll.registry()
                        .register(&mut stream, Token(slot), Interest::READABLE)
                        .expect("register");
                    conns[slot] = Some(Conn { stream, rest: Vec::new(), out: Vec::new() });
                }
                continue;
            }
            let slot = event.token().0;
            let Some(conn) = &mut conns[slot] else { continue };
            let open = loop {
                match conn.stream.read(&mut buffer) {
                    Ok(0) => break false,
                    Ok(n) => {
                        if conn.rest.is_empty() {
                            let used = held.run(&buffer[..n], &mut conn.out);
                            conn.rest.extend_from_slice(&buffer[used..n]);
                        } else {
                            conn.rest.extend_from_slice(&buffer[..n]);
                            let used = held.run(&conn.rest, &mut conn.out);
                            conn.rest.drain(..used);
                        }
                        if n < buffer.len() {
                            break true;
                        }
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break true,
                    Err(_) => break false,
                }
            };
            if !open {
                conns[slot] = None;
                continue;
            }
            if batched {
                replying.push(slot);
            } else {
                held.end_of_turn();
                send(conn);
            }
        }
        held.end_of_turn();
        drop(held);
        for slot in replying.drain(..) {
            if let Some(conn) = &mut conns[slot] {
                send(conn);
            }
        }
    }
}

fn send(conn: &mut Conn) {
    let mut at = 0;
    while at < conn.out.len() {
        match conn.stream.write(&conn.out[at..]) {
            Ok(n) => at += n,
            // Enough for a spike: redis-benchmark always reads.
            Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => break,
        }
    }
    conn.out.clear();
}
