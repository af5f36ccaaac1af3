//! The search pool: vector searches run here, never on a thread that serves.

use std::collections::VecDeque;

use skeg_io::sync::{Arc, Condvar, Mutex};
use skeg_io::{Io, Join};
use skeg_vector::SearchScratch;

use crate::error::Refusal;

/// Searches that wait before more are refused.
const WAITING_MAX: usize = 16_384;

/// A search. What it allocates is for the next one on the same thread.
pub type Search = Box<dyn FnOnce(&mut SearchScratch) + Send>;

/// Threads that start with the first search.
pub(crate) struct SearchPool {
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
    waiting: VecDeque<Search>,
    closed: bool,
}

impl SearchPool {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, shared: Arc::default(), started: Mutex::new(Vec::new()) }
    }

    pub(crate) fn submit(&self, io: &Io, work: Search) -> Result<(), Refusal> {
        self.start(io)?;
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(Refusal::Busy);
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
            match io.threads.spawn("skeg-search", Box::new(move || queue.run())) {
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
            // A search that panicked has lost its answer only.
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn run(&self) {
        let mut scratch = SearchScratch::default();
        let mut state = self.state.lock();
        loop {
            if let Some(work) = state.waiting.pop_front() {
                drop(state);
                work(&mut scratch);
                state = self.state.lock();
            } else if state.closed {
                return;
            } else {
                state = self.changed.wait(state);
            }
        }
    }
}
