//! The database that is filled: commands run one after the other, as those of a client.
//!
//! Invariants: a command has ended before the next one begins. No deadline passes meanwhile, as when Redis
//! loads: a command that came when its key was alive must not find it gone because that was long ago.
//! May not know: where commands come from.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use skeg_commands::{Complete, Completion, Context, Flow, Origin, Session};
use skeg_engine::{DATABASES, Drain, Engine, EngineError, EngineOptions, Holder};
use skeg_io::sync::Arc;
use skeg_io::{Clock, Io};
use skeg_proto::client::{Decoder, Value};
use skeg_proto::{Args, ArgsBuf, Reply, Version};

use crate::cli::Failure;
use crate::cli::tools::Trouble;

/// Commands that run before what they have logged is written.
const BATCH: u32 = 256;

/// See the module's header.
pub(super) struct Runner {
    engine: Engine,
    context: Arc<Context>,
    session: Session,
    holder: Holder,
    complete: Arc<dyn Complete>,
    ended: Receiver<Completion>,
    /// The database that is selected; `None`: a command of a file may have selected any.
    selected: Option<u64>,
    unwritten: u32,
}

struct Mailbox(SyncSender<Completion>);

impl Complete for Mailbox {
    fn complete(&self, completion: Completion) {
        // One command is pending at a time, and whoever waits for it is there.
        let _ = self.0.try_send(completion);
    }
}

/// A clock that stands before all deadlines.
#[derive(Debug)]
struct BeforeAll(Arc<dyn Clock>);

impl Clock for BeforeAll {
    fn now_ms(&self) -> u64 {
        0
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

fn trouble(error: EngineError) -> Trouble {
    match error {
        EngineError::Log(error) => Trouble::Log(error),
        other => Failure::failed(other).into(),
    }
}

impl Runner {
    /// Opens the database, which must have no keys.
    pub(super) fn open(dir: &Path) -> Result<Self, Trouble> {
        let mut io = Io::real();
        io.clock = Arc::new(BeforeAll(io.clock));
        let engine = Engine::open(&io, Some(dir), &EngineOptions::default()).map_err(trouble)?;
        let context = Context::new(engine.clone(), Arc::new(()), &[]).map_err(Failure::failed)?;
        let (sender, ended) = sync_channel(1);
        let mut runner = Self {
            session: Session::new(&context, &context.new_lane(), Origin::default(), Arc::new(())),
            holder: Holder::new(&engine, Drain::Serve),
            complete: Arc::new(Mailbox(sender)),
            context,
            engine,
            ended,
            selected: None,
            unwritten: 0,
        };
        if runner.keys().map_err(Failure::failed)? > 0 {
            runner.close()?;
            let problem = format!("{} has keys: only an empty database is filled", dir.display());
            return Err(Trouble::Coded("ERR_INVALID_ARGUMENT", problem));
        }
        Ok(runner)
    }

    /// How many keys there are.
    pub(super) fn keys(&mut self) -> Result<u64, String> {
        let mut keys = 0;
        for db in 0..DATABASES {
            self.select(db.into())?;
            if let Value::Int(count) = self.run_words(&[b"DBSIZE"])? {
                keys += count.cast_unsigned();
            }
        }
        self.select(0)?;
        Ok(keys)
    }

    /// Selects a database, unless it is selected.
    pub(super) fn select(&mut self, db: u64) -> Result<(), String> {
        if self.selected != Some(db) {
            self.run_words(&[b"SELECT", db.to_string().as_bytes()])?;
            self.selected = Some(db);
        }
        Ok(())
    }

    /// Runs a command of a file.
    pub(super) fn command(&mut self, args: Args<'_>) -> Result<(), String> {
        self.selected = None;
        self.run(args).map(drop)
    }

    /// Runs a command of words.
    pub(super) fn run_words(&mut self, words: &[&[u8]]) -> Result<Value, String> {
        let mut args = ArgsBuf::new();
        words.iter().for_each(|word| args.push(word));
        self.run(args.as_args())
    }

    /// Runs a command; what it answers, also to the commands of a transaction that it ends.
    ///
    /// # Errors
    /// The error that it answers.
    fn run(&mut self, args: Args<'_>) -> Result<Value, String> {
        let mut reply = Reply::new(Version::Resp2);
        let flow = self.session.execute(&mut self.holder, &args, &mut reply, &self.complete);
        if matches!(flow, Flow::Pending) {
            self.holder.release();
            let completion = self.ended.recv().map_err(|error| error.to_string())?;
            self.session.resume(&mut self.holder, completion, &mut reply);
        }
        self.unwritten += 1;
        if self.unwritten == BATCH {
            self.unwritten = 0;
            self.holder.release();
            if let Some(log) = self.engine.log() {
                log.try_write();
            }
        }
        let mut decoder = Decoder::new();
        decoder.feed(reply.as_bytes());
        let value = decoder.decode().map_err(|error| error.to_string())?.unwrap_or(Value::Null);
        let within = value.as_items().unwrap_or_default();
        match std::iter::once(&value).chain(within).find(|value| value.is_error()) {
            Some(Value::Error(error)) => Err(error.clone()),
            _ => Ok(value),
        }
    }

    /// Makes all of it durable.
    pub(super) fn close(mut self) -> Result<(), Trouble> {
        self.holder.release();
        drop(self.session);
        drop(self.holder);
        self.context.close();
        self.engine.close().map_err(trouble)
    }
}
