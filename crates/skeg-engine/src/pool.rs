//! Pools of threads for what a thread that serves must not do: searching vectors, waiting for the disk.
//!
//! Invariants: work that was taken is done, also when the pool is closed; work that is refused goes back.
//! May not know: what the work is.

use std::collections::VecDeque;

use skeg_io::sync::{Arc, Condvar, Mutex};
use skeg_io::{Io, Join};

use crate::error::Refusal;

/// Work that waits before more is refused.
const WAITING_MAX: usize = 16_384;

pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// Threads that start with the first work.
pub(crate) struct Pool {
    name: &'static str,
    threads: usize,
    shared: Arc<Queue>,
    started: Mutex<Vec<Box<dyn Join>>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    closed: bool,
}

impl Pool {
    pub(crate) fn new(name: &'static str, threads: usize) -> Self {
        Self { name, threads, shared: Arc::default(), started: Mutex::new(Vec::new()) }
    }

    /// Has work done by one of the threads, or gives it back.
    pub(crate) fn submit(&self, io: &Io, work: Work) -> Result<(), (Work, Refusal)> {
        if let Err(refusal) = self.start(io) {
            return Err((work, refusal));
        }
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err((work, Refusal::Closed));
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err((work, Refusal::Busy));
        }
        state.waiting.push_back(work);
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Starts the threads if they are not there. One is enough to go on with.
    fn start(&self, io: &Io) -> Result<(), Refusal> {
        let mut started = self.started.lock();
        while started.len() < self.threads {
            let queue = Arc::clone(&self.shared);
            match io.threads.spawn(self.name, Box::new(move || queue.run())) {
                Ok(thread) => started.push(thread),
                Err(_) if !started.is_empty() => return Ok(()),
                Err(_) => return Err(Refusal::Busy),
            }
        }
        Ok(())
    }

    /// Runs what waits and joins the threads.
    pub(crate) fn close(&self) {
        self.shared.state.lock().closed = true;
        self.shared.changed.notify_all();
        for thread in std::mem::take(&mut *self.started.lock()) {
            // What panicked has lost its answer only.
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some(work) = state.waiting.pop_front() {
                drop(state);
                work();
                state = self.state.lock();
            } else if state.closed {
                return;
            } else {
                state = self.changed.wait(state);
            }
        }
    }
}
