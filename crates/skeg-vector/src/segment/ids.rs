//! The ids of a segment's rows, in their order: so an id is found by halving, without a table beside
//! them.
//!
//! Invariant: ids strictly ascend.
//!
//! May not know: what a row holds.

use std::cmp::Ordering;

use crate::quant::stored::{Fill, Sink, load, load_bytes, save};
use crate::{ID_BYTES_MAX, IdKind, IdRef};

/// Where a text ends has 32 bits: another id fits behind so many bytes.
const TEXT_BYTES_MAX: usize = u32::MAX as usize - ID_BYTES_MAX;

/// See the module's header.
#[derive(Debug)]
pub(crate) enum Ids {
    U64(Vec<u64>),
    /// All texts, end to end, and where each ends.
    Str {
        text: String,
        ends: Vec<u32>,
    },
}

impl Ids {
    pub(crate) fn new(kind: IdKind) -> Self {
        match kind {
            IdKind::U64 => Self::U64(Vec::new()),
            IdKind::Str => Self::Str { text: String::new(), ends: Vec::new() },
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::U64(numbers) => numbers.len(),
            Self::Str { ends, .. } => ends.len(),
        }
    }

    /// Whether the texts leave room for another id.
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Self::U64(_) => true,
            Self::Str { text, .. } => text.len() <= TEXT_BYTES_MAX,
        }
    }

    /// Whether the ids of several segments fit into one.
    pub(crate) fn fit<'a>(all: impl Iterator<Item = &'a Self>) -> bool {
        let sizes = all.map(|ids| match ids {
            Self::U64(numbers) => (numbers.len(), 0),
            Self::Str { text, ends } => (ends.len(), text.len()),
        });
        let (rows, text) = sizes.fold((0_u64, 0_u64), |(rows, text), (more, longer)| {
            (rows + more as u64, text + longer as u64)
        });
        rows < u64::from(u32::MAX) && text <= TEXT_BYTES_MAX as u64
    }

    /// Appends an id: of the right kind, greater than the last, while there is room.
    pub(crate) fn push(&mut self, id: IdRef<'_>) {
        match (self, id) {
            (Self::U64(numbers), IdRef::U64(number)) => numbers.push(number),
            (Self::Str { text, ends }, IdRef::Str(name)) => {
                text.push_str(name);
                ends.push(u32::try_from(text.len()).expect("there is room for an id"));
            }
            _ => unreachable!("the index checks the kind of every id"),
        }
    }

    #[inline]
    pub(crate) fn get(&self, row: u32) -> IdRef<'_> {
        match self {
            Self::U64(numbers) => IdRef::U64(numbers[row as usize]),
            Self::Str { text, ends } => {
                let start = row.checked_sub(1).map_or(0, |before| ends[before as usize]);
                IdRef::Str(&text[start as usize..ends[row as usize] as usize])
            }
        }
    }

    /// The row of an id.
    pub(crate) fn find(&self, id: IdRef<'_>) -> Option<u32> {
        let (mut from, mut to) = (0, u32::try_from(self.len()).expect("rows have 32 bits"));
        while from < to {
            let middle = from + (to - from) / 2;
            match self.get(middle).cmp(&id) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::U64(numbers) => numbers.capacity() * size_of::<u64>(),
            Self::Str { text, ends } => text.capacity() + ends.capacity() * size_of::<u32>(),
        }
    }

    /// Gives back what was allocated for growth.
    pub(crate) fn shrink(&mut self) {
        match self {
            Self::U64(numbers) => numbers.shrink_to_fit(),
            Self::Str { text, ends } => {
                text.shrink_to_fit();
                ends.shrink_to_fit();
            }
        }
    }

    pub(crate) fn save<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        match self {
            Self::U64(numbers) => save(numbers, out),
            Self::Str { text, ends } => {
                save(ends, out)?;
                out(text.as_bytes())
            }
        }
    }

    /// Reads `rows` ids from a section of `length` bytes; the inner error says what is wrong.
    pub(crate) fn load<E>(
        kind: IdKind,
        rows: u32,
        length: u64,
        fill: &mut impl Fill<E>,
    ) -> Result<Result<Self, &'static str>, E> {
        let fixed = u64::from(rows) * if kind == IdKind::U64 { 8 } else { 4 };
        let Some(rest) = length.checked_sub(fixed) else { return Ok(Err("ids of all rows")) };
        let ids = match kind {
            IdKind::U64 => Self::U64(load(rows as usize, fill)?),
            IdKind::Str => {
                let ends: Vec<u32> = load(rows as usize, fill)?;
                let text = usize::try_from(rest).expect("it is no longer than its file");
                let Ok(text) = String::from_utf8(load_bytes(text, fill)?) else {
                    return Ok(Err("ids in UTF-8"));
                };
                Self::Str { text, ends }
            }
        };
        Ok(ids.check(rest).map(|()| ids))
    }

    fn check(&self, rest: u64) -> Result<(), &'static str> {
        match self {
            Self::U64(numbers) => {
                if rest != 0 {
                    return Err("ids of 8 bytes each");
                }
                if !numbers.is_sorted_by(|a, b| a < b) {
                    return Err("ascending ids");
                }
            }
            Self::Str { text, ends } => {
                let whole = ends.iter().all(|&end| text.is_char_boundary(end as usize));
                let last = ends.last().copied().unwrap_or(0);
                if !whole || !ends.is_sorted() || u64::from(last) != rest {
                    return Err("ids that end within their text");
                }
                let rows = u32::try_from(ends.len()).expect("rows have 32 bits");
                if (1..rows).any(|row| self.get(row - 1) >= self.get(row)) {
                    return Err("ascending ids");
                }
            }
        }
        Ok(())
    }
}
