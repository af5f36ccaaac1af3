//! From an admitted command to a running one: routing.
//!
//! A command whose latches are free runs in place; otherwise it is delegated with its own copy of the
//! arguments.

use skeg_engine::{Bound, Engine, Exec, Holder, Job, Receipt, Refusal, ShardList};
use skeg_io::sync::Arc;
use skeg_proto::{Args, Reply};

use crate::admission::is_http;
use crate::bounds::{bound_in_place, bound_of};
use crate::cx::Cx;
use crate::delegate::{CommandTask, Delegated, Return, Task};
use crate::error::CommandError;
use crate::flow::{Complete, Flow};
use crate::help::wrong_arity;
use crate::pause::Paused;
use crate::session::{Session, Turn};
use crate::spec::{Handler, Keys, Outcome, ShardHandler, Spec};
use crate::table::CommandId;
use crate::timing::Started;
use crate::walk::{self, InPlace, WalkJob};

impl Session {
    /// Runs one command and writes its reply or error.
    pub(crate) fn dispatch(
        &mut self,
        holder: &mut Holder,
        args: Args<'_>,
        reply: &mut Reply,
        complete: &Arc<dyn Complete>,
    ) -> Flow {
        let id = match self.admit(holder, args) {
            Ok(id) => id,
            Err((id, error)) => {
                self.client.stats().rejected(id);
                if id.is_none() && is_http(args.get(0)) {
                    return Flow::Close(Receipt::default());
                }
                self.reject(id, error).write_to(reply);
                return Flow::done();
            }
        };
        let spec = id.spec();
        if self.context.pause().is_on() && self.is_held_up(spec) {
            self.parked = Some(Box::new(args.to_buf()));
            return Flow::Paused;
        }
        if self.transaction.is_some() && !matches!(spec.run, Handler::Control(_)) {
            return self.enqueue(id, args, reply);
        }
        let is_sample = self.lane.called(id);
        let is_timed = is_sample || self.context.timing().wants(spec, args);
        let started = Started::now_if(&self.context, is_timed);
        self.client.runs(id);
        let start = reply.len();
        let mut flow = self.start(spec, holder, args, reply, complete).unwrap_or_else(|failed| {
            self.client.stats().failed(id);
            reply.truncate(start);
            failed.error.write_to(reply);
            Flow::Done(failed.receipt)
        });
        if matches!(flow, Flow::Pending) {
            // It replies from where it runs; what it had begun to say here is void.
            reply.truncate(start);
        }
        if let Some(started) = started {
            self.ended(id, started, is_sample, &flow, args);
        }
        if holder.owes()
            && let Flow::Done(receipt) = flow
        {
            flow = self.hand_over(spec, receipt, holder, reply, start, complete);
        }
        flow
    }

    /// A timed command is over, or goes on elsewhere: what is delegated is timed and shown where it runs.
    #[cold]
    fn ended(
        &mut self,
        id: CommandId,
        started: Started,
        is_sample: bool,
        flow: &Flow,
        args: Args<'_>,
    ) {
        let spec = id.spec();
        let is_elsewhere = matches!(flow, Flow::Pending);
        if !is_elsewhere {
            let spent_ns = started.end(&self.context, &self.client, id, args);
            if is_sample {
                self.client.stats().timed(id, spent_ns);
            }
        }
        let is_shown_there = match spec.run {
            Handler::Walk(_) => false,
            Handler::Control(_) => spec.name == "exec",
            _ => true,
        };
        if !is_elsewhere || !is_shown_there {
            let cx = self.cx(spec);
            cx.context.timing().monitors.show(&cx, args);
        }
    }

    /// Whether a command waits for the end of a pause.
    #[cold]
    fn is_held_up(&self, spec: &Spec) -> bool {
        let changes = |spec: &Spec| spec.writes() || matches!(spec.run, Handler::Message(_));
        match self.context.pause().current(self.context.engine()) {
            _ if !self.can_wait => false,
            None => false,
            Some((Paused::All, _)) => true,
            Some((Paused::Writes, _)) if spec.name == "exec" => {
                self.transaction.as_ref().is_some_and(|it| it.specs().any(changes))
            }
            Some((Paused::Writes, _)) => changes(spec),
        }
    }

    fn start(
        &mut self,
        spec: &'static Spec,
        holder: &mut Holder,
        args: Args<'_>,
        reply: &mut Reply,
        complete: &Arc<dyn Complete>,
    ) -> Result<Flow, Failed> {
        match spec.run {
            Handler::Keyed(run) => self.keyed(spec, run, holder, args, reply, complete),
            Handler::Session(run) | Handler::Container(Some(run)) => {
                run(&mut self.cx(spec), args, reply)?;
                Ok(Flow::done())
            }
            Handler::Message(run) => {
                run(&mut self.cx(spec), None, args, reply)?;
                Ok(Flow::done())
            }
            Handler::AllShards(run) | Handler::Reaching(run, _) | Handler::Indexed(run, _) => {
                let shards = shards_of(spec, args, holder.engine());
                self.on_shards(spec, run, &shards, holder, args, reply, complete)
            }
            Handler::Blocking(blocking) => {
                self.try_or_wait(spec, blocking, holder, args, reply, complete)
            }
            Handler::Walk(start) => {
                let walk = start(&self.cx(spec), args)?;
                match walk::in_place(walk, holder, reply)? {
                    InPlace::Finished(receipt) => Ok(Flow::Done(receipt)),
                    InPlace::Unfinished { walk, at, receipt } => {
                        let shards = holder.engine().shards();
                        let back = self.back(spec, complete);
                        Ok(post(holder, Box::new(WalkJob::new(walk, at, shards, receipt, back))))
                    }
                }
            }
            Handler::Control(run) => {
                Ok(run(&mut Turn { session: self, holder, complete, spec }, args, reply)?)
            }
            Handler::Container(None) => Err(wrong_arity(spec).into()),
        }
    }

    /// The hot path: a command on the shard of its one key.
    #[inline]
    fn keyed(
        &mut self,
        spec: &'static Spec,
        run: ShardHandler,
        holder: &mut Holder,
        args: Args<'_>,
        reply: &mut Reply,
        complete: &Arc<dyn Complete>,
    ) -> Result<Flow, Failed> {
        if !matches!(spec.keys, Keys::One(_)) {
            let shards = shards_of(spec, args, holder.engine());
            return self.on_shards(spec, run, &shards, holder, args, reply, complete);
        }
        let shard = holder.shard_of(args.get(1));
        if holder.try_hold_one(shard)? {
            let bound = bound_in_place(spec, args, holder);
            let outcome = holder.run_one(shard, bound, |exec| {
                run_on(spec, run, exec, &mut self.cx(spec), args, reply)
            });
            if let Some(flow) = finished(outcome)? {
                return Ok(flow);
            }
        }
        let shards = ShardList::one(shard);
        Ok(self.delegate(spec, run, shards, holder, args, complete))
    }

    /// A command that needs all of these shards at once.
    #[expect(clippy::too_many_arguments, reason = "what a command is made of")]
    fn on_shards(
        &mut self,
        spec: &'static Spec,
        run: ShardHandler,
        shards: &ShardList,
        holder: &mut Holder,
        args: Args<'_>,
        reply: &mut Reply,
        complete: &Arc<dyn Complete>,
    ) -> Result<Flow, Failed> {
        if holder.try_hold(shards)? {
            if !matches!(spec.run, Handler::Indexed(..)) {
                let keys = spec.keys.positions(args).map(|index| args.get(index));
                holder.touch_keys(self.state.db, keys);
            }
            let outcome = holder.run(shards, bound_in_place(spec, args, holder), |exec| {
                run_on(spec, run, exec, &mut self.cx(spec), args, reply)
            });
            if let Some(flow) = finished(outcome)? {
                return Ok(flow);
            }
        }
        Ok(self.delegate(spec, run, shards.clone(), holder, args, complete))
    }

    #[cold]
    fn delegate(
        &mut self,
        spec: &'static Spec,
        run: ShardHandler,
        shards: ShardList,
        holder: &mut Holder,
        args: Args<'_>,
        complete: &Arc<dyn Complete>,
    ) -> Flow {
        let task = Box::new(CommandTask { run, args: args.to_buf() });
        let bound = bound_of(spec, args);
        self.post_task(spec, task, shards, bound, holder, complete)
    }

    /// The command has replied, and has made clients ready that only more latches can serve: its reply
    /// leaves when they have been.
    #[cold]
    fn hand_over(
        &mut self,
        spec: &'static Spec,
        receipt: Receipt,
        holder: &mut Holder,
        reply: &mut Reply,
        start: usize,
        complete: &Arc<dyn Complete>,
    ) -> Flow {
        let mut back = self.back(spec, complete);
        back.reply.raw(&reply.as_bytes()[start..]);
        reply.truncate(start);
        holder.hand_over(move || back.send(Ok(receipt)));
        Flow::Pending
    }

    /// Queues a task at its shards.
    pub(crate) fn post_task(
        &mut self,
        spec: &'static Spec,
        task: Box<dyn Task>,
        shards: ShardList,
        bound: Bound,
        holder: &mut Holder,
        complete: &Arc<dyn Complete>,
    ) -> Flow {
        let back = self.back(spec, complete);
        post(holder, Box::new(Delegated::new(task, shards, bound, back)))
    }

    /// The way back of a delegated command.
    pub(crate) fn back(&self, spec: &'static Spec, complete: &Arc<dyn Complete>) -> Return {
        let mut reply = Reply::new(self.state.version);
        if let Ok(limit @ 1..) = usize::try_from(self.context.config().output_hard_bytes()) {
            reply.limit(limit);
        }
        Return {
            context: Arc::clone(&self.context),
            client: Arc::clone(&self.client),
            spec,
            reply,
            state: self.state,
            complete: Arc::clone(complete),
            written: self.written,
            is_awaited: self.can_wait,
        }
    }

    /// The surroundings of a command of this session.
    #[inline]
    pub(crate) fn cx(&mut self, spec: &'static Spec) -> Cx<'_> {
        Cx {
            context: &self.context,
            client: &self.client,
            state: &mut self.state,
            spec,
            written: self.written,
        }
    }
}

/// Queues a job. Latches are let go first: the job may need them, and this session goes no further
/// before it is done. When it is refused, its completion says so.
pub(crate) fn post(holder: &mut Holder, job: Box<dyn Job>) -> Flow {
    if let Err((job, refusal)) = holder.post(job) {
        job.done(Err(refusal));
    }
    Flow::Pending
}

/// Says which keys a command is about to change, so that a snapshot has what it still needs of them.
///
/// # Errors
/// [`Refusal::Wait`]: the command must return without having changed anything, and is run again.
#[inline]
pub(crate) fn want_changes(
    spec: &Spec,
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
) -> Result<(), Refusal> {
    if !exec.is_walked() {
        return Ok(());
    }
    for index in spec.keys.positions(args) {
        if spec.keys.flags_at(index).may_change() {
            let key = args.get(index);
            exec.shard(key).want_change(cx.db(), key);
        }
    }
    if exec.must_wait() { Err(Refusal::Wait) } else { Ok(()) }
}

/// Runs a handler, after it has the log space that only its keys can tell.
pub(crate) fn run_on(
    spec: &'static Spec,
    run: ShardHandler,
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    // What an index has is not handed out key by key.
    if exec.is_walked() && !matches!(spec.run, Handler::Indexed(..)) {
        want_changes(spec, exec, cx, args)?;
    }
    if let Some(bound) = spec.bound.stored(exec, cx, args) {
        exec.reserve(bound)?;
    }
    let outcome = run(exec, cx, args, reply);
    if spec.writes() {
        exec.note_memory();
    }
    outcome
}

/// A command that failed, and what its error shows: "no such key" tells of a removal that may be pending.
pub(crate) struct Failed {
    pub(crate) error: CommandError,
    pub(crate) receipt: Receipt,
}

impl<E: Into<CommandError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), receipt: Receipt::default() }
    }
}

/// What a run in place has come to; `None`: it must wait for log space, so it is delegated.
#[inline]
pub(crate) fn finished(
    outcome: Result<(Outcome, Receipt), Refusal>,
) -> Result<Option<Flow>, Failed> {
    match outcome {
        Ok((Ok(()), receipt)) => Ok(Some(Flow::Done(receipt))),
        Err(Refusal::Wait) | Ok((Err(CommandError::Refused(Refusal::Wait)), _)) => Ok(None),
        Ok((Err(error), receipt)) => Err(Failed { error, receipt }),
        Err(refusal) => Err(refusal.into()),
    }
}

/// The shards that a command needs.
pub(crate) fn shards_of(spec: &Spec, args: Args<'_>, engine: &Engine) -> ShardList {
    let router = engine.router();
    match spec.run {
        Handler::Indexed(_, shards) => shards(engine, args),
        Handler::Reaching(_, reach) if (reach.to_any)(args) => ShardList::all(router.shards()),
        Handler::Keyed(_) | Handler::Reaching(..) | Handler::Blocking(_) => {
            let keys = spec.keys.positions(args);
            keys.map(|index| router.shard_of(args.get(index))).collect()
        }
        Handler::AllShards(_) | Handler::Walk(_) => ShardList::all(router.shards()),
        Handler::Session(_) | Handler::Message(_) | Handler::Control(_) | Handler::Container(_) => {
            ShardList::new()
        }
    }
}
