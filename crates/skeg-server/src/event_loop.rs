//! The loop of a serving thread: wait, handle everything that is ready, end the turn.
//!
//! This is the only file that polls. What happens in a turn is behind [`Turn`], so another way to wait (io_uring,
//! a runtime) replaces this file and [`crate::stream`] only. Why mio: `docs/decisions/0004-connection-loop.md`.
//!
//! Invariants: readiness is edge-triggered, so a turn remembers what it has not used up; the end of a turn
//! comes after everything that was ready, and before the next sleep.

use std::time::Duration;

use mio::{Events, Poll, Token};
use skeg_io::Clock;

use crate::mailbox::{Mailbox, Wake};
use crate::slab::Place;

/// What the waker of a mailbox reports.
pub(crate) const WAKER: Token = Token(usize::MAX);
/// Listener `n` reports this less `n`; no [`Place`] reaches so high.
const LISTENERS: usize = usize::MAX - 1;
/// Events that one wait returns at most.
const EVENTS_MAX: usize = 1_024;

/// What a connection may do now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer has ended: a read will find the end, behind what is still there.
    pub(crate) ended: bool,
}

/// How long the thread may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Not at all: there is more to do.
    None,
    /// Until something happens, and so long at most.
    Up(Option<Duration>),
    /// The loop ends.
    Over,
}

/// What a thread does between two waits.
pub(crate) trait Turn {
    /// A turn begins: at this moment of the monotonic clock, with so many that are ready.
    fn begin(&mut self, now_ns: u64, ready: usize);

    /// Connections wait at a listener.
    fn acceptable(&mut self, listener: usize);

    /// A connection is ready.
    fn ready(&mut self, place: Place, readiness: Readiness);

    /// Everything that was ready has been handled.
    fn end(&mut self) -> Rest;
}

/// The token of a listener.
pub(crate) fn listener_token(index: usize) -> Token {
    Token(LISTENERS - index)
}

/// Takes turns until one says that it is over.
pub(crate) fn run<M: Send, W: Wake>(
    mut poll: Poll,
    listeners: usize,
    mailbox: &Mailbox<M, W>,
    clock: &dyn Clock,
    turn: &mut impl Turn,
) {
    let mut events = Events::with_capacity(EVENTS_MAX);
    turn.begin(clock.monotonic_ns(), 0);
    loop {
        let timeout = match turn.end() {
            Rest::Over => return,
            Rest::None => Some(Duration::ZERO),
            Rest::Up(limit) if mailbox.may_sleep() => limit,
            Rest::Up(_) => Some(Duration::ZERO),
        };
        // The only error of a valid poller is an interruption: then nothing is ready.
        if poll.poll(&mut events, timeout).is_err() {
            events.clear();
        }
        mailbox.awake();
        turn.begin(clock.monotonic_ns(), events.iter().count());
        for event in &events {
            let token = event.token();
            if token == WAKER {
                continue;
            }
            if token.0 > LISTENERS - listeners {
                turn.acceptable(LISTENERS - token.0);
                continue;
            }
            let ended = event.is_read_closed() || event.is_error();
            let readable = event.is_readable() || ended;
            let readiness = Readiness { readable, writable: event.is_writable(), ended };
            turn.ready(Place::from_token(token.0), readiness);
        }
    }
}
