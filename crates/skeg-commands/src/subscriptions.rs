//! What one client has subscribed to, and the messages that reach it.
//!
//! The engine routes; here a client's own names are kept, so that UNSUBSCRIBE without names knows
//! them, and so that a message that was on its way when its subscription ended is not shown.
//!
//! Invariant: the engine has exactly the subscriptions that are noted here.

use std::collections::BTreeSet;

use skeg_engine::{Delivery, Subscriber, SubscriberId, Topic};
use skeg_io::sync::Arc;
use skeg_proto::Reply;

use crate::clients::Client;
use crate::context::Context;

/// Bytes of memory that the subscription to a name takes, about.
const NAME_BYTES: usize = 96;

/// The names that a client has subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    id: Option<SubscriberId>,
    channels: BTreeSet<Box<[u8]>>,
    patterns: BTreeSet<Box<[u8]>>,
    shard_channels: BTreeSet<Box<[u8]>>,
}

/// How many of each there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) channels: usize,
    pub(crate) patterns: usize,
    pub(crate) shard_channels: usize,
}

impl Counts {
    /// The count that a confirmation shows: shard channels are counted by themselves.
    pub(crate) fn beside(self, topic: Topic) -> usize {
        match topic {
            Topic::Channel | Topic::Pattern => self.channels + self.patterns,
            Topic::ShardChannel => self.shard_channels,
        }
    }

    pub(crate) fn total(self) -> usize {
        self.channels + self.patterns + self.shard_channels
    }
}

impl Subscriptions {
    fn of(&self, topic: Topic) -> &BTreeSet<Box<[u8]>> {
        match topic {
            Topic::Channel => &self.channels,
            Topic::Pattern => &self.patterns,
            Topic::ShardChannel => &self.shard_channels,
        }
    }

    fn of_mut(&mut self, topic: Topic) -> &mut BTreeSet<Box<[u8]>> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::ShardChannel => &mut self.shard_channels,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            channels: self.channels.len(),
            patterns: self.patterns.len(),
            shard_channels: self.shard_channels.len(),
        }
    }

    pub(crate) fn has(&self, topic: Topic, name: &[u8]) -> bool {
        self.of(topic).contains(name)
    }

    /// All names of a kind.
    pub(crate) fn names(&self, topic: Topic) -> Vec<Box<[u8]>> {
        self.of(topic).iter().cloned().collect()
    }

    /// Bytes of memory that the names take, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let all = [&self.channels, &self.patterns, &self.shard_channels];
        all.into_iter().flatten().map(|name| name.len() + NAME_BYTES).sum()
    }
}

/// Subscribes a client; returns its counts.
pub(crate) fn add(context: &Context, client: &Arc<Client>, topic: Topic, name: &[u8]) -> Counts {
    let pubsub = context.engine().pubsub();
    let mut own = client.subscriptions();
    let id = *own.id.get_or_insert_with(|| pubsub.new_subscriber());
    if own.of_mut(topic).insert(name.into()) {
        let subscriber = Arc::clone(client) as Arc<dyn Subscriber>;
        pubsub.subscribe(topic, name, id, &subscriber);
    }
    own.counts()
}

/// Ends one subscription of a client; returns its counts.
pub(crate) fn remove(context: &Context, client: &Client, topic: Topic, name: &[u8]) -> Counts {
    let mut own = client.subscriptions();
    if let (true, Some(id)) = (own.of_mut(topic).remove(name), own.id) {
        context.engine().pubsub().unsubscribe(topic, name, id);
    }
    own.counts()
}

/// Ends every subscription of a client.
pub(crate) fn remove_all(context: &Context, client: &Client) {
    if client.subscriptions().counts().total() == 0 {
        return;
    }
    for topic in [Topic::Channel, Topic::Pattern, Topic::ShardChannel] {
        let names = client.subscriptions().names(topic);
        for name in &names {
            remove(context, client, topic, name);
        }
    }
}

/// Writes a message as its subscriber reads it.
pub(crate) fn write_message(reply: &mut Reply, delivery: &Delivery) {
    let Delivery { topic, name, message } = delivery;
    let word = match topic {
        Topic::Channel => "message",
        Topic::Pattern => "pmessage",
        Topic::ShardChannel => "smessage",
    };
    reply.push(if *topic == Topic::Pattern { 4 } else { 3 });
    reply.bulk_str(word);
    if *topic == Topic::Pattern {
        reply.bulk(name);
    }
    reply.bulk(&message.channel);
    reply.bulk(&message.payload);
}
