//! Values that commands wait for: read by threads of their own, while no latch is held.
//!
//! A job whose run has asked for values that are not in memory gives back its latches. They are read,
//! and it runs again with them at hand. So does a job that is about to change a large value that has to
//! be handed out to a snapshot first. A job that others may overtake leaves the queue meanwhile; one
//! that keeps its place holds up the queue of its shard.
//!
//! Invariants: a job runs again when its values are there or could not be read, never before; a value
//! that was read stays at hand until the job has run, whatever the cache does.
//! May not know: what jobs do with values.

use skeg_io::sync::{Arc, Mutex, Weak};
use skeg_log::ShardId;

use crate::engine::Shared;
use crate::job::Ticket;
use crate::values::{Fetched, Wanted};
use crate::walk::Outlet;

/// Threads that read, started with the first read that has to wait: so many reads are under way.
pub(crate) const READERS: usize = 8;

/// What a job waits for that keeps its place.
#[derive(Debug, Default)]
pub(crate) struct Fetching(Mutex<Option<Vec<Fetched>>>);

impl Fetching {
    /// What was read, once the wait is over.
    pub(crate) fn take(&self) -> Option<Vec<Fetched>> {
        self.0.lock().take()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.lock().is_some()
    }
}

/// A job that waits without a latch, and the shard where it begins.
#[derive(Debug)]
pub(crate) struct Suspended {
    at: ShardId,
    how: Waiting,
}

/// How a job waits.
#[derive(Debug)]
enum Waiting {
    /// It stands first in its queue.
    InPlace(Arc<Fetching>),
    /// Others go on meanwhile.
    Aside(Box<Ticket>),
}

impl Shared {
    /// Has values read for a job that has given back its latches; then it runs again at the shard where
    /// it begins. Returns that when it can be looked at by now.
    pub(crate) fn fetch_for(&self, aside: Suspended, missing: Vec<Wanted>) -> Option<ShardId> {
        let id = aside.at;
        let shared = self.this.get().and_then(Weak::upgrade).expect("somebody runs on it");
        let (done, done_here) = (Arc::new(Mutex::new(Some((aside, missing)))), &self);
        let read = {
            let done = Arc::clone(&done);
            move |shared: &Self| {
                let Some((aside, missing)) = done.lock().take() else { return };
                shared.read_for(aside, &missing);
            }
        };
        let work = {
            let read = read.clone();
            Box::new(move |(): &mut ()| {
                read(&shared);
                shared.attend(id);
            })
        };
        // Nobody is left to read it elsewhere, at the end.
        self.readers.submit(&self.io, work).err().map(|_| {
            read(done_here);
            id
        })
    }

    /// Has a job wait that holds the latch of the shard that is walked, until a large value has come to
    /// its end. Returns the shard where the job begins when it can be looked at by now.
    pub(crate) fn wait_for_walk(&self, ticket: Ticket, outlet: &Outlet) -> Option<ShardId> {
        let aside = self.suspend(ticket);
        outlet.keep_waiting(aside).map(|aside| self.go_on(aside, Vec::new()))
    }

    /// Runs jobs again that have waited for a walk.
    pub(crate) fn run_again(&self, waiting: Vec<Suspended>) {
        for aside in waiting {
            self.attend(self.go_on(aside, Vec::new()));
        }
    }

    /// The job leaves its queue, or stays in it as one that others do not overtake.
    pub(crate) fn suspend(&self, mut ticket: Ticket) -> Suspended {
        let at = ticket.next_shard();
        let how = if ticket.job.keeps_place() {
            let fetching = Arc::new(Fetching::default());
            ticket.fetching = Some(Arc::clone(&fetching));
            self.enqueue_first(ticket);
            Waiting::InPlace(fetching)
        } else {
            Waiting::Aside(Box::new(ticket))
        };
        Suspended { at, how }
    }

    fn read_for(&self, aside: Suspended, missing: &[Wanted]) {
        let values = self.values.as_ref().expect("only a log has values elsewhere");
        let fetched = missing.iter().map(|wanted| (*wanted, values.fetch(wanted)));
        self.go_on(aside, fetched.collect());
    }

    /// A job has what it has waited for, and can be run at the shard that is returned.
    fn go_on(&self, Suspended { at, how }: Suspended, fetched: Vec<Fetched>) -> ShardId {
        match how {
            Waiting::InPlace(fetching) => *fetching.0.lock() = Some(fetched),
            Waiting::Aside(mut ticket) => {
                ticket.fetched.extend(fetched);
                self.enqueue(*ticket);
            }
        }
        at
    }
}
