//! Indexes in parts: one that is spread over several shards is, to each of them, an index of its own.
//!
//! Part 0 has the name of the whole. The names of the others are made of it, and begin with a hash tag that
//! leads part n to the n-th shard behind that of part 0, however many shards there are; so the log, snapshots, segments
//! and another number of shards know nothing of parts. Which part a row is in, its id says.
//!
//! Invariant: all parts of an index come and go in one command, which holds all their shards; so whoever
//! holds the shard of a part knows that the directory holds good.
//!
//! May not know: what is in a part.

use std::collections::BTreeMap;

use skeg_io::sync::atomic::{AtomicUsize, Ordering};
use skeg_io::sync::{Arc, RwLock};
use skeg_vector::{IdKind, IdRef};

use crate::router::{SLOTS, slot_of, tag_of};

/// The most parts of an index.
pub const PARTS_MAX: u16 = 256;

/// What the name of a part but the first has before that of the whole: a hash tag of two bytes, a zero, and
/// the part's number.
const PREFIX_BYTES: usize = 7;

/// Which part of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) number: u16,
    pub(crate) of: u16,
}

impl Part {
    pub(crate) const WHOLE: Self = Self { number: 0, of: 1 };

    pub(super) fn from_number(number: u64) -> Option<Self> {
        let part = Self { number: number as u16, of: u16::try_from(number >> 16).ok()? };
        (part.number < part.of && (2..=PARTS_MAX).contains(&part.of)).then_some(part)
    }

    /// Its share of a limit: the shares of all are the limit.
    pub(super) fn share(self, limit: Option<u64>) -> Option<u64> {
        let (number, of) = (u64::from(self.number), u64::from(self.of));
        // 0 would be none.
        limit.map(|limit| (limit / of + u64::from(number < limit % of)).max(1))
    }

    /// The name of this part of an index.
    pub(super) fn name(self, whole: &[u8]) -> Box<[u8]> {
        if self.number == 0 {
            return whole.into();
        }
        let [high, low] = self.number.to_be_bytes();
        let [first, second] = tag_of((slot_of(whole) + self.number) % SLOTS);
        [&[b'{', first, second, b'}', 0, high, low], whole].concat().into()
    }
}

/// The number of the part and the name of the whole, of a name that only a part has.
pub(crate) fn part_of(name: &[u8]) -> Option<(u16, &[u8])> {
    let (prefix, whole) = name.split_at_checked(PREFIX_BYTES)?;
    match *prefix {
        [b'{', _, _, b'}', 0, high, low] => Some((u16::from_be_bytes([high, low]), whole)),
        _ => None,
    }
}

/// The name of the whole, of one that only a part has.
pub(crate) fn whole_of(name: &[u8]) -> Option<&[u8]> {
    part_of(name).map(|(_, whole)| whole)
}

/// The parts of an index, by name. Of one that is not there, or in one piece, that is its own name.
#[derive(Clone, Debug)]
pub enum Parts<'n> {
    /// One.
    One(&'n [u8]),
    /// Several.
    Several(Arc<Several>),
}

/// The parts of an index that has more than one.
#[derive(Debug)]
pub struct Several {
    names: Vec<Box<[u8]>>,
    ids: IdKind,
}

impl Parts<'_> {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Several(several) => several.names.len(),
        }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.count()).map(|part| self.name(part))
    }

    fn name(&self, part: usize) -> &[u8] {
        match self {
            Self::One(name) => name,
            Self::Several(several) => &several.names[part],
        }
    }

    /// The name of the part that the id with this text is in; of what is no id, of any.
    #[must_use]
    pub fn name_of_text(&self, text: &[u8]) -> &[u8] {
        let Self::Several(several) = self else { return self.name(0) };
        self.name_of(IdRef::read(several.ids, text).unwrap_or(IdRef::U64(0)))
    }

    /// The name of the part that an id is in.
    #[must_use]
    pub fn name_of(&self, id: IdRef<'_>) -> &[u8] {
        let hash = match id {
            IdRef::U64(id) => fnv1a(&id.to_le_bytes()),
            IdRef::Str(id) => fnv1a(id.as_bytes()),
        };
        self.name((hash % self.count() as u64) as usize)
    }
}

/// FNV-1a of 64 bits: it decides for ever where rows are, so it is one that is written down.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The indexes in several parts of all shards: who looks for an index asks here which shards it needs.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// How many there are, so that nobody waits for the others where there are none.
    count: AtomicUsize,
    by_name: RwLock<BTreeMap<Box<[u8]>, Arc<Several>>>,
}

impl Directory {
    pub(crate) fn parts<'n>(&self, name: &'n [u8]) -> Parts<'n> {
        if self.count.load(Ordering::Acquire) > 0 {
            if let Some(several) = self.by_name.read().get(name) {
                return Parts::Several(Arc::clone(several));
            }
            if whole_of(name).is_some() {
                // Nobody gets at a part but by way of the whole: no index has this name.
                return Parts::One(&[]);
            }
        }
        Parts::One(name)
    }

    pub(super) fn note(&self, name: &[u8], part: Part, ids: IdKind) {
        if part.number > 0 || part.of < 2 {
            return;
        }
        let names = (0..part.of).map(|number| Part { number, ..part }.name(name)).collect();
        let mut by_name = self.by_name.write();
        by_name.insert(name.into(), Arc::new(Several { names, ids }));
        self.count.store(by_name.len(), Ordering::Release);
    }

    pub(super) fn forget(&self, name: &[u8]) {
        if self.count.load(Ordering::Acquire) > 0 {
            let mut by_name = self.by_name.write();
            by_name.remove(name);
            self.count.store(by_name.len(), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Router;

    #[test]
    fn parts_lie_on_one_shard_after_the_other() {
        for whole in [&b"docs"[..], b"{tag}docs", b"", b"\xff{}", b"}{"] {
            for shards in [1, 2, 16, 256] {
                let router = Router::new(shards);
                let home = router.shard_of(whole).0;
                for number in 0..PARTS_MAX {
                    let name = Part { number, of: PARTS_MAX }.name(whole);
                    assert_eq!(router.shard_of(&name).0, (home + number) % shards);
                    assert_eq!(part_of(&name), (number > 0).then_some((number, whole)));
                }
            }
        }
    }

    #[test]
    fn an_id_is_in_the_part_that_the_format_says() {
        let directory = Directory::default();
        directory.note(b"docs", Part { number: 0, of: 3 }, IdKind::Str);
        let parts = directory.parts(b"docs");
        // FNV-1a of "a" is af63dc4c8601ec8c, of "foobar" 85944171f73967e8.
        let of = |id: &str| parts.name_of(IdRef::Str(id)).to_vec();
        let name = |hash: u64| Part { number: (hash % 3) as u16, of: 3 }.name(b"docs").to_vec();
        assert_eq!(of("a"), name(0xaf63_dc4c_8601_ec8c));
        assert_eq!(of("foobar"), name(0x8594_4171_f739_67e8));
        assert_eq!(directory.parts(b"other").count(), 1);
        let part = parts.names().nth(1).unwrap_or_default();
        assert_eq!(directory.parts(part).names().next(), Some(&b""[..]));
        directory.forget(b"docs");
        assert_eq!(directory.parts(b"docs").count(), 1);
    }
}
