//! What a command declares about itself.
//!
//! One [`Spec`] stands beside each handler. Dispatch, routing, COMMAND and its subcommands, access
//! control and the reference pages all read it; nothing about a command is written down twice.
//!
//! May not know: which commands exist.

mod keys;
mod words;

use skeg_engine::{Bound, Engine, Exec, ShardList};
use skeg_proto::{Args, Reply};

use crate::blocking::Blocking;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::Turn;
use crate::walk::Walk;

pub use keys::{Find, Keys};
pub use words::{Category, Flags, Group, KeyFlags};

/// What a handler returns: nothing beside the reply it wrote, or the error that is the reply.
pub type Outcome = Result<(), CommandError>;

/// Everything that is known about one command or subcommand.
#[derive(Debug)]
pub struct Spec {
    /// Its name in lower case; a subcommand's is `container|subcommand`.
    pub name: &'static str,
    /// Number of arguments, the name included (both words of a subcommand); negative: at least.
    pub arity: i16,
    /// What it may do, and when.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: Keys,
    /// Its categories of access control, spelt out.
    pub categories: &'static [Category],
    /// The family it is documented under.
    pub group: Group,
    /// The version of Redis that introduced it, or of skeg for `SKEG.*`.
    pub since: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Its cost.
    pub complexity: &'static str,
    /// Its arguments, in the notation of Redis's documentation.
    pub syntax: &'static str,
    /// Hints for clients, as COMMAND INFO lists them.
    pub tips: &'static [&'static str],
    /// The log space that it may need.
    pub bound: BoundRule,
    /// What runs.
    pub run: Handler,
}

/// Runs while shards are held.
pub type ShardHandler = fn(&mut Exec<'_>, &mut Cx<'_>, Args<'_>, &mut Reply) -> Outcome;
/// The shards of an index that a command needs.
pub(crate) type IndexShards = fn(&Engine, Args<'_>) -> ShardList;
/// Runs without any shard.
pub type SessionHandler = fn(&mut Cx<'_>, Args<'_>, &mut Reply) -> Outcome;
/// Starts a walk over shards.
pub type WalkHandler = fn(&Cx<'_>, Args<'_>) -> Result<Box<dyn Walk>, CommandError>;
/// Publishes: with the record of the transaction that it is part of, if it is.
pub type MessageHandler = fn(&mut Cx<'_>, Option<&mut Exec<'_>>, Args<'_>, &mut Reply) -> Outcome;
/// Changes the course of its session.
pub type ControlHandler = fn(&mut Turn<'_>, Args<'_>, &mut Reply) -> Result<Flow, CommandError>;

/// How a command is run, and what is held meanwhile.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// Touches no shard.
    Session(SessionHandler),
    /// The shards of its keys are held.
    Keyed(ShardHandler),
    /// Every shard is held.
    AllShards(ShardHandler),
    /// The shards of its keys are held; every shard, when its arguments may lead to any key.
    Reaching(ShardHandler, Reach),
    /// The shards of the parts of an index that it needs are held.
    Indexed(ShardHandler, IndexShards),
    /// Goes from shard to shard in slices; inside a transaction every shard is held.
    Walk(WalkHandler),
    /// Touches no shard; what it publishes may depend on a transaction.
    Message(MessageHandler),
    /// The shards of its keys are held; when they hold nothing for it, it waits for them.
    Blocking(&'static Blocking),
    /// Acts on the session itself: transactions, waiting. Never queued by MULTI.
    Control(ControlHandler),
    /// Has subcommands; what its name alone runs, if anything.
    Container(Option<SessionHandler>),
}

/// How a command comes to keys that its arguments do not name.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Whether its arguments may lead to any key.
    pub to_any: fn(Args<'_>) -> bool,
    /// Asks for the strings that it will read then.
    pub want: fn(&mut Exec<'_>, &Cx<'_>, Args<'_>),
}

/// The log space that a command may need at most.
#[derive(Clone, Copy, Debug)]
pub enum BoundRule {
    /// It writes nothing.
    Read,
    /// It only removes: its keys.
    Release,
    /// Its arguments, once.
    Grow,
    /// As [`BoundRule::Grow`], unless the arguments say that it removes its key or changes nothing: that goes on
    /// when a disk is full.
    GrowUnless(fn(Args<'_>) -> bool),
    /// It removes; this many bytes.
    ReleaseBy(fn(Args<'_>) -> u64),
    /// It may grow the data by this many bytes.
    GrowBy(fn(Args<'_>) -> u64),
    /// What its keys hold decides: the bytes beside the arguments, asked under their latches.
    Stored(StoredBytes),
    /// As [`BoundRule::Stored`], of a command that only removes.
    StoredRelease(StoredBytes),
    /// Its arguments, once. What it adds to that it asks for when it knows; at most this, which a
    /// transaction reserves before it changes anything.
    GrowLater(StoredBytes),
    /// As [`BoundRule::ReleaseBy`], and it asks for more when it knows, as [`BoundRule::GrowLater`].
    ReleaseLater(fn(Args<'_>) -> u64, StoredBytes),
}

/// The log space for what keys hold, under their latches.
pub type StoredBytes = fn(&mut Exec<'_>, &Cx<'_>, Args<'_>) -> u64;

impl BoundRule {
    /// What must be reserved under the latches, if what keys hold decides.
    pub(crate) fn stored(&self, exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> Option<Bound> {
        match self {
            Self::Stored(bytes) => Some(Bound::grow(bytes(exec, cx, args))),
            Self::StoredRelease(bytes) => Some(Bound::release(bytes(exec, cx, args))),
            _ => None,
        }
    }

    /// Whether the command itself asks for what it adds to its arguments.
    pub(crate) fn asks_later(&self) -> bool {
        matches!(self, Self::GrowLater(_) | Self::ReleaseLater(..))
    }

    /// What must be reserved before anything is changed, where the command cannot wait later.
    pub(crate) fn ahead(&self, exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> Option<Bound> {
        match self {
            Self::GrowLater(bytes) => Some(Bound::grow(bytes(exec, cx, args))),
            Self::ReleaseLater(_, bytes) => Some(Bound::release(bytes(exec, cx, args))),
            _ => self.stored(exec, cx, args),
        }
    }
}

impl Spec {
    /// Whether a command of `len` arguments has the right number of them.
    #[must_use]
    #[inline]
    pub fn accepts(&self, len: usize) -> bool {
        let arity = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { len >= arity } else { len == arity }
    }

    /// The word after the `|` of a subcommand's name, else the name.
    #[must_use]
    pub fn last_word(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, word)| word)
    }

    /// Whether it changes data.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.flags.has(Flags::WRITE)
    }
}
