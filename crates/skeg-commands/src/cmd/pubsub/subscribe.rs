//! SUBSCRIBE, PSUBSCRIBE and SSUBSCRIBE, and what ends them.
//!
//! Each name is confirmed by a message of its own; on RESP3 they are pushes.

use skeg_engine::Topic;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};
use crate::subscriptions::{self, Counts};

const FLAGS: Flags = Flags::PUBSUB.with(Flags::SERVICE);
const CATEGORIES: &[Category] = &[Category::PubSub, Category::Slow];

pub(crate) const SUBSCRIBE_SPEC: Spec = Spec {
    name: "subscribe",
    arity: -2,
    flags: FLAGS,
    keys: Keys::None,
    categories: CATEGORIES,
    group: Group::PubSub,
    since: "2.0.0",
    summary: "Listens for messages published to channels",
    complexity: "O(N) for N channels",
    syntax: "channel [channel ...]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(subscribe),
};

pub(crate) const PSUBSCRIBE_SPEC: Spec = Spec {
    name: "psubscribe",
    summary: "Listens for messages published to channels that fit patterns",
    complexity: "O(N) for N patterns",
    syntax: "pattern [pattern ...]",
    run: Handler::Session(psubscribe),
    ..SUBSCRIBE_SPEC
};

pub(crate) const SSUBSCRIBE_SPEC: Spec = Spec {
    name: "ssubscribe",
    since: "7.0.0",
    summary: "Listens for messages published to shard channels",
    syntax: "shardchannel [shardchannel ...]",
    run: Handler::Session(ssubscribe),
    ..SUBSCRIBE_SPEC
};

pub(crate) const UNSUBSCRIBE_SPEC: Spec = Spec {
    name: "unsubscribe",
    arity: -1,
    summary: "Stops listening to channels, or to all of them",
    syntax: "[channel [channel ...]]",
    run: Handler::Session(unsubscribe),
    ..SUBSCRIBE_SPEC
};

pub(crate) const PUNSUBSCRIBE_SPEC: Spec = Spec {
    name: "punsubscribe",
    summary: "Stops listening to patterns, or to all of them",
    complexity: "O(N) for N patterns",
    syntax: "[pattern [pattern ...]]",
    run: Handler::Session(punsubscribe),
    ..UNSUBSCRIBE_SPEC
};

pub(crate) const SUNSUBSCRIBE_SPEC: Spec = Spec {
    name: "sunsubscribe",
    since: "7.0.0",
    summary: "Stops listening to shard channels, or to all of them",
    syntax: "[shardchannel [shardchannel ...]]",
    run: Handler::Session(sunsubscribe),
    ..UNSUBSCRIBE_SPEC
};

fn subscribe(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    begin(cx, Topic::Channel, args, reply)
}

fn psubscribe(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    begin(cx, Topic::Pattern, args, reply)
}

fn ssubscribe(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    begin(cx, Topic::ShardChannel, args, reply)
}

fn unsubscribe(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    end(cx, Topic::Channel, args, reply)
}

fn punsubscribe(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    end(cx, Topic::Pattern, args, reply)
}

fn sunsubscribe(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    end(cx, Topic::ShardChannel, args, reply)
}

fn begin(cx: &mut Cx<'_>, topic: Topic, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if !cx.client.receives() {
        let text = "ERR messages need a connection to arrive on: subscribe over the network";
        return Err(CommandError::constant(text));
    }
    for name in args.iter().skip(1) {
        let counts = subscriptions::add(cx.context, cx.client, topic, name);
        confirm(cx, topic, Some(name), counts, reply);
    }
    Ok(())
}

fn end(cx: &mut Cx<'_>, topic: Topic, args: Args<'_>, reply: &mut Reply) -> Outcome {
    for name in args.iter().skip(1) {
        let counts = subscriptions::remove(cx.context, cx.client, topic, name);
        confirm(cx, topic, Some(name), counts, reply);
    }
    if args.len() > 1 {
        return Ok(());
    }
    let names = cx.client.subscriptions().names(topic);
    for name in &names {
        let counts = subscriptions::remove(cx.context, cx.client, topic, name);
        confirm(cx, topic, Some(name), counts, reply);
    }
    if names.is_empty() {
        let counts = cx.client.subscriptions().counts();
        confirm(cx, topic, None, counts, reply);
    }
    Ok(())
}

fn confirm(cx: &mut Cx<'_>, topic: Topic, name: Option<&[u8]>, counts: Counts, reply: &mut Reply) {
    cx.state.subscribed = counts.total() > 0;
    cx.state.confirming = true;
    reply.push(3);
    reply.bulk_str(cx.spec.name);
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.count(counts.beside(topic));
}
