//! tokio's current-thread runtime: a task per connection, one shared read buffer, `try_read`, `try_write`.

use crate::store::Store;
use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

struct Shared {
    store: Store,
    buffer: Vec<u8>,
    replying: Vec<(Arc<TcpStream>, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
}

// Thread-local instead of `Rc`, so that tasks need no `LocalSet` (which costs a queue of its own).
thread_local! {
    static SHARED: RefCell<Option<Shared>> = const { RefCell::new(None) };
}

fn with<R>(run: impl FnOnce(&mut Shared) -> R) -> R {
    SHARED.with_borrow_mut(|shared| run(shared.as_mut().expect("set before the first task")))
}

/// Serves for ever. `batched`: a flusher task, woken by the first reader of a turn and so queued
/// behind all that are ready, runs the hook and sends all replies; otherwise each read is answered at once.
pub fn run(listener: std::net::TcpListener, store: Store, batched: bool) {
    SHARED.set(Some(Shared {
        store,
        buffer: vec![0; 64 * 1024],
        replying: Vec::new(),
        spare: Vec::new(),
    }));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().expect("runtime");
    runtime.block_on(async move {
        let listener = TcpListener::from_std(listener).expect("listener");
        let notify = Arc::new(tokio::sync::Notify::new());
        if batched {
            tokio::spawn(flusher(Arc::clone(&notify)));
        }
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(connection(Arc::new(stream), Arc::clone(&notify), batched));
        }
    });
}

async fn flusher(notify: Arc<tokio::sync::Notify>) {
    loop {
        notify.notified().await;
        with(|shared| {
            shared.store.end_of_turn();
            for (stream, mut out) in shared.replying.drain(..) {
                send(&stream, &out);
                out.clear();
                shared.spare.push(out);
            }
        });
    }
}

async fn connection(stream: Arc<TcpStream>, notify: Arc<tokio::sync::Notify>, batched: bool) {
    let mut rest: Vec<u8> = Vec::new();
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        let open = with(|shared| match stream.try_read(&mut shared.buffer) {
            Ok(0) => false,
            Ok(n) => {
                let mut out = shared.spare.pop().unwrap_or_default();
                if rest.is_empty() {
                    let used = shared.store.run(&shared.buffer[..n], &mut out);
                    rest.extend_from_slice(&shared.buffer[used..n]);
                } else {
                    rest.extend_from_slice(&shared.buffer[..n]);
                    let used = shared.store.run(&rest, &mut out);
                    rest.drain(..used);
                }
                if batched {
                    if shared.replying.is_empty() {
                        notify.notify_one();
                    }
                    shared.replying.push((Arc::clone(&stream), out));
                } else {
                    shared.store.end_of_turn();
                    send(&stream, &out);
                    out.clear();
                    shared.spare.push(out);
                }
                true
            }
            Err(e) => e.kind() == ErrorKind::WouldBlock,
        });
        if !open {
            return;
        }
    }
}

fn send(stream: &TcpStream, out: &[u8]) {
    let mut at = 0;
    while at < out.len() {
        match stream.try_write(&out[at..]) {
            Ok(n) => at += n,
            // Enough for a spike: redis-benchmark always reads.
            Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return,
        }
    }
}
