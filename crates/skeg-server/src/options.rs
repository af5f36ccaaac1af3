//! What a server is started with. Defaults are those of the `skeg` executable.
//!
//! What a client may change later (CONFIG SET) only begins with these values.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where a server listens and how much it takes on.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// TCP addresses to listen on; port 0 takes any free one.
    pub addresses: Vec<SocketAddr>,
    /// Path of a Unix socket to listen on.
    pub unix_socket: Option<PathBuf>,
    /// Serving threads at most. Connections gather on one until it is busy.
    pub threads_max: usize,
    /// Clients at most; one more is told so and closed.
    pub clients_max: usize,
    /// A client that sends nothing for so long is closed, in whole seconds; zero never closes it.
    pub idle_timeout: Duration,
    /// Silence after which the peer of a TCP connection is probed, in whole seconds; zero never
    /// probes it.
    pub tcp_keepalive: Duration,
    /// Bytes of one argument of a command.
    pub bulk_bytes_max: usize,
    /// Unsent replies of one client, in bytes, above which it is closed.
    pub output_bytes_max: usize,
    /// How long a shutdown waits for unfinished commands and unsent replies.
    pub shutdown_timeout: Duration,
    /// Whether the SHUTDOWN command stops this server. Otherwise it is refused: the server belongs
    /// to a program that has the store open.
    pub clients_may_stop: bool,
    /// Whether clients may use the DEBUG command. It can stop a serving thread for a time.
    pub clients_may_debug: bool,
    /// Which transactions of clients run: `cross-shard` (all), `shard-local` or `disabled`.
    pub transactions: &'static str,
    /// Path of the configuration file, for INFO.
    pub config_file: Option<PathBuf>,
    /// The data directory, for CONFIG GET.
    pub directory: Option<PathBuf>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            unix_socket: None,
            threads_max: Self::default_threads(),
            clients_max: 10_000,
            idle_timeout: Duration::ZERO,
            tcp_keepalive: Duration::from_secs(300),
            bulk_bytes_max: 512 << 20,
            output_bytes_max: 1 << 30,
            shutdown_timeout: Duration::from_secs(10),
            clients_may_stop: false,
            clients_may_debug: false,
            transactions: "cross-shard",
            config_file: None,
            directory: None,
        }
    }
}

impl ServerOptions {
    /// The cores that this process may use, at most 4.
    #[must_use]
    pub fn default_threads() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from).min(4)
    }

    /// The names and values under which CONFIG knows these options.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Option<PathBuf>| {
            path.as_ref().map_or_else(String::new, |path| path.display().to_string())
        };
        let yes_no = |on: bool| if on { "yes" } else { "no" }.to_owned();
        let hosts: Vec<_> = self.addresses.iter().map(|address| address.ip().to_string()).collect();
        let port = self.addresses.first().map_or(0, SocketAddr::port);
        vec![
            ("bind", hosts.join(" ")),
            ("port", port.to_string()),
            ("unixsocket", path(&self.unix_socket)),
            ("dir", path(&self.directory)),
            ("io-threads", self.threads_max.to_string()),
            ("maxclients", self.clients_max.to_string()),
            ("timeout", self.idle_timeout.as_secs().to_string()),
            ("tcp-keepalive", self.tcp_keepalive.as_secs().to_string()),
            ("enable-debug-command", yes_no(self.clients_may_debug)),
            ("transactions", self.transactions.to_owned()),
            ("proto-max-bulk-len", self.bulk_bytes_max.to_string()),
            ("client-output-buffer-limit", format!("normal {} 0 0", self.output_bytes_max)),
        ]
    }
}
