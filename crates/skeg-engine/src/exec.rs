//! What a command sees while it runs: the shards whose latches are held, and the slice's clock.

use skeg_keyspace::Keyspace;
use skeg_log::{Epoch, Level, Log, ShardId};

use crate::blocking::Owed;
use crate::effect::{KIND_PART, put_varint};
use crate::engine::Shared;
use crate::error::Refusal;
use crate::job::{Bound, Receipt};
use crate::shard::Shard;

/// Access to the held shards during one command.
pub struct Exec<'a> {
    pub(crate) shared: &'a Shared,
    /// The held shards this command may use, ascending by id.
    pub(crate) shards: &'a mut [Box<Shard>],
    pub(crate) now_ms: u64,
    pub(crate) must_wait: bool,
    /// Bytes of log that were reserved ahead and that nobody has asked for yet.
    pub(crate) ahead_bytes: u64,
}

impl Exec<'_> {
    /// The slice's clock reading, in Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The shard that owns `key`.
    ///
    /// # Panics
    /// When the command did not ask for that shard: its key positions and its handler disagree.
    pub fn shard(&mut self, key: &[u8]) -> &mut Shard {
        if self.shards.len() == 1 {
            debug_assert_eq!(self.shared.router.shard_of(key), self.shards[0].id);
            return &mut self.shards[0];
        }
        self.shard_at(self.shared.router.shard_of(key))
    }

    /// The shard that owns `key`, to look at again what was read before.
    ///
    /// # Panics
    /// As [`Exec::shard`].
    #[must_use]
    pub fn peek(&self, key: &[u8]) -> &Shard {
        let id = self.shared.router.shard_of(key);
        let place = self.shards.binary_search_by_key(&id, |shard| shard.id);
        &self.shards[place.expect("a command uses only shards it asked for")]
    }

    /// A held shard by its number.
    ///
    /// # Panics
    /// When it is not held.
    pub fn shard_at(&mut self, id: ShardId) -> &mut Shard {
        let place = self.shards.binary_search_by_key(&id, |shard| shard.id);
        &mut self.shards[place.expect("a command uses only shards it asked for")]
    }

    /// The held shards, ascending.
    pub fn shards(&mut self) -> impl Iterator<Item = &mut Shard> {
        self.shards.iter_mut().map(|shard| &mut **shard)
    }

    /// Whether the command has to wait: for log space, for a value that was asked for ([`Shard::want`])
    /// and has to be read from the disk, for one that is to be changed ([`Shard::want_change`]) to be
    /// handed out to a snapshot, or for room for vectors. It is to return, and unless it has changed
    /// something it is run again.
    #[inline]
    #[must_use]
    pub fn must_wait(&self) -> bool {
        self.must_wait || self.shards.iter().any(|shard| shard.must_wait())
    }

    /// Whether the command has to wait and has changed nothing, but for removing what has expired: it is
    /// run again. What it has written counts in the receipt that it gets in the end.
    #[inline]
    #[must_use]
    pub fn runs_again(&self) -> bool {
        self.must_wait() && !self.shards.iter().any(|shard| shard.has_made_changes())
    }

    /// Lets those go on that come after a command of a transaction that had to wait, and has failed instead
    /// because something was changed before.
    pub fn forget_wait(&mut self) {
        self.must_wait = false;
        self.shards().for_each(Shard::forget_wait);
    }

    /// Whether strings of a database may have to be read from the disk.
    #[must_use]
    pub fn has_away(&self, db: u8) -> bool {
        self.shards.iter().any(|shard| shard.keyspace(db).has_away())
    }

    /// Whether the walk of a snapshot is on: who is about to change something says so then
    /// ([`Shard::want_change`]).
    #[inline]
    #[must_use]
    pub fn is_walked(&self) -> bool {
        self.shards.iter().any(|shard| shard.walk.is_some())
    }

    /// Reserves log space beyond the command's bound, before anything is changed: for commands that
    /// learn only here how much they will write (a value that moves to another shard). What was reserved
    /// ahead is used first.
    ///
    /// # Errors
    /// [`Refusal::Wait`]: the command must return without having changed anything; it is run again.
    /// Otherwise it fails with the refusal.
    pub fn reserve(&mut self, bound: Bound) -> Result<(), Refusal> {
        if let Some(rest) = self.ahead_bytes.checked_sub(bound.bytes) {
            self.ahead_bytes = rest;
            return Ok(());
        }
        self.reserve_beside(bound)
    }

    /// Reserves log space for what commands will ask for ([`Exec::reserve`]) when something may have been
    /// changed already.
    ///
    /// # Errors
    /// As [`Exec::reserve`].
    pub fn reserve_ahead(&mut self, bound: Bound) -> Result<(), Refusal> {
        self.reserve_beside(bound)?;
        self.ahead_bytes += bound.bytes;
        Ok(())
    }

    /// Reserves log space for what nobody asks for when it is written.
    ///
    /// # Errors
    /// As [`Exec::reserve`].
    pub fn reserve_beside(&mut self, bound: Bound) -> Result<(), Refusal> {
        let Some(log) = &self.shared.log else { return Ok(()) };
        let space = self.shards[0].space_mut();
        log.reserve_more(space, bound.bytes, bound.purpose).map_err(|error| {
            let refusal = Refusal::from(error);
            self.must_wait |= refusal == Refusal::Wait;
            refusal
        })
    }

    /// Notes what the held shards take, while there is a limit: whoever changes data calls it.
    #[inline]
    pub fn note_memory(&self) {
        if self.shared.is_memory_limited() {
            self.shared.note_memory(self.shards);
        }
    }

    /// Frees a flushed database where no latch is held.
    pub fn discard(&self, contents: Keyspace) {
        self.shared.discard(contents);
    }
}

/// What came of a command.
pub(crate) struct Ran<R> {
    pub(crate) result: R,
    pub(crate) receipt: Receipt,
    /// What serving clients has left, if it has left anything.
    pub(crate) owed: Option<Box<Owed>>,
}

/// A command that is not done: it is to be run again on [`Refusal::Wait`], and has failed otherwise.
pub(crate) struct Undone {
    pub(crate) refusal: Refusal,
    /// What it has removed on the way that had expired.
    pub(crate) receipt: Receipt,
}

impl From<Refusal> for Undone {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, receipt: Receipt::default() }
    }
}

impl Shared {
    /// Runs a command on shards whose latches the caller holds: reserves log space, runs it, serves
    /// whoever waited for what it did, pushes one record for each shard that it changed.
    pub(crate) fn run<R>(
        &self,
        shards: &mut [Box<Shard>],
        now_ms: u64,
        bound: Bound,
        command: impl FnOnce(&mut Exec<'_>) -> R,
    ) -> Result<Ran<R>, Undone> {
        // Perhaps the command before had to wait, and was over all the same.
        shards.iter_mut().for_each(|shard| shard.wait_for_nothing());
        if let Some(log) = &self.log
            && bound.bytes > 0
        {
            if shards.iter().any(|shard| shard.must_wait_for_walk()) {
                return Err(Refusal::Wait.into());
            }
            let space = log.reserve(bound.bytes, bound.purpose).map_err(Refusal::from)?;
            shards[0].give_space(space);
        }
        let mut exec = Exec { shared: self, shards, now_ms, must_wait: false, ahead_bytes: 0 };
        let watch = FailOnPanic(self);
        let result = command(&mut exec);
        let anybody_ready = exec.shards.iter().any(|shard| shard.waits.has_ready());
        let (served, owed) = match anybody_ready {
            true => {
                let (served, owed) = exec.serve_ready();
                (Some(served), owed)
            }
            false => (None, None),
        };
        drop(watch);
        let runs_again = exec.runs_again();
        let receipt = self.commit(shards);
        debug_assert!(!runs_again || owed.is_none(), "what has expired makes nobody ready");
        if runs_again && receipt.written.0 == 0 {
            shards.iter_mut().for_each(|shard| shard.events.clear());
            return Err(Refusal::Wait.into());
        }
        if shards.iter().any(|shard| !shard.events.is_empty()) {
            self.publish_events(shards, receipt);
        }
        if let Some(served) = served {
            served.end(receipt);
        }
        if runs_again {
            return Err(Undone { refusal: Refusal::Wait, receipt });
        }
        Ok(Ran { result, receipt, owed })
    }

    /// Ends the slice of the shards: pushes what they have recorded, and hands on what they removed.
    #[inline]
    fn commit(&self, shards: &mut [Box<Shard>]) -> Receipt {
        let receipt = match &self.log {
            Some(log) => self.commit_to(log, shards),
            None => Receipt::default(),
        };
        for shard in shards {
            shard.stats.commands += 1;
            if shard.may_have_removed() {
                self.discard_removed(shard);
            }
        }
        receipt
    }

    fn discard_removed(&self, shard: &mut Shard) {
        let removed = shard.take_removed();
        if !removed.is_empty() {
            self.discard_collections(removed);
        }
    }

    /// Pushes what the shards have recorded: one record each, in one epoch.
    fn commit_to(&self, log: &Log, shards: &mut [Box<Shard>]) -> Receipt {
        let mut receipt = Receipt::default();
        let changed = shards.iter().filter(|shard| shard.is_changed()).count();
        receipt.written = match shards {
            _ if changed == 0 => Epoch(0),
            [shard] => shard.push_record(log),
            _ => self.push_parts(log, shards, changed),
        };
        for shard in shards {
            if receipt.written.0 != 0 && shard.can_send_away(log.reached(Level::Kernel)) {
                // As many bytes leave as came: what waits does not grow without bound.
                shard.send_away(log, log.reached(Level::Kernel));
            }
            let done = shard.finish(receipt.written);
            receipt.seen = receipt.seen.max(done.seen);
            log.settle(done.space);
        }
        receipt
    }

    fn push_parts(&self, log: &Log, shards: &mut [Box<Shard>], changed: usize) -> Epoch {
        // What a read has reserved for removing an expired entry is with the shard of that key.
        if let Some((first, others)) = shards.split_first_mut() {
            let spaces = others.iter_mut().map(|shard| std::mem::take(shard.space_mut()));
            spaces.for_each(|space| first.space_mut().absorb(space));
        }
        let number = self.next_transaction();
        let parts: Vec<(ShardId, Vec<u8>)> = shards
            .iter()
            .filter(|shard| shard.is_changed())
            .map(|shard| {
                let mut payload = Vec::with_capacity(shard.record().len() + 20);
                put_varint(&mut payload, number);
                put_varint(&mut payload, changed as u64);
                payload.extend_from_slice(shard.record());
                (shard.id, payload)
            })
            .collect();
        let parts: Vec<(ShardId, u8, &[u8])> =
            parts.iter().map(|(shard, payload)| (*shard, KIND_PART, payload.as_slice())).collect();
        if !shards.iter().any(|shard| shard.has_large()) {
            return log.push_many(shards[0].space_mut(), &parts);
        }
        let places = log.push_many_traced(shards[0].space_mut(), &parts);
        let changed = shards.iter_mut().filter(|shard| shard.is_changed());
        for ((shard, place), (_, _, payload)) in changed.zip(&places).zip(&parts) {
            shard.trace_large(*place, payload.len() - shard.record().len());
        }
        places.first().map_or(Epoch(0), |place| place.epoch)
    }
}

/// Fails the engine when a command panics: its change may be half made, in memory and in the log.
struct FailOnPanic<'a>(&'a Shared);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}
