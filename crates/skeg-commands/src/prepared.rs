//! Commands as changes of a transaction that a program makes: looked up and checked with all others
//! first, then run with them under the same latches.
//!
//! Invariants: what is prepared changes data, and takes no log space that was not reserved before it
//! runs. After [`Prepared::check`] it does not fail: types of keys are checked, and of the commands that fail
//! by what a value is, those are foreseen that whoever prepares commands admits (`foreseen.rs`,
//! `docs/decisions/0024-typed-methods.md`).
//!
//! May not know: where the arguments come from.

use std::collections::HashMap;

use skeg_engine::{Bound, Engine, Epoch, Exec, KEY_BYTES_MAX, Kind, ShardList, WrongType};
use skeg_io::sync::Arc;
use skeg_proto::{ArgsBuf, Reply, Version};

use crate::bounds;
use crate::clients::Client;
use crate::context::Context;
use crate::cx::{Cx, State};
use crate::error::CommandError;
use crate::foreseen::{self, Foreseen};
use crate::help::wrong_arity;
use crate::session::Session;
use crate::spec::{BoundRule, Flags, Group, Handler, KeyFlags, ShardHandler, Spec};
use crate::table;

/// The database that changes are made in.
pub(crate) const DB: u8 = 0;

/// A command with its arguments, ready to be run with others.
pub struct Prepared {
    spec: &'static Spec,
    run: ShardHandler,
    args: ArgsBuf,
}

/// As whom prepared commands run: what they need of a session, wherever they do.
#[derive(Clone)]
pub struct Author {
    context: Arc<Context>,
    client: Arc<Client>,
}

/// What keys hold when the changes that were checked so far have been made. A key that a change may or
/// may not remove counts as one of its type: what would be right in one case only is refused.
pub struct Types<'a> {
    kinds: HashMap<&'a [u8], Option<Kind>>,
    /// What values will be, if a command depends on that.
    values: Option<Foreseen<'a>>,
}

impl Session {
    /// For the commands that a program prepares.
    #[must_use]
    pub fn author(&self) -> Author {
        Author { context: Arc::clone(&self.context), client: Arc::clone(&self.client) }
    }
}

impl<'a> Types<'a> {
    /// Of no change yet; `with_values`: a command among them fails by what a value is.
    #[must_use]
    pub fn new(with_values: bool) -> Self {
        Self { kinds: HashMap::new(), values: with_values.then(Foreseen::default) }
    }

    /// Notes that a key will be a string.
    pub fn store(&mut self, key: &'a [u8], value: &'a [u8]) {
        self.kinds.insert(key, Some(Kind::String));
        if let Some(values) = &mut self.values {
            values.store(key, value.into());
        }
    }

    /// Notes that a key will not be there.
    pub fn remove(&mut self, key: &'a [u8]) {
        self.kinds.insert(key, None);
        if let Some(values) = &mut self.values {
            values.remove(key);
        }
    }

    /// Notes that a key may not be there.
    pub fn may_remove(&mut self, key: &'a [u8]) {
        if let Some(values) = &mut self.values {
            values.forget(key);
        }
    }

    fn set(&mut self, key: &'a [u8], kind: Option<Kind>) {
        self.kinds.insert(key, kind);
    }

    fn of(&mut self, exec: &mut Exec<'_>, key: &'a [u8]) -> Option<Kind> {
        *self.kinds.entry(key).or_insert_with(|| exec.shard(key).kind(DB, key))
    }
}

impl Prepared {
    /// Looks a command up.
    ///
    /// # Errors
    /// There is none, it has another number of arguments, or it is none that can be prepared.
    pub fn new(args: ArgsBuf) -> Result<Self, CommandError> {
        let id = table::resolve(args.as_args()).ok_or(CommandError::SYNTAX)?;
        let spec = id.spec();
        if !spec.accepts(args.len()) {
            return Err(wrong_arity(spec));
        }
        let (Handler::Keyed(run), true) = (spec.run, spec.writes()) else {
            return Err(refused(spec));
        };
        if matches!(spec.bound, BoundRule::Stored(_)) {
            return Err(refused(spec));
        }
        let prepared = Self { spec, run, args };
        if prepared.keys().any(|(key, _)| key.len() > KEY_BYTES_MAX) {
            return Err(CommandError::KEY_TOO_LONG);
        }
        Ok(prepared)
    }

    fn keys(&self) -> impl Iterator<Item = (&[u8], KeyFlags)> {
        let args = self.args.as_args();
        let keys = self.spec.keys;
        keys.positions(args).map(move |index| (args.get(index), keys.flags_at(index)))
    }

    /// Adds the shards of its keys.
    pub fn add_shards(&self, engine: &Engine, shards: &mut ShardList) {
        self.keys().for_each(|(key, _)| shards.insert(engine.shard_of(key)));
    }

    /// The log space that its arguments tell of.
    #[must_use]
    pub fn bound(&self) -> Bound {
        bounds::bound_of(self.spec, self.args.as_args())
    }

    /// Whether it fails by what a value is: then [`Types`] have to be with values.
    #[must_use]
    pub fn is_dependent(&self) -> bool {
        foreseen::is_dependent(self.spec)
    }

    /// Checks the types of its keys and what values will be, and reserves the log space that depends on
    /// what they hold.
    /// `before` is what changes that were checked before may add to that, in bytes.
    ///
    /// # Errors
    /// A key holds something else, its value does not do, or there is no space.
    pub fn check<'a>(
        &'a self,
        exec: &mut Exec<'_>,
        author: &Author,
        types: &mut Types<'a>,
        before: u64,
    ) -> Result<(), CommandError> {
        let wanted = kind_of(self.spec.group);
        for (key, flags) in self.keys() {
            let held = types.of(exec, key);
            if flags.may_read() {
                exec.shard(key).want(DB, key);
            }
            if flags.may_change() {
                exec.shard(key).want_change(DB, key);
            }
            if flags.has(KeyFlags::RM) {
                types.set(key, None);
            } else if flags.has(KeyFlags::OW) {
                let stays = flags.has(KeyFlags::INSERT) && held.is_some();
                types.set(key, if stays { held } else { wanted });
            } else if wanted.is_some() {
                if held.is_some() && held != wanted {
                    return Err(WrongType.into());
                }
                types.set(key, wanted);
            }
        }
        let args = self.args.as_args();
        if let Some(values) = &mut types.values {
            let changed = self.keys().filter(|(_, flags)| flags.may_change()).map(|(key, _)| key);
            let bytes_max = author.context.config().bulk_bytes_max();
            values.run(exec, self.spec, args, changed, bytes_max)?;
        }
        let rule = &self.spec.bound;
        if let Some(bound) = author.with(self.spec, DB, |cx| rule.ahead(exec, cx, args)) {
            let bound = bound.and(Bound::release(before));
            if rule.asks_later() {
                exec.reserve_ahead(bound)?;
            } else {
                exec.reserve_beside(bound)?;
            }
        }
        Ok(())
    }

    /// Whether it may grow the data.
    #[must_use]
    pub fn may_grow(&self) -> bool {
        self.spec.flags.has(Flags::DENYOOM)
    }

    /// Runs it, after [`Prepared::check`]. What it replies is for nobody.
    ///
    /// # Errors
    /// See the module.
    pub fn run(&self, exec: &mut Exec<'_>, author: &Author) -> Result<(), CommandError> {
        let mut reply = Reply::new(Version::Resp3);
        author.with(self.spec, DB, |cx| (self.run)(exec, cx, self.args.as_args(), &mut reply))
    }
}

impl Author {
    pub(crate) fn with<T>(
        &self,
        spec: &'static Spec,
        db: u8,
        run: impl FnOnce(&mut Cx<'_>) -> T,
    ) -> T {
        let mut state = State { db, version: Version::Resp3, ..State::default() };
        let (context, client) = (&self.context, &self.client);
        run(&mut Cx { context, client, state: &mut state, spec, written: Epoch::default() })
    }
}

/// What the keys of a command of this family hold.
fn kind_of(group: Group) -> Option<Kind> {
    match group {
        Group::String => Some(Kind::String),
        Group::Hash => Some(Kind::Hash),
        Group::List => Some(Kind::List),
        Group::Set => Some(Kind::Set),
        Group::SortedSet => Some(Kind::SortedSet),
        _ => None,
    }
}

fn refused(spec: &Spec) -> CommandError {
    CommandError::owned(format!("ERR '{}' is no change of a transaction", spec.name))
}
