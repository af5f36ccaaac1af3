//! Clients that wait for keys, on two servers of one engine: every element is taken once, in the order
//! in which it was pushed, and what takers and pushers see is strictly serialisable.
//!
//! The checker knows lists that only grow, so a queue is written down as several: a log of what was
//! pushed, which the pushers really keep (APPEND in the same EXEC); for each element a list that says
//! that it was pushed, and is read by whoever takes it; and the list of what was taken from the
//! queue, in which an element has the place that it has in the log.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skeg_engine::{Engine, EngineOptions};
use skeg_io::Io;
use skeg_io::sim::SimRng;
use skeg_proto::client::{Decoder, Value, encode_command};
use skeg_server::{Server, ServerOptions};
use skeg_sim::serial::{
    Action, Fate, History, Transaction, check, place_of, token_text, tokens_of,
};

/// Queues that are pushed to; their numbers are those of their logs in the history.
const QUEUES: u64 = 3;
/// Where elements are moved to; it has no log.
const MOVED: u64 = 9;
const PUSHERS: u64 = 3;
const TAKERS: u64 = 4;
const PUSHES: u64 = 150;

/// Lists of the history beside the logs.
fn pushed(token: u64) -> u64 {
    1_000_000 + token
}
fn moved(token: u64) -> u64 {
    2_000_000 + token
}
fn taken(queue: u64) -> u64 {
    3_000_000 + queue
}

struct Client {
    number: usize,
    stream: TcpStream,
    decoder: Decoder,
    start: Instant,
    seen: Vec<Transaction>,
}

impl Client {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }

    /// Sends commands, in each of which a `|` stands between words: tokens end with a blank.
    fn send(&mut self, commands: &[String]) {
        let mut bytes = Vec::new();
        for line in commands {
            encode_command(&mut bytes, &line.split('|').collect::<Vec<_>>());
        }
        self.stream.write_all(&bytes).unwrap();
    }

    fn reply(&mut self) -> Value {
        loop {
            if let Some(value) = self.decoder.decode().unwrap() {
                return value;
            }
            let mut chunk = [0; 4_096];
            let count = self.stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the server closed the connection");
            self.decoder.feed(&chunk[..count]);
        }
    }

    fn note(&mut self, begun: u64, actions: Vec<Action>) {
        let (connection, ended) = (self.number, self.now());
        self.seen.push(Transaction { connection, begun, ended, fate: Fate::Done, actions });
    }

    /// Pushes one element to each of two queues, and to their logs.
    fn push(&mut self, rng: &mut SimRng, first_token: u64) {
        let first = rng.below(QUEUES);
        let queues = [first, (first + 1) % QUEUES];
        let mut lines = vec!["MULTI".to_owned()];
        for (queue, token) in queues.iter().zip(first_token..) {
            lines.push(format!("APPEND|log:{queue}|{}", token_text(token)));
            lines.push(format!("RPUSH|queue:{queue}|{token}"));
        }
        lines.push("EXEC".to_owned());
        let begun = self.now();
        self.send(&lines);
        let replies: Vec<Value> = lines.iter().map(|_| self.reply()).collect();
        let Some(lengths) = replies.last().unwrap().as_items().map(<[_]>::to_vec) else {
            panic!("{replies:?}")
        };
        let mut actions = Vec::new();
        for (at, (queue, token)) in queues.into_iter().zip(first_token..).enumerate() {
            let Value::Int(length) = lengths[2 * at] else { panic!("{lengths:?}") };
            let place = Some(place_of(usize::try_from(length).unwrap()));
            actions.push(Action::Append { key: queue, token, place });
            actions.push(Action::Append { key: pushed(token), token, place: Some(1) });
        }
        self.note(begun, actions);
    }

    /// Waits for an element of any queue, and looks at the logs behind that; `None`: in vain.
    fn take(&mut self, rng: &mut SimRng) -> Option<()> {
        let first = rng.below(QUEUES);
        let mut queues: Vec<u64> = (0..QUEUES).map(|n| (first + n) % QUEUES).collect();
        queues.insert(usize::from(rng.coin()) * 2, MOVED);
        let names: Vec<String> = queues.iter().map(|queue| format!("queue:{queue}")).collect();
        let logs: Vec<String> = (0..QUEUES).map(|queue| format!("log:{queue}")).collect();
        let begun = self.now();
        self.send(&[format!("BLPOP|{}|0.05", names.join("|")), format!("MGET|{}", logs.join("|"))]);
        let reply = self.reply();
        let got = reply.as_items().map(|items| {
            let [Value::Bulk(name), Value::Bulk(token)] = items else { panic!("{items:?}") };
            let queue: u64 = String::from_utf8_lossy(&name[6..]).parse().unwrap();
            (queue, String::from_utf8_lossy(token).parse::<u64>().unwrap())
        });
        if let Some((queue, token)) = got {
            let from = if queue == MOVED { moved(token) } else { pushed(token) };
            let read = Action::Read { key: from, tokens: vec![token] };
            self.note(begun, vec![read, Action::Append { key: taken(queue), token, place: None }]);
        }
        let logs = self.reply();
        let read = |(queue, text): (u64, &Value)| {
            let tokens = match text {
                Value::Bulk(text) => tokens_of(text).unwrap(),
                _ => Vec::new(),
            };
            Action::Read { key: queue, tokens }
        };
        let actions = (0..).zip(logs.as_items().unwrap()).map(read).collect();
        self.note(begun, actions);
        got.map(drop)
    }

    /// Waits for an element of the first queue and moves it.
    fn shift(&mut self) {
        let begun = self.now();
        self.send(&[format!("BLMOVE|queue:0|queue:{MOVED}|LEFT|RIGHT|0.05")]);
        let Value::Bulk(token) = self.reply() else { return };
        let token = String::from_utf8_lossy(&token).parse::<u64>().unwrap();
        self.note(
            begun,
            vec![
                Action::Read { key: pushed(token), tokens: vec![token] },
                Action::Append { key: taken(0), token, place: None },
                Action::Append { key: moved(token), token, place: Some(1) },
            ],
        );
    }
}

/// Gives every element that was taken the place that it has in the log of its queue.
fn place_taken(history: &mut History) {
    let mut places = HashMap::new();
    for action in history.transactions.iter().flat_map(|transaction| &transaction.actions) {
        if let Action::Append { key, token, place } = action
            && *key < QUEUES
        {
            places.insert((taken(*key), *token), *place);
        }
    }
    let actions = history.transactions.iter_mut().flat_map(|it| &mut it.actions);
    let mut from_moved = 0;
    for action in actions {
        let Action::Append { key, token, place } = action else { continue };
        if *key == taken(MOVED) {
            // No log tells its order: each is a list of its own, to which it comes once.
            (*key, *place) = (4_000_000 + *token, Some(1));
            from_moved += 1;
        } else if *key >= taken(0) {
            *place = places[&(*key, *token)];
        }
    }
    assert!(from_moved > 0, "nothing was moved");
}

#[test]
fn elements_are_taken_once_and_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { home_threads: 2, ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), Some(dir.path()), &options).unwrap();
    let options = ServerOptions {
        addresses: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        ..ServerOptions::default()
    };
    let servers: Vec<Server> = (0..2).map(|_| Server::start(&engine, &options).unwrap()).collect();
    let start = Instant::now();
    let connect = |number: u64| {
        let address = servers[number as usize % servers.len()].addresses()[0];
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let number = usize::try_from(number).unwrap();
        Client { number, stream, decoder: Decoder::new(), start, seen: Vec::new() }
    };
    let total = PUSHERS * PUSHES * 2;
    let done = AtomicU64::new(0);
    let mut history = History::default();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..PUSHERS + TAKERS + 1)
            .map(|number| {
                let (mut client, done) = (connect(number), &done);
                let mut rng = SimRng::new(number);
                scope.spawn(move || {
                    if number < PUSHERS {
                        let first = |push: u64| (number * PUSHES + push) * 2;
                        (0..PUSHES).for_each(|push| client.push(&mut rng, first(push)));
                    } else {
                        while done.load(Ordering::SeqCst) < total && start.elapsed().as_secs() < 30
                        {
                            if number == PUSHERS {
                                client.shift();
                            } else if client.take(&mut rng).is_some() {
                                done.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    }
                    client.seen
                })
            })
            .collect();
        for client in clients {
            history.transactions.extend(client.join().unwrap());
        }
    });
    assert_eq!(done.load(Ordering::SeqCst), total, "within half a minute");
    drop(servers);
    engine.close().unwrap();
    place_taken(&mut history);
    let checked = check(&history);
    assert!(checked.anomalies.is_empty(), "{}", checked.anomalies[0]);
    assert!(checked.edges > checked.transactions, "{checked:?}");
}
