//! The table of commands: every specification, found by name.
//!
//! The table itself is generated from the files under `cmd/`. A name is found with one hash, one
//! displacement and one comparison, in any case of letters, without allocating: the hash of each
//! name has its own slot (hash and displace). `scripts/generate-commands.ts` does the same
//! arithmetic as [`hash`] and [`slot`].

use crate::generated::table::{DISPLACEMENTS, NAME_BYTES_MAX, SLOTS};
use crate::spec::{Handler, Spec};

pub(crate) use crate::generated::table::COMMANDS;

/// The place of a command in the table; stays the same as long as the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId(pub(crate) u16);

impl CommandId {
    /// No command.
    pub(crate) const NONE: Self = Self(u16::MAX);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(crate) fn spec(self) -> &'static Spec {
        COMMANDS[self.index()]
    }

    /// Its name, or `otherwise` for [`CommandId::NONE`].
    pub(crate) fn name_or(self, otherwise: &'static str) -> &'static str {
        COMMANDS.get(self.index()).map_or(otherwise, |spec| spec.name)
    }
}

/// Every command and subcommand, by name.
#[must_use]
pub fn commands() -> &'static [&'static Spec] {
    &COMMANDS
}

/// The numbers of all commands and subcommands.
pub(crate) fn ids() -> impl Iterator<Item = CommandId> {
    (0..COMMANDS.len()).map(|index| CommandId(index as u16))
}

/// The commands proper, without subcommands.
pub(crate) fn top_level() -> impl Iterator<Item = CommandId> {
    ids().filter(|id| !id.spec().name.contains('|'))
}

/// The subcommands of a container.
pub(crate) fn subcommands(container: &'static Spec) -> impl Iterator<Item = CommandId> {
    ids().filter(move |id| {
        id.spec().name.split_once('|').is_some_and(|(name, _)| name == container.name)
    })
}

const OFFSET: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

/// FNV-1a of the letters in lower case.
#[inline]
fn hash(state: u32, name: &[u8]) -> u32 {
    name.iter().fold(state, |state, byte| {
        (state ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(PRIME)
    })
}

#[inline]
fn slot(hash: u32) -> usize {
    let displacement = u32::from(DISPLACEMENTS[hash as usize % DISPLACEMENTS.len()]);
    let mixed = (hash ^ displacement.wrapping_mul(0x9e37_79b1)).wrapping_mul(0x85eb_ca6b);
    (mixed >> 16) as usize % SLOTS.len()
}

/// The command called `name`; of `client|id` and the like too.
#[inline]
#[must_use]
pub(crate) fn find(name: &[u8]) -> Option<CommandId> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let id = SLOTS[slot(hash(OFFSET, name))];
    let spec = COMMANDS.get(usize::from(id))?;
    spec.name.as_bytes().eq_ignore_ascii_case(name).then_some(CommandId(id))
}

/// The subcommand `name` of a container.
#[must_use]
pub(crate) fn find_subcommand(container: &Spec, name: &[u8]) -> Option<CommandId> {
    if container.name.len() + 1 + name.len() > NAME_BYTES_MAX {
        return None;
    }
    let state = hash(hash(OFFSET, container.name.as_bytes()), b"|");
    let id = SLOTS[slot(hash(state, name))];
    let spec = COMMANDS.get(usize::from(id))?;
    let (first, last) = spec.name.split_once('|')?;
    let fits = first == container.name && last.as_bytes().eq_ignore_ascii_case(name);
    fits.then_some(CommandId(id))
}

/// The command that these arguments call, and how many of them its name takes.
pub(crate) fn resolve(args: skeg_proto::Args<'_>) -> Option<CommandId> {
    let name = args.try_get(0)?;
    // `config|get` names a subcommand in replies; nobody calls it so.
    let id = find(name).filter(|_| !name.contains(&b'|'))?;
    match (id.spec().run, args.try_get(1)) {
        (Handler::Container(_), Some(word)) => find_subcommand(id.spec(), word),
        _ => Some(id),
    }
}

/// The command that was resolved last: pipelines mostly repeat it, letter by letter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent {
    name: [u8; NAME_BYTES_MAX],
    len: u8,
    id: CommandId,
}

impl Default for Recent {
    fn default() -> Self {
        Self { name: [0; NAME_BYTES_MAX], len: 0, id: CommandId::NONE }
    }
}

impl Recent {
    /// What it is.
    #[inline]
    pub(crate) fn spec(&self) -> Option<&'static Spec> {
        (self.len > 0).then(|| self.id.spec())
    }

    /// As [`resolve`].
    #[inline]
    pub(crate) fn resolve(&mut self, args: skeg_proto::Args<'_>) -> Option<CommandId> {
        let name = args.get(0);
        // Byte by byte: a name is shorter than a call to compare it takes.
        let mut pairs = name.iter().zip(&self.name);
        if self.len > 0 && name.len() == usize::from(self.len) && pairs.all(|(a, b)| a == b) {
            return Some(self.id);
        }
        let id = resolve(args)?;
        // Of a container the word that follows tells the command.
        self.len = 0;
        let is_whole = !matches!(id.spec().run, Handler::Container(_)) && find(name) == Some(id);
        if is_whole && let Some(known) = self.name.get_mut(..name.len()) {
            known.copy_from_slice(name);
            (self.len, self.id) = (name.len() as u8, id);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Category, Flags};

    #[test]
    fn every_name_is_found_in_any_case_and_nothing_else_is() {
        for id in ids() {
            let name = id.spec().name;
            assert_eq!(find(name.as_bytes()), Some(id), "{name}");
            assert_eq!(find(name.to_uppercase().as_bytes()), Some(id), "{name}");
            assert_eq!(find(format!("{name}?").as_bytes()), None);
            if let Some((container, word)) = name.split_once('|') {
                let container = find(container.as_bytes()).unwrap().spec();
                assert!(matches!(container.run, Handler::Container(_)));
                assert_eq!(find_subcommand(container, word.as_bytes()), Some(id));
            }
        }
        assert_eq!(find(b""), None);
        assert_eq!(find(&[b'x'; 10_000]), None);
        assert!(COMMANDS.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted by name");
    }

    #[test]
    fn what_was_called_before_changes_nothing() {
        let mut recent = Recent::default();
        for line in ["GET a", "GET b", "get c", "client", "client id", "CLIENT ID", "nosuch", "get"]
        {
            let args: skeg_proto::ArgsBuf = line.split(' ').collect();
            for _ in 0..2 {
                assert_eq!(recent.resolve(args.as_args()), resolve(args.as_args()), "{line}");
            }
        }
    }

    #[test]
    fn specifications_are_complete_and_agree_with_themselves() {
        for spec in commands() {
            let name = spec.name;
            assert!(spec.arity != 0 && !spec.summary.is_empty() && !spec.complexity.is_empty());
            assert!(!spec.summary.ends_with('.'), "{name}: a summary is no sentence");
            assert!(!spec.categories.is_empty(), "{name} has no category");
            let has = |category| spec.categories.contains(&category);
            let flag = |flag| spec.flags.has(flag);
            assert_eq!(flag(Flags::FAST), has(Category::Fast), "{name}: fast");
            assert_eq!(flag(Flags::FAST), !has(Category::Slow), "{name}: slow");
            assert_eq!(flag(Flags::WRITE), has(Category::Write), "{name}: write");
            assert!(!flag(Flags::ADMIN) || has(Category::Admin), "{name}: admin");
            assert!(!flag(Flags::ADMIN) || has(Category::Dangerous), "{name}: dangerous");
            assert!(!flag(Flags::WRITE) || !flag(Flags::READONLY), "{name} reads only and writes");
        }
    }
}
