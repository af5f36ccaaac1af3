//! Sockets that accept: TCP addresses and a Unix socket.
//!
//! Invariants: a socket file is replaced only when nobody listens behind it, and removed only while
//! it is still the one that was made here; any other file is left alone.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use rustix::fs::FileType;

use crate::error::ServeError;
use crate::options::ServerOptions;
use crate::stream::Stream;

/// A socket that accepts connections. Dropping it stops that, and removes its file.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// Dropped in this order: nobody connects any more, then the file goes.
    Unix {
        listener: UnixListener,
        _file: SocketFile,
    },
}

impl Listener {
    /// Listens wherever the options say.
    pub(crate) fn bind_all(options: &ServerOptions) -> Result<Vec<Self>, ServeError> {
        let mut listeners = Vec::new();
        for &address in &options.addresses {
            let listener = TcpListener::bind(address)
                .map_err(|source| ServeError::Address { address, source })?;
            listeners.push(Self::Tcp(listener));
        }
        if let Some(path) = &options.unix_socket {
            listeners.push(bind_unix(path)?);
        }
        if listeners.is_empty() { Err(ServeError::Nowhere) } else { Ok(listeners) }
    }

    /// The next connection that waits.
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Self::Unix { listener, .. } => {
                listener.accept().map(|(stream, _)| Stream::Unix(stream))
            }
        }
    }

    /// The address of a TCP listener.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(listener) => listener,
            Self::Unix { listener, .. } => listener,
        }
    }

    /// Reports connections that wait to `registry`, as `token`.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.source().register(registry, token, Interest::READABLE)
    }
}

/// Whether accepting failed for want of descriptors or memory: it is worth another try later.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    Errno::from_io_error(error).is_some_and(|code| {
        [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].contains(&code)
    })
}

fn bind_unix(path: &Path) -> Result<Listener, ServeError> {
    let failed = |source| ServeError::UnixSocket { path: path.into(), source };
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(path)?;
            UnixListener::bind(path)
        }
        other => other,
    };
    let listener = listener.map_err(failed)?;
    let identity = identity(path).map_err(failed)?;
    let file = SocketFile { path: path.into(), identity };
    Ok(Listener::Unix { listener, _file: file })
}

/// Removes a socket file behind which nobody listens.
fn remove_stale(path: &Path) -> Result<(), ServeError> {
    let failed = |source| ServeError::UnixSocket { path: path.into(), source };
    let status = rustix::fs::lstat(path).map_err(|errno| failed(errno.into()))?;
    if FileType::from_raw_mode(status.st_mode) != FileType::Socket {
        return Err(ServeError::NotASocket { path: path.into() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            rustix::fs::unlink(path).map_err(|errno| failed(errno.into()))
        }
        Err(error) => Err(failed(error)),
        Ok(_) => Err(failed(ErrorKind::AddrInUse.into())),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let status = rustix::fs::lstat(path)?;
    Ok((status.st_dev as u64, status.st_ino as u64))
}

/// The file of a Unix socket that this process made.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // Nothing is lost when it stays: the next server replaces it.
            let _ = rustix::fs::unlink(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(path: &Path) -> ServerOptions {
        ServerOptions { unix_socket: Some(path.into()), ..ServerOptions::default() }
    }

    #[test]
    fn a_stale_socket_file_is_replaced_and_the_own_one_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("skeg.sock");
        // std leaves the file when the listener is dropped: what a killed server leaves behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listeners = Listener::bind_all(&options(&path)).unwrap();
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        drop(listeners);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_in_use_and_a_file_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("skeg.sock");
        let first = Listener::bind_all(&options(&path)).unwrap();
        assert!(matches!(
            Listener::bind_all(&options(&path)),
            Err(ServeError::UnixSocket { source, .. }) if source.kind() == ErrorKind::AddrInUse
        ));
        drop(first);
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(Listener::bind_all(&options(&path)), Err(ServeError::NotASocket { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_successors_socket_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("skeg.sock");
        let first = Listener::bind_all(&options(&path)).unwrap();
        std::fs::rename(&path, directory.path().join("moved.sock")).unwrap();
        let second = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
    }

    #[test]
    fn nothing_to_listen_on_is_an_error() {
        assert!(matches!(Listener::bind_all(&ServerOptions::default()), Err(ServeError::Nowhere)));
    }
}
