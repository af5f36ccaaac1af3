//! Commands that cannot run at once: they own their arguments, queue at the shards they need, and
//! send their reply back to the session's thread.

use skeg_engine::{Bound, Epoch, Exec, Job, Progress, Receipt, Refusal, ShardList};
use skeg_io::sync::Arc;
use skeg_proto::{Args, ArgsBuf, Reply};

use crate::clients::Client;
use crate::context::Context;
use crate::cx::{Cx, State};
use crate::dispatch;
use crate::error::CommandError;
use crate::flow::{Complete, Completion};
use crate::spec::{Outcome, ShardHandler, Spec};
use crate::table;
use crate::timing::Started;

/// What a delegated command does under its latches. It may run more than once: a run that must wait
/// for log space has changed nothing.
pub(crate) trait Task: Send {
    /// Runs and replies.
    fn run(&mut self, exec: &mut Exec<'_>, cx: &mut Cx<'_>, reply: &mut Reply) -> Outcome;
}

/// A command with its arguments.
pub(crate) struct CommandTask {
    pub(crate) run: ShardHandler,
    pub(crate) args: ArgsBuf,
}

impl Task for CommandTask {
    fn run(&mut self, exec: &mut Exec<'_>, cx: &mut Cx<'_>, reply: &mut Reply) -> Outcome {
        let (context, client, args) = (cx.context, cx.client, self.args.as_args());
        let started = Started::now_if(context, context.timing().wants(cx.spec, args));
        let outcome = dispatch::run_on(cx.spec, self.run, exec, cx, args, reply);
        if exec.must_wait() {
            return outcome;
        }
        if let (Some(started), Some(id)) = (started, table::find(cx.spec.name.as_bytes())) {
            started.end(context, client, id, args);
            context.timing().monitors.show(cx, args);
        }
        outcome
    }
}

/// The way back to the session: its reply, its state, and whoever waits.
pub(crate) struct Return {
    pub(crate) context: Arc<Context>,
    pub(crate) client: Arc<Client>,
    pub(crate) spec: &'static Spec,
    pub(crate) reply: Reply,
    pub(crate) state: State,
    pub(crate) complete: Arc<dyn Complete>,
    /// As in [`Cx`].
    pub(crate) written: Epoch,
    /// The session goes no further before this is done, so that nothing of it is overtaken.
    pub(crate) is_awaited: bool,
}

impl Return {
    /// As if the command had not run before.
    pub(crate) fn start_again(&mut self, before: State) {
        self.reply.clear();
        self.reply.set_version(before.version);
        self.state = before;
    }

    /// What a run of the command sees, and where it replies.
    pub(crate) fn parts(&mut self) -> (Cx<'_>, &mut Reply) {
        let Self { context, client, spec, reply, state, written, .. } = self;
        (Cx { context, client, state, spec, written: *written }, reply)
    }

    /// Shows the command to those who monitor.
    pub(crate) fn show(&mut self, args: Args<'_>) {
        let (cx, _) = self.parts();
        cx.context.timing().monitors.show(&cx, args);
    }

    /// Counts a call that ended in an error.
    pub(crate) fn count_failure(&self) {
        let id = table::find(self.spec.name.as_bytes());
        id.into_iter().for_each(|id| self.client.stats().failed(id));
    }

    /// Sends what was replied, or the error.
    pub(crate) fn send(self, outcome: Result<Receipt, CommandError>) {
        let Self { mut reply, state, complete, .. } = self;
        let receipt = outcome.unwrap_or_else(|error| {
            reply.clear();
            error.write_to(&mut reply);
            Receipt::default()
        });
        complete.complete(Completion { reply, receipt, state });
    }
}

/// A task on its way to its shards.
pub(crate) struct Delegated {
    task: Box<dyn Task>,
    shards: ShardList,
    bound: Bound,
    /// The state that every run starts from.
    before: State,
    failed: bool,
    back: Return,
}

impl Delegated {
    pub(crate) fn new(task: Box<dyn Task>, shards: ShardList, bound: Bound, back: Return) -> Self {
        Self { task, shards, bound, before: back.state, failed: false, back }
    }
}

impl Job for Delegated {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        self.bound
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        self.back.start_again(self.before);
        let (mut cx, reply) = self.back.parts();
        let outcome = self.task.run(exec, &mut cx, reply);
        self.failed = outcome.is_err();
        if let Err(error) = outcome {
            reply.clear();
            error.write_to(reply);
        }
        Progress::Done
    }

    fn keeps_place(&self) -> bool {
        !self.back.is_awaited
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        if self.failed || outcome.is_err() {
            self.back.count_failure();
        }
        self.back.send(outcome.map_err(CommandError::Refused));
    }
}
