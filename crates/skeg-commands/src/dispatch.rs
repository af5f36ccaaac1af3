//! From arguments to a running command: look-up, checks, routing.
//!
//! The order of the checks and their texts are Redis's. A command whose latches are free runs in
//! place; otherwise it is delegated with its own copy of the arguments.

use skeg_engine::{
    Bound, Engine, Exec, Holder, Job, KEY_BYTES_MAX, Receipt, Refusal, SHARDS_MAX, ShardList,
};
use skeg_io::sync::Arc;
use skeg_proto::{Args, Reply, Version};

use crate::cx::Cx;
use crate::delegate::{CommandTask, Delegated, Return, Task};
use crate::error::CommandError;
use crate::flow::{Complete, Flow};
use crate::help::wrong_arity;
use crate::parse::{is_word, quoted};
use crate::pause::Paused;
use crate::session::{Session, Turn};
use crate::spec::{BoundRule, Category, Flags, Handler, Keys, Outcome, ShardHandler, Spec};
use crate::table::{self, CommandId};
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

    /// What a refused command does to the transaction it was meant for, and the error it gets.
    fn reject(&mut self, id: Option<CommandId>, error: CommandError) -> CommandError {
        let is_exec = id.is_some_and(|id| id.spec().name == "exec");
        if let (true, CommandError::Text(text)) = (is_exec, &error) {
            self.discard();
            self.state.unwatching = true;
            let reason = text.strip_prefix(b"ERR ").unwrap_or(text);
            let start = b"EXECABORT Transaction discarded because of: ";
            return CommandError::owned([start, reason].concat());
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.abort();
        }
        error
    }

    /// Finds the command and checks what can be checked without running it.
    fn admit(
        &mut self,
        holder: &mut Holder,
        args: Args<'_>,
    ) -> Result<CommandId, (Option<CommandId>, CommandError)> {
        let Some(id) = self.recent.resolve(args) else { return Err((None, unknown(args))) };
        let spec = id.spec();
        let refuse = |error| Err((Some(id), error));
        if !spec.accepts(args.len()) || matches!(spec.run, Handler::Container(None)) {
            return refuse(wrong_arity(spec));
        }
        if self.state.subscribed && self.state.version == Version::Resp2 && !while_subscribed(spec)
        {
            return refuse(CommandError::owned(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
                 RESET are allowed in this context",
                spec.name
            )));
        }
        if self.transaction.is_some() && spec.flags.has(Flags::NO_MULTI) {
            return refuse(CommandError::constant("ERR Command not allowed inside a transaction"));
        }
        if args.extent_bytes() > KEY_BYTES_MAX && spec.writes() {
            let too_long = |index: usize| args.get(index).len() > KEY_BYTES_MAX;
            if spec.keys.positions(args).any(too_long) {
                return refuse(CommandError::KEY_TOO_LONG);
            }
        }
        if self.context.engine().is_memory_limited() && self.may_grow(spec) {
            self.context.check_memory(holder).map_err(|error| (Some(id), error))?;
        }
        Ok(id)
    }

    /// Whether a command is refused while memory is short. Queueing takes memory too.
    fn may_grow(&self, spec: &Spec) -> bool {
        match &self.transaction {
            Some(transaction) if matches!(spec.run, Handler::Control(_)) => {
                spec.name == "exec" && transaction.may_grow()
            }
            Some(_) => true,
            None => spec.flags.has(Flags::DENYOOM),
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
        Handler::Reaching(_, reaches_all) if reaches_all(args) => ShardList::all(router.shards()),
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

/// Log space for an effect beside its key and value: opcode, lengths, deadline, and the removal of
/// an expired entry that the effect replaces.
const EFFECT_BYTES: usize = 128;

/// Log space for an argument that becomes an element of a collection beside its bytes: a length, or
/// half of a score.
const ARGUMENT_BYTES: usize = 8;

/// [`bound_of`] a command that runs in place: without a log nobody asks.
#[inline]
fn bound_in_place(spec: &Spec, args: Args<'_>, holder: &Holder) -> Bound {
    if holder.engine().log().is_some() { bound_of(spec, args) } else { Bound::READ }
}

/// The log space that a command may need, as far as its arguments tell.
pub(crate) fn bound_of(spec: &Spec, args: Args<'_>) -> Bound {
    match spec.bound {
        BoundRule::Read => Bound::READ,
        BoundRule::Release | BoundRule::StoredRelease(_) => Bound::release(keys_bytes(spec, args)),
        BoundRule::ReleaseBy(bytes) => Bound::release(bytes(args) + keys_bytes(spec, args)),
        BoundRule::GrowBy(bytes) => Bound::grow(bytes(args) + keys_bytes(spec, args)),
        BoundRule::Grow | BoundRule::Stored(_) => {
            let bytes = args.payload_bytes() + args.len() * ARGUMENT_BYTES;
            Bound::grow(keys_bytes(spec, args) + bytes as u64)
        }
    }
}

/// Log space for arguments behind the key that become elements, or were some.
pub(crate) fn element_bytes(args: Args<'_>) -> u64 {
    let elements = args.tail(2);
    (elements.payload_bytes() + elements.len() * ARGUMENT_BYTES) as u64
}

fn keys_bytes(spec: &Spec, args: Args<'_>) -> u64 {
    if matches!(spec.run, Handler::AllShards(_)) {
        // An effect for every database on every shard.
        return u64::from(SHARDS_MAX) * EFFECT_BYTES as u64;
    }
    let key_bytes = |index: usize| args.get(index).len() + EFFECT_BYTES;
    let bytes: usize = match spec.keys {
        Keys::One(_) => key_bytes(1),
        keys => keys.positions(args).map(key_bytes).sum(),
    };
    (bytes + EFFECT_BYTES) as u64
}

/// Whether a client of RESP2 may send it while it subscribes: its replies cannot be told from messages.
fn while_subscribed(spec: &Spec) -> bool {
    let subscribes = spec.categories.contains(&Category::PubSub)
        && matches!(spec.run, Handler::Session(_))
        && !spec.name.contains('|');
    subscribes || matches!(spec.name, "ping" | "quit" | "reset")
}

/// Whether the "command" is a line of an HTTP request: a browser was tricked into sending it, and what
/// follows must not be taken for commands.
fn is_http(name: &[u8]) -> bool {
    is_word(name, "POST") || is_word(name, "HOST:")
}

/// There is no such command, or no such subcommand.
fn unknown(args: Args<'_>) -> CommandError {
    let name = args.get(0);
    let is_container = |id: CommandId| matches!(id.spec().run, Handler::Container(_));
    if table::find(name).is_some_and(is_container) {
        let (word, name) = (quoted(args.get(1), 128), quoted(name, 128).to_uppercase());
        return CommandError::owned(format!("ERR unknown subcommand '{word}'. Try {name} HELP."));
    }
    let mut beginning = Vec::new();
    for arg in args.iter().skip(1) {
        if beginning.len() >= 128 {
            break;
        }
        let room = 128 - beginning.len();
        beginning.push(b'\'');
        beginning.extend_from_slice(&arg[..arg.len().min(room)]);
        beginning.extend_from_slice(b"' ");
    }
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(&name[..name.len().min(128)]);
    text.extend_from_slice(b"', with args beginning with: ");
    text.extend_from_slice(&beginning);
    CommandError::owned(text)
}
