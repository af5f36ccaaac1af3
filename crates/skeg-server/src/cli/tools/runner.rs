//! A database that a tool has open: commands run one after the other, as those of a client.
//!
//! Invariant: a command has ended before the next one begins.
//! May not know: where commands come from.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use skeg_commands::{Complete, Completion, Context, Flow, Origin, Session};
use skeg_engine::{
    Bound, DATABASES, Drain, Engine, EngineOptions, Holder, IndexInfo, Refusal, Shard, ShardId,
    put_together,
};
use skeg_io::Io;
use skeg_io::sync::Arc;
use skeg_proto::client::{Decoder, Value};
use skeg_proto::{Args, ArgsBuf, Reply, Version};

use super::trouble::Trouble;
use crate::cli::Failure;

/// Commands, and bytes of them, that run before what they have logged is written.
const BATCH: u32 = 256;
const BATCH_BYTES: usize = 256 << 10;

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
    unwritten_bytes: usize,
}

struct Mailbox(SyncSender<Completion>);

impl Complete for Mailbox {
    fn complete(&self, completion: Completion) {
        // One command is pending at a time, and whoever waits for it is there.
        let _ = self.0.try_send(completion);
    }
}

impl Runner {
    /// Opens a database.
    pub(super) fn open(io: &Io, dir: &Path, options: &EngineOptions) -> Result<Self, Trouble> {
        let engine = Engine::open(io, Some(dir), options)?;
        let context = Context::new(engine.clone(), Arc::new(()), &[]).map_err(Failure::failed)?;
        let (sender, ended) = sync_channel(1);
        Ok(Self {
            session: Session::new(&context, &context.new_lane(), Origin::default(), Arc::new(())),
            holder: Holder::new(&engine, Drain::Serve),
            complete: Arc::new(Mailbox(sender)),
            context,
            engine,
            ended,
            selected: None,
            unwritten: 0,
            unwritten_bytes: 0,
        })
    }

    /// Lets go of the shards that the last commands hold and writes what they have logged: for what others
    /// do. The database, for whoever waits for them.
    pub(super) fn rest(&mut self) -> &Engine {
        (self.unwritten, self.unwritten_bytes) = (0, 0);
        self.holder.release();
        if let Some(log) = self.engine.log() {
            log.try_write();
        }
        &self.engine
    }

    /// Looks at the shard of a key or index.
    pub(super) fn look<R>(
        &mut self,
        key: &[u8],
        look: impl FnOnce(&mut Shard) -> R,
    ) -> Result<R, Trouble> {
        let id = self.engine.shard_of(key);
        self.look_at(id, look).map_err(|refusal| Failure::failed(refusal).into())
    }

    /// Looks at all parts of an index.
    pub(super) fn look_at_parts<R>(
        &mut self,
        name: &[u8],
        look: impl Fn(&mut Shard, &[u8]) -> R,
    ) -> Result<Vec<R>, Trouble> {
        let parts = self.engine.index_parts(name);
        parts.names().map(|part| self.look(part, |shard| look(shard, part))).collect()
    }

    /// All vector indexes, by name.
    pub(super) fn indexes(&mut self) -> Result<Vec<IndexInfo>, Trouble> {
        let mut indexes = Vec::new();
        for id in (0..self.engine.shards()).map(ShardId) {
            indexes.append(&mut self.look_at(id, Shard::index_list).map_err(Failure::failed)?);
        }
        Ok(put_together(indexes))
    }

    fn look_at<R>(
        &mut self,
        id: ShardId,
        look: impl FnOnce(&mut Shard) -> R,
    ) -> Result<R, Refusal> {
        while !self.holder.try_hold_one(id)? {
            std::thread::yield_now();
        }
        let (seen, _) = self.holder.run_one(id, Bound::READ, |exec| look(exec.shard_at(id)))?;
        self.holder.release();
        Ok(seen)
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
        self.unwritten_bytes += args.payload_bytes();
        if self.unwritten == BATCH || self.unwritten_bytes >= BATCH_BYTES {
            self.rest();
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
        Ok(self.engine.close()?)
    }
}
