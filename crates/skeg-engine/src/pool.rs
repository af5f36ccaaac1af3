//! Pools of threads for what a thread that serves must not do: searching vectors, waiting for the disk.
//!
//! Invariants: work that was taken is done, also when the pool is closed; work that is refused goes back.
//! May not know: what the work is.

use std::collections::VecDeque;

use skeg_io::sync::{Arc, Condvar, Mutex};
use skeg_io::{Io, Join};
use skeg_vector::SearchScratch;

use crate::error::Refusal;

/// Work that waits before more is refused.
const WAITING_MAX: usize = 16_384;

/// Work, and what a thread keeps from one piece of it to the next.
pub(crate) type Work<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A search. What it allocates is for the next one on the same thread.
pub type Search = Work<SearchScratch>;

/// Threads that start with the first work.
pub(crate) struct Pool<S> {
    name: &'static str,
    threads: usize,
    shared: Arc<Queue<S>>,
    started: Mutex<Vec<Box<dyn Join>>>,
}

struct Queue<S> {
    state: Mutex<State<S>>,
    changed: Condvar,
}

struct State<S> {
    waiting: VecDeque<Work<S>>,
    closed: bool,
}

impl<S: Default + 'static> Pool<S> {
    pub(crate) fn new(name: &'static str, threads: usize) -> Self {
        let state = Mutex::new(State { waiting: VecDeque::new(), closed: false });
        let shared = Arc::new(Queue { state, changed: Condvar::new() });
        Self { name, threads, shared, started: Mutex::new(Vec::new()) }
    }

    /// Has work done by one of the threads, or gives it back.
    pub(crate) fn submit(&self, io: &Io, work: Work<S>) -> Result<(), (Work<S>, Refusal)> {
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

impl<S: Default> Queue<S> {
    fn run(&self) {
        let mut scratch = S::default();
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
