//! Values that commands wait for: read by threads of their own, while no latch is held.
//!
//! A job whose run has asked for values that are not in memory gives back its latches. They are read,
//! and it runs again with them at hand. A job that others may overtake leaves the queue meanwhile; one
//! that keeps its place holds up the queue of its shard.
//!
//! Invariants: a job runs again when its values are there or could not be read, never before; a value
//! that was read stays at hand until the job has run, whatever the cache does.
//! May not know: what jobs do with values.

use skeg_io::sync::{Arc, Mutex, Weak};
use skeg_log::{Logged, ShardId};

use crate::engine::Shared;
use crate::job::Ticket;
use crate::values::Fetched;

/// Threads that read, started with the first read that has to wait: so many reads are under way.
pub(crate) const READERS: usize = 8;

/// Reads on their way for a job that keeps its place.
#[derive(Debug, Default)]
pub(crate) struct Fetching(Mutex<Option<Vec<Fetched>>>);

impl Fetching {
    /// What was read, once all of it was.
    pub(crate) fn take(&self) -> Option<Vec<Fetched>> {
        self.0.lock().take()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.lock().is_some()
    }
}

/// How a job waits.
enum Waiting {
    /// It stands first in its queue.
    InPlace(Arc<Fetching>),
    /// Others go on meanwhile.
    Aside(Box<Ticket>),
}

impl Shared {
    /// Has values read for a job that has given back its latches; then it runs again at the shard where
    /// it begins. Returns that when it can be looked at by now.
    pub(crate) fn fetch_for(&self, mut ticket: Ticket, missing: Vec<Logged>) -> Option<ShardId> {
        let id = ticket.job.shards().as_slice()[ticket.at];
        let waiting = if ticket.job.keeps_place() {
            let fetching = Arc::new(Fetching::default());
            ticket.fetching = Some(Arc::clone(&fetching));
            self.enqueue_first(ticket);
            Waiting::InPlace(fetching)
        } else {
            Waiting::Aside(Box::new(ticket))
        };
        let shared = self.this.get().and_then(Weak::upgrade).expect("somebody runs on it");
        let (done, done_here) = (Arc::new(Mutex::new(Some((waiting, missing)))), &self);
        let read = {
            let done = Arc::clone(&done);
            move |shared: &Self| {
                let Some((waiting, missing)) = done.lock().take() else { return };
                shared.read_for(waiting, &missing);
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

    fn read_for(&self, waiting: Waiting, missing: &[Logged]) {
        let values = self.values.as_ref().expect("only a log has values elsewhere");
        let fetched = missing.iter().map(|value| (*value, values.fetch(value)));
        match waiting {
            Waiting::InPlace(fetching) => *fetching.0.lock() = Some(fetched.collect()),
            Waiting::Aside(mut ticket) => {
                ticket.fetched.extend(fetched);
                self.enqueue(*ticket);
            }
        }
    }
}
