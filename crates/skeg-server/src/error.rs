//! Why a server could not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server could not start. Nothing of it runs then, and no file of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// No address and no socket to listen on.
    #[error("nothing to listen on: no address and no Unix socket is given")]
    Nowhere,
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The Unix socket cannot be listened on.
    #[error("cannot listen on {}: {source}", .path.display())]
    UnixSocket {
        /// Its path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The path of the Unix socket is taken by something that is no socket; it is left alone.
    #[error("cannot listen on {}: a file that is not a socket is there", .path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// An option is out of its range.
    #[error("{reason}")]
    Option {
        /// Which, and what was expected.
        reason: String,
    },
    /// The system refuses what the loop needs: a poller, a waker, a thread.
    #[error("cannot start a serving thread: {0}")]
    Thread(#[source] io::Error),
}
