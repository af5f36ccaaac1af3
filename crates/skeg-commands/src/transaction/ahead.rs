//! What EXEC sees to before its first change: a command that had to wait for something later could neither
//! be run again nor wait.
//!
//! Invariant: every command is looked at in the database that it will find, as that is numbered now.

use skeg_engine::{Bound, DATABASES, Exec, IndexError, Refusal};
use skeg_proto::Args;

use super::TransactionTask;
use crate::cmd::server::swapdb;
use crate::cx::Cx;
use crate::parse;
use crate::spec::{Handler, Spec};
use crate::vector;

/// Which database the commands of a transaction are in, one after the other, before any of them has run.
struct Databases {
    /// What the session will have selected.
    selected: u8,
    /// What each number stands for now.
    now: [u8; DATABASES as usize],
}

impl Databases {
    fn from(selected: u8) -> Self {
        Self { selected, now: std::array::from_fn(|db| db as u8) }
    }

    /// The database of the next command.
    fn current(&self) -> u8 {
        self.now[usize::from(self.selected)]
    }

    /// What a command will make of it. One that fails makes nothing of it.
    fn follow(&mut self, spec: &Spec, args: Args<'_>) {
        match spec.name {
            "select" => self.selected = parse::database(args.get(1)).unwrap_or(self.selected),
            "swapdb" => {
                if let Ok((first, second)) = swapdb::databases(args) {
                    self.now.swap(usize::from(first), usize::from(second));
                }
            }
            _ => {}
        }
    }
}

impl TransactionTask {
    /// Has at hand what commands need: strings on the disk, room for vectors, and the log space that what
    /// keys hold now makes them take.
    pub(super) fn look_ahead(&self, exec: &mut Exec<'_>, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        self.in_each_database(cx, |spec, cx, args| want_values(spec, exec, cx, args));
        if exec.must_wait() {
            return Err(Refusal::Wait);
        }
        self.want_room(exec)?;
        let mut bound = Bound::READ;
        self.in_each_database(cx, |spec, cx, args| {
            let ahead = spec.bound.ahead(exec, cx, args);
            bound = ahead.map_or(bound, |ahead| bound.and(ahead));
        });
        if bound.bytes > 0 { exec.reserve_ahead(bound) } else { Ok(()) }
    }

    /// Looks at every command in the database that it will run in.
    fn in_each_database(
        &self,
        cx: &mut Cx<'_>,
        mut look: impl FnMut(&'static Spec, &Cx<'_>, Args<'_>),
    ) {
        let selected = cx.db();
        let mut databases = Databases::from(selected);
        for queued in &self.queue {
            let (spec, args) = (queued.id.spec(), queued.args.as_args());
            cx.state.db = databases.current();
            look(spec, cx, args);
            databases.follow(spec, args);
        }
        cx.state.db = selected;
    }

    /// Has room for all vectors that commands store, before anything is changed. Where a disk takes none
    /// each of them is refused by itself.
    fn want_room(&self, exec: &mut Exec<'_>) -> Result<(), Refusal> {
        let commands =
            self.queue.iter().map(|queued| (queued.id.spec().name, queued.args.as_args()));
        match vector::make_room(exec, commands) {
            Err(IndexError::Behind) => Err(Refusal::Wait),
            _ => Ok(()),
        }
    }
}

/// Asks for the strings that a command may read, and has what it may change handed out to a snapshot that
/// still needs it.
fn want_values(spec: &Spec, exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) {
    if !matches!(spec.run, Handler::Keyed(_) | Handler::Reaching(..) | Handler::Blocking(_)) {
        return;
    }
    for index in spec.keys.positions(args) {
        let (flags, key) = (spec.keys.flags_at(index), args.get(index));
        if flags.may_read() {
            exec.shard(key).want(cx.db(), key);
        }
        if flags.may_change() {
            exec.shard(key).want_change(cx.db(), key);
        }
    }
    if let Handler::Reaching(_, reach) = spec.run
        && exec.has_away(cx.db())
        && (reach.to_any)(args)
    {
        (reach.want)(exec, cx, args);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use skeg_proto::ArgsBuf;

    #[test]
    fn databases_are_followed_through_selections_and_swaps() {
        let mut databases = Databases::from(3);
        let mut current = |line: &str| {
            let args: ArgsBuf = line.split(' ').collect();
            let id = table::resolve(args.as_args()).expect("it is a command");
            databases.follow(id.spec(), args.as_args());
            databases.current()
        };
        assert_eq!(current("get x"), 3);
        assert_eq!(current("swapdb 3 5"), 5, "what was 5 is found under 3");
        assert_eq!(current("swapdb 3 16"), 5, "there is no such database");
        assert_eq!(current("select 5"), 3);
        assert_eq!(current("select x"), 3);
        assert_eq!(current("swapdb 0 5"), 0);
        assert_eq!(current("select 7"), 7);
        assert_eq!(current("select 0"), 3);
    }
}
