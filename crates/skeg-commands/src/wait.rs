//! WAITAOF: clients that wait until their writes are durable, or until their time is up.
//!
//! One thread serves all of them; it starts with the first that has to wait. It sleeps until the
//! log says that something became durable, until the next deadline, or for a second (to forget
//! clients that are gone).

use std::time::Duration;

use skeg_engine::{Engine, Epoch, Level, Receipt, Refusal};
use skeg_io::Join;
use skeg_io::sync::{Arc, Condvar, Mutex};
use skeg_log::{Log, Notify, Subscription, Want};
use skeg_proto::Reply;

use crate::cx::State;
use crate::error::CommandError;
use crate::flow::{Complete, Completion};

/// How long the thread sleeps at most.
const NAP_MS: u64 = 1_000;

/// A client that waits.
pub(crate) struct Waiter {
    /// Wait until this epoch is durable.
    pub(crate) epoch: Epoch,
    /// Whether it is content with that. Otherwise it waits for replicas, which there are none of.
    pub(crate) local_only: bool,
    /// In milliseconds of the monotonic clock.
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) state: State,
    pub(crate) complete: Arc<dyn Complete>,
}

/// All that wait, and the thread that looks after them.
pub(crate) struct Waiters {
    engine: Engine,
    bell: Arc<Bell>,
    thread: Mutex<Option<Box<dyn Join>>>,
}

#[derive(Default)]
struct Bell {
    state: Mutex<Ring>,
    changed: Condvar,
}

#[derive(Default)]
struct Ring {
    arrived: Vec<Waiter>,
    rung: bool,
    closed: bool,
}

impl Notify for Bell {
    fn notify(&self) {
        self.state.lock().rung = true;
        self.changed.notify_one();
    }
}

/// Whether an epoch is on the disk.
pub(crate) fn is_durable(log: &Log, epoch: Epoch) -> bool {
    log.reached(Level::Disk) >= epoch
}

/// The reply to WAITAOF: this server's log (0 or 1), and replicas.
pub(crate) fn write_reply(reply: &mut Reply, durable: bool) {
    reply.array(2);
    reply.int(i64::from(durable));
    reply.int(0);
}

impl Waiters {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), bell: Arc::default(), thread: Mutex::new(None) }
    }

    /// Adds a client; its command is pending from now on.
    pub(crate) fn add(&self, waiter: Waiter) -> Result<(), CommandError> {
        let Some(log) = self.engine.log() else { return Err(Refusal::Closed.into()) };
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let (engine, bell, log) =
                (self.engine.clone(), Arc::clone(&self.bell), Arc::clone(log));
            let body = Box::new(move || serve(&engine, &log, &bell));
            let started = self.engine.io().threads.spawn("skeg-wait", body);
            *thread = Some(started.map_err(|_| CommandError::from(Refusal::Busy))?);
        }
        let mut state = self.bell.state.lock();
        if state.closed {
            return Err(Refusal::Closed.into());
        }
        state.arrived.push(waiter);
        drop(state);
        self.bell.notify();
        Ok(())
    }

    /// Lets everybody go; the thread ends soon.
    pub(crate) fn end(&self) {
        self.bell.state.lock().closed = true;
        self.bell.changed.notify_one();
    }

    /// Lets everybody go and joins the thread.
    pub(crate) fn close(&self) {
        self.end();
        if let Some(thread) = self.thread.lock().take() {
            // A panic there has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn serve(engine: &Engine, log: &Arc<Log>, bell: &Arc<Bell>) {
    let subscription = log.subscribe(Arc::clone(bell) as Arc<dyn Notify>);
    let mut waiting: Vec<Waiter> = Vec::new();
    loop {
        let now_ms = engine.io().clock.monotonic_ns() / 1_000_000;
        let closed = bell.state.lock().closed;
        let end = if closed {
            Some(Refusal::Closed)
        } else if will_never_come(log, &subscription, &waiting) {
            Some(Refusal::Poisoned)
        } else {
            None
        };
        waiting.retain(|waiter| !is_over(log, waiter, now_ms, end));
        let nap_ms = waiting.iter().filter_map(|waiter| waiter.deadline_ms).min();
        let nap_ms = nap_ms.map_or(NAP_MS, |at| at.saturating_sub(now_ms).min(NAP_MS));
        let mut state = bell.state.lock();
        if !state.rung && !state.closed {
            state = bell.changed.wait_timeout(state, Duration::from_millis(nap_ms.max(1)));
        }
        state.rung = false;
        waiting.append(&mut state.arrived);
        if state.closed && waiting.is_empty() {
            return;
        }
    }
}

/// Asks to be told of the next epoch that somebody waits for; `true` when none will come any more.
fn will_never_come(log: &Log, subscription: &Subscription, waiting: &[Waiter]) -> bool {
    let next = waiting.iter().map(|waiter| waiter.epoch).filter(|&epoch| !is_durable(log, epoch));
    next.min().is_some_and(|epoch| subscription.want(Level::Disk, epoch) == Want::Never)
}

/// Answers a client whose wait is over; `end`: why nobody need wait any longer.
fn is_over(log: &Log, waiter: &Waiter, now_ms: u64, end: Option<Refusal>) -> bool {
    if waiter.complete.is_gone() {
        return true;
    }
    let durable = is_durable(log, waiter.epoch);
    let due = waiter.deadline_ms.is_some_and(|at| at <= now_ms);
    if !(end.is_some() || due || durable && waiter.local_only) {
        return false;
    }
    let mut reply = Reply::new(waiter.state.version);
    match end {
        Some(refusal) if !durable => CommandError::from(refusal).write_to(&mut reply),
        _ => write_reply(&mut reply, durable),
    }
    let (receipt, state) = (Receipt::default(), waiter.state);
    waiter.complete.complete(Completion { reply, receipt, state });
    true
}
