//! Members of a large sorted set in the order of their scores.
//!
//! May not know: how members are found without their scores.

use std::cmp::Ordering;

use super::element::{self, Element};
use crate::value::StrRef;

/// A score as a number whose order is that of scores: -0 is 0, NaN comes after everything.
pub(crate) fn order_of(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// Compares two members with scores by score, then by the members' bytes.
pub(crate) fn compare(one: (f64, StrRef<'_>), two: (f64, StrRef<'_>)) -> Ordering {
    order_of(one.0).cmp(&order_of(two.0)).then_with(|| element::compare(one.1, two.1))
}

#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    members: Vec<(f64, Box<[u8]>)>,
    member_bytes: usize,
}

impl Ranking {
    pub(crate) fn new() -> Self {
        Self { members: Vec::new(), member_bytes: 0 }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.member_bytes + self.members.capacity() * size_of::<(f64, Box<[u8]>)>()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// How many members `is_before` says yes to; those come before the others.
    pub(crate) fn count_while(&self, is_before: impl Fn(f64, StrRef<'_>) -> bool) -> usize {
        self.members.partition_point(|(score, member)| is_before(*score, element::string(member)))
    }

    pub(crate) fn get(&self, rank: usize) -> Option<(StrRef<'_>, f64)> {
        self.members.get(rank).map(|(score, member)| (element::string(member), *score))
    }

    fn rank_of(&self, member: StrRef<'_>, score: f64) -> usize {
        self.count_while(|other_score, other| {
            compare((other_score, other), (score, member)) == Ordering::Less
        })
    }

    /// The rank of a member that is there.
    pub(crate) fn rank(&self, member: StrRef<'_>, score: f64) -> usize {
        self.rank_of(member, score)
    }

    pub(crate) fn insert(&mut self, member: &Element<'_>, score: f64) {
        let rank = self.rank_of(member.value(), score);
        let mut bytes = vec![0; member.len()].into_boxed_slice();
        member.write(&mut bytes);
        self.member_bytes += bytes.len();
        self.members.insert(rank, (score, bytes));
    }

    pub(crate) fn remove(&mut self, member: StrRef<'_>, score: f64) {
        let rank = self.rank_of(member, score);
        self.member_bytes -= self.members.remove(rank).1.len();
    }

    pub(crate) fn shed(&mut self, budget: usize) -> bool {
        self.members.truncate(self.members.len().saturating_sub(budget * 64));
        !self.members.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        let bytes = self.members.iter().map(|(_, member)| member.len()).sum::<usize>();
        assert_eq!(bytes, self.member_bytes);
    }
}
