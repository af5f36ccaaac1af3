//! A connected socket, TCP or Unix.
//!
//! May not know: what is sent over it.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::net::sockopt;

/// A connected, non-blocking socket.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Prepares a socket that was just accepted: small replies leave at once, a dead peer is
    /// noticed. What the system refuses is not worth the connection.
    pub(crate) fn tune(&self, keepalive: Duration) {
        let Self::Tcp(stream) = self else { return };
        let _ = stream.set_nodelay(true);
        if keepalive.is_zero() {
            return;
        }
        let _ = sockopt::set_socket_keepalive(stream, true);
        // As Redis does it: the first probe after the whole time, two more within its last third.
        let _ = sockopt::set_tcp_keepidle(stream, keepalive);
        let _ = sockopt::set_tcp_keepintvl(stream, (keepalive / 3).max(Duration::from_secs(1)));
        let _ = sockopt::set_tcp_keepcnt(stream, 3);
    }

    /// The peer's address as CLIENT LIST shows it; a Unix socket shows its path there.
    pub(crate) fn peer(&self) -> String {
        match self {
            Self::Tcp(stream) => {
                stream.peer_addr().map_or_else(|_| "?:0".into(), |a| a.to_string())
            }
            Self::Unix(stream) => unix_path(stream),
        }
    }

    /// This side's address.
    pub(crate) fn local(&self) -> String {
        match self {
            Self::Tcp(stream) => {
                stream.local_addr().map_or_else(|_| "?:0".into(), |a| a.to_string())
            }
            Self::Unix(stream) => unix_path(stream),
        }
    }

    /// The descriptor's number, for CLIENT LIST.
    pub(crate) fn descriptor(&self) -> i32 {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn finish(&self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(std::net::Shutdown::Write),
        };
    }
}

fn unix_path(stream: &UnixStream) -> String {
    let address = stream.local_addr().ok();
    let path = address.as_ref().and_then(|address| address.as_pathname());
    format!("{}:0", path.map_or_else(String::new, |path| path.display().to_string()))
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Stream {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(to, token, interest),
            Self::Unix(stream) => stream.register(to, token, interest),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(to, token, interest),
            Self::Unix(stream) => stream.reregister(to, token, interest),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(from),
            Self::Unix(stream) => stream.deregister(from),
        }
    }
}
