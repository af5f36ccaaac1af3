//! Sessions on several threads: transactions are whole, watches exact, pipelines in order.
#![allow(clippy::unwrap_used, reason = "a reply of another shape fails its test")]

mod support;

use std::thread;

use skeg_commands::{Complete, Context, Flow, Origin, Session};
use skeg_engine::{Drain, Engine, EngineOptions, Holder};
use skeg_io::Io;
use skeg_io::sync::Arc;
use skeg_proto::client::Value;
use skeg_proto::{ArgsBuf, Reply, Version};
use support::decode;
use support::disk::Arrivals;

/// A client that keeps its latches over a pipeline, as a transport does.
struct Piped {
    session: Session,
    holder: Holder,
    arrivals: Arc<Arrivals>,
}

impl Piped {
    fn new(context: &Arc<Context>) -> Self {
        let lane = context.new_lane();
        let session = Session::new(context, &lane, Origin::default(), Arc::new(()));
        let holder = Holder::new(context.engine(), Drain::Serve);
        Self { session, holder, arrivals: Arc::default() }
    }

    fn pipeline(&mut self, lines: &[String]) -> Vec<Value> {
        let complete = Arc::clone(&self.arrivals) as Arc<dyn Complete>;
        let mut replies = Vec::with_capacity(lines.len());
        for line in lines {
            let args: ArgsBuf = line.split(' ').collect();
            let mut reply = Reply::new(Version::Resp2);
            let flow =
                self.session.execute(&mut self.holder, &args.as_args(), &mut reply, &complete);
            if matches!(flow, Flow::Pending) {
                self.holder.release();
                let mut queue = self.arrivals.queue.lock();
                while queue.is_empty() {
                    queue = self.arrivals.changed.wait(queue);
                }
                let completion = queue.pop().unwrap();
                drop(queue);
                self.session.resume(&mut self.holder, completion, &mut reply);
            }
            replies.push(decode(reply.as_bytes()).unwrap());
        }
        self.holder.release();
        replies
    }

    fn one(&mut self, line: impl Into<String>) -> Value {
        self.pipeline(&[line.into()]).pop().unwrap()
    }
}

fn open(shards: u16) -> Arc<Context> {
    let options = EngineOptions { shards: Some(shards), ..EngineOptions::default() };
    let engine = Engine::open(&Io::real(), None, &options).unwrap();
    Context::new(engine, Arc::new(()), &[]).unwrap()
}

fn number(value: &Value) -> i64 {
    std::str::from_utf8(value.as_bytes().unwrap()).unwrap().parse().unwrap()
}

/// Threads that `run` many times each.
fn on_threads(context: &Arc<Context>, count: usize, run: impl Fn(usize, &mut Piped) + Sync) {
    thread::scope(|scope| {
        for index in 0..count {
            let run = &run;
            scope.spawn(move || run(index, &mut Piped::new(context)));
        }
    });
}

#[test]
fn transactions_over_shards_are_seen_whole() {
    const ACCOUNTS: usize = 8;
    let context = open(8);
    let keys: Vec<String> = (0..ACCOUNTS).map(|account| format!("account:{account}")).collect();
    let all = keys.join(" ");
    let mut setup = Piped::new(&context);
    keys.iter().for_each(|key| drop(setup.one(format!("SET {key} 100"))));
    on_threads(&context, 4, |index, client| {
        for step in 0..150 {
            let (from, to) = ((step + index) % ACCOUNTS, (step * 3 + index * 5 + 1) % ACCOUNTS);
            if index % 2 == 0 {
                let lines = [
                    "MULTI".to_owned(),
                    format!("DECRBY {} 7", keys[from]),
                    format!("INCRBY {} 7", keys[to]),
                    "EXEC".to_owned(),
                ];
                let replies = client.pipeline(&lines);
                assert_eq!(replies[3].as_items().unwrap().len(), 2, "{replies:?}");
            } else {
                let balances = client.one(format!("MGET {all}"));
                let sum: i64 = balances.as_items().unwrap().iter().map(number).sum();
                assert_eq!(sum, 100 * ACCOUNTS as i64);
            }
        }
    });
    context.engine().close().unwrap();
}

#[test]
fn a_watched_counter_loses_no_step() {
    let context = open(4);
    Piped::new(&context).one("SET counter 0");
    on_threads(&context, 4, |_, client| {
        let mut done = 0;
        while done < 60 {
            client.one("WATCH counter other");
            let value = number(&client.one("GET counter"));
            let replies = client.pipeline(&[
                "MULTI".to_owned(),
                format!("SET counter {}", value + 1),
                "INCR other".to_owned(),
                "EXEC".to_owned(),
            ]);
            done += usize::from(replies[3] != Value::Null);
        }
    });
    let mut client = Piped::new(&context);
    assert_eq!(number(&client.one("GET counter")), 240);
    assert_eq!(number(&client.one("GET other")), 240);
    context.engine().close().unwrap();
}

#[test]
fn pipelines_over_busy_shards_stay_in_order() {
    let context = open(4);
    on_threads(&context, 4, |index, client| {
        for round in 0..60 {
            let mut lines = Vec::new();
            for step in 0..20 {
                lines.push(format!("APPEND mine:{index}:{} {}", step % 5, step % 10));
                lines.push(format!("INCR shared:{}", step % 7));
                lines.push(format!("GET mine:{index}:{}", step % 5));
            }
            lines.push(format!("DEL {}", mine(index)));
            let replies = client.pipeline(&lines);
            for step in 0..20 {
                let expected: String = (0..=step)
                    .filter(|earlier| earlier % 5 == step % 5)
                    .map(|earlier| char::from(b'0' + (earlier % 10) as u8))
                    .collect();
                let got = replies[step * 3 + 2].as_bytes().unwrap();
                assert_eq!(got, expected.as_bytes(), "round {round}, step {step}");
            }
            assert_eq!(replies.last(), Some(&Value::Int(5)));
        }
    });
    let mut client = Piped::new(&context);
    let total: i64 = (0..7).map(|key| number(&client.one(format!("GET shared:{key}")))).sum();
    assert_eq!(total, 4 * 60 * 20);
    context.engine().close().unwrap();
}

fn mine(index: usize) -> String {
    (0..5).map(|key| format!("mine:{index}:{key}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn renames_and_flushes_between_shards_lose_nothing() {
    let context = open(8);
    let mut setup = Piped::new(&context);
    (0..16).for_each(|token| drop(setup.one(format!("SET token:{token} {token}"))));
    on_threads(&context, 4, |index, client| {
        for step in 0..120 {
            let token = (step * 7 + index) % 16;
            client.one(format!("RENAMENX token:{token} away:{token}"));
            client.one(format!("RENAME away:{token} token:{token}"));
            if step % 10 == 0 {
                let count = client.one("DBSIZE");
                assert_eq!(count, Value::Int(16));
            }
        }
    });
    let mut client = Piped::new(&context);
    (0..16).for_each(|token| drop(client.one(format!("RENAMENX away:{token} token:{token}"))));
    for token in 0..16 {
        assert_eq!(number(&client.one(format!("GET token:{token}"))), token);
    }
    assert_eq!(client.one("FLUSHALL"), Value::Simple("OK".into()));
    assert_eq!(client.one("DBSIZE"), Value::Int(0));
    context.engine().close().unwrap();
}
