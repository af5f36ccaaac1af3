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
            let kind = ClientKind::parse(args.get(3))?;
            all.into_iter().filter(|client| kind.fits(client)).collect()
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

/// TYPE of CLIENT LIST and CLIENT KILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientKind {
    /// Neither of the others.
    Normal,
    /// It has subscriptions.
    PubSub,
    /// Masters and replicas, which there are none of.
    Peer,
}

impl ClientKind {
    /// # Errors
    /// There is no such type.
    pub(super) fn parse(word: &[u8]) -> Result<Self, CommandError> {
        let known = ["normal", "pubsub", "master", "replica", "slave"];
        match known.iter().position(|name| parse::is_word(word, name)) {
            Some(0) => Ok(Self::Normal),
            Some(1) => Ok(Self::PubSub),
            Some(_) => Ok(Self::Peer),
            None => Err(CommandError::owned([b"ERR Unknown client type '", word, b"'"].concat())),
        }
    }

    pub(super) fn fits(self, client: &Client) -> bool {
        let subscribed = client.subscriptions().counts().total() > 0;
        match self {
            Self::Normal => !subscribed,
            Self::PubSub => subscribed,
            Self::Peer => false,
        }
    }
}
