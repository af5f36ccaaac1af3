//! PING.

use skeg_proto::{Args, Reply, Version};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "ping",
    arity: -1,
    flags: Flags::FAST,
    keys: Keys::None,
    categories: &[Category::Fast, Category::Connection],
    group: Group::Connection,
    since: "1.0.0",
    summary: "Answers PONG, or the message it was given",
    complexity: "O(1)",
    syntax: "[message]",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    match (args.try_get(1), args.try_get(2)) {
        // In the form of a message: nothing else may come to a subscriber of RESP2.
        (message, None) if cx.state.subscribed && cx.state.version == Version::Resp2 => {
            reply.array(2);
            reply.bulk_str("pong");
            reply.bulk(message.unwrap_or_default());
        }
        (None, _) => reply.simple("PONG"),
        (Some(message), None) => reply.bulk(message),
        _ => {
            let text = "ERR wrong number of arguments for 'ping' command";
            return Err(CommandError::constant(text));
        }
    }
    Ok(())
}
