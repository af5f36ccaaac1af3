//! Where a connection is: for whatever reaches it from other threads.
//!
//! Invariant: a connection with a command pending does not move, so a completion always finds it.

use skeg_commands::{Complete, Completion};
use skeg_engine::Notify;
use skeg_io::sync::atomic::{AtomicBool, Ordering};
use skeg_io::sync::{Arc, Mutex};

use crate::connection::Connection;
use crate::mailbox::Mailbox;
use crate::slab::Place;
use crate::stream::Stream;

/// What a serving thread is told.
pub(crate) enum Message {
    /// A pending command is over.
    Completed(Place, Completion),
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
}

/// The mailbox of a serving thread.
pub(crate) type Inbox = Mailbox<Message, mio::Waker>;

/// Where a connection is.
pub(crate) struct Address {
    at: Mutex<(Arc<Inbox>, Place)>,
    gone: AtomicBool,
}

impl Address {
    pub(crate) fn new(inbox: &Arc<Inbox>, place: Place) -> Self {
        Self { at: Mutex::new((Arc::clone(inbox), place)), gone: AtomicBool::new(false) }
    }

    /// The connection has moved.
    pub(crate) fn moved(&self, inbox: &Arc<Inbox>, place: Place) {
        *self.at.lock() = (Arc::clone(inbox), place);
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
}
