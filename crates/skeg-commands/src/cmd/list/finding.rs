//! Items of a list that are equal to a value.

use skeg_engine::{ListRef, StrRef};

use crate::parse;

/// A value that items are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needle<'a> {
    bytes: &'a [u8],
    number: Option<i64>,
}

impl<'a> Needle<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, number: parse::integer(bytes) }
    }

    fn is(self, item: StrRef<'_>) -> bool {
        match item {
            StrRef::Bytes(bytes) => bytes == self.bytes,
            StrRef::Int(number) => Some(number) == self.number,
        }
    }

    /// The places of equal items, counted from the first that the iterator shows.
    pub(super) fn positions<'b>(
        self,
        items: impl Iterator<Item = StrRef<'b>>,
    ) -> impl Iterator<Item = usize> {
        items.enumerate().filter(move |(_, item)| self.is(*item)).map(|(at, _)| at)
    }
}

/// The indexes of up to `count` items that are equal to `element` (0: of all), from the first on or,
/// with a negative count, from the last on; the last index comes first.
pub(super) fn to_remove(list: ListRef<'_>, element: &[u8], count: i64) -> Vec<usize> {
    let needle = Needle::new(element);
    let max = match count {
        0 => usize::MAX,
        _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    };
    if count < 0 {
        let last = list.len() - 1;
        return needle.positions(list.iter().rev()).take(max).map(|back| last - back).collect();
    }
    let mut found: Vec<usize> = needle.positions(list.iter()).take(max).collect();
    found.reverse();
    found
}
