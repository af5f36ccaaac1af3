//! What a command declares about itself.
//!
//! One [`Spec`] stands beside each handler. Dispatch, routing, COMMAND and its subcommands, access
//! control and the reference pages all read it; nothing about a command is written down twice.
//!
//! May not know: which commands exist.

use skeg_engine::{Bound, Exec};
use skeg_proto::{Args, Reply};

use crate::blocking::Blocking;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::parse;
use crate::session::Turn;
use crate::walk::Walk;

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
    Reaching(ShardHandler, fn(Args<'_>) -> bool),
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

/// The log space that a command may need at most.
#[derive(Clone, Copy, Debug)]
pub enum BoundRule {
    /// It writes nothing.
    Read,
    /// It only removes: its keys.
    Release,
    /// Its arguments, once.
    Grow,
    /// It removes; this many bytes.
    ReleaseBy(fn(Args<'_>) -> u64),
    /// It may grow the data by this many bytes.
    GrowBy(fn(Args<'_>) -> u64),
    /// What its keys hold decides: the bytes beside the arguments, asked under their latches.
    Stored(StoredBytes),
    /// As [`BoundRule::Stored`], of a command that only removes.
    StoredRelease(StoredBytes),
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
}

/// Where the keys of a command are among its arguments.
#[derive(Clone, Copy, Debug)]
pub enum Keys {
    /// It has none.
    None,
    /// One, the first argument.
    One(KeyFlags),
    /// One, the argument of this index (behind a subcommand's name).
    At(u8, KeyFlags),
    /// Every `step`th argument from `first` on, to the end.
    ToEnd {
        /// Index of the first key.
        first: u8,
        /// Distance of one key to the next.
        step: u8,
        /// What happens to them.
        flags: KeyFlags,
    },
    /// The argument of this index, and every one behind it with flags of their own.
    Store {
        /// Index of the first.
        at: u8,
        /// What happens to the first.
        destination: KeyFlags,
        /// What happens to the others.
        flags: KeyFlags,
    },
    /// One at each of the first arguments, each with its own flags.
    Each(&'static [KeyFlags]),
    /// As many as a number says that stands before them; before the number perhaps one more, with
    /// its own flags.
    Counted {
        /// The key before the number.
        destination: Option<KeyFlags>,
        /// Those behind it.
        flags: KeyFlags,
    },
    /// As many as the argument of this index says, behind it.
    CountedAt(u8, KeyFlags),
    /// All arguments but the last.
    ButLast(KeyFlags),
    /// The first argument, and perhaps another, at the index that the arguments tell.
    OneAnd {
        /// The first.
        flags: KeyFlags,
        /// Where the other is.
        find: fn(Args<'_>) -> Option<usize>,
        /// What happens to it.
        found: KeyFlags,
    },
}

/// How the keys of one specification are found, as COMMAND INFO tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// To the last one (counted from the first; negative: from the end), in steps.
    Range(i64, i64),
    /// A number, and so many keys behind it.
    Count,
    /// The arguments tell.
    Unknown,
}

impl Keys {
    /// The indexes of the keys in a command. Where a number of keys is none, one key all the same:
    /// its shard is held while the command is refused.
    pub fn positions(self, args: Args<'_>) -> impl Iterator<Item = usize> {
        let len = args.len();
        let (first, end, step) = match self {
            Self::None => (0, 0, 1),
            Self::One(_) | Self::OneAnd { .. } => (1, 2.min(len), 1),
            Self::At(index, _) => (usize::from(index), (usize::from(index) + 1).min(len), 1),
            Self::ToEnd { first, step, .. } => (usize::from(first), len, usize::from(step)),
            Self::Store { at, .. } => (usize::from(at), len, 1),
            Self::Each(flags) => (1, (flags.len() + 1).min(len), 1),
            Self::Counted { destination, .. } => {
                counted(args, 1 + usize::from(destination.is_some()))
            }
            Self::CountedAt(number, _) => counted(args, usize::from(number)),
            Self::ButLast(_) => (1, (len - 1).max(1), 1),
        };
        let (before, behind) = match self {
            Self::Counted { destination: Some(_), .. } => (Some(1), None),
            Self::OneAnd { find, .. } => (None, find(args)),
            _ => (None, None),
        };
        before.into_iter().chain((first..end).step_by(step)).chain(behind)
    }

    /// What happens to the key at this index, which is one of [`Keys::positions`].
    #[must_use]
    pub fn flags_at(self, index: usize) -> KeyFlags {
        match self {
            Self::None => KeyFlags::NONE,
            Self::One(flags)
            | Self::At(_, flags)
            | Self::ToEnd { flags, .. }
            | Self::CountedAt(_, flags)
            | Self::ButLast(flags) => flags,
            Self::Store { at, destination, flags } => {
                if index == usize::from(at) {
                    destination
                } else {
                    flags
                }
            }
            Self::Each(each) => each.get(index - 1).copied().unwrap_or(KeyFlags::NONE),
            Self::Counted { destination, flags } => match destination {
                Some(destination) if index == 1 => destination,
                _ => flags,
            },
            Self::OneAnd { flags, found, .. } => {
                if index == 1 {
                    flags
                } else {
                    found
                }
            }
        }
    }

    /// Whether there can be none although the command has keys by its nature.
    #[must_use]
    pub fn is_none(self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether only the arguments tell where the keys are.
    #[must_use]
    pub fn is_movable(self) -> bool {
        matches!(self, Self::Counted { .. } | Self::CountedAt(..) | Self::OneAnd { .. })
    }

    /// What happens to the keys, spec by spec: index of the first, how to find all, flags.
    #[must_use]
    pub fn specs(self) -> Vec<(i64, Find, KeyFlags)> {
        const ONE: Find = Find::Range(0, 1);
        match self {
            Self::None => Vec::new(),
            Self::One(flags) => vec![(1, ONE, flags)],
            Self::At(index, flags) => vec![(i64::from(index), ONE, flags)],
            Self::ToEnd { first, step, flags } => {
                vec![(i64::from(first), Find::Range(-1, i64::from(step)), flags)]
            }
            Self::Store { at, destination, flags } => {
                let at = i64::from(at);
                vec![(at, ONE, destination), (at + 1, Find::Range(-1, 1), flags)]
            }
            Self::Each(each) => {
                each.iter().enumerate().map(|(at, flags)| (at as i64 + 1, ONE, *flags)).collect()
            }
            Self::Counted { destination: None, flags } => vec![(1, Find::Count, flags)],
            Self::CountedAt(number, flags) => vec![(i64::from(number), Find::Count, flags)],
            Self::ButLast(flags) => vec![(1, Find::Range(-2, 1), flags)],
            Self::Counted { destination: Some(destination), flags } => {
                vec![(1, ONE, destination), (2, Find::Count, flags)]
            }
            Self::OneAnd { flags, found, .. } => {
                vec![(1, ONE, flags), (0, Find::Unknown, found)]
            }
        }
    }

    /// First, last (negative: from the end) and step, as old clients want them.
    #[must_use]
    pub fn range(self) -> (i64, i64, i64) {
        match self {
            Self::None | Self::Counted { destination: None, .. } | Self::CountedAt(..) => (0, 0, 0),
            Self::ButLast(_) => (1, -2, 1),
            Self::One(_) | Self::OneAnd { .. } | Self::Counted { .. } => (1, 1, 1),
            Self::At(index, _) => (i64::from(index), i64::from(index), 1),
            Self::ToEnd { first, step, .. } => (i64::from(first), -1, i64::from(step)),
            Self::Store { at, .. } => (i64::from(at), -1, 1),
            Self::Each(flags) => (1, flags.len() as i64, 1),
        }
    }
}

/// First, end and step of the keys that a number at this index counts.
fn counted(args: Args<'_>, number: usize) -> (usize, usize, usize) {
    let first = number + 1;
    let count = args.try_get(number).and_then(parse::integer);
    let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    (first, first.saturating_add(count.max(1)).min(args.len()), 1)
}

/// A set of named bits; `|` at compile time is `with`.
macro_rules! bits {
    ($(#[$doc:meta])* $name:ident($repr:ty) { $($(#[$item_doc:meta])* $bit:ident = $at:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name($repr);

        impl $name {
            /// Nothing of all this.
            pub const NONE: Self = Self(0);
            $($(#[$item_doc])* pub const $bit: Self = Self(1 << $at);)*

            /// Both.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether all of `other` is in here.
            #[must_use]
            #[inline]
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names, in the order of Redis's replies.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                const ALL: &[(&str, $name)] = &[$(($text, $name::$bit)),*];
                ALL.iter().filter(move |(_, bit)| self.has(*bit)).map(|(name, _)| *name)
            }
        }
    };
}

bits! {
    /// What a command may do, and when.
    Flags(u32) {
        /// May change data.
        WRITE = 0, "write";
        /// Reads data and changes nothing.
        READONLY = 1, "readonly";
        /// Refused when memory is short.
        DENYOOM = 2, "denyoom";
        /// For administrators.
        ADMIN = 3, "admin";
        /// About publishing and subscribing.
        PUBSUB = 16, "pubsub";
        /// Not for scripts.
        NOSCRIPT = 4, "noscript";
        /// May block its client.
        BLOCKING = 5, "blocking";
        /// Works while the data is being loaded.
        LOADING = 6, "loading";
        /// Works on a replica whose data is stale.
        STALE = 7, "stale";
        /// Not shown to MONITOR.
        SKIP_MONITOR = 8, "skip_monitor";
        /// Not entered into the slow log.
        SKIP_SLOWLOG = 9, "skip_slowlog";
        /// Cheap: constant or logarithmic time.
        FAST = 10, "fast";
        /// Works before authentication.
        NO_AUTH = 11, "no_auth";
        /// Its keys may be absent.
        NO_MANDATORY_KEYS = 12, "no_mandatory_keys";
        /// Not while a replica loads its data beside the old.
        NO_ASYNC_LOADING = 13, "no_async_loading";
        /// Not inside MULTI.
        NO_MULTI = 14, "no_multi";
        /// Works while a script is busy.
        ALLOW_BUSY = 15, "allow_busy";
    }
}

bits! {
    /// What a command does to a key.
    KeyFlags(u16) {
        /// Reads its value.
        RO = 0, "RO";
        /// Reads and changes it.
        RW = 1, "RW";
        /// Overwrites it.
        OW = 2, "OW";
        /// Removes it.
        RM = 3, "RM";
        /// Returns, copies or uses what it holds.
        ACCESS = 4, "access";
        /// Changes what it holds.
        UPDATE = 5, "update";
        /// Adds to it, and changes nothing that is there.
        INSERT = 6, "insert";
        /// Removes from it, or removes it.
        DELETE = 7, "delete";
        /// The other flags depend on the arguments.
        VARIABLE_FLAGS = 8, "variable_flags";
    }
}

impl KeyFlags {
    /// Whether the command may have to read what the key holds, to show it or to change a part.
    #[must_use]
    pub fn may_read(self) -> bool {
        self.has(Self::ACCESS) || self.has(Self::RW)
    }

    /// Whether the command may change or remove what the key holds.
    #[must_use]
    pub fn may_change(self) -> bool {
        self.has(Self::RW) || self.has(Self::OW) || self.has(Self::RM)
    }
}

/// An enumeration of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$item_doc])* $item,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$item),*];

            /// Its word in Redis's replies.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$item => $text,)* }
            }
        }
    };
}

words! {
    /// A category of access control.
    Category {
        /// Keys whatever they hold.
        Keyspace = "keyspace";
        /// Reads values.
        Read = "read";
        /// Changes values.
        Write = "write";
        /// Strings.
        String = "string";
        /// Hashes.
        Hash = "hash";
        /// Sets.
        Set = "set";
        /// Lists.
        List = "list";
        /// Sorted sets.
        SortedSet = "sortedset";
        /// Administration.
        Admin = "admin";
        /// Cheap.
        Fast = "fast";
        /// Not cheap.
        Slow = "slow";
        /// May block its client.
        Blocking = "blocking";
        /// Wants a second thought.
        Dangerous = "dangerous";
        /// The connection itself.
        Connection = "connection";
        /// MULTI and what belongs to it.
        Transaction = "transaction";
        /// Publishing and subscribing.
        PubSub = "pubsub";
        /// Bits of strings.
        Bitmap = "bitmap";
        /// Vectors.
        Vector = "vector";
    }
}

words! {
    /// A family of commands in the documentation.
    Group {
        /// Keys whatever they hold.
        Generic = "generic";
        /// Strings.
        String = "string";
        /// Bits of strings.
        Bitmap = "bitmap";
        /// Hashes.
        Hash = "hash";
        /// Sets.
        Set = "set";
        /// Lists.
        List = "list";
        /// Sorted sets.
        SortedSet = "sorted-set";
        /// The connection.
        Connection = "connection";
        /// The server.
        Server = "server";
        /// Publishing and subscribing.
        PubSub = "pubsub";
        /// Transactions.
        Transactions = "transactions";
        /// What only skeg has.
        Skeg = "skeg";
    }
}

impl Flags {
    /// Reads, cheaply.
    pub const READ_FAST: Self = Self::READONLY.with(Self::FAST);
    /// Changes data without growing it, cheaply.
    pub const WRITE_FAST: Self = Self::WRITE.with(Self::FAST);
    /// May grow the data.
    pub const GROW: Self = Self::WRITE.with(Self::DENYOOM);
    /// May grow the data, cheaply.
    pub const GROW_FAST: Self = Self::GROW.with(Self::FAST);
    /// About the server or the connection: works while data is loaded or stale.
    pub const SERVICE: Self = Self::NOSCRIPT.with(Self::LOADING).with(Self::STALE);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_keys_follow_the_arguments() {
        fn at(keys: Keys, line: &str) -> Vec<usize> {
            let args: skeg_proto::ArgsBuf = line.split(' ').collect();
            keys.positions(args.as_args()).collect()
        }
        let mset = Keys::ToEnd { first: 1, step: 2, flags: KeyFlags::OW };
        assert_eq!(at(mset, "mset a 1 b 2"), [1, 3]);
        assert_eq!(mset.range(), (1, -1, 2));
        let rename = Keys::Each(&[KeyFlags::RW, KeyFlags::OW]);
        assert_eq!(at(rename, "rename a b"), [1, 2]);
        assert_eq!(rename.range(), (1, 2, 1));
        assert_eq!(at(Keys::None, "ping a").len(), 0);
        assert_eq!(at(Keys::One(KeyFlags::RO), "get").len(), 0);
        let pop = Keys::Counted { destination: None, flags: KeyFlags::RW };
        assert_eq!(at(pop, "lmpop 2 a b left"), [2, 3]);
        assert_eq!(at(pop, "lmpop 9 a left"), [2, 3]);
        for count in ["0", "-1", "x", "9223372036854775807"] {
            assert_eq!(at(pop, &format!("lmpop {count} a")), [2], "{count}");
        }
        let blocking = Keys::CountedAt(2, KeyFlags::RW);
        assert_eq!(at(blocking, "blmpop 0 2 a b left"), [3, 4]);
        assert_eq!(at(Keys::ButLast(KeyFlags::RW), "blpop a b 0"), [1, 2]);
        assert_eq!(Keys::ButLast(KeyFlags::RW).range(), (1, -2, 1));
        let store = Keys::Counted { destination: Some(KeyFlags::OW), flags: KeyFlags::RO };
        assert_eq!(at(store, "zunionstore to 2 a b weights 1 2"), [1, 3, 4]);
    }

    #[test]
    fn names_of_bits_come_in_the_order_of_redis() {
        let flags = Flags::FAST.with(Flags::READONLY);
        assert_eq!(flags.names().collect::<Vec<_>>(), ["readonly", "fast"]);
        assert!(flags.has(Flags::FAST) && !flags.has(Flags::WRITE));
    }
}
