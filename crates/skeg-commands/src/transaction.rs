//! MULTI: commands that are queued, and EXEC, which runs them as one.
//!
//! EXEC holds the shards of every queued command and of every watched key together, so it is atomic;
//! the engine writes one record for each shard it changed, in one epoch. A command that fails does
//! not stop the others and undoes nothing.

mod ahead;

use skeg_engine::{Bound, Engine, Exec, Refusal, ShardList};
use skeg_proto::{Args, ArgsBuf, Reply};

use crate::bounds;
use crate::cx::Cx;
use crate::delegate::Task;
use crate::dispatch;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::{Session, Watching};
use crate::spec::{Flags, Handler, Outcome, Spec};
use crate::table::CommandId;
use crate::timing::Started;
use crate::walk;

/// What MULTI has begun.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    queue: Vec<Queued>,
    bytes: usize,
    aborted: bool,
}

#[derive(Debug)]
struct Queued {
    id: CommandId,
    args: ArgsBuf,
}

impl Transaction {
    /// A command could not be queued: EXEC will refuse.
    pub(crate) fn abort(&mut self) {
        self.aborted = true;
        self.queue.clear();
        self.bytes = 0;
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// The specifications of the queued commands.
    pub(crate) fn specs(&self) -> impl Iterator<Item = &'static Spec> {
        self.queue.iter().map(|queued| queued.id.spec())
    }

    /// Whether a queued command may grow the data.
    pub(crate) fn may_grow(&self) -> bool {
        self.queue.iter().any(|queued| queued.id.spec().flags.has(Flags::DENYOOM))
    }
}

impl Session {
    /// Ends the transaction that MULTI began, if there is one, without running it.
    pub(crate) fn discard(&mut self) -> Option<Box<Transaction>> {
        self.client.note_queue(None, 0);
        self.transaction.take()
    }

    /// Queues a command behind MULTI.
    pub(crate) fn enqueue(&mut self, id: CommandId, args: Args<'_>, reply: &mut Reply) -> Flow {
        let bytes_max = self.context.config().query_bytes_max();
        if let Some(transaction) = self.transaction.as_deref_mut().filter(|it| !it.aborted) {
            let args = args.to_buf();
            transaction.bytes += args.memory_bytes() + size_of::<Queued>();
            if transaction.bytes as u64 > bytes_max {
                transaction.abort();
                CommandError::constant("ERR the transaction exceeds client-query-buffer-limit")
                    .write_to(reply);
                return Flow::done();
            }
            transaction.queue.push(Queued { id, args });
            self.client.note_queue(Some(transaction.queue.len()), transaction.bytes);
        }
        reply.simple("QUEUED");
        Flow::done()
    }
}

/// EXEC under its latches. Dropping it ends the watch, if its run could not.
pub(crate) struct TransactionTask {
    queue: Vec<Queued>,
    watching: Option<Box<Watching>>,
    engine: Engine,
}

impl Drop for TransactionTask {
    fn drop(&mut self) {
        if let Some(watching) = self.watching.take() {
            self.engine.unwatch_later(watching.flag, watching.keys);
        }
    }
}

impl TransactionTask {
    /// Of commands that nobody has queued.
    pub(crate) fn of(commands: &[(CommandId, ArgsBuf)], engine: &Engine) -> Self {
        let queued = |(id, args): &(CommandId, ArgsBuf)| Queued { id: *id, args: args.clone() };
        let queue = commands.iter().map(queued).collect();
        Self { queue, watching: None, engine: engine.clone() }
    }

    pub(crate) fn new(
        transaction: Transaction,
        watching: Option<Box<Watching>>,
        engine: &Engine,
    ) -> Self {
        Self { queue: transaction.queue, watching, engine: engine.clone() }
    }

    /// The shards of all commands and of all watched keys.
    pub(crate) fn shards(&self) -> ShardList {
        let mut shards = ShardList::new();
        let watched = self.watching.as_ref().map(|watching| watching.shards(&self.engine));
        let of_commands = self.queue.iter().map(|queued| {
            dispatch::shards_of(queued.id.spec(), queued.args.as_args(), &self.engine)
        });
        for list in of_commands.chain(watched) {
            list.as_slice().iter().for_each(|id| shards.insert(*id));
        }
        shards
    }

    /// The log space of all commands, as far as their arguments tell.
    pub(crate) fn bound(&self) -> Bound {
        self.queue
            .iter()
            .map(|queued| bounds::bound_of(queued.id.spec(), queued.args.as_args()))
            .fold(Bound::READ, Bound::and)
    }

    /// Runs it; without shards when no command needs any.
    ///
    /// # Errors
    /// It has to wait, and has changed nothing: it is run again.
    pub(crate) fn run_all(
        &mut self,
        mut exec: Option<&mut Exec<'_>>,
        cx: &mut Cx<'_>,
        reply: &mut Reply,
    ) -> Outcome {
        if let Some(exec) = exec.as_deref_mut()
            && self.has_changed(exec)
        {
            self.let_go(exec);
            reply.null_array();
            return Ok(());
        }
        if let Some(exec) = exec.as_deref_mut() {
            self.look_ahead(exec, cx)?;
        }
        let mut shown = Vec::new();
        reply.array(self.queue.len());
        for queued in &self.queue {
            let spec = queued.id.spec();
            let start = reply.len();
            cx.spec = spec;
            let args = queued.args.as_args();
            let started = Started::now_if(cx.context, cx.context.timing().wants(spec, args));
            let outcome = run_queued(spec, exec.as_deref_mut(), cx, args, reply);
            if outcome.is_err()
                && let Some(exec) = exec.as_deref_mut()
            {
                if exec.runs_again() {
                    // The watch goes on until then.
                    return Err(Refusal::Wait.into());
                }
                // What was changed stays: the command fails alone.
                exec.forget_wait();
            }
            cx.client.stats().ran(queued.id);
            if let Some(started) = started {
                started.end(cx.context, cx.client, queued.id, args);
                shown.extend(cx.context.timing().monitors.line(cx, args));
            }
            if let Err(error) = outcome {
                cx.client.stats().failed(queued.id);
                reply.truncate(start);
                error.write_to(reply);
            }
        }
        if let Some(exec) = exec.as_deref_mut() {
            exec.note_memory();
        }
        cx.context.timing().monitors.show_all(shown);
        if let Some(exec) = exec {
            self.let_go(exec);
        }
        Ok(())
    }

    /// Whether a watched key has changed, or has expired since.
    fn has_changed(&self, exec: &mut Exec<'_>) -> bool {
        let Some(watching) = &self.watching else { return false };
        for (db, key) in &watching.keys {
            // Removes it if its deadline has passed, which sets the flag.
            exec.shard(key).exists(*db, key);
        }
        watching.flag.is_set()
    }

    fn let_go(&mut self, exec: &mut Exec<'_>) {
        if let Some(watching) = self.watching.take() {
            exec.unwatch(&watching.flag, &watching.keys);
        }
    }
}

/// Runs one command of a transaction. One that needs more log space than was reserved ahead, because one
/// before it has made its value longer, asks by itself and fails alone.
fn run_queued(
    spec: &'static Spec,
    exec: Option<&mut Exec<'_>>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    match (spec.run, exec) {
        (Handler::Session(run) | Handler::Container(Some(run)), _) => run(cx, args, reply),
        (Handler::Message(run), exec) => run(cx, exec, args, reply),
        (
            Handler::Keyed(run)
            | Handler::AllShards(run)
            | Handler::Reaching(run, _)
            | Handler::Indexed(run, _),
            Some(exec),
        ) => {
            reserve_for(spec, exec, cx, args)?;
            run(exec, cx, args, reply)
        }
        (Handler::Blocking(blocking), Some(exec)) => {
            reserve_for(spec, exec, cx, args)?;
            blocking.run_once(exec, cx, args, reply)
        }
        (Handler::Walk(start), Some(exec)) => {
            let shards = cx.engine().shards();
            walk::atomically(&mut *start(cx, args)?, exec, shards, reply);
            Ok(())
        }
        _ => Err(CommandError::constant("ERR Command not allowed inside a transaction")),
    }
}

/// Reserves what a command needs for stored values.
fn reserve_for(
    spec: &Spec,
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
) -> Result<(), Refusal> {
    spec.bound.stored(exec, cx, args).map_or(Ok(()), |bound| exec.reserve(bound))
}

impl Task for TransactionTask {
    fn run(&mut self, exec: &mut Exec<'_>, cx: &mut Cx<'_>, reply: &mut Reply) -> Outcome {
        let spec = cx.spec;
        let outcome = self.run_all(Some(exec), cx, reply);
        cx.spec = spec;
        if !exec.must_wait() {
            let mut exec_itself = ArgsBuf::new();
            exec_itself.push(spec.name.as_bytes());
            cx.context.timing().monitors.show(cx, exec_itself.as_args());
        }
        outcome
    }
}
