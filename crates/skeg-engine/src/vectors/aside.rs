//! Jobs that wait for room in an index, aside, so that nobody waits behind them.
//!
//! They come back, in their order, whenever rows have gone from memory to a segment, and with every tick:
//! room may also come from the drop of an index.
//!
//! Invariants: a job comes aside while it holds the latch under which it found no room, so it misses no
//! segment that is put in its place afterwards; none is left when the engine is closed.
//!
//! May not know: what jobs do.

use skeg_io::sync::Mutex;
use skeg_log::ShardId;
use smallvec::SmallVec;

use crate::engine::Shared;
use crate::error::Refusal;
use crate::job::Ticket;

#[derive(Default)]
pub(crate) struct Aside(Mutex<Vec<Ticket>>);

impl Shared {
    /// Sets a job aside until there may be room. Gives it back when the engine is closed: there will be
    /// none any more.
    pub(crate) fn set_aside(&self, ticket: Ticket) -> Option<(Ticket, Refusal)> {
        let mut aside = self.vectors.aside.0.lock();
        match self.check_open() {
            Ok(()) => {
                aside.push(ticket);
                None
            }
            Err(refusal) => Some((ticket, refusal)),
        }
    }

    /// Queues the jobs again that were set aside, and serves them.
    pub(crate) fn call_back(&self) {
        let tickets = std::mem::take(&mut *self.vectors.aside.0.lock());
        let queued: SmallVec<[ShardId; 4]> =
            tickets.into_iter().map(|ticket| self.enqueue(ticket)).collect();
        queued.into_iter().for_each(|id| self.attend(id));
    }

    /// Ends the jobs that are aside: the engine is closed.
    pub(super) fn end_aside(&self) {
        let tickets = std::mem::take(&mut *self.vectors.aside.0.lock());
        tickets.into_iter().for_each(|ticket| ticket.job.done(Err(Refusal::Closed)));
    }
}
