//! What is checked of a command before it runs, and what becomes of one that is refused.
//!
//! The order of the checks and their texts are Redis's.

use skeg_engine::{Holder, KEY_BYTES_MAX};
use skeg_proto::{Args, Version};

use crate::error::CommandError;
use crate::help::wrong_arity;
use crate::parse::{is_word, quoted};
use crate::session::Session;
use crate::spec::{Category, Flags, Handler, Spec};
use crate::table::{self, CommandId};

impl Session {
    /// Finds the command and checks what can be checked without running it.
    pub(crate) fn admit(
        &mut self,
        holder: &mut Holder,
        args: Args<'_>,
    ) -> Result<CommandId, (Option<CommandId>, CommandError)> {
        let Some(id) = self.recent.resolve(args) else { return Err((None, unknown(args))) };
        let spec = id.spec();
        let refuse = |error| Err((Some(id), error));
        if !spec.accepts(args.len()) || matches!(spec.run, Handler::Container(None)) {
            return refuse(wrong_arity(spec));
        }
        if self.state.subscribed && self.state.version == Version::Resp2 && !while_subscribed(spec)
        {
            return refuse(CommandError::owned(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
                 RESET are allowed in this context",
                spec.name
            )));
        }
        if self.transaction.is_some() && spec.flags.has(Flags::NO_MULTI) {
            return refuse(CommandError::constant("ERR Command not allowed inside a transaction"));
        }
        if args.extent_bytes() > KEY_BYTES_MAX && spec.writes() {
            let too_long = |index: usize| args.get(index).len() > KEY_BYTES_MAX;
            if spec.keys.positions(args).any(too_long) {
                return refuse(CommandError::KEY_TOO_LONG);
            }
        }
        if self.context.engine().is_memory_limited() && self.may_grow(spec) {
            self.context.check_memory(holder).map_err(|error| (Some(id), error))?;
        }
        Ok(id)
    }

    /// Whether a command is refused while memory is short. Queueing takes memory too.
    fn may_grow(&self, spec: &Spec) -> bool {
        match &self.transaction {
            Some(transaction) if matches!(spec.run, Handler::Control(_)) => {
                spec.name == "exec" && transaction.may_grow()
            }
            Some(_) => true,
            None => spec.flags.has(Flags::DENYOOM),
        }
    }

    /// What a refused command does to the transaction it was meant for, and the error it gets.
    pub(crate) fn reject(&mut self, id: Option<CommandId>, error: CommandError) -> CommandError {
        let is_exec = id.is_some_and(|id| id.spec().name == "exec");
        if let (true, CommandError::Text(text)) = (is_exec, &error) {
            self.discard();
            self.state.unwatching = true;
            let reason = text.strip_prefix(b"ERR ").unwrap_or(text);
            let start = b"EXECABORT Transaction discarded because of: ";
            return CommandError::owned([start, reason].concat());
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.abort();
        }
        error
    }
}

/// Whether a client of RESP2 may send it while it subscribes: its replies cannot be told from messages.
fn while_subscribed(spec: &Spec) -> bool {
    let subscribes = spec.categories.contains(&Category::PubSub)
        && matches!(spec.run, Handler::Session(_))
        && !spec.name.contains('|');
    subscribes || matches!(spec.name, "ping" | "quit" | "reset")
}

/// Whether the "command" is a line of an HTTP request: a browser was tricked into sending it, and what
/// follows must not be taken for commands.
pub(crate) fn is_http(name: &[u8]) -> bool {
    is_word(name, "POST") || is_word(name, "HOST:")
}

/// There is no such command, or no such subcommand.
fn unknown(args: Args<'_>) -> CommandError {
    let name = args.get(0);
    let is_container = |id: CommandId| matches!(id.spec().run, Handler::Container(_));
    if table::find(name).is_some_and(is_container) {
        let (word, name) = (quoted(args.get(1), 128), quoted(name, 128).to_uppercase());
        return CommandError::owned(format!("ERR unknown subcommand '{word}'. Try {name} HELP."));
    }
    let mut beginning = Vec::new();
    for arg in args.iter().skip(1) {
        if beginning.len() >= 128 {
            break;
        }
        let room = 128 - beginning.len();
        beginning.push(b'\'');
        beginning.extend_from_slice(&arg[..arg.len().min(room)]);
        beginning.extend_from_slice(b"' ");
    }
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(&name[..name.len().min(128)]);
    text.extend_from_slice(b"', with args beginning with: ");
    text.extend_from_slice(&beginning);
    CommandError::owned(text)
}
