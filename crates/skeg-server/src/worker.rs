//! A serving thread: its connections, and what it does in a turn.
//!
//! A turn serves every connection that is ready, then hands all records of the turn to the kernel with one write, then
//! sends the replies, one write a connection. Replies that wait for more than that leave when the log says so.
//!
//! Invariants: latches are held only while a batch of commands runs; no reply leaves before the log
//! is where the reply needs it; a connection in one of the lists has the flag of that list set.

mod upkeep;

use std::time::Duration;

use mio::{Interest, Registry, Token};
use skeg_commands::{Completion, Lane};
use skeg_engine::{Drain, Epoch, Holder, Level, Log, Notify, Subscription, Want};
use skeg_io::sync::Arc;
use skeg_io::sync::atomic::Ordering;

use crate::accept::Gate;
use crate::address::{Address, Inbox, Message};
use crate::connection::{Connection, Flushed, OutputLimits, Served, Tools};
use crate::event_loop::{Readiness, Rest, Turn};
use crate::input::ReadBuffer;
use crate::output::{Reached, Spare};
use crate::server::Shared;
use crate::slab::{Place, Slab};
use crate::spread::WINDOW_MS;
use crate::stats::ThreadStats;
use crate::stream::Stream;

/// Commands of a long turn after which the replies so far are sent.
const SENT_COMMANDS_MAX: u64 = 4_096;

/// A serving thread's own state.
pub(crate) struct Worker {
    number: usize,
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    lane: Arc<Lane>,
    registry: Registry,
    /// Only the first thread accepts and decides about threads.
    gate: Option<Gate>,
    log: Option<Arc<Log>>,
    subscription: Option<Subscription>,
    connections: Slab<Connection>,
    tools: Tools,
    messages: Vec<Message>,
    /// Connections with more to read or to run.
    again: Vec<Place>,
    /// Those of the turn before.
    again_now: Vec<Place>,
    /// Connections with something to send.
    dirty: Vec<Place>,
    /// Connections whose replies wait for the log.
    waiting: Vec<Place>,
    /// Smallest epochs that were asked for and not yet reported, by level.
    asked: [Option<Epoch>; 2],
    /// The log has moved since the waiting connections were looked at.
    log_moved: bool,
    /// In this turn somebody was ready, or replies left that had waited for the log: others of their kind
    /// may be by the next.
    expects_more: bool,
    window: Window,
    /// When a pause of clients ends, as far as this thread knows of one.
    paused_until_ms: Option<u64>,
    /// Commands run when replies were last sent.
    sent_at_commands: u64,
    /// When a server that stops waits no longer.
    deadline_ns: Option<u64>,
    /// The thread that gets all connections, until this one serves new ones.
    leaving: Option<Arc<Inbox>>,
}

/// The current window of load.
struct Window {
    since_ns: u64,
    /// Time on a processor when it began.
    cpu_ns: u64,
    commands: u64,
}

impl Worker {
    pub(crate) fn new(
        number: usize,
        shared: Arc<Shared>,
        inbox: Arc<Inbox>,
        registry: Registry,
        gate: Option<Gate>,
    ) -> Self {
        let engine = shared.context.engine();
        let log = engine.log().cloned();
        let notify = Arc::clone(&inbox) as Arc<dyn Notify>;
        let clock = Arc::clone(&engine.io().clock);
        let now_ns = clock.monotonic_ns();
        Self {
            number,
            lane: shared.context.new_lane(),
            subscription: log.as_ref().map(|log| log.subscribe(notify)),
            tools: Tools {
                holder: Holder::new(engine, Drain::Serve),
                read: ReadBuffer::new(),
                spare: Spare::default(),
                level: engine.level(),
                output_limits: OutputLimits::of(shared.context.config()),
                share_ns: 0,
                anybody_paused: false,
                now_ns,
                now_ms: clock.now_ms(),
                clock,
                commands: 0,
                bytes_in: 0,
                bytes_out: 0,
                reads: 0,
                writes: 0,
            },
            sent_at_commands: 0,
            window: Window { since_ns: now_ns, cpu_ns: skeg_io::thread_cpu_ns(), commands: 0 },
            paused_until_ms: None,
            log,
            shared,
            inbox,
            registry,
            gate,
            connections: Slab::default(),
            messages: Vec::new(),
            again: Vec::new(),
            again_now: Vec::new(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            asked: [None; 2],
            log_moved: false,
            expects_more: false,
            deadline_ns: None,
            leaving: None,
        }
    }

    fn stats(&self) -> &ThreadStats {
        &self.shared.hub.stats.threads[self.number]
    }

    /// Does what other threads asked for.
    fn take_messages(&mut self) {
        let mut messages = std::mem::take(&mut self.messages);
        self.log_moved |= self.inbox.take(&mut messages).log;
        for message in messages.drain(..) {
            match message {
                Message::Completed(place, completion) => self.completed(place, completion),
                Message::Kill(place) => self.close(place),
                Message::Mail(place) => self.take_mail(place),
                Message::Unpaused => self.retry_paused(),
                Message::Serve(stream) => self.open(stream),
                Message::Adopt(connection) => self.adopt(connection),
                Message::Give { to, share } => self.give(to, share),
                Message::Stop => self.stop(),
            }
        }
        self.messages = messages;
    }

    fn completed(&mut self, place: Place, completion: Completion) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.resume(completion, &mut self.tools);
        mark(connection, place, &mut self.dirty, &mut self.again);
        self.leave(place);
    }

    /// Messages have come for a connection.
    fn take_mail(&mut self, place: Place) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.take_mail(&mut self.tools) {
            mark(connection, place, &mut self.dirty, &mut self.again);
        } else {
            self.close(place);
        }
    }

    /// Tries again the commands that wait for the end of a pause.
    fn retry_paused(&mut self) {
        self.tools.anybody_paused = false;
        self.paused_until_ms = self.shared.context.paused_until_ms();
        for place in self.connections.places() {
            let Some(connection) = self.connections.get_mut(place) else { continue };
            connection.retry(&mut self.tools);
            mark(connection, place, &mut self.dirty, &mut self.again);
        }
    }

    /// Serves a new connection.
    fn open(&mut self, mut stream: Stream) {
        stream.tune(Duration::from_secs(self.shared.context.config().keepalive_s()));
        let place = self.connections.next_place();
        if self.register(&mut stream, place).is_err() {
            self.shared.hub.stats.closed();
            return;
        }
        let mail_bytes_max = self.tools.output_limits.mail_bytes();
        let address = Arc::new(Address::new(&self.inbox, place, mail_bytes_max));
        let connection = self.shared.connection(stream, address, &self.lane);
        self.insert(Box::new(connection));
    }

    /// Serves a connection that another thread served before.
    fn adopt(&mut self, mut connection: Box<Connection>) {
        let place = self.connections.next_place();
        connection.address.moved(&self.inbox, place);
        if self.register(&mut connection.stream, place).is_err() || connection.is_killed() {
            self.shared.hub.stats.closed();
            return;
        }
        self.insert(connection);
    }

    fn insert(&mut self, mut connection: Box<Connection>) {
        self.leaving = None;
        connection.arrived(self.tools.now_ns, &self.lane);
        if self.deadline_ns.is_some() {
            connection.end(self.tools.now_ns);
        }
        let place = self.connections.insert(connection);
        if let Some(connection) = self.connections.get_mut(place) {
            connection.is_dirty = true;
            self.dirty.push(place);
            connection.is_again = true;
            self.again.push(place);
        }
    }

    fn register(&self, stream: &mut Stream, place: Place) -> std::io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        mio::event::Source::register(stream, &self.registry, Token(place.to_token()), interest)
    }

    /// Drops a connection.
    fn close(&mut self, place: Place) {
        if let Some(mut connection) = self.connections.remove(place) {
            connection.address.gone();
            let _ = mio::event::Source::deregister(&mut connection.stream, &self.registry);
            self.shared.hub.stats.closed();
        }
    }

    /// Reads no more; ends when everything has been answered, or when it takes too long.
    fn stop(&mut self) {
        let now_ns = self.tools.now_ns;
        let deadline_ns = now_ns.saturating_add(self.shared.hub.patience_ns());
        self.deadline_ns = Some(self.deadline_ns.map_or(deadline_ns, |at| at.min(deadline_ns)));
        self.gate = None;
        for place in self.connections.places() {
            if let Some(connection) = self.connections.get_mut(place) {
                connection.end(now_ns);
                if connection.is_over() || connection.waits_in_vain() {
                    self.close(place);
                }
            }
        }
    }

    fn serve(&mut self, place: Place) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        match connection.serve(&mut self.tools) {
            Served::Gone => self.close(place),
            Served::Again | Served::Idle => {
                mark(connection, place, &mut self.dirty, &mut self.again);
            }
        }
    }

    /// Hands the turn's records to the kernel.
    fn write_log(&self) {
        if let Some(log) = &self.log
            && log.has_unwritten()
        {
            // Whoever else writes, or has no space, looks again; replies wait for what is reached.
            log.try_write();
        }
    }

    /// Sends the replies that may leave; asks the log about the others.
    fn send_replies(&mut self) {
        if self.dirty.is_empty() && !self.log_moved {
            return;
        }
        let mut places = std::mem::take(&mut self.dirty);
        loop {
            if std::mem::take(&mut self.log_moved) {
                self.expects_more = true;
                self.asked = [None; 2];
                places.append(&mut self.waiting);
            }
            let reached = Reached::of(self.log.as_deref());
            let mut wanted: [Option<Epoch>; 2] = [None; 2];
            for place in places.drain(..) {
                if let Some((level, epoch)) = self.flush(place, &reached) {
                    let least = &mut wanted[usize::from(level == Level::Disk)];
                    *least = Some(least.map_or(epoch, |least| least.min(epoch)));
                }
            }
            self.ask(wanted);
            if !self.log_moved {
                break;
            }
        }
        // Its memory is used again; closing may have made others dirty, and those stay.
        if self.dirty.is_empty() {
            self.dirty = places;
        }
    }

    /// Sends what one connection may send; returns what its next reply waits for.
    fn flush(&mut self, place: Place, reached: &Reached) -> Option<(Level, Epoch)> {
        let connection = self.connections.get_mut(place)?;
        (connection.is_dirty, connection.is_waiting) = (false, false);
        match connection.flush(&mut self.tools, reached) {
            Flushed::Done => {
                mark_again(connection, place, &mut self.again);
                None
            }
            Flushed::Waiting(level, epoch) => {
                connection.is_waiting = true;
                self.waiting.push(place);
                Some((level, epoch))
            }
            Flushed::Gone => {
                self.close(place);
                None
            }
        }
    }

    /// Asks the log to tell when these epochs have reached their levels.
    fn ask(&mut self, wanted: [Option<Epoch>; 2]) {
        let Some(subscription) = &self.subscription else { return };
        let mut never = false;
        for (index, level) in [Level::Kernel, Level::Disk].into_iter().enumerate() {
            let Some(epoch) = wanted[index] else { continue };
            if self.asked[index].is_some_and(|asked| asked <= epoch) {
                continue;
            }
            match subscription.want(level, epoch) {
                Want::Waiting => self.asked[index] = Some(epoch),
                Want::Reached => self.log_moved = true,
                Want::Never => never = true,
            }
        }
        if never {
            self.fail_waiting();
            self.log_moved = true;
        }
    }

    fn fail_waiting(&mut self) {
        let reached = Reached::of(self.log.as_deref());
        for place in &self.waiting {
            if let Some(connection) = self.connections.get_mut(*place) {
                connection.fail_waiting(&reached);
            }
        }
    }
}

impl Turn for Worker {
    fn begin(&mut self, now_ns: u64, ready: usize) {
        self.tools.now_ns = now_ns;
        self.tools.share(ready + self.again.len());
        self.sent_at_commands = self.tools.commands;
        self.expects_more = ready > 0;
        self.tools.now_ms = self.tools.clock.now_ms();
        std::mem::swap(&mut self.again, &mut self.again_now);
        self.take_messages();
    }

    fn acceptable(&mut self, listener: usize) {
        self.accept(Some(listener));
    }

    fn ready(&mut self, place: Place, readiness: Readiness) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.note(readiness);
        if connection.waits_in_vain() {
            return self.close(place);
        }
        if connection.is_again {
            return;
        }
        self.serve(place);
        if self.tools.commands - self.sent_at_commands > SENT_COMMANDS_MAX {
            // Those that were served first do not wait for the last.
            self.write_log();
            self.send_replies();
            self.sent_at_commands = self.tools.commands;
        }
    }

    fn end(&mut self) -> Rest {
        if self.gate.as_ref().is_some_and(|gate| gate.more) {
            if let Some(gate) = &mut self.gate {
                gate.more = false;
            }
            self.accept(None);
        }
        let mut places = std::mem::take(&mut self.again_now);
        for place in places.drain(..) {
            if let Some(connection) = self.connections.get_mut(place) {
                connection.is_again = false;
                self.serve(place);
            }
        }
        self.again_now = places;
        // What was delegated may be done by now: its reply leaves in this turn.
        self.take_messages();
        self.follow_pause();
        self.write_log();
        self.send_replies();
        if self.tools.now_ns - self.window.since_ns >= WINDOW_MS * 1_000_000 {
            self.tick();
        }
        self.publish();
        if !self.expects_more
            && let Some(subscription) = &self.subscription
        {
            subscription.gathered();
        }
        self.rest()
    }
}

impl Worker {
    /// Notices when the time of a pause is up that connections wait for.
    fn follow_pause(&mut self) {
        if self.tools.anybody_paused {
            self.paused_until_ms = self.shared.context.paused_until_ms();
            if self.paused_until_ms.is_none() {
                self.retry_paused();
            }
        }
    }

    fn rest(&self) -> Rest {
        if let Some(deadline_ns) = self.deadline_ns
            && (self.connections.len() == 0 || self.tools.now_ns >= deadline_ns)
        {
            return Rest::Over;
        }
        let more = self.gate.as_ref().is_some_and(|gate| gate.more);
        if more || !self.again.is_empty() || !self.messages.is_empty() || self.log_moved {
            return Rest::None;
        }
        if self.expects_more && self.subscription.as_ref().is_some_and(Subscription::is_gathering) {
            return Rest::None;
        }
        let anybody = match &self.gate {
            Some(gate) => gate.short || self.shared.hub.stats.clients.load(Ordering::Relaxed) > 0,
            None => self.connections.len() > 0,
        };
        let nap_ms = self.paused_until_ms.map_or(WINDOW_MS, |until_ms| {
            until_ms.saturating_sub(self.tools.now_ns / 1_000_000).clamp(1, WINDOW_MS)
        });
        Rest::Up(anybody.then_some(Duration::from_millis(nap_ms)))
    }
}

/// Puts a connection that was served into the lists that it belongs to.
fn mark(connection: &mut Connection, place: Place, dirty: &mut Vec<Place>, again: &mut Vec<Place>) {
    if !connection.is_dirty && connection.wants_flush() {
        connection.is_dirty = true;
        dirty.push(place);
    }
    mark_again(connection, place, again);
}

fn mark_again(connection: &mut Connection, place: Place, again: &mut Vec<Place>) {
    if !connection.is_again && connection.has_more() {
        connection.is_again = true;
        again.push(place);
    }
}
