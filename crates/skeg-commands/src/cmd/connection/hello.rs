//! HELLO.
//!
//! It names itself redis, with the version whose commands it has: clients decide by that what they may
//! send.

use skeg_proto::{Args, Reply, Version};

use crate::cmd::connection::client_name;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::report::REDIS_VERSION;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hello",
    arity: -1,
    flags: Flags::NOSCRIPT
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::FAST)
        .with(Flags::NO_AUTH)
        .with(Flags::ALLOW_BUSY),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Connection],
    group: Group::Connection,
    since: "6.0.0",
    summary: "Greets the server and chooses the version of the protocol",
    complexity: "O(1)",
    syntax: "[protover [AUTH username password] [SETNAME clientname]]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let version = match args.try_get(1).map(parse::integer) {
        None => None,
        Some(Some(2)) => Some(Version::Resp2),
        Some(Some(3)) => Some(Version::Resp3),
        Some(Some(_)) => {
            return Err(CommandError::constant("NOPROTO unsupported protocol version"));
        }
        Some(None) => {
            return Err(CommandError::constant(
                "ERR Protocol version is not an integer or out of range",
            ));
        }
    };
    let mut index = 2;
    while let Some(word) = args.try_get(index) {
        if parse::is_word(word, "AUTH") && args.len() > index + 2 {
            // The default user has no password, so that any is right.
            if args.get(index + 1) != b"default" {
                return Err(CommandError::constant(
                    "WRONGPASS invalid username-password pair or user is disabled.",
                ));
            }
            index += 3;
        } else if let (true, Some(name)) =
            (parse::is_word(word, "SETNAME"), args.try_get(index + 1))
        {
            client_name::set(cx, name)?;
            index += 2;
        } else {
            let text = [b"ERR Syntax error in HELLO option '", word, b"'"].concat();
            return Err(CommandError::owned(text));
        }
    }
    if let Some(version) = version {
        cx.state.version = version;
        reply.set_version(version);
    }
    let modern = cx.state.version == Version::Resp3;
    reply.map(7);
    for (field, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk_str(field);
        reply.bulk_str(value);
    }
    reply.bulk_str("proto");
    reply.int(if modern { 3 } else { 2 });
    reply.bulk_str("id");
    reply.int(cx.client.id() as i64);
    for (field, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk_str(field);
        reply.bulk_str(value);
    }
    reply.bulk_str("modules");
    reply.array(0);
    Ok(())
}
