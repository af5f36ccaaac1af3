//! PUBLISH and SPUBLISH.
//!
//! A message depends on what its connection has written before: subscribers get it when that has
//! reached the database's level. Inside EXEC it leaves with the transaction.

use skeg_engine::{Exec, Message, Topic};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "publish",
    arity: 3,
    flags: Flags::PUBSUB.with(Flags::LOADING).with(Flags::STALE).with(Flags::FAST),
    keys: Keys::None,
    categories: &[Category::PubSub, Category::Fast],
    group: Group::PubSub,
    since: "2.0.0",
    summary: "Publishes a message to a channel",
    complexity: "O(N+M) for N subscribers of the channel and M patterns",
    syntax: "channel message",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Message(publish),
};

pub(crate) const SPUBLISH_SPEC: Spec = Spec {
    name: "spublish",
    since: "7.0.0",
    summary: "Publishes a message to a shard channel",
    complexity: "O(N) for N subscribers of the channel",
    syntax: "shardchannel message",
    run: Handler::Message(spublish),
    ..SPEC
};

fn publish(
    cx: &mut Cx<'_>,
    exec: Option<&mut Exec<'_>>,
    args: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    send(cx, exec, Topic::Channel, args, reply)
}

fn spublish(
    cx: &mut Cx<'_>,
    exec: Option<&mut Exec<'_>>,
    args: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    send(cx, exec, Topic::ShardChannel, args, reply)
}

fn send(
    cx: &Cx<'_>,
    exec: Option<&mut Exec<'_>>,
    topic: Topic,
    args: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    let (channel, payload) = (args.get(1), args.get(2));
    let pubsub = cx.engine().pubsub();
    if pubsub.is_empty() {
        reply.int(0);
        return Ok(());
    }
    // Calls of a program take turns on sessions, and its writes go around them: what it has written
    // before is not older than the newest record.
    let epoch = match cx.engine().log() {
        Some(log) if !cx.client.receives() => log.last_epoch(),
        _ => cx.written,
    };
    let message = Message { channel: channel.into(), payload: payload.into(), epoch };
    match exec {
        Some(exec) => {
            reply.count(pubsub.receivers(topic, channel));
            exec.publish(topic, message);
        }
        None => reply.count(pubsub.publish(topic, message)),
    }
    Ok(())
}
