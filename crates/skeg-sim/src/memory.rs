//! Memory is short: what goes is seen as it happens, and the data has to keep to its limit.
//!
//! An eviction is a removal that no client has asked for. The engine tells its subscribers of each, under
//! the latch and in order, so it stands in the journal where it happened; from then on it is a change like
//! any other: whoever is shown that the key is gone waits for it, and a crash behind its epoch leaves
//! the key gone. Whether it may go the policy says.
//!
//! May not know: how victims are chosen.

use skeg_engine::{
    Bound, Delivery, Drain, Engine, EvictionPolicy, Exec, Health, Holder, MemoryLimit, NotifyClass,
    ShardList, Subscriber, Topic,
};
use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicU64, Ordering};

use crate::client::{Event, Journal};
use crate::plan::Limit;
use crate::run::Runner;
use crate::state::{At, Change};
use crate::work::Work;

/// Entries that go before one command at most.
const BEFORE_COMMAND: u64 = 256;
/// Looks in which nothing goes, where groups do: what goes may be on the last shard of the one sweep and on the first
/// of the other, or have lapsed.
const IDLE_LOOKS_MAX: u32 = 6;

/// Writes into the journal what goes for want of memory.
pub(crate) struct Ear {
    journal: Journal,
    /// The time of the slice in which somebody makes room; 0 when nobody does.
    makes_room_at_ms: AtomicU64,
}

impl Ear {
    /// Listens to an engine.
    pub(crate) fn new(engine: &Engine, journal: &Journal) -> Arc<Self> {
        let ear =
            Arc::new(Self { journal: Arc::clone(journal), makes_room_at_ms: AtomicU64::new(0) });
        let classes = [NotifyClass::KEYEVENT, NotifyClass::EVICTED, NotifyClass::EXPIRED];
        engine.set_notifications(classes.into_iter().fold(NotifyClass::NONE, NotifyClass::with));
        let pubsub = engine.pubsub();
        let subscriber: Arc<dyn Subscriber> = Arc::clone(&ear) as Arc<dyn Subscriber>;
        pubsub.subscribe(Topic::Pattern, b"__keyevent@*", pubsub.new_subscriber(), &subscriber);
        ear
    }

    /// Makes room, and tells of it.
    pub(crate) fn while_making_room<R>(&self, now_ms: u64, make: impl FnOnce() -> R) -> R {
        self.makes_room_at_ms.store(now_ms, Ordering::Relaxed);
        let made = make();
        self.makes_room_at_ms.store(0, Ordering::Relaxed);
        made
    }
}

impl Subscriber for Ear {
    fn deliver(&self, delivery: Delivery) {
        let channel = String::from_utf8_lossy(&delivery.message.channel);
        let parts = channel.trim_start_matches("__keyevent@").split_once("__:");
        let Some((Ok(db), event)) = parts.map(|(db, event)| (db.parse(), event)) else { return };
        let at = At { db, key: delivery.message.payload.to_vec() };
        let epoch = delivery.message.epoch;
        let now_ms = self.makes_room_at_ms.load(Ordering::Relaxed);
        match event {
            "evicted" => self.journal.lock().push(Event::Evicted { at, epoch }),
            // Other removals of what has lapsed are seen by who causes them.
            "expired" if now_ms > 0 => {
                self.journal.lock().push(Event::LapsedForRoom { at, epoch, now_ms });
            }
            _ => {}
        }
    }
}

/// What the data takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    /// By each shard: bytes, keys, and those of them with a deadline.
    shards: Vec<(u64, u64, u64)>,
    /// A snapshot is being taken: it may keep what it has not seen.
    walked: bool,
}

impl Taken {
    /// Of all shards, which are held.
    pub(crate) fn of(exec: &mut Exec<'_>) -> Self {
        let walked = exec.is_walked();
        let shards = exec.shards().map(|shard| {
            let figures = shard.figures();
            (shard.used_bytes(), figures.keys.iter().sum(), figures.expiring.iter().sum())
        });
        Self { shards: shards.collect(), walked }
    }

    fn bytes(&self) -> u64 {
        self.shards.iter().map(|(bytes, ..)| bytes).sum()
    }

    /// How many entries a policy lets go from shards that take more than so many bytes.
    fn may_go(&self, policy: EvictionPolicy, part: u64) -> u64 {
        let of = |(bytes, keys, expiring): &(u64, u64, u64)| match policy {
            EvictionPolicy::None => 0,
            _ if *bytes <= part => 0,
            policy if policy.is_volatile() => *expiring,
            _ => *keys,
        };
        self.shards.iter().map(of).sum()
    }
}

/// What grows without a command, such as vectors on their way into segments, counts from the next look on.
fn uncounted(limit: MemoryLimit) -> u64 {
    limit.max_bytes / 16
}

/// Asks what the data takes, if all latches are free.
fn look(engine: &Engine) -> Result<Option<Taken>, String> {
    let mut holder = Holder::new(engine, Drain::Serve);
    let all = ShardList::all(engine.shards());
    if !holder.try_hold(&all).unwrap_or(false) {
        return Ok(None);
    }
    let taken = holder.run(&all, Bound::READ, Taken::of);
    taken.map(|(taken, _)| Some(taken)).map_err(|refusal| refusal.to_string())
}

impl Runner<'_> {
    /// Limits the memory, by what is taken now, or lifts the limit.
    pub(crate) fn limit_memory(&mut self, work: &mut Work, limit: Limit) -> Result<(), String> {
        let Some(room) = limit.room else {
            self.lift_limit(work);
            return Ok(());
        };
        let Some(taken) = look(&work.engine)? else { return Ok(()) };
        let max_bytes = taken.bytes().saturating_add_signed(room).max(1);
        let Limit { policy, samples, grouping, .. } = limit;
        self.limit = MemoryLimit { max_bytes, policy, samples, grouping };
        work.engine.set_memory_limit(self.limit);
        work.is_counted = false;
        Ok(())
    }

    pub(crate) fn lift_limit(&mut self, work: &mut Work) {
        self.limit = MemoryLimit::default();
        work.engine.set_memory_limit(self.limit);
    }

    /// A key was evicted: only if the policy lets it go.
    pub(crate) fn evicted(&mut self, work: &mut Work, at: At, epoch: u64) -> Result<(), String> {
        let policy = work.engine.memory_limit().policy;
        let entry = self.oracle.now.entries.get(&at);
        let may_go = entry.is_some_and(|entry| match policy {
            EvictionPolicy::None => false,
            policy if policy.is_volatile() => entry.expire_at_ms.is_some(),
            _ => true,
        });
        if !may_go {
            return Err(format!("{policy:?} has evicted {at:?}: {entry:?}"));
        }
        self.figures.evicted += 1;
        work.evicted += 1;
        work.groups.note_gone(&at);
        let gone = Change::Entry(at, None);
        self.oracle.now.apply(&gone);
        self.oracle.note(epoch, vec![gone])
    }

    /// Whether there is something that keeps changes from being made.
    pub(crate) fn is_hindered(&self, work: &Work) -> bool {
        work.was_limited
            || self.seen.lock().hard_faults > 0
            || self.machine.disk.is_stopped()
            || work.health() != Health::Healthy
    }

    /// Room was made before a change, or none could be made. When all latches were to be had, what is
    /// taken is known.
    pub(crate) fn judge_room(
        &mut self,
        work: &mut Work,
        made: bool,
        taken: Option<Taken>,
    ) -> Result<(), String> {
        let evicted = std::mem::take(&mut work.evicted);
        let limit = work.engine.memory_limit();
        let Some(taken) = taken else { return Ok(()) };
        let hindered = self.is_hindered(work) || taken.walked || evicted >= BEFORE_COMMAND;
        if made && limit.policy.is_by_groups() {
            // A sweep that is under way is enough for who makes room; home threads look for the rest.
            return Ok(());
        }
        if made {
            // Who has found something that goes goes on, and home threads look for the rest.
            let goes_on = evicted > 0 && taken.may_go(limit.policy, 0) == 0;
            let is_kept = hindered || !work.is_counted || goes_on;
            let is_over = !is_kept && taken.bytes() > limit.max_bytes + uncounted(limit);
            let what = || format!("room was made, and {taken:?} is over {limit:?}");
            return if is_over { Err(what()) } else { Ok(()) };
        }
        let might_have = !hindered && taken.may_go(limit.policy, 0) > 0;
        if taken.bytes() <= limit.max_bytes || might_have {
            return Err(format!("no room with {limit:?}, though there is: {taken:?}"));
        }
        Ok(())
    }

    /// What home threads do keeps the data to its limit, when nothing is in the way.
    pub(crate) fn judge_memory(&mut self, work: &mut Work) -> Result<(), String> {
        let evicted = std::mem::take(&mut work.evicted);
        let limit = work.engine.memory_limit();
        if limit.max_bytes == 0 || self.is_hindered(work) || work.engine.queued() > 0 {
            return Ok(());
        }
        let Some(taken) = look(&work.engine)? else { return Ok(()) };
        // The first look counts what every shard takes.
        if !std::mem::replace(&mut work.is_counted, true) {
            return Ok(());
        }
        self.figures.kept_to_limit += 1;
        let by_groups = limit.policy.is_by_groups();
        let part = if by_groups { 0 } else { limit.max_bytes / u64::from(work.engine.shards()) };
        let may_go = taken.may_go(limit.policy, part) > 0 && !taken.walked;
        let is_over = taken.bytes() > limit.max_bytes + uncounted(limit) && may_go;
        // Looks end a sweep and begin another one, and each takes the oldest group at least.
        let goes_on = by_groups && (evicted > 0 || work.idle_looks < IDLE_LOOKS_MAX);
        work.idle_looks = if is_over && evicted == 0 { work.idle_looks + 1 } else { 0 };
        if is_over && !goes_on {
            return Err(format!("{taken:?} is over {limit:?}, and nothing goes"));
        }
        Ok(())
    }
}
