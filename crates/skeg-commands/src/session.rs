//! A session: what one client has selected, queued and watched.
//!
//! Invariants: commands of a session take effect in the order they were given; while one is pending
//! the session runs no other. What a delegated command changes about the session comes back with
//! its completion.
//!
//! May not know: sockets, buffers, TLS.

use skeg_engine::{Epoch, Holder, Level, Receipt, WatchFlag, WatchedKey};
use skeg_io::sync::Arc;
use skeg_proto::{Args, ArgsBuf, FirstArguments, Reply, Version};

use crate::clients::{Client, Connection, Incoming, Origin};
use crate::context::Context;
use crate::cx::{Replies, State};
use crate::flow::{Complete, Completion, Flow};
use crate::spec::{Flags, Spec};
use crate::stats::Lane;
use crate::subscriptions;
use crate::table::Recent;
use crate::transaction::Transaction;

/// One client's side of the conversation.
#[derive(Debug)]
pub struct Session {
    pub(crate) context: Arc<Context>,
    pub(crate) client: Arc<Client>,
    /// Of the thread that runs its commands.
    pub(crate) lane: Arc<Lane>,
    pub(crate) state: State,
    /// The state that the registry knows.
    noted: State,
    pub(crate) transaction: Option<Box<Transaction>>,
    pub(crate) watching: Option<Box<Watching>>,
    /// The epoch of the newest effect of this session.
    pub(crate) written: Epoch,
    /// The command that was called last.
    pub(crate) recent: Recent,
    level: Level,
    /// A command that waits for the end of a pause.
    pub(crate) parked: Option<Box<ArgsBuf>>,
    /// Whether the transport can keep a command waiting.
    pub(crate) can_wait: bool,
}

/// What WATCH has registered.
#[derive(Clone, Debug)]
pub(crate) struct Watching {
    pub(crate) flag: Arc<WatchFlag>,
    pub(crate) keys: Vec<WatchedKey>,
}

/// A session in the middle of a command that acts on the session itself.
pub struct Turn<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) holder: &'a mut Holder,
    pub(crate) complete: &'a Arc<dyn Complete>,
    pub(crate) spec: &'static Spec,
}

impl std::fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("spec", &self.spec.name).finish_non_exhaustive()
    }
}

impl Session {
    /// A session for a client that has just arrived. `lane` counts for the thread that serves it.
    #[must_use]
    pub fn new(
        context: &Arc<Context>,
        lane: &Arc<Lane>,
        origin: Origin,
        connection: Arc<dyn Connection>,
    ) -> Self {
        let client = context.clients().add(origin, connection, lane, context.engine().now_ms());
        Self {
            context: Arc::clone(context),
            client,
            lane: Arc::clone(lane),
            state: State::default(),
            noted: State::default(),
            transaction: None,
            watching: None,
            written: Epoch::default(),
            recent: Recent::default(),
            level: context.engine().level(),
            parked: None,
            can_wait: false,
        }
    }

    /// What the registry knows of this client; the transport updates it.
    #[must_use]
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Changes the version of the protocol, for a transport that has only one: as HELLO does, whatever the
    /// session is in the middle of.
    pub fn speak(&mut self, version: Version) {
        self.state.version = version;
    }

    /// The level that this session's own writes must reach before their replies leave.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Asks for a higher level than the engine's default; a lower one counts as the default.
    pub fn set_level(&mut self, level: Level) {
        self.level = level.max(self.context.engine().level());
    }

    /// An epoch that is no older than anything that commands of this session have seen.
    #[must_use]
    pub fn newest(&self) -> Epoch {
        self.context.engine().log().map_or(Epoch::default(), |log| log.last_epoch())
    }

    /// Whether commands are queued for EXEC.
    #[must_use]
    pub fn is_queueing(&self) -> bool {
        self.transaction.is_some()
    }

    /// Whether the client is to be told of a request that no command could be executed for: it counts as one for
    /// CLIENT REPLY.
    pub fn takes_refusal(&mut self) -> bool {
        match self.state.replies {
            Replies::On => true,
            Replies::Off => false,
            Replies::SkipNext | Replies::SkipThis => {
                self.state.replies = Replies::On;
                false
            }
        }
    }

    /// Runs one command, `args[0]` its name. The reply is appended to `reply`, unless the result is
    /// [`Flow::Pending`]: then `complete` gets it, and nothing may be executed until
    /// [`Session::resume`]. The holder may keep latches for the next command; the transport
    /// releases it at the end of a batch.
    pub fn execute(
        &mut self,
        holder: &mut Holder,
        args: &Args<'_>,
        reply: &mut Reply,
        complete: &Arc<dyn Complete>,
    ) -> Flow {
        if args.is_empty() {
            return Flow::done();
        }
        let start = reply.len();
        if reply.version() != self.state.version {
            reply.set_version(self.state.version);
        }
        let flow = self.dispatch(holder, *args, reply, complete);
        if let Flow::Done(receipt) | Flow::Close(receipt) = &flow {
            self.written = self.written.max(receipt.written);
            if self.state != self.noted || self.state.replies != Replies::On {
                return self.settle(holder, flow, reply, start);
            }
        } else if matches!(flow, Flow::Paused) {
            self.client.note_blocked(true);
        }
        flow
    }

    /// Another thread runs its commands from now on: that one's lane counts them.
    pub fn moved(&mut self, lane: &Arc<Lane>) {
        self.lane = Arc::clone(lane);
    }

    /// Calls off the pending command: if it waits for keys, or is about to, it ends with an error;
    /// otherwise it ends as it would have.
    pub fn call_off(&self) {
        self.client.call_off(self.context.engine());
    }

    /// Says that the transport understands [`Flow::Paused`]; without it no command is held up.
    pub fn allow_pauses(&mut self) {
        self.can_wait = true;
    }

    /// Tries again the command that ended in [`Flow::Paused`].
    pub fn retry(
        &mut self,
        holder: &mut Holder,
        reply: &mut Reply,
        complete: &Arc<dyn Complete>,
    ) -> Flow {
        self.client.note_blocked(false);
        match self.parked.take() {
            Some(args) => self.execute(holder, &args.as_args(), reply, complete),
            None => Flow::done(),
        }
    }

    /// Fetches what commands with these arguments will read, before they are executed: see
    /// [`Holder::touch`]. What is no key of theirs, or no element, does no harm.
    pub fn touch<'k>(
        &self,
        holder: &mut Holder,
        commands: impl Iterator<Item = FirstArguments<'k>>,
    ) {
        // Commands mostly repeat the one before; one that is not fast walks, and looks no element up.
        let looks_up = self.recent.spec().is_none_or(|spec| spec.flags.has(Flags::FAST));
        holder.touch(self.state.db, commands, looks_up);
    }

    /// Takes the result of a pending command: appends its reply and says how the session goes on.
    pub fn resume(
        &mut self,
        holder: &mut Holder,
        completion: Completion,
        reply: &mut Reply,
    ) -> Flow {
        let Completion { reply: theirs, receipt, state } = completion;
        let start = reply.len();
        self.client.stop_waiting();
        self.state = state;
        reply.set_version(self.state.version);
        reply.append(&theirs);
        self.written = self.written.max(receipt.written);
        self.settle(holder, Flow::Done(receipt), reply, start)
    }

    /// Writes what has reached this client, unless its subscription has ended meanwhile;
    /// `false`: nothing was written. It may leave when its epoch has reached the engine's level.
    pub fn write_incoming(&self, incoming: &Incoming, reply: &mut Reply) -> bool {
        reply.set_version(self.state.version);
        match incoming {
            Incoming::Message(delivery) => {
                let is_wanted = self.client.subscriptions().has(delivery.topic, &delivery.name);
                if is_wanted {
                    subscriptions::write_message(reply, delivery);
                }
                is_wanted
            }
            Incoming::Command(line) => {
                let is_wanted = self.client.is_monitoring();
                if is_wanted {
                    reply.simple(line);
                }
                is_wanted
            }
        }
    }

    /// Whether the client takes what it did not ask for just now, of subscriptions or of MONITOR: another
    /// class of clients, with limits of its own.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.state.subscribed || self.client.is_monitoring()
    }

    /// What commands leave to be done to the session.
    fn settle(&mut self, holder: &mut Holder, flow: Flow, reply: &mut Reply, start: usize) -> Flow {
        // Confirmations of subscriptions are messages, which REPLY does not concern.
        let start = if std::mem::take(&mut self.state.confirming) { reply.len() } else { start };
        match self.state.replies {
            Replies::On => {}
            Replies::Off => reply.truncate(start),
            Replies::SkipNext => {
                reply.truncate(start);
                self.state.replies = Replies::SkipThis;
            }
            Replies::SkipThis => {
                reply.truncate(start);
                self.state.replies = Replies::On;
            }
        }
        if std::mem::take(&mut self.state.unwatching) {
            self.unwatch(holder);
        }
        self.client.note_state(self.state.db, self.state.version);
        self.noted = self.state;
        match flow {
            Flow::Done(receipt) if self.state.closing => Flow::Close(receipt),
            other => other,
        }
    }

    /// What the receipt of a session's own write and the level it asks for say: whether its reply
    /// may leave, given what the log has reached.
    #[must_use]
    pub fn may_leave(&self, receipt: &Receipt) -> bool {
        let engine = self.context.engine();
        engine.log().is_none_or(|log| {
            receipt.written <= log.reached(self.level)
                && receipt.seen <= log.reached(engine.level())
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(waiter) = self.client.stop_waiting() {
            self.context.engine().abandon(&waiter);
        }
        subscriptions::remove_all(&self.context, &self.client);
        self.context.stop_to_monitor(&self.client);
        self.context.clients().remove(self.client.id());
        if let Some(watching) = self.watching.take() {
            self.context.engine().unwatch_later(watching.flag, watching.keys);
        }
    }
}
