//! Starting and stopping a server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mio::{Poll, Waker};
use skeg_commands::{Context, Origin, Session};
use skeg_engine::Engine;
use skeg_io::Join;
use skeg_io::sync::{Arc, Mutex};
use skeg_proto::Limits;

use crate::accept::Gate;
use crate::address::{Address, Inbox};
use crate::connection::Connection;
use crate::error::ServeError;
use crate::event_loop::{self, WAKER};
use crate::hub::Hub;
use crate::listener::Listener;
use crate::mailbox::Mailbox;
use crate::options::ServerOptions;
use crate::stream::Stream;
use crate::worker::Worker;

/// What every serving thread knows.
pub(crate) struct Shared {
    pub(crate) hub: Arc<Hub>,
    pub(crate) context: Arc<Context>,
    threads: Mutex<Vec<Box<dyn Join>>>,
}

impl Shared {
    /// Starts thread `number`, unless it runs already.
    pub(crate) fn start_thread(
        self: &Arc<Self>,
        number: usize,
        listeners: Vec<Listener>,
    ) -> std::io::Result<()> {
        if self.hub.inbox(number).is_some() {
            return Ok(());
        }
        let poll = Poll::new()?;
        let inbox: Arc<Inbox> = Arc::new(Mailbox::new(Waker::new(poll.registry(), WAKER)?));
        let registry = poll.registry().try_clone()?;
        let gate = match number {
            0 => Some(Gate::new(listeners, &registry, self.hub.options.threads_max)?),
            _ => None,
        };
        let listeners = gate.as_ref().map_or(0, Gate::listeners);
        let shared = Arc::clone(self);
        let for_thread = Arc::clone(&inbox);
        let body = Box::new(move || {
            let ending = Ending(Arc::clone(&shared.hub));
            let clock = Arc::clone(&shared.hub.io.clock);
            let mut worker = Worker::new(number, shared, Arc::clone(&for_thread), registry, gate);
            event_loop::run(poll, listeners, &for_thread, &*clock, &mut worker);
            drop(worker);
            drop(ending);
        });
        self.hub.starts();
        let thread =
            self.hub.io.threads.spawn("skeg-serve", body).inspect_err(|_| self.hub.ends())?;
        self.threads.lock().push(thread);
        self.hub.started(number, inbox);
        Ok(())
    }

    /// A connection that has just been accepted.
    pub(crate) fn connection(
        &self,
        stream: Stream,
        address: Arc<Address>,
        lane: &Arc<skeg_commands::Lane>,
    ) -> Connection {
        let config = self.context.config();
        let limits = Limits {
            max_bulk: config.bulk_bytes_max() as usize,
            max_buffer: config.query_bytes_max() as usize,
            ..Limits::default()
        };
        let origin = Origin {
            address: stream.peer(),
            local_address: stream.local(),
            descriptor: stream.descriptor(),
            is_unix: matches!(stream, Stream::Unix(_)),
        };
        let killer = Arc::clone(&address) as Arc<dyn skeg_commands::Connection>;
        let session = Session::new(&self.context, lane, origin, killer);
        Connection::new(stream, session, address, limits)
    }
}

/// Counts the end of a thread, also when it panics.
struct Ending(Arc<Hub>);

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Its connections are gone; the others must not wait for them.
            self.0.stop(true);
        }
        self.0.ends();
    }
}

/// A running server. Dropping it stops it, and waits for that.
#[derive(Debug)]
pub struct Server {
    handle: ServerHandle,
    addresses: Vec<SocketAddr>,
    unix_socket: Option<PathBuf>,
}

/// Stops a server from anywhere: a signal, another thread, a program that closes it.
#[derive(Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stopping = self.shared.hub.is_stopping();
        f.debug_struct("ServerHandle").field("stopping", &stopping).finish_non_exhaustive()
    }
}

impl Server {
    /// Serves `engine` as the options say. When this returns, connections are accepted.
    ///
    /// # Errors
    /// [`ServeError`]; nothing of the server runs then. The engine is as it was.
    pub fn start(engine: &Engine, options: &ServerOptions) -> Result<Self, ServeError> {
        let mut options = options.clone();
        let listeners = Listener::bind_all(&options)?;
        let bound: Vec<_> = listeners.iter().filter_map(Listener::address).collect();
        options.addresses.clone_from(&bound);
        let settings = options.settings();
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let unix_socket = options.unix_socket.clone();
        let hub = Arc::new(Hub::new(options, engine.io().clone()));
        let host = Arc::clone(&hub) as Arc<dyn skeg_commands::Host>;
        let context = Context::new(engine.clone(), host, &settings)
            .map_err(|error| ServeError::Option { reason: error.to_string() })?;
        let shared = Arc::new(Shared { hub, context, threads: Mutex::new(Vec::new()) });
        shared.start_thread(0, listeners).map_err(ServeError::Thread)?;
        Ok(Self { handle: ServerHandle { shared }, addresses: bound, unix_socket })
    }

    /// The TCP addresses that it listens on, with their real ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The Unix socket that it listens on.
    #[must_use]
    pub fn unix_socket(&self) -> Option<&Path> {
        self.unix_socket.as_deref()
    }

    /// What stops it.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// How many clients are connected.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.handle.shared.context.clients().len()
    }

    /// Waits until the server has stopped (because of [`ServerHandle::stop`] or SHUTDOWN): all its
    /// threads are joined then, its connections closed, its socket file removed. The engine stays
    /// open: its owner closes it.
    pub fn wait(&self) {
        self.handle.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.stop();
        self.handle.wait();
    }
}

impl ServerHandle {
    /// Begins to stop: nothing more is accepted or read; what was begun is finished, replies leave
    /// when the log has taken what they acknowledge, for the shutdown timeout at most. Returns at
    /// once.
    pub fn stop(&self) {
        self.shared.hub.stop(false);
    }

    /// Stops without waiting for anything: a second signal.
    pub fn stop_now(&self) {
        self.shared.hub.stop(true);
    }

    /// Whether a stop has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shared.hub.is_stopping()
    }

    /// As [`Server::wait`].
    pub fn wait(&self) {
        self.shared.hub.wait();
        let threads = std::mem::take(&mut *self.shared.threads.lock());
        for thread in threads {
            // A panic of a serving thread has been printed by itself and has stopped the server.
            let _ = thread.join();
        }
        self.shared.context.close();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    use skeg_engine::EngineOptions;
    use skeg_io::Io;
    use skeg_io::sync::atomic::Ordering;

    use super::*;
    use crate::address::Message;

    /// Counts a key up, 16 commands in flight, and checks that every reply is the next number.
    fn count(address: SocketAddr, key: usize, until: Instant) -> usize {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let batch = format!("INCR key{key}\r\n").repeat(16);
        let mut counted = 0;
        while Instant::now() < until {
            stream.write_all(batch.as_bytes()).unwrap();
            let expected: String = (1..=16).map(|n| format!(":{}\r\n", counted + n)).collect();
            let mut replies = vec![0; expected.len()];
            stream.read_exact(&mut replies).unwrap();
            assert_eq!(String::from_utf8_lossy(&replies), expected);
            counted += 16;
        }
        counted
    }

    fn start() -> (Engine, Server) {
        let engine = Engine::open(&Io::real(), None, &EngineOptions::default()).unwrap();
        let options = ServerOptions {
            addresses: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            threads_max: 3,
            ..ServerOptions::default()
        };
        let server = Server::start(&engine, &options).unwrap();
        (engine, server)
    }

    /// A thread that is emptied while its commands are queued elsewhere would keep them, and get in the way of the
    /// other for good.
    #[test]
    fn a_connection_whose_command_is_queued_follows_the_others_when_it_is_over() {
        let (engine, server) = start();
        let shared = Arc::clone(&server.handle.shared);
        shared.start_thread(1, Vec::new()).unwrap();
        let on =
            |thread: usize| shared.hub.stats.threads[thread].connections.load(Ordering::Relaxed);
        let until = |is_so: &dyn Fn() -> bool| {
            let end = Instant::now() + Duration::from_secs(10);
            while !is_so() {
                assert!(Instant::now() < end, "{} and {} connections", on(0), on(1));
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        let mut waiting = TcpStream::connect(server.addresses()[0]).unwrap();
        waiting.write_all(b"BLPOP list 0\r\n").unwrap();
        let mut other = TcpStream::connect(server.addresses()[0]).unwrap();
        until(&|| on(0) == 2 && shared.context.clients().blocked() == 1);
        shared.hub.inbox(0).unwrap().send(Message::Give { to: 1, share: 1_000 });
        until(&|| on(0) == 1 && on(1) == 1);
        other.write_all(b"RPUSH list item\r\n").unwrap();
        let mut reply = [0; 24];
        waiting.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"*2\r\n$4\r\nlist\r\n$4\r\nitem\r\n");
        until(&|| on(1) == 2);
        drop(server);
        engine.close().unwrap();
    }

    #[test]
    fn connections_that_move_lose_and_repeat_nothing() {
        let (engine, server) = start();
        let address = server.addresses()[0];
        let shared = Arc::clone(&server.handle.shared);
        for number in 1..3 {
            shared.start_thread(number, Vec::new()).unwrap();
        }
        let until = Instant::now() + Duration::from_millis(800);
        std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..12).map(|key| scope.spawn(move || count(address, key, until))).collect();
            let mut turn = 0;
            while Instant::now() < until {
                let from = shared.hub.inbox(turn % 3).unwrap();
                from.send(Message::Give { to: (turn + 1) % 3, share: 700 });
                turn += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            for client in clients {
                assert!(client.join().unwrap() > 0);
            }
        });
        drop(server);
        engine.close().unwrap();
    }
}
