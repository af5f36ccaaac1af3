//! Messages to a serving thread, from any thread.
//!
//! Invariants: a message that was sent is taken by a later [`Mailbox::take`], and the thread is woken if it
//! may be asleep: the sender marks before it looks whether the thread sleeps, the thread says that
//! it sleeps before it looks for marks, both sequentially consistent. A thread that is awake is never woken,
//! so a busy one costs its senders no system call.

use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Ends the sleep of the thread that owns a mailbox.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}

impl Wake for mio::Waker {
    fn wake(&self) {
        // It fails only when the poller is gone, and with it the thread.
        let _ = mio::Waker::wake(self);
    }
}

/// What there is to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Messages were sent.
    pub(crate) mail: bool,
    /// The log moved on.
    pub(crate) log: bool,
}

const MAIL: u8 = 1;
const LOG: u8 = 2;

/// The messages of one thread.
#[derive(Debug)]
pub(crate) struct Mailbox<M, W> {
    messages: Mutex<Vec<M>>,
    marks: AtomicU8,
    asleep: AtomicBool,
    waker: W,
}

impl<M: Send, W: Wake> Mailbox<M, W> {
    pub(crate) fn new(waker: W) -> Self {
        Self {
            messages: Mutex::new(Vec::new()),
            marks: AtomicU8::new(0),
            asleep: AtomicBool::new(false),
            waker,
        }
    }

    /// Leaves a message.
    pub(crate) fn send(&self, message: M) {
        self.messages.lock().push(message);
        self.mark(MAIL);
    }

    /// Says that the log moved on.
    pub(crate) fn log_moved(&self) {
        self.mark(LOG);
    }

    fn mark(&self, mark: u8) {
        self.marks.fetch_or(mark, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// Whether the owner may sleep; from then on senders wake it. Ended by [`Mailbox::awake`].
    pub(crate) fn may_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        if self.marks.load(Ordering::SeqCst) == 0 {
            return true;
        }
        self.awake();
        false
    }

    /// The owner does not sleep any more.
    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Moves the messages behind those in `into`.
    pub(crate) fn take(&self, into: &mut Vec<M>) -> Marks {
        if self.marks.load(Ordering::SeqCst) == 0 {
            return Marks::default();
        }
        // Unmarked before they are taken: one sent in between is taken now, its mark stays.
        let marks = self.marks.swap(0, Ordering::SeqCst);
        let marks = Marks { mail: marks & MAIL != 0, log: marks & LOG != 0 };
        if marks.mail {
            into.append(&mut self.messages.lock());
        }
        marks
    }
}
