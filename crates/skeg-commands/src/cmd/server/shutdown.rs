//! SHUTDOWN. SAVE and NOSAVE make no difference: what was acknowledged is in the log.

use skeg_engine::Receipt;
use skeg_proto::{Args, Reply};

use crate::error::CommandError;
use crate::flow::Flow;
use crate::host::Shutdown;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "shutdown",
    arity: -1,
    flags: Flags::ADMIN
        .with(Flags::NOSCRIPT)
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::NO_MULTI)
        .with(Flags::ALLOW_BUSY),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Saves what is not saved and stops the server",
    complexity: "O(1); what is unsaved is written",
    syntax: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    let mut request = Shutdown::default();
    let (mut save, mut no_save, mut abort) = (false, false, false);
    for word in args.iter().skip(1) {
        let option = match word.to_ascii_lowercase().as_slice() {
            b"save" => &mut save,
            b"nosave" => &mut no_save,
            b"abort" => &mut abort,
            b"now" => &mut request.now,
            b"force" => &mut request.force,
            _ => return Err(CommandError::SYNTAX),
        };
        *option = true;
    }
    if save && no_save || abort && args.len() > 2 {
        return Err(CommandError::SYNTAX);
    }
    let host = turn.session.context.host();
    if abort {
        if !host.abort_shutdown() {
            return Err(CommandError::constant("ERR No shutdown in progress."));
        }
        reply.ok();
        return Ok(Flow::done());
    }
    host.shutdown(request).map_err(|reason| CommandError::owned(format!("ERR {reason}")))?;
    // As in Redis the connection just ends.
    Ok(Flow::Close(Receipt::default()))
}
