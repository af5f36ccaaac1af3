//! Every setting: its name, what it may be, its default, and what a change does.

use skeg_io::sync::atomic::AtomicU64;

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// The name of the setting that this one is another name of.
    pub(crate) alias_of: Option<&'static str>,
    pub(crate) kind: Kind,
    pub(crate) default: &'static str,
    pub(crate) change: Change,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// `yes` or `no`.
    YesNo,
    /// A number from the first to the second.
    Integer(i64, i64),
    /// Bytes, with a unit if wanted.
    Bytes(u64, u64),
    /// One character of ASCII that is seen.
    Character,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Limits of output buffers, by class of client.
    OutputLimits,
    /// Letters of classes of events.
    NotifyClasses,
    /// Pairs of seconds and writes.
    SavePoints,
    /// Anything.
    Text,
}

/// What CONFIG SET does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Takes effect at once: the number (0 and 1 for no and yes, of a word its place) is read from here.
    Live(fn(&Live) -> &AtomicU64),
    /// As `Live`, for the limits of output buffers.
    LiveOutputLimits,
    /// Tunes encodings and threads that skeg chooses by itself: only remembered. Or is read from its
    /// text when it changes ([`crate::Context`]).
    Remembered,
    /// Is decided when the server starts.
    Fixed,
}

/// The settings that something reads while commands run.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) clients_max: AtomicU64,
    pub(crate) idle_timeout_s: AtomicU64,
    pub(crate) keepalive_s: AtomicU64,
    pub(crate) memory_max: AtomicU64,
    pub(crate) bulk_bytes_max: AtomicU64,
    pub(crate) query_bytes_max: AtomicU64,
    pub(crate) transactions: AtomicU64,
    pub(crate) output_hard_bytes: AtomicU64,
    pub(crate) output_soft_bytes: AtomicU64,
    pub(crate) output_soft_s: AtomicU64,
    pub(crate) pubsub_hard_bytes: AtomicU64,
    pub(crate) pubsub_soft_bytes: AtomicU64,
    pub(crate) pubsub_soft_s: AtomicU64,
}

const fn live(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    cell: fn(&Live) -> &AtomicU64,
) -> Setting {
    Setting { name, alias_of: None, kind, default, change: Change::Live(cell) }
}

const fn tuning(name: &'static str, kind: Kind, default: &'static str) -> Setting {
    Setting { name, alias_of: None, kind, default, change: Change::Remembered }
}

const fn fixed(name: &'static str, kind: Kind, default: &'static str) -> Setting {
    Setting { name, alias_of: None, kind, default, change: Change::Fixed }
}

const fn alias(name: &'static str, of: &'static str, like: Kind) -> Setting {
    Setting { name, alias_of: Some(of), kind: like, default: "", change: Change::Remembered }
}

const COUNT: Kind = Kind::Integer(0, i64::MAX);
const BYTES: Kind = Kind::Bytes(0, i64::MAX as u64);
const SIGNED: Kind = Kind::Integer(i32::MIN as i64, i32::MAX as i64);

/// What may go when memory is short, by [`skeg_engine::EvictionPolicy`].
pub(crate) const POLICIES: [&str; 9] = [
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-group-lru",
];

/// Which transactions run, by [`super::TransactionMode`].
pub(crate) const TRANSACTIONS: [&str; 3] = ["disabled", "shard-local", "cross-shard"];

/// All of them, by name.
pub(crate) const SETTINGS: &[Setting] = &[
    tuning("activerehashing", Kind::YesNo, "yes"),
    fixed("appendfsync", Kind::Word(&["always", "everysec", "no"]), "everysec"),
    fixed("appendonly", Kind::YesNo, "no"),
    fixed("bind", Kind::Text, ""),
    Setting {
        name: "client-output-buffer-limit",
        alias_of: None,
        kind: Kind::OutputLimits,
        default: "normal 1073741824 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        change: Change::LiveOutputLimits,
    },
    live(
        "client-query-buffer-limit",
        Kind::Bytes(1 << 20, i64::MAX as u64),
        "1073741824",
        |live| &live.query_bytes_max,
    ),
    fixed("daemonize", Kind::YesNo, "no"),
    fixed("databases", Kind::Integer(1, 16), "16"),
    fixed("dir", Kind::Text, ""),
    fixed("enable-debug-command", Kind::Word(&["no", "local", "yes"]), "no"),
    tuning("hash-max-listpack-entries", COUNT, "512"),
    tuning("hash-max-listpack-value", BYTES, "64"),
    alias("hash-max-ziplist-entries", "hash-max-listpack-entries", COUNT),
    alias("hash-max-ziplist-value", "hash-max-listpack-value", BYTES),
    tuning("hll-sparse-max-bytes", BYTES, "3000"),
    fixed("io-threads", Kind::Integer(1, 256), "1"),
    tuning("latency-monitor-threshold", COUNT, "0"),
    tuning("latency-tracking", Kind::YesNo, "no"),
    tuning("lazyfree-lazy-eviction", Kind::YesNo, "yes"),
    tuning("lazyfree-lazy-expire", Kind::YesNo, "yes"),
    tuning("lazyfree-lazy-server-del", Kind::YesNo, "yes"),
    tuning("lazyfree-lazy-user-del", Kind::YesNo, "yes"),
    tuning("lazyfree-lazy-user-flush", Kind::YesNo, "yes"),
    tuning("list-compress-depth", Kind::Integer(0, i32::MAX as i64), "0"),
    tuning("list-max-listpack-size", SIGNED, "-2"),
    alias("list-max-ziplist-size", "list-max-listpack-size", SIGNED),
    live("maxclients", Kind::Integer(1, u32::MAX as i64), "10000", |live| &live.clients_max),
    live("maxmemory", BYTES, "0", |live| &live.memory_max),
    tuning("maxmemory-group-delimiter", Kind::Character, ":"),
    tuning("maxmemory-group-depth", Kind::Integer(0, 16), "2"),
    tuning("maxmemory-policy", Kind::Word(&POLICIES), "noeviction"),
    tuning("maxmemory-samples", Kind::Integer(1, 64), "5"),
    tuning("notify-keyspace-events", Kind::NotifyClasses, ""),
    fixed("port", Kind::Integer(0, 65_535), "0"),
    live("proto-max-bulk-len", Kind::Bytes(1 << 20, 512 << 20), "536870912", |live| {
        &live.bulk_bytes_max
    }),
    tuning("save", Kind::SavePoints, ""),
    tuning("set-max-intset-entries", COUNT, "512"),
    tuning("set-max-listpack-entries", COUNT, "128"),
    tuning("set-max-listpack-value", BYTES, "64"),
    fixed("shards", Kind::Integer(1, 256), "16"),
    tuning("slowlog-log-slower-than", Kind::Integer(-1, i64::MAX), "10000"),
    tuning("slowlog-max-len", COUNT, "128"),
    tuning("stream-node-max-bytes", BYTES, "4096"),
    tuning("stream-node-max-entries", COUNT, "100"),
    live("tcp-keepalive", Kind::Integer(0, i32::MAX as i64), "300", |live| &live.keepalive_s),
    live("timeout", Kind::Integer(0, i32::MAX as i64), "0", |live| &live.idle_timeout_s),
    live("transactions", Kind::Word(&TRANSACTIONS), "cross-shard", |live| &live.transactions),
    fixed("unixsocket", Kind::Text, ""),
    tuning("zset-max-listpack-entries", COUNT, "128"),
    tuning("zset-max-listpack-value", BYTES, "64"),
    alias("zset-max-ziplist-entries", "zset-max-listpack-entries", COUNT),
    alias("zset-max-ziplist-value", "zset-max-listpack-value", BYTES),
];
