//! Sessions over a store in memory, with a clock that stands still until it is told to move.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

pub(crate) mod disk;
pub(crate) mod listener;

use skeg_commands::{Complete, Completion, Connection, Context, Flow, Host, Lane, Origin, Session};
use skeg_engine::{Drain, Engine, EngineOptions, Holder, ShardList};
use skeg_io::sync::atomic::{AtomicU64, Ordering};
use skeg_io::sync::{Arc, Mutex};
use skeg_io::{Clock, Io};
use skeg_proto::client::{Decoder, Value};
use skeg_proto::{ArgsBuf, Reply, Version};

pub(crate) const START_MS: u64 = 1_700_000_000_000;

#[derive(Debug)]
pub(crate) struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        (self.now_ms() - START_MS) * 1_000_000
    }
}

/// Where completions arrive.
#[derive(Default)]
pub(crate) struct Inbox(Mutex<Vec<Completion>>);

impl Complete for Inbox {
    fn complete(&self, completion: Completion) {
        self.0.lock().push(completion);
    }
}

pub(crate) struct Store {
    pub(crate) engine: Engine,
    pub(crate) context: Arc<Context>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) lane: Arc<Lane>,
}

/// Whether commands find the latches they need, or must be delegated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Latches {
    Free,
    Taken,
}

impl Store {
    pub(crate) fn new(shards: u16) -> Self {
        Self::with_host(shards, Arc::new(()))
    }

    pub(crate) fn with_host(shards: u16, host: Arc<dyn Host>) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(START_MS)));
        let io = Io { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..Io::real() };
        let options =
            EngineOptions { shards: Some(shards), home_threads: 0, ..EngineOptions::default() };
        let engine = Engine::open(&io, None, &options).unwrap();
        let settings = [("port", "6379"), ("dir", "/data"), ("enable-debug-command", "yes")];
        let context = Context::new(engine.clone(), host, &settings).unwrap();
        let lane = context.new_lane();
        Self { engine, context, clock, lane }
    }

    /// A store that was opened elsewhere, with a clock of its own.
    pub(crate) fn over(engine: Engine, context: Arc<Context>) -> Self {
        let lane = context.new_lane();
        Self { engine, context, clock: Arc::new(TestClock(AtomicU64::new(START_MS))), lane }
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn client(&self, version: Version) -> TestClient {
        self.client_from(Origin { address: "127.0.0.1:4000".into(), ..Origin::default() }, version)
    }

    pub(crate) fn client_from(&self, origin: Origin, version: Version) -> TestClient {
        self.client_over(origin, Arc::new(()), version)
    }

    pub(crate) fn client_over(
        &self,
        origin: Origin,
        connection: Arc<dyn Connection>,
        version: Version,
    ) -> TestClient {
        let inbox = Arc::new(Inbox::default());
        let mut client = TestClient {
            session: Session::new(&self.context, &self.lane, origin, connection),
            complete: Arc::clone(&inbox) as Arc<dyn Complete>,
            inbox,
            engine: self.engine.clone(),
            latches: Latches::Free,
            closed: false,
        };
        if version == Version::Resp3 {
            client.call("HELLO 3");
        }
        client
    }
}

pub(crate) struct TestClient {
    pub(crate) session: Session,
    complete: Arc<dyn Complete>,
    inbox: Arc<Inbox>,
    engine: Engine,
    pub(crate) latches: Latches,
    pub(crate) closed: bool,
}

impl TestClient {
    /// Runs a command given as on a prompt and returns the reply's bytes.
    pub(crate) fn bytes(&mut self, line: &str) -> Vec<u8> {
        let args = skeg_proto::split_line(line.as_bytes()).unwrap();
        self.run(&args)
    }

    /// Runs a command as part of a batch, whose holder keeps its latches, and shows its reply.
    pub(crate) fn piped(&mut self, holder: &mut Holder, line: &str) -> String {
        let args = skeg_proto::split_line(line.as_bytes()).unwrap();
        let mut reply = Reply::new(Version::Resp2);
        let flow = self.session.execute(holder, &args.as_args(), &mut reply, &self.complete);
        if matches!(flow, Flow::Pending) {
            holder.release();
            return self.woken();
        }
        decode(reply.as_bytes()).map_or_else(|| "none".into(), |value| show(&value, Show::Resp2))
    }

    pub(crate) fn run(&mut self, args: &ArgsBuf) -> Vec<u8> {
        let mut reply = Reply::new(Version::Resp2);
        let mut holder = Holder::new(&self.engine, Drain::Serve);
        let mut other = Holder::new(&self.engine, Drain::Serve);
        if self.latches == Latches::Taken {
            assert_eq!(other.try_hold(&ShardList::all(self.engine.shards())), Ok(true));
        }
        let mut flow =
            self.session.execute(&mut holder, &args.as_args(), &mut reply, &self.complete);
        holder.release();
        other.release();
        if matches!(flow, Flow::Pending) {
            let completion = self.inbox.0.lock().pop().expect("a completion for what is pending");
            flow = self.session.resume(&mut holder, completion, &mut reply);
        }
        self.closed |= matches!(flow, Flow::Close(_));
        assert!(self.inbox.0.lock().is_empty(), "a completion that nobody waits for");
        reply.take()
    }

    /// Runs a command; whether it waits for the end of a pause.
    pub(crate) fn is_paused(&mut self, line: &str) -> bool {
        let args = skeg_proto::split_line(line.as_bytes()).unwrap();
        let mut holder = Holder::new(&self.engine, Drain::Serve);
        let mut reply = Reply::new(Version::Resp2);
        let flow = self.session.execute(&mut holder, &args.as_args(), &mut reply, &self.complete);
        matches!(flow, Flow::Paused)
    }

    /// Begins a command that has to wait for its keys.
    pub(crate) fn begin(&mut self, line: &str) {
        let args = skeg_proto::split_line(line.as_bytes()).unwrap();
        let mut reply = Reply::new(Version::Resp2);
        let mut holder = Holder::new(&self.engine, Drain::Serve);
        let mut other = Holder::new(&self.engine, Drain::Serve);
        if self.latches == Latches::Taken {
            assert_eq!(other.try_hold(&ShardList::all(self.engine.shards())), Ok(true));
        }
        let flow = self.session.execute(&mut holder, &args.as_args(), &mut reply, &self.complete);
        holder.release();
        other.release();
        assert!(matches!(flow, Flow::Pending), "{line}: {flow:?}");
        assert!(reply.is_empty());
    }

    /// Whether the command that was begun still waits.
    pub(crate) fn waits(&self) -> bool {
        self.inbox.0.lock().is_empty()
    }

    /// The reply to the command that was begun, or `waits`.
    pub(crate) fn woken(&mut self) -> String {
        let Some(completion) = self.inbox.0.lock().pop() else { return "waits".into() };
        let mut reply = Reply::new(Version::Resp2);
        let mut holder = Holder::new(&self.engine, Drain::Serve);
        self.session.resume(&mut holder, completion, &mut reply);
        decode(reply.as_bytes()).map_or_else(|| "none".into(), |value| show(&value, Show::Resp2))
    }

    /// Tries a paused command again and shows its reply.
    pub(crate) fn retry(&mut self) -> String {
        let mut holder = Holder::new(&self.engine, Drain::Serve);
        let mut reply = Reply::new(Version::Resp2);
        let flow = self.session.retry(&mut holder, &mut reply, &self.complete);
        assert!(matches!(flow, Flow::Done(_)), "{flow:?}");
        decode(reply.as_bytes()).map_or_else(|| "none".into(), |value| show(&value, Show::Resp2))
    }

    /// Runs a command and decodes its reply, if there is one.
    pub(crate) fn call(&mut self, line: &str) -> Option<Value> {
        decode(&self.bytes(line))
    }

    /// Runs a command and shows its reply.
    pub(crate) fn show(&mut self, line: &str) -> String {
        self.call(line).map_or_else(|| "none".into(), |value| show(&value, Show::Resp2))
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Option<Value> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    let value = decoder.decode().unwrap();
    assert!(decoder.decode().unwrap().is_none(), "more than one reply");
    assert!(value.is_some() || bytes.is_empty(), "half a reply: {bytes:?}");
    value
}

/// How replies are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// As a client of RESP2 sees it, whatever it came as.
    Resp2,
    /// With the types of RESP3.
    Resp3,
}

pub(crate) fn show(value: &Value, as_what: Show) -> String {
    let list = |items: &[Value]| {
        items.iter().map(|item| show(item, as_what)).collect::<Vec<_>>().join(", ")
    };
    let quoted = |bytes: &[u8]| format!("\"{}\"", bytes.escape_ascii());
    let exact = as_what == Show::Resp3;
    match value {
        Value::Simple(text) => text.clone(),
        Value::Error(text) => format!("-{text}"),
        Value::Int(number) => format!(":{number}"),
        Value::Bulk(bytes) => quoted(bytes),
        Value::Null => "nil".into(),
        Value::Array(items) => format!("[{}]", list(items)),
        Value::Map(pairs) if exact => {
            let pair = |(key, value): &(Value, Value)| {
                format!("{}: {}", show(key, as_what), show(value, as_what))
            };
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::Map(pairs) => {
            let flat: Vec<Value> =
                pairs.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect();
            format!("[{}]", list(&flat))
        }
        Value::Set(items) if exact => format!("~[{}]", list(items)),
        Value::Push(items) if exact => format!(">[{}]", list(items)),
        Value::Set(items) | Value::Push(items) => format!("[{}]", list(items)),
        Value::Double(number) if exact => format!(",{number}"),
        Value::Double(number) => quoted(number.to_string().as_bytes()),
        Value::Bool(on) if exact => format!("#{on}"),
        Value::Bool(on) => format!(":{}", i32::from(*on)),
        Value::Big(digits) if exact => format!("({digits}"),
        Value::Big(digits) => quoted(digits.as_bytes()),
        Value::Verbatim { text, .. } if exact => format!("={}", quoted(text)),
        Value::Verbatim { text, .. } => quoted(text),
    }
}
