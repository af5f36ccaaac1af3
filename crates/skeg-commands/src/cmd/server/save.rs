//! SAVE: takes a snapshot and answers when it is published. Nobody else waits: writes go on meanwhile.

use skeg_engine::Receipt;
use skeg_io::sync::Arc;
use skeg_proto::{Args, Reply};

use crate::cmd::server::bgsave::refused;
use crate::error::CommandError;
use crate::flow::{Completion, Flow};
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "save",
    arity: 1,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::NO_MULTI),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Takes a snapshot with everything written before, and waits for it",
    complexity: "O(n); others are served meanwhile",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, _: Args<'_>, _: &mut Reply) -> Result<Flow, CommandError> {
    let (state, complete) = (turn.session.state, Arc::clone(turn.complete));
    let done = move |result: Result<_, _>| {
        let mut reply = Reply::new(state.version);
        match result {
            Ok(_) => reply.ok(),
            Err(error) => refused(error).write_to(&mut reply),
        }
        complete.complete(Completion { reply, receipt: Receipt::default(), state });
    };
    turn.holder.release();
    turn.session.context.engine().snapshot(Box::new(done)).map_err(refused)?;
    Ok(Flow::Pending)
}
