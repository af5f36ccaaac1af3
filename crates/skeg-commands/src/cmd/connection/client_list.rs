//! CLIENT LIST and CLIENT INFO.

use skeg_io::sync::Arc;
use skeg_proto::{Args, Reply};

use crate::clients::Client;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const INFO_SPEC: Spec = Spec {
    name: "client|info",
    arity: 2,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Connection,
    since: "6.2.0",
    summary: "Describes this connection",
    complexity: "O(1)",
    syntax: "",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Session(info),
};

pub(crate) const LIST_SPEC: Spec = Spec {
    name: "client|list",
    arity: -2,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection],
    group: Group::Connection,
    since: "2.4.0",
    summary: "Describes the connections",
    complexity: "O(N) for N connections",
    syntax: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Session(list),
};

fn info(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let line = cx.client.describe(cx.engine().now_ms()) + "\n";
    reply.verbatim(*b"txt", &line);
    Ok(())
}

fn list(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let all = cx.context.clients().all();
    let clients = match args.try_get(2) {
        None => all,
        Some(word) if parse::is_word(word, "TYPE") && args.len() == 4 => {
            if is_normal(args.get(3))? { all } else { Vec::new() }
        }
        Some(word) if parse::is_word(word, "ID") && args.len() > 3 => by_id(cx, args)?,
        Some(_) => return Err(CommandError::SYNTAX),
    };
    let now_ms = cx.engine().now_ms();
    let lines: String = clients.iter().map(|client| client.describe(now_ms) + "\n").collect();
    reply.verbatim(*b"txt", &lines);
    Ok(())
}

fn by_id(cx: &Cx<'_>, args: Args<'_>) -> Result<Vec<Arc<Client>>, CommandError> {
    let mut clients = Vec::new();
    for text in args.iter().skip(3) {
        let id = parse::integer(text).ok_or(CommandError::constant("ERR Invalid client ID"))?;
        clients.extend(u64::try_from(id).ok().and_then(|id| cx.context.clients().get(id)));
    }
    Ok(clients)
}

/// Whether a type of client is the one that all of them are.
///
/// # Errors
/// There is no such type.
pub(super) fn is_normal(word: &[u8]) -> Result<bool, CommandError> {
    let known = ["normal", "master", "replica", "slave", "pubsub"];
    match known.iter().position(|name| parse::is_word(word, name)) {
        Some(place) => Ok(place == 0),
        None => {
            let text = [b"ERR Unknown client type '", word, b"'"].concat();
            Err(CommandError::owned(text))
        }
    }
}
