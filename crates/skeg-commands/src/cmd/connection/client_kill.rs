//! CLIENT KILL, in its old form (an address) and its new one (filters).

use skeg_proto::{Args, Reply};

use crate::clients::Client;
use crate::cmd::connection::client_list::ClientKind;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "client|kill",
    arity: -3,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection],
    group: Group::Connection,
    since: "2.4.0",
    summary: "Ends connections",
    complexity: "O(N) for N connections",
    syntax: "<ip:port | [ID client-id] [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [USER username] [ADDR ip:port] [LADDR ip:port] [SKIPME <YES | NO>]>",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(kill),
};

/// Which clients are meant.
#[derive(Default)]
struct Filter<'a> {
    id: Option<u64>,
    kind: Option<ClientKind>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    skip_me: bool,
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut filter = Self { skip_me: true, ..Self::default() };
        let mut index = 2;
        while let Some(word) = args.try_get(index) {
            let value = args.try_get(index + 1).ok_or(CommandError::SYNTAX)?;
            index += 2;
            if parse::is_word(word, "ID") {
                let id = parse::integer(value).and_then(|id| u64::try_from(id).ok());
                let refused = CommandError::constant("ERR client-id should be greater than 0");
                filter.id = Some(id.filter(|id| *id > 0).ok_or(refused)?);
            } else if parse::is_word(word, "TYPE") {
                filter.kind = Some(ClientKind::parse(value)?);
            } else if parse::is_word(word, "ADDR") {
                filter.address = Some(value);
            } else if parse::is_word(word, "LADDR") {
                filter.local_address = Some(value);
            } else if parse::is_word(word, "USER") {
                if value != b"default" {
                    let text = [b"ERR No such user '", value, b"'"].concat();
                    return Err(CommandError::owned(text));
                }
            } else if parse::is_word(word, "SKIPME") {
                filter.skip_me = parse::one_of(value, "YES", "NO").ok_or(CommandError::SYNTAX)?;
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(filter)
    }

    fn fits(&self, client: &Client, me: u64) -> bool {
        let origin = client.origin();
        let is = |wanted: Option<&[u8]>, address: &str| {
            wanted.is_none_or(|wanted| wanted == address.as_bytes())
        };
        self.id.is_none_or(|id| id == client.id())
            && self.kind.is_none_or(|kind| kind.fits(client))
            && is(self.address, &origin.address)
            && is(self.local_address, &origin.local_address)
            && !(self.skip_me && client.id() == me)
    }
}

fn kill(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let old_form = args.len() == 3;
    let filter = match old_form {
        true => Filter { address: Some(args.get(2)), ..Filter::default() },
        false => Filter::parse(args)?,
    };
    let me = cx.client.id();
    let mut clients = cx.context.clients().all();
    clients.retain(|client| !client.is_killed() && filter.fits(client, me));
    for client in &clients {
        if client.id() == me {
            // The reply comes first.
            cx.state.closing = true;
        } else {
            client.kill();
        }
    }
    match (old_form, clients.len()) {
        (true, 0) => return Err(CommandError::constant("ERR No such client")),
        (true, _) => reply.ok(),
        (false, count) => reply.count(count),
    }
    Ok(())
}
