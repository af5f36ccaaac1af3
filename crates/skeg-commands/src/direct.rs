//! Commands without a session, for whoever holds the latches: what a session does between its checks and its
//! reply. Simulations run the commands through this, and see what each has done before another comes.
//!
//! Invariant: shards, log space and the run itself are those of the session's own ways.
//! May not know: who runs it, and when.

use skeg_engine::{Bound, Engine, Exec, KEY_BYTES_MAX, ShardList};
use skeg_proto::{ArgsBuf, Reply};

use crate::bounds;
use crate::dispatch;
use crate::error::CommandError;
use crate::help::wrong_arity;
use crate::prepared::Author;
use crate::spec::{Flags, Handler, Outcome, Spec};
use crate::table::{self, CommandId};
use crate::transaction::TransactionTask;

/// One command, or several that run as EXEC runs them.
#[derive(Debug)]
pub struct Direct(Vec<(CommandId, ArgsBuf)>);

impl Direct {
    /// Looks commands up.
    ///
    /// # Errors
    /// There is none of that name, it has another number of arguments or too long a key, or it is run
    /// without shards.
    pub fn new(commands: impl IntoIterator<Item = ArgsBuf>) -> Result<Self, CommandError> {
        commands.into_iter().map(look_up).collect::<Result<_, _>>().map(Self)
    }

    fn each(&self) -> impl Iterator<Item = (&'static Spec, &ArgsBuf)> {
        self.0.iter().map(|(id, args)| (id.spec(), args))
    }

    /// The shards that it needs.
    #[must_use]
    pub fn shards(&self, engine: &Engine) -> ShardList {
        let lists = self.each().map(|(spec, args)| {
            let list = dispatch::shards_of(spec, args.as_args(), engine);
            list.as_slice().to_vec()
        });
        lists.flatten().collect()
    }

    /// The log space that its arguments tell of.
    #[must_use]
    pub fn bound(&self) -> Bound {
        let bounds = self.each().map(|(spec, args)| bounds::bound_of(spec, args.as_args()));
        bounds.fold(Bound::READ, Bound::and)
    }

    /// Whether it is refused while memory is short.
    #[must_use]
    pub fn may_grow(&self) -> bool {
        self.each().any(|(spec, _)| spec.flags.has(Flags::DENYOOM))
    }

    /// The keys that it names, and whether it may change them.
    pub fn keys(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.each().flat_map(|(spec, args)| {
            let keys = spec.keys.positions(args.as_args());
            keys.map(move |index| {
                let may_change = spec.keys.flags_at(index).may_change();
                (args.as_args().get(index), may_change)
            })
        })
    }

    /// Whether it may change keys that it does not name.
    #[must_use]
    pub fn changes_all_keys(&self) -> bool {
        self.each().any(|(spec, _)| matches!(spec.run, Handler::AllShards(_)))
    }

    /// Runs it on its shards, with the log space of [`Direct::bound`].
    ///
    /// # Errors
    /// Of one command its own error. When the shards say that it must wait
    /// ([`Exec::runs_again`]), it is to be run again.
    pub fn run(&self, exec: &mut Exec<'_>, author: &Author, db: u8, reply: &mut Reply) -> Outcome {
        if let [(id, args)] = &*self.0 {
            let (spec, args) = (id.spec(), args.as_args());
            return author.with(spec, db, |cx| match spec.run {
                Handler::Keyed(run)
                | Handler::AllShards(run)
                | Handler::Reaching(run, _)
                | Handler::Indexed(run, _) => dispatch::run_on(spec, run, exec, cx, args, reply),
                Handler::Blocking(blocking) => blocking.try_once(spec, exec, cx, args, reply),
                _ => Err(refused(spec)),
            });
        }
        let spec = table::find(b"exec").ok_or(CommandError::SYNTAX)?.spec();
        author.with(spec, db, |cx| {
            TransactionTask::of(&self.0, cx.engine()).run_all(Some(exec), cx, reply)
        })
    }
}

fn look_up(args: ArgsBuf) -> Result<(CommandId, ArgsBuf), CommandError> {
    let id = table::resolve(args.as_args()).ok_or(CommandError::SYNTAX)?;
    let spec = id.spec();
    if !spec.accepts(args.len()) {
        return Err(wrong_arity(spec));
    }
    match spec.run {
        Handler::Keyed(_)
        | Handler::AllShards(_)
        | Handler::Reaching(..)
        | Handler::Indexed(..)
        | Handler::Blocking(_) => {}
        _ => return Err(refused(spec)),
    }
    let keys = spec.keys.positions(args.as_args());
    if keys.map(|index| args.as_args().get(index).len()).any(|bytes| bytes > KEY_BYTES_MAX) {
        return Err(CommandError::KEY_TOO_LONG);
    }
    Ok((id, args))
}

fn refused(spec: &Spec) -> CommandError {
    CommandError::owned(format!("ERR '{}' does not run on shards", spec.name))
}
