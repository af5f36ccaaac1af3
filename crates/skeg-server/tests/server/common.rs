//! A server in this process, and clients that speak to it over real sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use skeg_engine::{Engine, EngineOptions};
use skeg_io::Io;
use skeg_proto::client::{Decoder, Value, encode_command};
use skeg_server::{Server, ServerOptions};

/// An open store that is served on a free port.
pub(crate) struct Served {
    pub(crate) server: Server,
    pub(crate) engine: Engine,
}

pub(crate) fn local() -> ServerOptions {
    ServerOptions {
        addresses: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        clients_may_stop: true,
        ..ServerOptions::default()
    }
}

pub(crate) fn open(directory: Option<&Path>) -> Engine {
    Engine::open(&Io::real(), directory, &EngineOptions::default()).unwrap()
}

pub(crate) fn serve(directory: Option<&Path>, options: &ServerOptions) -> Served {
    let engine = open(directory);
    let server = Server::start(&engine, options).unwrap();
    Served { server, engine }
}

/// A server of a store in memory.
pub(crate) fn in_memory() -> Served {
    serve(None, &local())
}

impl Served {
    pub(crate) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.server.addresses()[0]).unwrap())
    }

    pub(crate) fn close(self) {
        drop(self.server);
        self.engine.close().unwrap();
    }
}

/// A client that waits for replies for ten seconds at most.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    decoder: Decoder,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream, decoder: Decoder::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next reply; `None` at the end of the connection.
    pub(crate) fn try_receive(&mut self) -> Option<Value> {
        let mut bytes = vec![0; 64 << 10];
        loop {
            if let Some(value) = self.decoder.decode().unwrap() {
                return Some(value);
            }
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.decoder.feed(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    pub(crate) fn receive(&mut self) -> Value {
        self.try_receive().expect("a reply, not the end")
    }

    pub(crate) fn call(&mut self, args: &[&str]) -> Value {
        let bytes = command(args);
        self.send(&bytes);
        self.receive()
    }
}

/// A command as clients encode it.
pub(crate) fn command(args: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_command(&mut bytes, args);
    bytes
}

pub(crate) fn ok() -> Value {
    Value::Simple("OK".into())
}

pub(crate) fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}
