//! The clients that are connected: what CLIENT LIST shows of them and CLIENT KILL ends.
//!
//! A client is shared by its session, its transport and whoever lists clients; every field that
//! changes is atomic or behind a small lock that only rare commands take.
//!
//! May not know: sockets. Killing goes through [`Connection`].

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use skeg_engine::{Delivery, Engine, Epoch, Subscriber, Waiter};
use skeg_io::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU64, Ordering};
use skeg_io::sync::{Arc, Mutex, MutexGuard};
use skeg_proto::Version;

use crate::stats::Lane;
use crate::subscriptions::Subscriptions;
use crate::table::CommandId;

/// What a transport does for the registry.
pub trait Connection: Send + Sync {
    /// Closes the connection soon, whatever it is doing. Called on any thread; must not block.
    fn kill(&self);

    /// Whether messages can reach this connection. Otherwise it cannot subscribe.
    fn receives(&self) -> bool {
        false
    }

    /// Takes what reaches this connection, to be written by [`crate::Session::write_incoming`].
    /// Called on any thread, in the order of publishing; must not block.
    fn deliver(&self, incoming: Incoming) {
        drop(incoming);
    }
}

/// A session without a connection, such as an embedded one.
impl Connection for () {
    fn kill(&self) {}
}

/// What reaches a client beside the replies to its commands.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// A message that was published.
    Message(Delivery),
    /// A command that a client ran, as MONITOR shows it.
    Command(Arc<str>),
}

impl Incoming {
    /// Bytes of what it says.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Message(Delivery { message, .. }) => {
                message.channel.len() + message.payload.len()
            }
            Self::Command(line) => line.len(),
        }
    }

    /// The epoch that must have reached the engine's level before it is shown.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Message(delivery) => delivery.message.epoch,
            Self::Command(_) => Epoch(0),
        }
    }
}

/// Where a client comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Address of the peer: `ip:port`, or `path:0` of a Unix socket.
    pub address: String,
    /// Address that it connected to.
    pub local_address: String,
    /// File descriptor, for people who compare with other tools.
    pub descriptor: i32,
    /// Whether it came over a Unix socket.
    pub is_unix: bool,
}

/// Bytes that a client's buffers hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Received and not yet executed.
    pub query_bytes: u64,
    /// Allocated for that.
    pub query_capacity_bytes: u64,
    /// Replies that have not left.
    pub output_bytes: u64,
}

/// One connected client.
pub struct Client {
    id: u64,
    origin: Origin,
    connection: Arc<dyn Connection>,
    lane: Arc<Lane>,
    connected_ms: u64,
    seen_ms: AtomicU64,
    names: Mutex<Names>,
    subscriptions: Mutex<Subscriptions>,
    db: AtomicU8,
    resp: AtomicU8,
    /// Queued commands of MULTI; -1 outside.
    queued: AtomicI64,
    queued_bytes: AtomicU64,
    no_evict: AtomicBool,
    no_touch: AtomicBool,
    monitors: AtomicBool,
    blocked: AtomicBool,
    waiting: Mutex<Waiting>,
    killed: AtomicBool,
    last_command: AtomicU16,
    query_bytes: AtomicU64,
    query_capacity_bytes: AtomicU64,
    output_bytes: AtomicU64,
}

/// A client's wait for keys.
#[derive(Debug, Default)]
struct Waiting {
    waiter: Option<Arc<Waiter>>,
    /// The command that is on its way to its shards shall not begin to wait.
    is_called_off: bool,
}

/// What a client calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) name: String,
    pub(crate) library: String,
    pub(crate) library_version: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("origin", origin)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Its number, never used again.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Notes that it has sent something, in Unix milliseconds. Transports call it once a batch.
    pub fn touch(&self, now_ms: u64) {
        self.seen_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Notes what its buffers hold.
    pub fn set_buffers(&self, buffers: Buffers) {
        self.query_bytes.store(buffers.query_bytes, Ordering::Relaxed);
        self.query_capacity_bytes.store(buffers.query_capacity_bytes, Ordering::Relaxed);
        self.output_bytes.store(buffers.output_bytes, Ordering::Relaxed);
    }

    /// When it last sent something, in Unix milliseconds.
    #[must_use]
    pub fn seen_ms(&self) -> u64 {
        self.seen_ms.load(Ordering::Relaxed)
    }

    /// Whether CLIENT KILL has ended it: the transport closes it at the next opportunity.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }

    /// What CLIENT SETNAME or HELLO have named it.
    #[must_use]
    pub fn name(&self) -> String {
        self.names.lock().name.clone()
    }

    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        self.connection.kill();
    }

    pub(crate) fn receives(&self) -> bool {
        self.connection.receives()
    }

    /// Hands something over to its connection.
    pub(crate) fn hand(&self, incoming: Incoming) {
        self.connection.deliver(incoming);
    }

    /// Says whether it monitors; returns whether it did before.
    pub(crate) fn note_monitoring(&self, on: bool) -> bool {
        self.monitors.swap(on, Ordering::Relaxed)
    }

    /// Whether it is shown the commands of others.
    #[must_use]
    pub fn is_monitoring(&self) -> bool {
        self.monitors.load(Ordering::Relaxed)
    }

    pub(crate) fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        self.subscriptions.lock()
    }

    pub(crate) fn stats(&self) -> &Lane {
        &self.lane
    }

    pub(crate) fn rename(&self, change: impl FnOnce(&mut Names)) {
        change(&mut self.names.lock());
    }

    #[inline]
    pub(crate) fn runs(&self, id: CommandId) {
        self.last_command.store(id.0, Ordering::Relaxed);
    }

    pub(crate) fn note_state(&self, db: u8, version: Version) {
        self.db.store(db, Ordering::Relaxed);
        self.resp.store(if version == Version::Resp3 { 3 } else { 2 }, Ordering::Relaxed);
    }

    pub(crate) fn note_queue(&self, commands: Option<usize>, bytes: usize) {
        let commands = commands.map_or(-1, |count| count as i64);
        self.queued.store(commands, Ordering::Relaxed);
        self.queued_bytes.store(bytes as u64, Ordering::Relaxed);
    }

    /// Notes whether its command waits: for keys, for the disk, for the end of a pause.
    pub(crate) fn note_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether its command waits.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Begins to wait for keys, unless that was called off before it could begin.
    pub(crate) fn wait(&self, engine: &Engine, begin: impl FnOnce() -> Arc<Waiter>) {
        let mut waiting = self.waiting.lock();
        let waiter = begin();
        if std::mem::take(&mut waiting.is_called_off) {
            engine.call_off(&waiter);
        } else {
            waiting.waiter = Some(waiter);
        }
    }

    /// Calls its wait for keys off: the one that there is, or that of the command on its way.
    pub(crate) fn call_off(&self, engine: &Engine) {
        let mut waiting = self.waiting.lock();
        match &waiting.waiter {
            Some(waiter) => drop(engine.call_off(waiter)),
            None => waiting.is_called_off = true,
        }
    }

    /// Whether its command was called off, and does not wait for keys.
    pub(crate) fn is_called_off(&self) -> bool {
        self.waiting.lock().is_called_off
    }

    /// Whether its command waits for keys.
    #[must_use]
    pub fn waits_for_keys(&self) -> bool {
        self.waiting.lock().waiter.is_some()
    }

    /// Its wait for keys, if its command has begun one.
    pub(crate) fn waiter(&self) -> Option<Arc<Waiter>> {
        self.waiting.lock().waiter.clone()
    }

    /// It does not wait any more.
    pub(crate) fn stop_waiting(&self) -> Option<Arc<Waiter>> {
        self.note_blocked(false);
        std::mem::take(&mut *self.waiting.lock()).waiter
    }

    pub(crate) fn set_no_evict(&self, on: bool) {
        self.no_evict.store(on, Ordering::Relaxed);
    }

    pub(crate) fn set_no_touch(&self, on: bool) {
        self.no_touch.store(on, Ordering::Relaxed);
    }

    /// The line of CLIENT LIST, without its line end.
    pub(crate) fn describe(&self, now_ms: u64) -> String {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let queued = self.queued.load(Ordering::Relaxed);
        let (subscribed, subscribed_bytes) = {
            let own = self.subscriptions.lock();
            (own.counts(), own.memory_bytes() as u64)
        };
        let mut flags = String::new();
        for (letter, on) in [
            ('O', is_set(&self.monitors)),
            ('P', subscribed.total() > 0),
            ('x', queued >= 0),
            ('b', is_set(&self.blocked)),
            ('A', is_set(&self.killed)),
            ('U', self.origin.is_unix),
            ('e', is_set(&self.no_evict)),
            ('T', is_set(&self.no_touch)),
        ] {
            if on {
                flags.push(letter);
            }
        }
        let flags = if flags.is_empty() { "N" } else { &flags };
        let seconds_since = |ms: u64| now_ms.saturating_sub(ms) / 1_000;
        let names = self.names.lock();
        let (query, capacity) = (load(&self.query_bytes), load(&self.query_capacity_bytes));
        let (queued_bytes, output) = (load(&self.queued_bytes), load(&self.output_bytes));
        let mut line = String::with_capacity(320);
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={flags} db={} sub={} psub={} \
             ssub={} multi={queued} qbuf={query} qbuf-free={} argv-mem=0 multi-mem={queued_bytes} \
             rbs={output} rbp={output} obl={output} oll=0 omem=0 tot-mem={} events=r cmd={} \
             user=default redir=-1 resp={} lib-name={} lib-ver={}",
            self.id,
            self.origin.address,
            self.origin.local_address,
            self.origin.descriptor,
            names.name,
            seconds_since(self.connected_ms),
            seconds_since(load(&self.seen_ms)),
            self.db.load(Ordering::Relaxed),
            subscribed.channels,
            subscribed.patterns,
            subscribed.shard_channels,
            capacity.saturating_sub(query),
            capacity + queued_bytes + subscribed_bytes + output + size_of::<Self>() as u64,
            CommandId(self.last_command.load(Ordering::Relaxed)).name_or("NULL"),
            self.resp.load(Ordering::Relaxed),
            names.library,
            names.library_version,
        );
        line
    }
}

/// A client subscribes: messages go to its connection.
impl Subscriber for Client {
    fn deliver(&self, delivery: Delivery) {
        self.connection.deliver(Incoming::Message(delivery));
    }
}

/// All connected clients.
#[derive(Debug, Default)]
pub struct ClientRegistry {
    last_id: AtomicU64,
    clients: Mutex<BTreeMap<u64, Arc<Client>>>,
}

impl ClientRegistry {
    /// Adds a client; [`crate::Session`] does, and takes it out again when it is dropped.
    pub(crate) fn add(
        &self,
        origin: Origin,
        connection: Arc<dyn Connection>,
        lane: &Arc<Lane>,
        now_ms: u64,
    ) -> Arc<Client> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client {
            id,
            origin,
            connection,
            lane: Arc::clone(lane),
            connected_ms: now_ms,
            seen_ms: AtomicU64::new(now_ms),
            names: Mutex::default(),
            subscriptions: Mutex::default(),
            db: AtomicU8::new(0),
            resp: AtomicU8::new(2),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicU64::new(0),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            monitors: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            waiting: Mutex::default(),
            killed: AtomicBool::new(false),
            last_command: AtomicU16::new(CommandId::NONE.0),
            query_bytes: AtomicU64::new(0),
            query_capacity_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
        });
        self.clients.lock().insert(id, Arc::clone(&client));
        client
    }

    pub(crate) fn remove(&self, id: u64) {
        self.clients.lock().remove(&id);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.lock().len()
    }

    /// How many there are that CLIENT KILL has not ended.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.clients.lock().values().filter(|client| !client.is_killed()).count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many wait: for keys, for the disk, for the end of a pause.
    #[must_use]
    pub fn blocked(&self) -> usize {
        self.clients.lock().values().filter(|client| client.is_blocked()).count()
    }

    /// Bytes of memory that their buffers hold.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let of = |client: &Arc<Client>| {
            let buffers =
                [&client.query_capacity_bytes, &client.output_bytes, &client.queued_bytes];
            buffers.into_iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum::<u64>()
        };
        self.clients.lock().values().map(of).sum()
    }

    /// How many subscribe to something.
    #[must_use]
    pub fn subscribed(&self) -> usize {
        let clients = self.clients.lock();
        clients.values().filter(|it| it.subscriptions().counts().total() > 0).count()
    }

    /// The client of this number.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.clients.lock().get(&id).cloned()
    }

    /// All of them, the oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.clients.lock().values().cloned().collect()
    }
}
