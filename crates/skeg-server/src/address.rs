//! Where a connection is: for whatever reaches it from other threads.
//!
//! Invariants: a connection with a command pending or paused does not move, so a completion always finds it;
//! messages wait here until their connection takes them, also when it moves meanwhile; what waits is
//! bounded, and a connection that goes beyond it is closed.

use skeg_commands::{Complete, Completion, Incoming};
use skeg_engine::Notify;
use skeg_io::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use skeg_io::sync::{Arc, Mutex};

use crate::connection::Connection;
use crate::mailbox::Mailbox;
use crate::slab::Place;
use crate::stream::Stream;

/// What a serving thread is told.
pub(crate) enum Message {
    /// A pending command is over.
    Completed(Place, Completion),
    /// Messages wait at the address of this connection.
    Mail(Place),
    /// The pause of clients is over, or may be.
    Unpaused,
    /// CLIENT KILL has named this connection.
    Kill(Place),
    /// A new connection is to be served here.
    Serve(Stream),
    /// A connection moves here.
    Adopt(Box<Connection>),
    /// A share of the load (in thousandths) moves to this thread; all connections, if it is 1,000.
    Give { to: usize, share: u32 },
    /// The server stops: nothing more is read, what is parsed is finished.
    Stop,
}

impl Notify for Inbox {
    fn notify(&self) {
        self.log_moved();
    }

    fn gathers(&self) -> bool {
        true
    }
}

/// The mailbox of a serving thread.
pub(crate) type Inbox = Mailbox<Message, mio::Waker>;

/// Where a connection is.
pub(crate) struct Address {
    at: Mutex<(Arc<Inbox>, Place)>,
    gone: AtomicBool,
    mail: Mutex<Mail>,
    /// Bytes of messages that may wait.
    mail_bytes_max: AtomicUsize,
}

/// Messages that wait for their connection.
#[derive(Debug, Default)]
struct Mail {
    waiting: Vec<Incoming>,
    bytes: usize,
    /// The connection was told.
    is_announced: bool,
    /// There were more than may wait, so none does.
    overflowed: bool,
}

/// Bytes of memory that a waiting message takes beside what it says.
const MESSAGE_BYTES: usize = 64;

impl Address {
    pub(crate) fn new(inbox: &Arc<Inbox>, place: Place, mail_bytes_max: usize) -> Self {
        Self {
            at: Mutex::new((Arc::clone(inbox), place)),
            gone: AtomicBool::new(false),
            mail: Mutex::default(),
            mail_bytes_max: AtomicUsize::new(mail_bytes_max),
        }
    }

    /// The connection has moved.
    pub(crate) fn moved(&self, inbox: &Arc<Inbox>, place: Place) {
        *self.at.lock() = (Arc::clone(inbox), place);
        // Who announced mail before may have sent it to the place that was left.
        if self.mail.lock().is_announced {
            inbox.send(Message::Mail(place));
        }
    }

    /// Changes how many bytes of messages may wait.
    pub(crate) fn set_mail_bytes_max(&self, bytes: usize) {
        self.mail_bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// The messages that wait; `None`: there were too many.
    pub(crate) fn take_mail(&self) -> Option<Vec<Incoming>> {
        let Mail { waiting, overflowed, .. } = std::mem::take(&mut *self.mail.lock());
        (!overflowed).then_some(waiting)
    }

    /// The connection is closed.
    pub(crate) fn gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl Complete for Address {
    fn complete(&self, completion: Completion) {
        let (inbox, place) = &*self.at.lock();
        inbox.send(Message::Completed(*place, completion));
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

impl skeg_commands::Connection for Address {
    fn kill(&self) {
        let (inbox, place) = &*self.at.lock();
        inbox.send(Message::Kill(*place));
    }

    fn receives(&self) -> bool {
        true
    }

    fn deliver(&self, incoming: Incoming) {
        let mut mail = self.mail.lock();
        if mail.overflowed {
            return;
        }
        mail.bytes += incoming.payload_bytes() + MESSAGE_BYTES;
        if mail.bytes > self.mail_bytes_max.load(Ordering::Relaxed) {
            mail.overflowed = true;
            mail.waiting = Vec::new();
        } else {
            mail.waiting.push(incoming);
        }
        if !std::mem::replace(&mut mail.is_announced, true) {
            drop(mail);
            let (inbox, place) = &*self.at.lock();
            inbox.send(Message::Mail(*place));
        }
    }
}
