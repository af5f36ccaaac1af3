//! PUBSUB: who subscribes to what.

use skeg_engine::Topic;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::help;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "pubsub",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::PubSub,
    since: "2.8.0",
    summary: "Looks at subscriptions",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const CHANNELS_SPEC: Spec = Spec {
    name: "pubsub|channels",
    flags: Flags::PUBSUB.with(Flags::LOADING).with(Flags::STALE),
    categories: &[Category::PubSub, Category::Slow],
    summary: "Lists the channels that have subscribers",
    complexity: "O(N) for N channels",
    syntax: "[pattern]",
    run: Handler::Session(channels),
    ..SPEC
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "pubsub|help",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    since: "6.2.0",
    summary: "Lists the subcommands",
    complexity: "O(1)",
    run: Handler::Session(help),
    ..SPEC
};

pub(crate) const NUMPAT_SPEC: Spec = Spec {
    name: "pubsub|numpat",
    arity: 2,
    summary: "Counts the patterns that have subscribers",
    complexity: "O(1)",
    syntax: "",
    run: Handler::Session(count_patterns),
    ..CHANNELS_SPEC
};

pub(crate) const NUMSUB_SPEC: Spec = Spec {
    name: "pubsub|numsub",
    summary: "Counts the subscribers of channels",
    complexity: "O(N) for N channels asked for",
    syntax: "[channel [channel ...]]",
    run: Handler::Session(count_subscribers),
    ..CHANNELS_SPEC
};

pub(crate) const SHARDCHANNELS_SPEC: Spec = Spec {
    name: "pubsub|shardchannels",
    since: "7.0.0",
    summary: "Lists the shard channels that have subscribers",
    run: Handler::Session(shard_channels),
    ..CHANNELS_SPEC
};

pub(crate) const SHARDNUMSUB_SPEC: Spec = Spec {
    name: "pubsub|shardnumsub",
    since: "7.0.0",
    summary: "Counts the subscribers of shard channels",
    syntax: "[shardchannel [shardchannel ...]]",
    run: Handler::Session(count_shard_subscribers),
    ..NUMSUB_SPEC
};

fn channels(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    list(cx, Topic::Channel, args, reply)
}

fn shard_channels(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    list(cx, Topic::ShardChannel, args, reply)
}

fn list(cx: &Cx<'_>, topic: Topic, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if args.len() > 3 {
        return Err(help::wrong_arity(cx.spec));
    }
    let names = cx.engine().pubsub().channels(topic, args.try_get(2));
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(())
}

fn count_subscribers(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    count(cx, Topic::Channel, args, reply)
}

fn count_shard_subscribers(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    count(cx, Topic::ShardChannel, args, reply)
}

fn count(cx: &Cx<'_>, topic: Topic, args: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.array((args.len() - 2) * 2);
    for name in args.iter().skip(2) {
        reply.bulk(name);
        reply.count(cx.engine().pubsub().subscribers(topic, name));
    }
    Ok(())
}

fn count_patterns(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.count(cx.engine().pubsub().count(Topic::Pattern));
    Ok(())
}

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}
