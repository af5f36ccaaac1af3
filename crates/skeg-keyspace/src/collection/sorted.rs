//! Large sorted sets (a table from member to score beside a ranking), and views of all.
//!
//! May not know: how flat sorted sets are changed.

use std::cmp::Ordering;
use std::ops::Range;

use super::element::{self, Element};
use super::flat::Flat;
use super::ranking::{self, Key, Ranking, member_of, score_of};
use super::runs::{Source, Walk};
use super::table::Table;
use crate::value::StrRef;

/// A large sorted set.
#[derive(Clone, Debug)]
pub(crate) struct Sorted {
    scores: Table<2>,
    ranking: Ranking,
}

impl Sorted {
    pub(crate) fn new(hasher: ahash::RandomState) -> Self {
        Self { scores: Table::new(hasher), ranking: Ranking::new() }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.scores.memory_bytes() + self.ranking.memory_bytes()
    }

    pub(crate) fn len(&self) -> usize {
        self.scores.len()
    }

    /// The members with their scores, found by name.
    pub(crate) fn table(&self) -> &Table<2> {
        &self.scores
    }

    /// Where a change of a member's score will read: the leaves that it leaves and comes to.
    pub(crate) fn hint(&self, member: &Element<'_>, score: f64) -> [&[u8]; 2] {
        let leaf = |score| self.ranking.leaf_hint(member.value(), score);
        [self.score(member).map_or(&[][..], leaf), leaf(score)]
    }

    fn score(&self, member: &Element<'_>) -> Option<f64> {
        self.scores.get(member).map(score_of)
    }

    /// Gives a member a score; returns the one it had.
    pub(crate) fn set(&mut self, member: &Element<'_>, score: f64) -> Option<f64> {
        let before = self.scores.exchange([*member, Element::score(score)], score_of);
        if before.is_some_and(|before| before.to_bits() == score.to_bits()) {
            return before;
        }
        if let Some(before) = before {
            self.ranking.remove(member.value(), before);
        }
        self.ranking.insert(member, score);
        before
    }

    /// Removes a member; returns its score.
    pub(crate) fn remove(&mut self, member: &Element<'_>) -> Option<f64> {
        let score = self.scores.remove(member, score_of)?;
        self.ranking.remove(member.value(), score);
        Some(score)
    }

    /// Frees about `budget` blocks; says whether there are more.
    pub(crate) fn shed(&mut self, budget: usize) -> bool {
        self.scores.shed(budget) || self.ranking.shed(budget)
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        self.scores.check();
        self.ranking.check();
        assert_eq!(self.scores.len(), self.ranking.tree().len());
        for rank in 0..self.ranking.tree().len() {
            let (member, score) = self.ranking.get(rank).expect("it is below the length");
            let stored = self.score(&Element::of(member));
            assert_eq!(stored.map(f64::to_bits), Some(score.to_bits()));
            assert_eq!(self.ranking.rank(member, score), rank);
        }
    }
}

/// A sorted set, borrowed from the keyspace. Members of the same score are in the order of
/// their bytes; a rank is a place in the whole order, from 0 on.
#[derive(Clone, Copy, Debug)]
pub struct SortedSetRef<'a>(Inner<'a>);

#[derive(Clone, Copy, Debug)]
enum Inner<'a> {
    Flat(Flat<'a, 2>),
    Sorted(&'a Sorted),
}

impl<'a> SortedSetRef<'a> {
    pub(crate) fn flat(bytes: &'a [u8]) -> Self {
        Self(Inner::Flat(Flat::new(bytes)))
    }

    pub(crate) fn sorted(sorted: &'a Sorted) -> Self {
        Self(Inner::Sorted(sorted))
    }

    /// The number of members; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty sorted set does not exist")]
    pub fn len(&self) -> usize {
        match self.0 {
            Inner::Flat(flat) => flat.len(),
            Inner::Sorted(sorted) => sorted.len(),
        }
    }

    /// Whether it is stored as one run of bytes.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        matches!(self.0, Inner::Flat(_))
    }

    /// The score of a member.
    #[inline]
    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.0 {
            Inner::Flat(flat) => {
                flat.find(&Element::new(member)).map(|at| score_of(&flat.bytes()[at..]))
            }
            Inner::Sorted(sorted) => sorted.score(&Element::new(member)),
        }
    }

    /// The rank and the score of a member.
    #[must_use]
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let member = Element::new(member);
        match self.0 {
            Inner::Flat(flat) => {
                let mut entries = flat.entries().enumerate();
                let (rank, (_, entry)) = entries.find(|(_, (_, entry))| member.is_at(entry))?;
                Some((rank, score_of(entry)))
            }
            Inner::Sorted(sorted) => {
                let score = sorted.score(&member)?;
                Some((sorted.ranking.rank(member.value(), score), score))
            }
        }
    }

    /// The member at a rank, with its score.
    #[must_use]
    pub fn get(&self, rank: usize) -> Option<(StrRef<'a>, f64)> {
        match self.0 {
            Inner::Flat(flat) => {
                let at = (rank < flat.len()).then(|| flat.place_of(rank))?;
                Some(member_of(&flat.bytes()[at..]))
            }
            Inner::Sorted(sorted) => sorted.ranking.get(rank),
        }
    }

    /// How many members have a lower score: the rank where those with this score begin.
    #[must_use]
    pub fn count_below(&self, score: f64) -> usize {
        self.count_to_score(score, false)
    }

    /// How many members have this score or a lower one: the rank where those with a higher begin.
    #[must_use]
    pub fn count_up_to(&self, score: f64) -> usize {
        self.count_to_score(score, true)
    }

    fn count_to_score(&self, score: f64, inclusive: bool) -> usize {
        match self.0 {
            Inner::Flat(flat) => {
                let order = ranking::order_of(score);
                let mut scores =
                    flat.entries().map(|(_, entry)| ranking::order_of(score_of(entry)));
                let later = scores.position(|it| if inclusive { it > order } else { it >= order });
                later.unwrap_or(flat.len())
            }
            Inner::Sorted(sorted) => sorted.ranking.count_to_score(score, inclusive),
        }
    }

    /// How many members come before this one in the order of bytes (and, if `inclusive`, it
    /// itself). Means something where all scores are equal only.
    #[must_use]
    pub fn count_before(&self, member: &[u8], inclusive: bool) -> usize {
        let member = StrRef::Bytes(member);
        match self.0 {
            Inner::Flat(flat) => {
                let mut entries = flat.entries();
                let later = entries.position(|(_, entry)| {
                    match element::compare(element::string(entry), member) {
                        Ordering::Less => false,
                        Ordering::Equal => !inclusive,
                        Ordering::Greater => true,
                    }
                });
                later.unwrap_or(flat.len())
            }
            Inner::Sorted(sorted) => sorted.ranking.count_to_name(member, inclusive),
        }
    }

    /// All members with their scores in order; `rev` goes backwards.
    #[must_use]
    pub fn iter(&self) -> SortedSetIter<'a> {
        self.range(0..self.len())
    }

    /// The members of a range of ranks, as far as there are such; `rev` goes backwards.
    #[must_use]
    pub fn range(&self, ranks: Range<usize>) -> SortedSetIter<'a> {
        let end = ranks.end.min(self.len());
        let source = match self.0 {
            Inner::Flat(flat) => Source::Flat(flat),
            Inner::Sorted(sorted) => Source::Tree(sorted.ranking.tree()),
        };
        SortedSetIter(Walk::new(source, ranks.start.min(end)..end))
    }

    /// A member and its score picked by `draw`, a random number; each is as likely as any other.
    #[must_use]
    pub fn random(&self, draw: u64) -> Option<(StrRef<'a>, f64)> {
        match self.0 {
            Inner::Flat(flat) => self.get(super::pick_of(draw, flat.len())),
            Inner::Sorted(Sorted { scores, .. }) => {
                scores.random(draw).map(|entry| (scores.string(entry), score_of(entry)))
            }
        }
    }

    /// Shows members and scores from `cursor` on, about `count` of them (a flat sorted set in one
    /// go), and returns the cursor to go on from; 0 starts and 0 ends. What is there from the start
    /// of a scan to its end is shown at least once, whatever else is written in between. Cursors are
    /// below 2^48.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(StrRef<'a>, f64)) -> u64 {
        match self.0 {
            Inner::Flat(_) => {
                self.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            Inner::Sorted(Sorted { scores, .. }) => scores.scan(cursor, count, &mut |entry| {
                visit(scores.string(entry), score_of(entry));
            }),
        }
    }
}

impl<'a> IntoIterator for SortedSetRef<'a> {
    type Item = (StrRef<'a>, f64);
    type IntoIter = SortedSetIter<'a>;

    fn into_iter(self) -> SortedSetIter<'a> {
        self.iter()
    }
}

/// Members of a sorted set with their scores, in order.
#[derive(Clone, Debug)]
pub struct SortedSetIter<'a>(Walk<'a, Key, 2>);

impl<'a> SortedSetIter<'a> {
    /// The members alone: their scores are not read.
    pub fn members(self) -> impl DoubleEndedIterator<Item = StrRef<'a>> + ExactSizeIterator {
        self.0.map(|entry| element::string(entry))
    }
}

impl<'a> Iterator for SortedSetIter<'a> {
    type Item = (StrRef<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<(StrRef<'a>, f64)> {
        self.0.next().map(member_of)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for SortedSetIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(member_of)
    }
}

impl ExactSizeIterator for SortedSetIter<'_> {}
