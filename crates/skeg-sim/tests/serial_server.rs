//! Pipelined clients of a real server, over sockets, with transactions over several shards: what they
//! see is strictly serialisable, the order within each connection included.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use skeg_engine::{Engine, EngineOptions, Level, SyncPolicy};
use skeg_io::Io;
use skeg_io::sim::SimRng;
use skeg_proto::client::{Decoder, Value, encode_command};
use skeg_server::{Server, ServerOptions};
use skeg_sim::serial::{
    Action, Fate, History, Transaction, check, place_of, token_text, tokens_of,
};

/// A load of several connections.
#[derive(Clone, Copy)]
struct Load {
    seed: u64,
    connections: usize,
    batches: u64,
    /// Transactions that a connection sends before it reads the answers.
    pipeline: u64,
    keys: u64,
}

/// One transaction on its way: the commands that make it up, and what they do.
struct Sent {
    commands: Vec<Vec<String>>,
    actions: Vec<Action>,
}

struct Client {
    number: usize,
    stream: TcpStream,
    decoder: Decoder,
    rng: SimRng,
    token_next: u64,
    load: Load,
    start: Instant,
    seen: Vec<Transaction>,
}

fn key_text(key: u64) -> String {
    format!("list:{key}")
}

impl Client {
    fn new(number: usize, address: SocketAddr, load: Load, start: Instant) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self {
            number,
            stream,
            decoder: Decoder::new(),
            rng: SimRng::new(load.seed ^ ((number as u64) << 40)),
            token_next: number as u64 * 100_000,
            load,
            start,
            seen: Vec::new(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }

    fn append(&mut self) -> (Vec<String>, Action) {
        let (key, token) = (self.rng.below(self.load.keys), self.token_next);
        self.token_next += 1;
        let command = vec!["APPEND".into(), key_text(key), token_text(token)];
        (command, Action::Append { key, token, place: None })
    }

    fn get(&mut self) -> (Vec<String>, Action) {
        let key = self.rng.below(self.load.keys);
        (vec!["GET".into(), key_text(key)], Action::Read { key, tokens: Vec::new() })
    }

    fn draw(&mut self) -> Sent {
        match self.rng.below(10) {
            0..=3 => {
                let (command, action) = self.append();
                Sent { commands: vec![command], actions: vec![action] }
            }
            4 | 5 => {
                let (command, action) = self.get();
                Sent { commands: vec![command], actions: vec![action] }
            }
            6 => {
                let keys: Vec<u64> = (0..3).map(|_| self.rng.below(self.load.keys)).collect();
                let command =
                    std::iter::once("MGET".into()).chain(keys.iter().map(|key| key_text(*key)));
                let read = |key: &u64| Action::Read { key: *key, tokens: Vec::new() };
                Sent { commands: vec![command.collect()], actions: keys.iter().map(read).collect() }
            }
            _ => {
                let mut commands = vec![vec!["MULTI".into()]];
                let mut actions = Vec::new();
                for _ in 0..2 + self.rng.below(3) {
                    let (command, action) =
                        if self.rng.coin() { self.append() } else { self.get() };
                    commands.push(command);
                    actions.push(action);
                }
                commands.push(vec!["EXEC".into()]);
                Sent { commands, actions }
            }
        }
    }

    fn reply(&mut self) -> Value {
        loop {
            if let Some(value) = self.decoder.decode().unwrap() {
                return value;
            }
            let mut chunk = [0; 16 << 10];
            let count = self.stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the server closed the connection");
            self.decoder.feed(&chunk[..count]);
        }
    }

    /// Sends a batch, then reads all its answers.
    fn batch(&mut self) {
        let sent: Vec<Sent> =
            (0..=self.rng.below(self.load.pipeline)).map(|_| self.draw()).collect();
        let mut bytes = Vec::new();
        for command in sent.iter().flat_map(|sent| &sent.commands) {
            encode_command(&mut bytes, command);
        }
        let begun = self.now();
        self.stream.write_all(&bytes).unwrap();
        for sent in sent {
            let mut replies: Vec<Value> = sent.commands.iter().map(|_| self.reply()).collect();
            let last = replies.pop().unwrap();
            let multi = sent.commands[0][0] == "MULTI" || sent.commands[0][0] == "MGET";
            let answers = if multi { last.as_items().unwrap().to_vec() } else { vec![last] };
            assert_eq!(answers.len(), sent.actions.len());
            let actions = sent.actions.into_iter().zip(&answers);
            let actions = actions.map(|(action, answer)| seen(action, answer)).collect();
            let ended = self.now();
            let connection = self.number;
            self.seen.push(Transaction { connection, begun, ended, fate: Fate::Done, actions });
        }
    }
}

fn seen(action: Action, answer: &Value) -> Action {
    match (action, answer) {
        (Action::Append { key, token, .. }, Value::Int(length)) => {
            let place = Some(place_of(usize::try_from(*length).unwrap()));
            Action::Append { key, token, place }
        }
        (Action::Read { key, .. }, Value::Bulk(text)) => {
            Action::Read { key, tokens: tokens_of(text).unwrap() }
        }
        (Action::Read { key, .. }, Value::Null) => Action::Read { key, tokens: Vec::new() },
        (action, answer) => panic!("{action:?} was answered by {answer:?}"),
    }
}

/// Servers of one engine.
const SERVERS: usize = 3;

fn record(dir: Option<&Path>, level: Level, sync: SyncPolicy, load: Load) -> History {
    let options = EngineOptions { level, sync, home_threads: 2, ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), dir, &options).unwrap();
    let options = ServerOptions {
        addresses: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        ..ServerOptions::default()
    };
    // One server gives connections to a second thread only after a while; of several, each has its own.
    let servers: Vec<Server> =
        (0..SERVERS).map(|_| Server::start(&engine, &options).unwrap()).collect();
    let start = Instant::now();
    let mut history = History::default();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..load.connections)
            .map(|number| {
                let address = servers[number % SERVERS].addresses()[0];
                scope.spawn(move || {
                    let mut client = Client::new(number, address, load, start);
                    (0..load.batches).for_each(|_| client.batch());
                    client.seen
                })
            })
            .collect();
        for client in clients {
            history.transactions.extend(client.join().unwrap());
        }
    });
    drop(servers);
    engine.close().unwrap();
    history
}

fn is_serialisable(history: &History) {
    let checked = check(history);
    assert!(checked.anomalies.is_empty(), "{}", checked.anomalies[0]);
    assert!(checked.transactions > 1_000 && checked.edges > checked.transactions, "{checked:?}");
}

const LOAD: Load = Load { seed: 1, connections: 8, batches: 30, pipeline: 12, keys: 12 };

#[test]
fn pipelined_clients_in_memory() {
    is_serialisable(&record(None, Level::Kernel, SyncPolicy::Never, LOAD));
    // Few lists: every latch is fought for.
    let load = Load { seed: 2, keys: 2, pipeline: 30, ..LOAD };
    is_serialisable(&record(None, Level::Kernel, SyncPolicy::Never, load));
}

#[test]
fn pipelined_clients_acknowledged_by_the_kernel() {
    let dir = tempfile::tempdir().unwrap();
    let load = Load { seed: 3, ..LOAD };
    is_serialisable(&record(Some(dir.path()), Level::Kernel, SyncPolicy::EverySecond, load));
}

#[test]
fn pipelined_clients_acknowledged_by_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let load = Load { seed: 4, keys: 5, ..LOAD };
    is_serialisable(&record(Some(dir.path()), Level::Disk, SyncPolicy::Always, load));
}

#[test]
fn single_commands_of_many_clients() {
    let dir = tempfile::tempdir().unwrap();
    let load = Load { seed: 5, connections: 16, batches: 120, pipeline: 1, keys: 6 };
    is_serialisable(&record(Some(dir.path()), Level::Kernel, SyncPolicy::EverySecond, load));
}
