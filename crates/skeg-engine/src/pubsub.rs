//! Publish and subscribe: who listens to which channel, and the way of a message to them.
//!
//! Connections and embedded users subscribe alike: a [`Subscriber`] takes what reaches it and must not
//! block. A message names the epoch that it depends on; whoever shows it to somebody who outlives a
//! crash waits until that epoch has reached the database's default level.
//!
//! Invariants: every subscriber sees the messages in one order, the order of publishing; without any
//! subscriber a message costs one load.
//! May not know: connections, wire formats, command names.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use skeg_io::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use skeg_io::sync::{Arc, Mutex};
use skeg_log::Epoch;

use crate::glob::{self, Case};

/// What a subscription names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A channel.
    Channel,
    /// A pattern: every channel that fits it.
    Pattern,
    /// A shard channel: a namespace of its own, without patterns.
    ShardChannel,
}

/// What was published.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// The channel that it was published on.
    pub channel: Box<[u8]>,
    /// What it says.
    pub payload: Box<[u8]>,
    /// The epoch that it depends on; 0 when it depends on nothing that a crash could take back.
    pub epoch: Epoch,
}

/// A message on its way to one subscriber.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What kind of subscription it came through.
    pub topic: Topic,
    /// What the subscription named: the channel, or the pattern.
    pub name: Arc<[u8]>,
    /// The message.
    pub message: Arc<Message>,
}

/// Whoever takes messages.
pub trait Subscriber: Send + Sync {
    /// Takes a message. Called on the publisher's thread, in the order of publishing; it must not
    /// block, and must not publish or subscribe.
    fn deliver(&self, delivery: Delivery);
}

/// Names a subscriber; see [`PubSub::new_subscriber`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubscriberId(u64);

/// The subscribers of one name, the oldest first.
type Subscribers = BTreeMap<SubscriberId, Arc<dyn Subscriber>>;

#[derive(Default)]
struct Tables {
    channels: HashMap<Arc<[u8]>, Subscribers>,
    /// In an order that is always the same: all of them are tried.
    patterns: BTreeMap<Arc<[u8]>, Subscribers>,
    shard_channels: HashMap<Arc<[u8]>, Subscribers>,
}

/// All subscriptions of an engine.
#[derive(Default)]
pub struct PubSub {
    tables: Mutex<Tables>,
    /// Names with a subscriber: written under the lock, read without.
    names: AtomicUsize,
    last_id: AtomicU64,
}

impl fmt::Debug for PubSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Tables {
    fn names(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.shard_channels.len()
    }

    /// The channels of a kind that has some.
    fn channels_of(&self, topic: Topic) -> Option<&HashMap<Arc<[u8]>, Subscribers>> {
        match topic {
            Topic::Channel => Some(&self.channels),
            Topic::ShardChannel => Some(&self.shard_channels),
            Topic::Pattern => None,
        }
    }

    /// The subscriptions that a message on this channel reaches.
    fn reached<'a>(
        &'a self,
        topic: Topic,
        channel: &'a [u8],
    ) -> impl Iterator<Item = (Topic, &'a Arc<[u8]>, &'a Subscribers)> {
        let named = self.channels_of(topic).and_then(|names| names.get_key_value(channel));
        let named = named.into_iter().map(move |(name, subscribers)| (topic, name, subscribers));
        let patterns = self.patterns.iter().filter(move |(pattern, _)| {
            topic == Topic::Channel && glob::matches(pattern, channel, Case::Exact)
        });
        named.chain(patterns.map(|(name, subscribers)| (Topic::Pattern, name, subscribers)))
    }
}

impl PubSub {
    /// A number for one more subscriber.
    #[must_use]
    pub fn new_subscriber(&self) -> SubscriberId {
        SubscriberId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Subscribes; a subscription that is there already stays as it is.
    pub fn subscribe(
        &self,
        topic: Topic,
        name: &[u8],
        id: SubscriberId,
        subscriber: &Arc<dyn Subscriber>,
    ) {
        let mut tables = self.tables.lock();
        let subscribers = match topic {
            Topic::Channel => tables.channels.entry(name.into()).or_default(),
            Topic::Pattern => tables.patterns.entry(name.into()).or_default(),
            Topic::ShardChannel => tables.shard_channels.entry(name.into()).or_default(),
        };
        subscribers.insert(id, Arc::clone(subscriber));
        self.names.store(tables.names(), Ordering::SeqCst);
    }

    /// Ends a subscription, if there is one. What was delivered before is on its way.
    pub fn unsubscribe(&self, topic: Topic, name: &[u8], id: SubscriberId) {
        let mut tables = self.tables.lock();
        let tables = &mut *tables;
        let removed = match topic {
            Topic::Channel => remove(tables.channels.get_mut(name), id),
            Topic::Pattern => remove(tables.patterns.get_mut(name), id),
            Topic::ShardChannel => remove(tables.shard_channels.get_mut(name), id),
        };
        if removed {
            match topic {
                Topic::Channel => drop(tables.channels.remove(name)),
                Topic::Pattern => drop(tables.patterns.remove(name)),
                Topic::ShardChannel => drop(tables.shard_channels.remove(name)),
            }
        }
        self.names.store(tables.names(), Ordering::SeqCst);
    }

    /// Whether there is any subscription.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.names.load(Ordering::SeqCst) == 0
    }

    /// How many subscriptions a message on this channel reaches now. `topic` is not a pattern.
    #[must_use]
    pub fn receivers(&self, topic: Topic, channel: &[u8]) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.tables.lock().reached(topic, channel).map(|(.., subscribers)| subscribers.len()).sum()
    }

    /// Hands the message to everybody who subscribes to its channel; returns how many that are.
    /// `topic` is not a pattern.
    pub fn publish(&self, topic: Topic, message: Message) -> usize {
        if self.is_empty() {
            return 0;
        }
        let message = Arc::new(message);
        let tables = self.tables.lock();
        let mut count = 0;
        for (topic, name, subscribers) in tables.reached(topic, &message.channel) {
            for subscriber in subscribers.values() {
                subscriber.deliver(Delivery {
                    topic,
                    name: Arc::clone(name),
                    message: Arc::clone(&message),
                });
            }
            count += subscribers.len();
        }
        count
    }

    /// The channels with subscribers, in no order; those that fit the pattern, if there is one.
    #[must_use]
    pub fn channels(&self, topic: Topic, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let tables = self.tables.lock();
        let names = tables.channels_of(topic).into_iter().flat_map(HashMap::keys);
        let fits =
            |name: &&Arc<[u8]>| pattern.is_none_or(|it| glob::matches(it, name, Case::Exact));
        names.filter(fits).cloned().collect()
    }

    /// Subscribers of a channel, without those of patterns.
    #[must_use]
    pub fn subscribers(&self, topic: Topic, channel: &[u8]) -> usize {
        let tables = self.tables.lock();
        tables.channels_of(topic).and_then(|names| names.get(channel)).map_or(0, BTreeMap::len)
    }

    /// Different names with subscribers.
    #[must_use]
    pub fn count(&self, topic: Topic) -> usize {
        let tables = self.tables.lock();
        tables.channels_of(topic).map_or(tables.patterns.len(), HashMap::len)
    }
}

/// Removes a subscriber; `true` when the name has none any more.
fn remove(subscribers: Option<&mut Subscribers>, id: SubscriberId) -> bool {
    subscribers.is_some_and(|subscribers| {
        subscribers.remove(&id);
        subscribers.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Notes what it gets.
    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Subscriber for Notes {
        fn deliver(&self, delivery: Delivery) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let Delivery { topic, name, message } = delivery;
            let Message { channel, payload, .. } = &*message;
            self.0.lock().push(format!(
                "{topic:?} {} {} {}",
                text(&name),
                text(channel),
                text(payload)
            ));
        }
    }

    impl Notes {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock())
        }
    }

    fn message(channel: &str, payload: &str) -> Message {
        Message {
            channel: channel.as_bytes().into(),
            payload: payload.as_bytes().into(),
            epoch: Epoch(0),
        }
    }

    #[test]
    fn a_message_reaches_its_channel_and_every_pattern_that_fits() {
        let pubsub = PubSub::default();
        let notes = Arc::new(Notes::default());
        let subscriber = Arc::clone(&notes) as Arc<dyn Subscriber>;
        let id = pubsub.new_subscriber();
        assert_eq!(pubsub.publish(Topic::Channel, message("a", "lost")), 0);
        for (topic, name) in [
            (Topic::Channel, "a"),
            (Topic::Channel, "a"),
            (Topic::Pattern, "a*"),
            (Topic::Pattern, "b*"),
            (Topic::ShardChannel, "a"),
        ] {
            pubsub.subscribe(topic, name.as_bytes(), id, &subscriber);
        }
        assert_eq!(pubsub.receivers(Topic::Channel, b"a"), 2);
        assert_eq!(pubsub.publish(Topic::Channel, message("a", "x")), 2);
        assert_eq!(pubsub.publish(Topic::ShardChannel, message("a", "y")), 1);
        assert_eq!(notes.take(), ["Channel a a x", "Pattern a* a x", "ShardChannel a a y"]);
        pubsub.unsubscribe(Topic::Channel, b"a", id);
        pubsub.unsubscribe(Topic::Pattern, b"b*", id);
        pubsub.unsubscribe(Topic::Pattern, b"nobody", id);
        assert_eq!(pubsub.publish(Topic::Channel, message("a", "z")), 1);
        pubsub.unsubscribe(Topic::Pattern, b"a*", id);
        pubsub.unsubscribe(Topic::ShardChannel, b"a", id);
        assert!(pubsub.is_empty());
        assert_eq!(notes.take(), ["Pattern a* a z"]);
    }

    /// What a subscription is, to somebody who keeps a list of them.
    type Known = (Topic, u8, usize);

    fn topic(number: u8) -> Topic {
        [Topic::Channel, Topic::Pattern, Topic::ShardChannel][usize::from(number % 3)]
    }

    /// Channels that are patterns too, so that some fit others.
    const NAMES: [&str; 5] = ["a", "ab", "a*", "*", "?"];

    fn is_reached(published: Topic, channel: &str, (topic, name, _): Known) -> bool {
        let name = NAMES[usize::from(name)];
        match topic {
            Topic::Pattern => {
                published == Topic::Channel
                    && glob::matches(name.as_bytes(), channel.as_bytes(), Case::Exact)
            }
            other => other == published && name == channel,
        }
    }

    proptest! {
        #[test]
        fn every_message_reaches_exactly_the_subscriptions_that_fit(
            steps in vec((0_u8..3, 0_u8..3, 0_u8..5, 0_usize..3), 0..60)
        ) {
            let pubsub = PubSub::default();
            let listeners: Vec<_> = (0..3)
                .map(|_| (pubsub.new_subscriber(), Arc::new(Notes::default())))
                .collect();
            let mut known: BTreeSet<Known> = BTreeSet::new();
            for (step, kind, name, who) in steps {
                let (id, notes) = &listeners[who];
                let (topic, text) = (topic(kind), NAMES[usize::from(name)]);
                match step {
                    0 => {
                        let subscriber = Arc::clone(notes) as Arc<dyn Subscriber>;
                        pubsub.subscribe(topic, text.as_bytes(), *id, &subscriber);
                        known.insert((topic, name, who));
                    }
                    1 => {
                        pubsub.unsubscribe(topic, text.as_bytes(), *id);
                        known.remove(&(topic, name, who));
                    }
                    _ => {
                        let topic = if topic == Topic::Pattern { Topic::Channel } else { topic };
                        let fits = |whose: Option<usize>| {
                            let mine = |who| whose.is_none_or(|whose| whose == who);
                            known.iter().filter(|it| mine(it.2) && is_reached(topic, text, **it)).count()
                        };
                        prop_assert_eq!(pubsub.receivers(topic, text.as_bytes()), fits(None));
                        prop_assert_eq!(pubsub.publish(topic, message(text, "x")), fits(None));
                        for (who, (_, notes)) in listeners.iter().enumerate() {
                            prop_assert_eq!(notes.take().len(), fits(Some(who)));
                        }
                    }
                }
                prop_assert_eq!(pubsub.is_empty(), known.is_empty());
            }
        }
    }

    #[test]
    fn figures_count_names_and_subscribers() {
        let pubsub = PubSub::default();
        let subscriber = Arc::new(Notes::default()) as Arc<dyn Subscriber>;
        let (one, two) = (pubsub.new_subscriber(), pubsub.new_subscriber());
        pubsub.subscribe(Topic::Channel, b"news", one, &subscriber);
        pubsub.subscribe(Topic::Channel, b"news", two, &subscriber);
        pubsub.subscribe(Topic::Channel, b"other", two, &subscriber);
        pubsub.subscribe(Topic::Pattern, b"n*", two, &subscriber);
        assert_eq!(pubsub.subscribers(Topic::Channel, b"news"), 2);
        assert_eq!(pubsub.subscribers(Topic::ShardChannel, b"news"), 0);
        assert_eq!((pubsub.count(Topic::Channel), pubsub.count(Topic::Pattern)), (2, 1));
        assert_eq!(pubsub.channels(Topic::Channel, Some(b"n*")), [Arc::from(*b"news")]);
        assert_eq!(pubsub.channels(Topic::Channel, None).len(), 2);
    }
}
