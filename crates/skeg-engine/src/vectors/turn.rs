//! What a task asks of the shard of its index, under the latch, and what it is told.

use skeg_io::sync::{Arc, Mutex};
use skeg_vector::Built;

use super::look::{Look, Wanted};
use crate::error::Refusal;
use crate::exec::Exec;
use crate::home::Bell;
use crate::job::{Bound, Job, Progress as JobProgress, Receipt};
use crate::router::ShardList;

/// What is to be done under the latch.
pub(super) enum Ask {
    /// Freeze the delta, or take what is frozen.
    Freeze,
    /// Look for segments to be merged.
    Look,
    /// Put a segment in its place.
    Install(Box<Built>),
    /// Only wait for the turn: what was queued before has been done.
    Pass,
}

/// What it came to.
pub(super) enum Told {
    /// The index is gone.
    Gone,
    /// A segment is to be built, or nothing is; for the index of this number.
    Build(u64, Option<Wanted>),
    Installed,
    Passed,
    /// The index has no segments.
    Nothing,
}

type Outcome = Result<Told, Refusal>;

/// Where a turn leaves what it came to.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) outcome: Mutex<Option<Outcome>>,
    pub(super) bell: Bell,
}

/// A turn on the shard.
pub(super) struct Turn {
    pub(super) shards: ShardList,
    pub(super) name: Box<[u8]>,
    /// 0 when it is not known yet.
    pub(super) number: u64,
    /// All segments become one.
    pub(super) whole: bool,
    /// Files of segments that are being merged beside this.
    pub(super) taken: Vec<u64>,
    /// How many would link rows.
    pub(super) crew: usize,
    /// A merge of so many bytes is done beside others; `None` when something is already.
    pub(super) beside_bytes: Option<u64>,
    pub(super) ask: Option<Ask>,
    pub(super) told: Option<Told>,
    pub(super) reply: Arc<Reply>,
}

impl Job for Turn {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        match self.ask {
            Some(Ask::Freeze) => Bound::release(self.name.len() as u64),
            _ => Bound::READ,
        }
    }

    /// Who queues may wait for just this.
    fn overtakes(&self) -> bool {
        true
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> JobProgress {
        let [shard] = &mut *exec.shards else { return JobProgress::Done };
        if self.number == 0 && !matches!(self.ask, Some(Ask::Pass)) {
            self.number = shard.index_number(&self.name);
        }
        let Self { name, number, whole, taken, crew, beside_bytes, .. } = self;
        let (number, look) =
            (*number, Look { whole: *whole, taken, crew: *crew, beside_bytes: *beside_bytes });
        self.told = self.ask.take().map(|ask| match ask {
            Ask::Pass => Told::Passed,
            _ if number == 0 => match shard.index_info(name) {
                Ok(_) => Told::Nothing,
                Err(_) => Told::Gone,
            },
            Ask::Install(built) => match shard.index_install(name, number, *built) {
                true => Told::Installed,
                false => Told::Gone,
            },
            Ask::Freeze if shard.numbered(name, number).is_none() => Told::Gone,
            Ask::Freeze => {
                let build = shard.index_freeze(name, number).map(Box::new);
                let held = shard.numbered(name, number);
                let leaves_rows = held.is_some_and(|held| held.index.delta_len() > 0);
                let wanted = |build| Wanted { build, beside: false, leaves_rows };
                Told::Build(number, build.map(wanted))
            }
            Ask::Look => match shard.numbered(name, number) {
                Some(held) => Told::Build(number, look.at(held)),
                None => Told::Gone,
            },
        });
        JobProgress::Done
    }

    fn done(mut self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let outcome = match (outcome, self.told.take()) {
            (Ok(_), Some(told)) => Ok(told),
            (Ok(_), None) => Err(Refusal::Closed),
            (Err(refusal), _) => Err(refusal),
        };
        *self.reply.outcome.lock() = Some(outcome);
        self.reply.bell.ring();
    }
}
