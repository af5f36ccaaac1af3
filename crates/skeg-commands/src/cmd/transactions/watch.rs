//! WATCH.
//!
//! The session notes its keys before they are registered: to let go of one that is not is no harm.

use skeg_engine::{Bound, Exec, ShardList, WatchFlag};
use skeg_io::sync::Arc;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::delegate::Task;
use crate::dispatch;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::{Turn, Watching};
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "watch",
    arity: -2,
    flags: Flags::NOSCRIPT
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::FAST)
        .with(Flags::ALLOW_BUSY),
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RO },
    categories: &[Category::Fast, Category::Transaction],
    group: Group::Transactions,
    since: "2.2.0",
    summary: "Makes EXEC refuse when one of the keys has changed",
    complexity: "O(N) for N keys",
    syntax: "key [key ...]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    let Turn { session, holder, complete, spec } = turn;
    if session.transaction.is_some() {
        return Err(CommandError::constant("ERR WATCH inside MULTI is not allowed"));
    }
    let db = session.state.db;
    let watching = session
        .watching
        .get_or_insert_with(|| Box::new(Watching { flag: WatchFlag::new(), keys: Vec::new() }));
    let mut shards = ShardList::new();
    let mut keys: Vec<Box<[u8]>> = Vec::with_capacity(args.len() - 1);
    for key in args.iter().skip(1) {
        if !watching.keys.iter().any(|(of, known)| (*of, &**known) == (db, key)) {
            watching.keys.push((db, key.into()));
            keys.push(key.into());
            shards.insert(holder.engine().shard_of(key));
        }
    }
    if watching.flag.is_set() || keys.is_empty() {
        reply.ok();
        return Ok(Flow::done());
    }
    let mut task = WatchTask { flag: Arc::clone(&watching.flag), keys };
    if holder.try_hold(&shards)? {
        let outcome =
            holder.run(&shards, Bound::READ, |exec| task.run(exec, &mut session.cx(spec), reply));
        if let Some(flow) = dispatch::finished(outcome).map_err(|failed| failed.error)? {
            return Ok(flow);
        }
    }
    Ok(session.post_task(spec, Box::new(task), shards, Bound::READ, holder, complete))
}

struct WatchTask {
    flag: Arc<WatchFlag>,
    keys: Vec<Box<[u8]>>,
}

impl Task for WatchTask {
    fn run(&mut self, exec: &mut Exec<'_>, cx: &mut Cx<'_>, reply: &mut Reply) -> Outcome {
        for key in &self.keys {
            exec.shard(key).watch(cx.db(), key, &self.flag);
        }
        reply.ok();
        Ok(())
    }
}
