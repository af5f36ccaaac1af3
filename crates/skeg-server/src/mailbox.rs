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

#[cfg(all(test, feature = "shuttle"))]
mod shuttle_tests {
    use skeg_io::sync::{Arc, Condvar, thread};

    use super::*;

    const ITERATIONS: usize = 3_000;

    /// A poller: sleeps until it is woken, and remembers one wake-up.
    #[derive(Default)]
    struct Poller {
        woken: Mutex<bool>,
        changed: Condvar,
    }

    impl Poller {
        fn sleep(&self) {
            let mut woken = self.woken.lock();
            while !*woken {
                woken = self.changed.wait(woken);
            }
            *woken = false;
        }
    }

    impl Wake for Arc<Poller> {
        fn wake(&self) {
            *self.woken.lock() = true;
            self.changed.notify_one();
        }
    }

    fn check(scenario: fn()) {
        shuttle::check_random(scenario, ITERATIONS);
        shuttle::check_pct(scenario, ITERATIONS, 3);
    }

    /// A lost wake-up would leave the owner asleep for ever, which the scheduler reports.
    #[test]
    fn shuttle_whatever_is_sent_is_taken() {
        check(|| {
            let poller = Arc::new(Poller::default());
            let mailbox = Arc::new(Mailbox::new(Arc::clone(&poller)));
            let senders: Vec<_> = (0..2)
                .map(|sender| {
                    let mailbox = Arc::clone(&mailbox);
                    thread::spawn(move || {
                        mailbox.send((sender, 0));
                        mailbox.log_moved();
                        mailbox.send((sender, 1));
                    })
                })
                .collect();
            let (mut taken, mut log_moved) = (Vec::new(), false);
            while taken.len() < 4 || !log_moved {
                log_moved |= mailbox.take(&mut taken).log;
                if taken.len() < 4 && mailbox.may_sleep() {
                    poller.sleep();
                    mailbox.awake();
                }
            }
            for sender in 0..2 {
                let own: Vec<_> = taken.iter().filter(|(from, _)| *from == sender).collect();
                assert_eq!(own, [&(sender, 0), &(sender, 1)]);
            }
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        });
    }
}
