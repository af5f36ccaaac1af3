//! EXEC.

use skeg_engine::Bound;
use skeg_proto::{Args, Reply};

use crate::config::TransactionMode;
use crate::dispatch;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};
use crate::transaction::TransactionTask;

pub(crate) const SPEC: Spec = Spec {
    name: "exec",
    arity: 1,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::SKIP_SLOWLOG),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Transaction],
    group: Group::Transactions,
    since: "1.2.0",
    summary: "Runs the queued commands of the transaction as one",
    complexity: "Depends on the queued commands",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, _: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    let Turn { session, holder, complete, spec } = turn;
    let Some(transaction) = session.discard() else {
        return Err(CommandError::constant("ERR EXEC without MULTI"));
    };
    if transaction.is_aborted() {
        session.state.unwatching = true;
        return Err(CommandError::constant(
            "EXECABORT Transaction discarded because of previous errors.",
        ));
    }
    let watching = session.watching.take();
    let is_void = watching.as_ref().is_some_and(|watching| watching.flag.is_set());
    let mut task = TransactionTask::new(*transaction, watching, holder.engine());
    let shards = task.shards();
    if shards.as_slice().is_empty() {
        task.run_all(None, &mut session.cx(spec), reply)?;
        return Ok(Flow::done());
    }
    let mode = session.context.config().transactions();
    if mode != TransactionMode::CrossShard && shards.as_slice().len() > 1 {
        return Err(CommandError::constant(
            "CROSSSLOT Keys of the transaction are on several shards, and the setting `transactions` \
             is not `cross-shard`",
        ));
    }
    // What will not run needs no room. It takes the latches all the same: the nil shows somebody's
    // change, and waits for it.
    let bound = if is_void { Bound::READ } else { task.bound() };
    if holder.try_hold(&shards)? {
        let (start, before) = (reply.len(), session.state);
        let outcome = holder
            .run(&shards, bound, |exec| task.run_all(Some(exec), &mut session.cx(spec), reply));
        if let Some(flow) = dispatch::finished(outcome).map_err(|failed| failed.error)? {
            return Ok(flow);
        }
        // Nothing was changed: it runs again as a job, from where it started.
        reply.truncate(start);
        session.state = before;
    }
    Ok(session.post_task(spec, Box::new(task), shards, bound, holder, complete))
}
