//! Members of a large sorted set with their scores, in the order of scores.
//!
//! The key of a member is its score and the first eight bytes of its name; only where both are
//! equal are names compared.
//!
//! May not know: how members are found without their scores.

use std::cmp::Ordering;

use super::element::{self, Element};
use super::flat;
use super::tree::{self, Order, Tree};
use crate::value::StrRef;

/// A score as a number whose order is that of scores: -0 is 0, NaN comes after everything.
#[inline]
pub(crate) fn order_of(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// Compares two members with scores by score, then by the members' bytes.
pub(crate) fn compare(one: (f64, StrRef<'_>), two: (f64, StrRef<'_>)) -> Ordering {
    order_of(one.0).cmp(&order_of(two.0)).then_with(|| element::compare(one.1, two.1))
}

/// The first eight bytes; where they differ, they are ordered as the names are.
pub(crate) fn prefix_of(member: StrRef<'_>) -> u64 {
    element::with_bytes(member, |bytes| {
        let mut prefix = [0; 8];
        let len = bytes.len().min(8);
        prefix[..len].copy_from_slice(&bytes[..len]);
        u64::from_be_bytes(prefix)
    })
}

/// The score of an entry.
#[inline]
pub(crate) fn score_of(entry: &[u8]) -> f64 {
    element::score(flat::second(entry))
}

/// Member and score of an entry.
#[inline]
pub(crate) fn member_of(entry: &[u8]) -> (StrRef<'_>, f64) {
    (element::string(entry), score_of(entry))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    order: u64,
    prefix: u64,
}

impl Key {
    fn new(member: StrRef<'_>, score: f64) -> Self {
        Self { order: order_of(score), prefix: prefix_of(member) }
    }
}

impl tree::Key for Key {
    const LEAF_ENTRIES_MAX: usize = 47;
    const LEAF_BYTES_MAX: usize = 1024;
    const HAS_LENGTHS: bool = true;

    fn of(entry: &[u8]) -> Self {
        let (member, score) = member_of(entry);
        Self::new(member, score)
    }
}

/// A member with its score, to be found.
struct Sought<'a> {
    key: Key,
    member: StrRef<'a>,
}

impl<'a> Sought<'a> {
    fn new(member: StrRef<'a>, score: f64) -> Self {
        Self { key: Key::new(member, score), member }
    }
}

impl Order<Key> for Sought<'_> {
    #[inline]
    fn key(&self, key: &Key) -> Ordering {
        key.cmp(&self.key)
    }

    #[inline]
    fn entry(&self, entry: &[u8]) -> (Ordering, usize) {
        let second = element::len(entry);
        let (score, len) = element::score_and_len(&entry[second..]);
        let by_score = order_of(score).cmp(&self.key.order);
        let by_name = || element::compare(element::string(entry), self.member);
        (by_score.then_with(by_name), second + len)
    }
}

fn unless_equal(ordering: Ordering) -> Option<bool> {
    (ordering != Ordering::Equal).then_some(ordering == Ordering::Less)
}

#[derive(Clone, Debug)]
pub(crate) struct Ranking(Tree<Key, 2>);

impl Ranking {
    pub(crate) fn new() -> Self {
        Self(Tree::new())
    }

    pub(crate) fn tree(&self) -> &Tree<Key, 2> {
        &self.0
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    /// How many members have a lower score, or, if `inclusive`, this one or a lower one.
    pub(crate) fn count_to_score(&self, score: f64, inclusive: bool) -> usize {
        let order = order_of(score);
        let is_before = |other: u64| if inclusive { other <= order } else { other < order };
        self.0.count_while(
            |key| Some(is_before(key.order)),
            |entry| is_before(order_of(score_of(entry))),
        )
    }

    /// How many members come before this one by name and, if `inclusive`, it itself.
    pub(crate) fn count_to_name(&self, member: StrRef<'_>, inclusive: bool) -> usize {
        let prefix = prefix_of(member);
        self.0.count_while(
            |key| unless_equal(key.prefix.cmp(&prefix)),
            |entry| match element::compare(element::string(entry), member) {
                Ordering::Equal => inclusive,
                other => other == Ordering::Less,
            },
        )
    }

    /// The rank of a member with this score, or the one that it would have.
    pub(crate) fn rank(&self, member: StrRef<'_>, score: f64) -> usize {
        let sought = Sought::new(member, score);
        self.0.count_while(
            |key| unless_equal(sought.key(key)),
            |entry| sought.entry(entry).0 == Ordering::Less,
        )
    }

    /// Where a member with this score is looked for.
    pub(crate) fn leaf_hint(&self, member: StrRef<'_>, score: f64) -> &[u8] {
        let sought = Key::new(member, score);
        self.0.leaf_hint(|key| *key <= sought)
    }

    pub(crate) fn get(&self, rank: usize) -> Option<(StrRef<'_>, f64)> {
        self.0.get(rank).map(member_of)
    }

    pub(crate) fn insert(&mut self, member: &Element<'_>, score: f64) {
        let sought = Sought::new(member.value(), score);
        self.0.insert_by(&sought, &[*member, Element::score(score)]);
    }

    pub(crate) fn remove(&mut self, member: StrRef<'_>, score: f64) {
        self.0.remove_by(&Sought::new(member, score));
    }

    /// Frees about `budget` leaves; says whether there are more.
    pub(crate) fn shed(&mut self, budget: usize) -> bool {
        self.0.shed(budget)
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        self.0.check();
    }
}
