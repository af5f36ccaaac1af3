//! Histories of threads that use the engine in the same process, borrowing latches and posting jobs.
//!
//! Invariant: a transaction begins before anything of it is done and ends after its acknowledgement.

use std::path::PathBuf;
use std::time::Instant;

use skeg_engine::{Drain, Engine, EngineOptions, Level};
use skeg_io::Io;
use skeg_io::sim::SimRng;
use skeg_io::sync::Mutex;

use super::history::{Action, Fate, History, Transaction, place_of, token_text, tokens_of};
use crate::op::{Answer, Observed, Op};
use crate::state::At;
use crate::threads::execute;

/// A load on an engine.
#[derive(Clone, Debug)]
pub struct EngineRun {
    /// For everything random.
    pub seed: u64,
    /// Where the database lies; in memory without it.
    pub dir: Option<PathBuf>,
    /// Threads; each is a connection.
    pub threads: u64,
    /// Transactions of each.
    pub transactions: u64,
    /// Lists, over all shards.
    pub keys: u64,
}

impl EngineRun {
    /// Runs the load and says what was seen.
    ///
    /// # Errors
    /// When the engine does not open or refuses work.
    pub fn record(&self) -> Result<History, String> {
        let options =
            EngineOptions { shards: Some(8), home_threads: 2, ..EngineOptions::default() };
        let engine = Engine::open(&Io::real(), self.dir.as_deref(), &options)
            .map_err(|error| error.to_string())?;
        let start = Instant::now();
        let seen: Mutex<Vec<Result<Vec<Transaction>, String>>> = Mutex::default();
        std::thread::scope(|scope| {
            for thread in 0..self.threads {
                let (engine, seen) = (&engine, &seen);
                scope.spawn(move || {
                    let noted = self.work(thread, engine, start);
                    seen.lock().push(noted);
                });
            }
        });
        engine.close().map_err(|error| error.to_string())?;
        let seen = std::mem::take(&mut *seen.lock());
        let mut history = History::default();
        for noted in seen {
            history.transactions.extend(noted?);
        }
        Ok(history)
    }

    fn work(
        &self,
        thread: u64,
        engine: &Engine,
        start: Instant,
    ) -> Result<Vec<Transaction>, String> {
        let mut rng = SimRng::new(self.seed ^ (thread << 32));
        let drain = if thread == 0 { Drain::WakeOnly } else { Drain::Serve };
        let now = || u64::try_from(start.elapsed().as_nanos()).expect("a few centuries");
        let mut noted = Vec::new();
        for number in 0..self.transactions {
            let first_token = (thread * self.transactions + number) * 4;
            let ops = self.draw(&mut rng, first_token);
            let begun = now();
            let ran = match ops.as_slice() {
                [(op, _)] => {
                    execute(engine, drain, op).map(|(observed, receipt)| (vec![observed], receipt))
                }
                many => {
                    let all = Op::All(many.iter().map(|(op, _)| op.clone()).collect());
                    execute(engine, drain, &all)
                        .map(|(observed, receipt)| (observed.parts, receipt))
                }
            };
            let (observed, receipt) = ran.map_err(|refusal| refusal.to_string())?;
            if let Some(log) = engine.log() {
                // As the server does: what depends on pending changes is answered when they are safe.
                let epoch = receipt.written.max(receipt.seen);
                match drain {
                    Drain::Serve => drop(log.try_write()),
                    Drain::WakeOnly => log.wake_writer(),
                }
                log.wait(Level::Kernel, epoch).map_err(|error| error.to_string())?;
            }
            let actions = ops
                .into_iter()
                .zip(observed)
                .map(|((_, action), observed)| seen(action, &observed))
                .collect::<Option<_>>()
                .ok_or("an answer of the wrong kind")?;
            let connection = usize::try_from(thread).expect("a few");
            noted.push(Transaction { connection, begun, ended: now(), fate: Fate::Done, actions });
        }
        Ok(noted)
    }

    /// One to four actions, each with its operation.
    fn draw(&self, rng: &mut SimRng, first_token: u64) -> Vec<(Op, Action)> {
        let count = if rng.coin() { 1 } else { 2 + rng.below(3) };
        (0..count)
            .map(|place| {
                let key = rng.below(self.keys);
                let at = At { db: 0, key: format!("list:{key}").into() };
                if rng.coin() {
                    let token = first_token + place;
                    let tail = token_text(token).into();
                    (Op::Append { at, tail }, Action::Append { key, token, place: None })
                } else {
                    (Op::Get(at), Action::Read { key, tokens: Vec::new() })
                }
            })
            .collect()
    }
}

/// The action with what was answered; `None` when that is no answer to it.
fn seen(action: Action, observed: &Observed) -> Option<Action> {
    match (action, &observed.answer) {
        (Action::Append { key, token, .. }, Answer::Length(length)) => {
            Some(Action::Append { key, token, place: Some(place_of(*length)) })
        }
        (Action::Read { key, .. }, Answer::Bytes(text)) => {
            let tokens = tokens_of(text.as_deref().unwrap_or_default())?;
            Some(Action::Read { key, tokens })
        }
        _ => None,
    }
}
