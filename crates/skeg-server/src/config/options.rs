//! The settings of a server as data. Defaults are those that the help shows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// When a write is acknowledged, unless a request asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is applied in memory.
    Memory,
    /// When the kernel has it: it survives the death of the process.
    Kernel,
    /// When it is on the disk: it survives the loss of power.
    Disk,
}

/// When the log is synced without anybody waiting for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncTiming {
    /// Not at all; the kernel decides.
    Never,
    /// Within one second of a write.
    EverySecond,
    /// After each block of writes.
    Always,
}

/// What goes when the data takes more memory than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// Nothing: what would grow is refused.
    None,
    /// Of all keys, those not used for the longest time.
    AllLru,
    /// Of all keys, those used least often.
    AllLfu,
    /// Any keys.
    AllRandom,
    /// Of keys with a deadline, those not used for the longest time.
    VolatileLru,
    /// Of keys with a deadline, those used least often.
    VolatileLfu,
    /// Any keys with a deadline.
    VolatileRandom,
    /// Those that expire first.
    VolatileTtl,
    /// Whole groups of keys, those of which no key was used for the longest time.
    AllGroupLru,
}

/// The least important messages that are still printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What stops the server or loses a promise.
    Error,
    /// What an operator should look at.
    Warn,
    /// Start, stop and other rare events.
    Info,
    /// Each connection.
    Debug,
}

/// Everything that `skeg serve` can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Directory of the database; none keeps everything in memory.
    pub data: Option<PathBuf>,
    /// When a write is acknowledged.
    pub durability: Durability,
    /// When the log is synced unasked.
    pub sync: SyncTiming,
    /// Number of shards; none takes what the database has, or the default for a new one.
    pub shards: Option<u16>,
    /// Size of a log file in bytes.
    pub segment_bytes: u64,
    /// A string of more bytes stays in the log only.
    pub inline_max: usize,
    /// Snapshots that are kept, the newest included.
    pub keep_snapshots: usize,
    /// Bytes of memory for strings that were read back from the log.
    pub cache_bytes: usize,
    /// Bytes that keys, values and vectors may take; 0: as many as there are.
    pub memory_max_bytes: u64,
    /// What goes when they take more.
    pub eviction: Eviction,
    /// What stands between the parts of a key, of which the first name its group.
    pub group_delimiter: u8,
    /// How many parts name it.
    pub group_depth: u8,
    /// Snapshots are taken after such a time with so many writes, beside when the log has outgrown the
    /// last one.
    pub save_points: Vec<(Duration, u64)>,
    /// Addresses to listen on; none listens on no TCP port.
    pub hosts: Vec<IpAddr>,
    /// TCP port; 0 takes a free one.
    pub port: u16,
    /// Path of a Unix socket to listen on too.
    pub unix_socket: Option<PathBuf>,
    /// Clients at most.
    pub connections_max: usize,
    /// A client silent for so long is closed; zero never.
    pub idle_timeout: Duration,
    /// Silence after which a peer is probed; zero never.
    pub tcp_keepalive: Duration,
    /// Serving threads at most; none decides by the cores.
    pub threads: Option<usize>,
    /// Bytes of one argument of a command.
    pub value_bytes_max: usize,
    /// Bytes of unsent replies of one client.
    pub output_bytes_max: usize,
    /// How long a shutdown waits for unfinished commands and unsent replies.
    pub shutdown_timeout: Duration,
    /// Whether clients may use the DEBUG command.
    pub debug_command: bool,
    /// Which transactions of clients run, in the words of CONFIG.
    pub transactions: &'static str,
    /// Least important messages that are printed.
    pub log_level: LogLevel,
    /// Print the ready line, warnings and errors only.
    pub quiet: bool,
    /// The file that was read.
    pub config_file: Option<PathBuf>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            data: Some(PathBuf::from("./data")),
            durability: Durability::Kernel,
            sync: SyncTiming::EverySecond,
            shards: None,
            segment_bytes: 64 << 20,
            inline_max: 1 << 10,
            keep_snapshots: 1,
            cache_bytes: 64 << 20,
            memory_max_bytes: 0,
            eviction: Eviction::None,
            group_delimiter: b':',
            group_depth: 2,
            save_points: Vec::new(),
            hosts: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: 6379,
            unix_socket: None,
            connections_max: 10_000,
            idle_timeout: Duration::ZERO,
            tcp_keepalive: Duration::from_secs(300),
            threads: None,
            value_bytes_max: 512 << 20,
            output_bytes_max: 1 << 30,
            shutdown_timeout: Duration::from_secs(10),
            debug_command: false,
            transactions: "cross-shard",
            log_level: LogLevel::Info,
            quiet: false,
            config_file: None,
        }
    }
}

impl ServeOptions {
    /// The TCP addresses to listen on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.hosts.iter().map(|host| SocketAddr::new(*host, self.port)).collect()
    }
}
