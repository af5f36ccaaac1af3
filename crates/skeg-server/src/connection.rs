//! One client's connection: bytes in, commands run, replies out.
//!
//! Invariants: commands of a connection take effect in the order in which they were sent, and replies
//! leave in it; nothing is read while a command is pending or too many replies wait to leave; one
//! turn serves a connection for a bounded time.

mod framed;
mod limits;
mod replies;
mod spell;

use skeg_commands::{Buffers, Flow, Lane, Session};
use skeg_engine::{Holder, Level};
use skeg_io::Clock;
use skeg_io::sync::Arc;
use skeg_proto::frame::Frame;
use skeg_proto::{Limits, Parsed, Parser};

pub(crate) use self::limits::OutputLimits;
pub(crate) use self::replies::Flushed;
use self::replies::note;
use self::spell::Spell;
use crate::address::Address;
use crate::event_loop::Readiness;
use crate::frames::Frames;
use crate::input::{Filled, Input, ReadBuffer, Window};
use crate::output::{Output, Spare};
use crate::stream::Stream;

/// Time that a turn divides among the connections that are ready, in nanoseconds.
const TURN_NS: u64 = 4_000_000;
/// The least and the most that one of them gets.
const SHARE_NS_MIN: u64 = 100_000;
const SHARE_NS_MAX: u64 = 1_000_000;
/// More bytes than one small command: several may follow.
const MANY_BYTES: usize = 128;
const _: () =
    assert!(Parser::AHEAD_MAX == Holder::TOUCHED_KEYS_MAX, "each look fetches what it found");
/// Unsent replies above which no more commands of the connection are run, in bytes.
const UNSENT_PAUSE_BYTES: usize = 1 << 20;
/// Time that a pending command goes on for a peer that has ended, in nanoseconds.
const LEFT_ALONE_NS_MAX: u64 = 1_000_000_000;
/// Time that a peer has to read what is left when its connection is closed, in nanoseconds.
const CLOSING_NS_MAX: u64 = 10_000_000_000;

/// Time in which the peer of a connection that ends has to take something of what is left, in nanoseconds.
const STALLED_NS_MAX: u64 = 1_000_000_000;
/// What a thread lends to the connection that it serves.
pub(crate) struct Tools {
    pub(crate) holder: Holder,
    pub(crate) read: ReadBuffer,
    pub(crate) spare: Spare,
    pub(crate) clock: Arc<dyn Clock>,
    /// The level that replies wait for at least.
    pub(crate) level: Level,
    /// How many unsent replies a client may leave.
    pub(crate) output_limits: OutputLimits,
    /// A connection of this thread waits for the end of a pause.
    pub(crate) anybody_paused: bool,
    /// Time that the turn gives to each connection.
    pub(crate) share_ns: u64,
    /// When the turn began, by the monotonic clock.
    pub(crate) now_ns: u64,
    /// The wall clock of the turn.
    pub(crate) now_ms: u64,
    pub(crate) commands: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

impl Tools {
    /// Divides the turn among the connections that are ready.
    pub(crate) fn share(&mut self, ready: usize) {
        self.share_ns = (TURN_NS / ready.max(1) as u64).clamp(SHARE_NS_MIN, SHARE_NS_MAX);
    }
}

/// What a connection needs after it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// Nothing until it is ready again.
    Idle,
    /// Another turn: there is more to read or to run.
    Again,
    /// To be dropped: the peer is gone.
    Gone,
}

/// Why a batch ended.
enum Stop {
    /// Bytes are missing; so many at least.
    Partial(usize),
    /// Enough for this turn.
    Enough,
    /// A command runs elsewhere.
    Pending,
    /// A command waits for the end of a pause.
    Paused,
    /// The connection is to be closed.
    Close,
}

/// What a connection speaks: its first bytes say it.
enum Protocol {
    /// None have arrived; the limits that it will have.
    Unknown(Limits),
    Resp,
    Frames(Box<Frames>),
}

/// One client's connection.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    session: Session,
    pub(crate) address: Arc<Address>,
    complete: Arc<dyn skeg_commands::Complete>,
    parser: Parser,
    protocol: Protocol,
    input: Input,
    output: Output,
    /// Bytes that the unfinished command needs at least.
    wanted: usize,
    /// The socket may have bytes to read.
    readable: bool,
    /// The socket may take bytes.
    writable: bool,
    /// The peer has ended; the end may lie behind bytes.
    peer_ended: bool,
    /// `input` may hold whole commands.
    unparsed: bool,
    /// A command runs elsewhere.
    pub(crate) pending: bool,
    /// A command waits for the end of a pause.
    paused: bool,
    /// Nothing more is read; it is closed when all replies have left.
    ending: bool,
    /// When it began to end, by the monotonic clock.
    ended_ns: u64,
    /// Since when more replies are unsent than the soft limit allows.
    over_soft_since_ns: Option<u64>,
    /// When its peer last sent something, or began to end or took something since, by the monotonic clock.
    pub(crate) active_ns: u64,
    /// Commands since the last window.
    pub(crate) window_commands: u32,
    /// It is in the thread's list of connections to serve again.
    pub(crate) is_again: bool,
    /// It is in the thread's list of connections with something to send.
    pub(crate) is_dirty: bool,
    /// It is in the thread's list of connections that wait for the log.
    pub(crate) is_waiting: bool,
}

impl Connection {
    pub(crate) fn new(
        stream: Stream,
        mut session: Session,
        address: Arc<Address>,
        limits: Limits,
    ) -> Self {
        session.allow_pauses();
        Self {
            stream,
            session,
            complete: Arc::clone(&address) as Arc<dyn skeg_commands::Complete>,
            address,
            parser: Parser::new(limits),
            protocol: Protocol::Unknown(limits),
            input: Input::default(),
            output: Output::new(),
            wanted: 1,
            readable: true,
            writable: true,
            peer_ended: false,
            unparsed: false,
            pending: false,
            paused: false,
            ending: false,
            ended_ns: 0,
            over_soft_since_ns: None,
            active_ns: 0,
            window_commands: 0,
            is_again: false,
            is_dirty: false,
            is_waiting: false,
        }
    }

    /// The socket is ready for something.
    pub(crate) fn note(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.writable |= readiness.writable;
        self.peer_ended |= readiness.ended;
    }

    /// Whether there is something to send that the socket may take, or nothing more to wait for.
    pub(crate) fn wants_flush(&self) -> bool {
        self.writable && self.output.len() > 0 || self.is_over()
    }

    /// Whether nothing is left to do before it may be dropped.
    pub(crate) fn is_over(&self) -> bool {
        self.ending && !self.pending && !self.paused && self.output.len() == 0
    }

    /// Reads no more; it is over when what is parsed has been answered.
    pub(crate) fn end(&mut self, now_ns: u64) {
        if !self.ending {
            self.ending = true;
            self.ended_ns = now_ns;
            self.active_ns = now_ns;
        }
    }

    /// It has come to the thread that serves it now.
    pub(crate) fn arrived(&mut self, now_ns: u64, lane: &Arc<Lane>) {
        self.session.moved(lane);
        (self.is_again, self.is_dirty, self.is_waiting) = (false, false, false);
        // What the poller of the thread before knew is not known here.
        (self.readable, self.writable) = (true, true);
        self.active_ns = now_ns;
    }

    /// Whether CLIENT KILL has ended it.
    pub(crate) fn is_killed(&self) -> bool {
        self.session.client().is_killed()
    }

    /// Whether its command waits for keys although the peer has ended, or the server: what it would
    /// be served must stay for others.
    pub(crate) fn waits_in_vain(&self) -> bool {
        self.pending && (self.peer_ended || self.ending) && self.session.client().waits_for_keys()
    }

    /// Whether it has been silent, or closing, for too long.
    pub(crate) fn is_overdue(&mut self, now_ns: u64, idle_ns: u64, limits: &OutputLimits) -> bool {
        let silent_ns = now_ns.saturating_sub(self.active_ns);
        let is_listening = self.session.is_listening();
        self.address.set_mail_bytes_max(limits.mail_bytes());
        let limits = limits.of_class(is_listening);
        if self.output.len() > limits.soft_bytes {
            let since_ns = *self.over_soft_since_ns.get_or_insert(now_ns);
            if now_ns - since_ns > limits.soft_ns {
                return true;
            }
        } else {
            self.over_soft_since_ns = None;
        }
        if self.waits_in_vain() {
            return true;
        }
        if self.ending {
            let is_stalled = !self.writable && silent_ns > STALLED_NS_MAX;
            return is_stalled || now_ns.saturating_sub(self.ended_ns) > CLOSING_NS_MAX;
        }
        if self.pending || self.paused {
            return self.peer_ended && silent_ns > LEFT_ALONE_NS_MAX;
        }
        idle_ns > 0 && silent_ns > idle_ns && !is_listening
    }

    /// A window of load is over: tells the registry what has happened in it.
    pub(crate) fn end_window(&mut self, tools: &Tools) {
        if self.window_commands == 0 && self.output.len() == 0 && self.input.len() == 0 {
            return;
        }
        let client = self.session.client();
        if self.window_commands > 0 {
            client.touch(tools.now_ms);
        }
        client.set_buffers(Buffers {
            query_bytes: self.input.len() as u64,
            query_capacity_bytes: self.input.memory_bytes() as u64,
            output_bytes: self.output.memory_bytes() as u64,
        });
        self.window_commands = 0;
    }

    /// Whether another thread may serve it: a completion, or the end of a pause, is looked for here.
    pub(crate) fn may_move(&self) -> bool {
        !self.pending && !self.paused
    }

    /// Whether commands could run now, if there were any.
    fn may_run(&self) -> bool {
        !self.pending && !self.paused && !self.ending && self.output.len() <= UNSENT_PAUSE_BYTES
    }

    /// Whether something to read or to run is known to be left.
    pub(crate) fn has_more(&self) -> bool {
        self.may_run() && (self.unparsed || self.readable)
    }

    /// Reads once, or takes what an earlier read left, and runs the commands in it.
    pub(crate) fn serve(&mut self, tools: &mut Tools) -> Served {
        if !self.may_run() {
            return Served::Idle;
        }
        let mut window = Window::Own;
        if !self.unparsed {
            if !self.readable {
                return Served::Idle;
            }
            let filled;
            (filled, window) = self.input.read(&mut self.stream, &mut tools.read, self.wanted);
            match filled {
                Filled::Bytes { count, more } => {
                    self.readable = more || self.peer_ended;
                    self.active_ns = tools.now_ns;
                    tools.bytes_in += count as u64;
                    tools.reads += 1;
                }
                Filled::Nothing => {
                    self.readable = false;
                    return Served::Idle;
                }
                Filled::End => {
                    self.end(tools.now_ns);
                    return if self.is_over() { Served::Gone } else { Served::Idle };
                }
                Filled::Broken => return Served::Gone,
            }
        }
        self.limit_output(tools);
        let (consumed, stop) = self.run(tools, window);
        self.input.consume(&tools.read, window, consumed);
        self.unparsed = false;
        match stop {
            Stop::Partial(wanted) => self.wanted = wanted,
            Stop::Enough => self.unparsed = self.input.len() > 0,
            Stop::Pending => {
                self.pending = true;
                self.unparsed = self.input.len() > 0;
            }
            Stop::Paused => {
                self.paused = true;
                tools.anybody_paused = true;
                self.unparsed = self.input.len() > 0;
            }
            Stop::Close => self.end(tools.now_ns),
        }
        if self.output.is_over() {
            return Served::Gone;
        }
        if self.has_more() { Served::Again } else { Served::Idle }
    }

    /// Runs the commands in the window; returns how many bytes they were.
    fn run(&mut self, tools: &mut Tools, window: Window) -> (usize, Stop) {
        if let Protocol::Unknown(limits) = self.protocol {
            self.protocol = match Frame::begins(self.input.window(&tools.read, window)) {
                Some(true) => Protocol::Frames(Box::new(Frames::new(limits))),
                Some(false) => Protocol::Resp,
                None => return (0, Stop::Partial(2)),
            };
        }
        if matches!(self.protocol, Protocol::Frames(_)) {
            return self.run_frames(tools, window);
        }
        let Tools { holder, read, spare, clock, level, share_ns, .. } = tools;
        let Self { session, parser, input, output, complete, .. } = self;
        let bytes = input.window(read, window);
        let mut at = 0;
        let mut spell = Spell::default();
        let stop = loop {
            if !parser.is_ahead() && bytes.len() - at > MANY_BYTES {
                session.touch(holder, parser.look_ahead(&bytes[at..]));
            }
            let args = match parser.next(&bytes[at..]) {
                Ok(Parsed::Command { args, consumed }) => {
                    at += consumed;
                    args
                }
                Ok(Parsed::Partial { consumed, wanted }) => {
                    at += consumed;
                    break Stop::Partial(wanted);
                }
                Err(error) => {
                    output.writer(spare).error(&format!("ERR {error}"));
                    break Stop::Close;
                }
            };
            let start = output.end();
            let flow = session.execute(holder, &args, output.writer(spare), complete);
            spell.count();
            match flow {
                Flow::Done(receipt) => note(output, start, receipt, *level, session.level()),
                Flow::Pending => break Stop::Pending,
                Flow::Paused => break Stop::Paused,
                Flow::Close(receipt) => {
                    note(output, start, receipt, *level, session.level());
                    break Stop::Close;
                }
            }
            if spell.is_over(holder, &**clock, *share_ns) || output.len() > UNSENT_PAUSE_BYTES {
                break Stop::Enough;
            }
        };
        holder.release();
        tools.commands += u64::from(spell.commands());
        self.window_commands += spell.commands();
        (at, stop)
    }
}
