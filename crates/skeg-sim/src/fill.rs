//! A store fills its disk, and gets space back when what has filled it is removed: growth was refused while
//! there was still room for the snapshot that frees it.
//!
//! May not know: how it knows what room that is.

use std::time::Duration;

use skeg_engine::Health;

use crate::client::{Client, Route};
use crate::op::{Deadline, Op};
use crate::plan::Step;
use crate::run::Runner;
use crate::state::At;
use crate::work::Work;

const VALUE_BYTES: usize = 30_000;
/// What it may fill beside what it needs for a snapshot of what is there: snapshots for less than a mebibyte are
/// not taken on a full disk.
const ROOM_BYTES: u64 = 4 << 20;
/// What a log keeps for itself, or a segment if that is smaller.
const BESIDE_BYTES: u64 = 16 << 20;
/// Rounds of background work within which space must come back.
const ROUNDS: usize = 500;

impl Runner<'_> {
    /// Fills the disk by values of its own, removes them, each or with all else that is in their database, and waits
    /// until the store takes writes again.
    pub(crate) fn fill(&mut self, work: &mut Work, flush: bool) -> Result<(), String> {
        work.clients.iter_mut().for_each(Client::release);
        self.read_journal(work)?;
        // What fills the disk is to stay until it is removed.
        self.lift_limit(work);
        for _ in 0..3 {
            self.pass(work)?;
        }
        let beside = work.engine.options().segment_bytes.min(BESIDE_BYTES);
        if beside == BESIDE_BYTES {
            // That would take a while.
            return Ok(());
        }
        let used = self.machine.disk.used_bytes();
        let before = work.log().status().snapshots_given_up;
        // With what is there in a snapshot, and again for the next one.
        work.was_limited = true;
        self.set_capacity(Some(3 * used + 2 * beside + ROOM_BYTES));
        let at = |number: u32| At { db: 0, key: format!("fill {number}").into_bytes() };
        let set = |number| {
            let value = vec![b'v'; VALUE_BYTES];
            Op::Set { at: at(number), value, deadline: Deadline::Clear }
        };
        let mut count = 0;
        while !work.log().status().refuses_growth && !self.is_over(work) {
            self.try_out(work, set(count))?;
            count += 1;
        }
        let removals: Box<dyn Iterator<Item = Op>> = match flush {
            true => Box::new(std::iter::once(Op::Flush(0))),
            false => Box::new((0..count).map(|number| Op::Remove(at(number)))),
        };
        for removal in removals {
            if self.is_over(work) {
                return Ok(());
            }
            let refusals = self.no_space();
            self.try_out(work, removal)?;
            if self.no_space() > refusals {
                return Err(format!("a removal is refused: {:?}", work.log().status()));
            }
        }
        for _ in 0..ROUNDS {
            if self.is_over(work) {
                return Ok(());
            }
            let refusals = self.no_space();
            self.try_out(work, set(count))?;
            if self.no_space() == refusals {
                self.figures.refilled += 1;
                self.figures.given_up += work.log().status().snapshots_given_up - before;
                self.set_capacity(None);
                return Ok(());
            }
        }
        let (log, snapshots) = (work.log().status(), work.engine.snapshot_status());
        Err(format!("space does not come back: {log:?}, {snapshots:?}"))
    }

    /// Runs an operation to its end, and what threads do meanwhile.
    fn try_out(&mut self, work: &mut Work, op: Op) -> Result<(), String> {
        self.step(work, &Step::Run { client: 0, op, route: Route::Borrow })?;
        self.step(work, &Step::Release(0))?;
        for _ in 0..ROUNDS {
            if !work.clients[0].waits || self.is_over(work) {
                return self.pass(work);
            }
            self.pass(work)?;
        }
        Err(format!("it waits and waits: {:?}", work.log().status()))
    }

    fn pass(&mut self, work: &mut Work) -> Result<(), String> {
        self.bring_on(work)?;
        self.step(work, &Step::Turn)?;
        self.machine.clock.advance(Duration::from_millis(20));
        Ok(())
    }

    fn no_space(&self) -> u64 {
        self.figures.refused.get("NoSpace").copied().unwrap_or_default()
    }

    /// Whether there is nothing more to be seen: it has crashed.
    fn is_over(&self, work: &Work) -> bool {
        self.machine.disk.is_stopped() || work.health() == Health::Poisoned
    }
}
