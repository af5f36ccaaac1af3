//! Where the keys of a command are, and how clients are told.
//!
//! May not know: what happens to the keys.

use skeg_proto::Args;

use super::KeyFlags;
use crate::parse;

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
}
