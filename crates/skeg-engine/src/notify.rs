//! Keyspace notifications: messages about what happened to keys.
//!
//! A command says what it did (its word for it, a class, the key). When its record is pushed the
//! events become messages on two channels, `__keyspace@<db>__:<key>` and `__keyevent@<db>__:<event>`,
//! that depend on the epoch of that record: nobody hears of a change that a crash could take back.
//! Messages that a transaction publishes take the same way.
//!
//! Invariants: events are published under the latches of their keys, in the order of their happening;
//! a run that must wait for log space publishes nothing.
//! May not know: which commands there are.

use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use skeg_log::Epoch;

use crate::engine::{Engine, Shared};
use crate::evict::Limit;
use crate::exec::Exec;
use crate::job::Receipt;
use crate::pubsub::{Message, Topic};
use crate::shard::Shard;

/// A set of classes of events, and of the two channels that they go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyClass(u32);

impl NotifyClass {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// To `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: Self = Self(1);
    /// To `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// Of keys whatever they hold.
    pub const GENERIC: Self = Self(1 << 2);
    /// Of strings.
    pub const STRING: Self = Self(1 << 3);
    /// Of lists.
    pub const LIST: Self = Self(1 << 4);
    /// Of sets.
    pub const SET: Self = Self(1 << 5);
    /// Of hashes.
    pub const HASH: Self = Self(1 << 6);
    /// Of sorted sets.
    pub const SORTED_SET: Self = Self(1 << 7);
    /// A key was removed because its deadline had passed.
    pub const EXPIRED: Self = Self(1 << 8);
    /// A key was removed because memory was short.
    pub const EVICTED: Self = Self(1 << 9);
    /// Of streams.
    pub const STREAM: Self = Self(1 << 10);
    /// A key was read that was not there.
    pub const KEY_MISS: Self = Self(1 << 11);
    /// Of types that Redis has in modules.
    pub const MODULE: Self = Self(1 << 12);
    /// A key was created.
    pub const NEW: Self = Self(1 << 13);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in here.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether anything of `other` is in here.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What is switched on and off while the engine runs; shards look at it.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    notify: AtomicU32,
    /// Until then, in Unix milliseconds, what has expired is not removed; it is not seen either.
    keeps_expired_until_ms: AtomicU64,
    /// Home threads leave alone what has expired.
    skips_active_expiry: AtomicBool,
    /// The number of the last event.
    last_event: AtomicU64,
    /// How much memory there is, and so what is noted of uses.
    pub(crate) limit: Limit,
}

impl Switches {
    pub(crate) fn keeps_expired(&self, now_ms: u64) -> bool {
        now_ms < self.keeps_expired_until_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn expires_actively(&self, now_ms: u64) -> bool {
        !self.keeps_expired(now_ms) && !self.skips_active_expiry.load(Ordering::Relaxed)
    }

    fn notifies(&self) -> NotifyClass {
        NotifyClass(self.notify.load(Ordering::Relaxed))
    }

    /// Notes what happened to a key, if its class is wanted.
    #[inline]
    pub(crate) fn note_key(
        &self,
        events: &mut Vec<Event>,
        class: NotifyClass,
        event: &'static str,
        db: u8,
        key: &[u8],
    ) {
        if self.notifies().overlaps(class) {
            self.note(events, What::Key { event, db, key: key.into() });
        }
    }

    #[cold]
    fn note(&self, events: &mut Vec<Event>, what: What) {
        let number = self.last_event.fetch_add(1, Ordering::Relaxed) + 1;
        events.push(Event { number, what });
    }
}

/// Something to be published once the effects of its command have an epoch.
#[derive(Debug)]
pub(crate) struct Event {
    /// The place in the order of events.
    number: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Key { event: &'static str, db: u8, key: Box<[u8]> },
    Message(Topic, Message),
}

impl Shard {
    /// Says what happened to a key: `event` is the command's word for it. Costs a load when nobody
    /// wants to know.
    #[inline]
    pub fn notify(&mut self, class: NotifyClass, event: &'static str, db: u8, key: &[u8]) {
        self.switches.note_key(&mut self.events, class, event, db, key);
    }
}

impl Shard {
    /// Says what was removed from a collection, and that the key went with the last of it, if it did.
    #[inline]
    pub fn notify_removal(&mut self, class: NotifyClass, event: &'static str, db: u8, key: &[u8]) {
        if self.switches.notifies().overlaps(class.with(NotifyClass::GENERIC)) {
            self.notify(class, event, db, key);
            if !self.exists(db, key) {
                self.notify(NotifyClass::GENERIC, "del", db, key);
            }
        }
    }

    /// Says what was stored in the place of what the key held: a collection of so many elements, or
    /// none, which may have removed the key.
    pub fn notify_store(
        &mut self,
        class: NotifyClass,
        event: &'static str,
        (db, key): (u8, &[u8]),
        existed: bool,
        count: usize,
    ) {
        if count > 0 {
            self.notify(class, event, db, key);
        } else if existed {
            self.notify(NotifyClass::GENERIC, "del", db, key);
        }
    }

    /// Says that a key is about to be created, if it is not there.
    #[inline]
    pub(crate) fn notify_if_new(&mut self, db: u8, hash: u64, key: &[u8]) {
        if self.switches.notifies().overlaps(NotifyClass::NEW)
            && self.keyspace(db).get(hash, key).is_none()
        {
            self.notify(NotifyClass::NEW, "new", db, key);
        }
    }
}

impl Exec<'_> {
    /// Publishes a message with what the command changes: it depends on that too. `topic` is not a
    /// pattern.
    pub fn publish(&mut self, topic: Topic, message: Message) {
        let shard = &mut self.shards[0];
        shard.switches.note(&mut shard.events, What::Message(topic, message));
    }
}

impl Engine {
    /// Chooses which events become messages. Without a channel to go to ([`NotifyClass::KEYSPACE`],
    /// [`NotifyClass::KEYEVENT`]) or without a class none does.
    pub fn set_notifications(&self, classes: NotifyClass) {
        let channels = NotifyClass::KEYSPACE.with(NotifyClass::KEYEVENT);
        let classes = if classes.overlaps(channels) { classes } else { NotifyClass::NONE };
        self.shared.switches.notify.store(classes.0, Ordering::Relaxed);
    }

    /// Keeps keys whose deadline has passed in memory, where nobody sees them, until this moment in Unix
    /// milliseconds; 0 removes them again as they are met. Nothing changes by itself while clients are
    /// paused.
    pub fn keep_expired_until(&self, unix_ms: u64) {
        self.shared.switches.keeps_expired_until_ms.store(unix_ms, Ordering::Relaxed);
    }

    /// Whether home threads look for keys whose deadline has passed. They do unless told otherwise.
    pub fn set_active_expiry(&self, on: bool) {
        self.shared.switches.skips_active_expiry.store(!on, Ordering::Relaxed);
    }
}

impl Shared {
    /// Publishes the events of a command whose effects have these epochs. Its latches are still held.
    #[inline(never)]
    pub(crate) fn publish_events(&self, shards: &mut [Box<Shard>], receipt: Receipt) {
        let mut events: Vec<Event> =
            shards.iter_mut().flat_map(|shard| std::mem::take(&mut shard.events)).collect();
        events.sort_unstable_by_key(|event| event.number);
        let epoch = receipt.written.max(receipt.seen);
        for Event { what, .. } in events {
            match what {
                What::Key { event, db, key } => self.publish_key_event(event, db, &key, epoch),
                What::Message(topic, message) => {
                    let epoch = message.epoch.max(epoch);
                    self.pubsub.publish(topic, Message { epoch, ..message });
                }
            }
        }
    }

    fn publish_key_event(&self, event: &'static str, db: u8, key: &[u8], epoch: Epoch) {
        if self.pubsub.is_empty() {
            return;
        }
        let classes = self.switches.notifies();
        let name = |kind: &str, rest: &[u8]| -> Box<[u8]> {
            let mut channel = format!("__{kind}@{db}__:").into_bytes();
            channel.extend_from_slice(rest);
            channel.into()
        };
        if classes.has(NotifyClass::KEYSPACE) {
            let (channel, payload) = (name("keyspace", key), event.as_bytes().into());
            self.pubsub.publish(Topic::Channel, Message { channel, payload, epoch });
        }
        if classes.has(NotifyClass::KEYEVENT) {
            let (channel, payload) = (name("keyevent", event.as_bytes()), key.into());
            self.pubsub.publish(Topic::Channel, Message { channel, payload, epoch });
        }
    }
}

impl Shard {
    /// Connects the shard with the engine's switches.
    pub(crate) fn obey(&mut self, switches: &Arc<Switches>) {
        self.switches = Arc::clone(switches);
    }
}
