//! Runs of elements: what one effect says about several elements of a collection.
//!
//! A run has no count before it: every element is its length plus one and its bytes, and a 0 ends the
//! run. So an effect at the end of a record can take further elements, and a command that changes
//! five fields one by one is one effect.
//!
//! Invariant: an [`Elements`] holds whole elements only, and of changes that take pairs an even
//! number of them.

use super::{Effects, put_head, put_varint};

/// What happened to the elements of a run. The number of each is its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Change {
    /// Fields of a hash got values: field, value.
    HashSet = 13,
    /// Fields of a hash are gone.
    HashRemove = 14,
    /// Members came into a set.
    SetAdd = 15,
    /// Members of a set are gone.
    SetRemove = 16,
    /// Items were put before the first of a list, one after the other.
    PushFront = 17,
    /// Items were put behind the last of a list, one after the other.
    PushBack = 18,
    /// Members of a sorted set got scores: member, score (f64, little-endian).
    SortedSetSet = 19,
    /// Members of a sorted set are gone.
    SortedSetRemove = 20,
}

impl Change {
    const ALL: [Self; 8] = [
        Self::HashSet,
        Self::HashRemove,
        Self::SetAdd,
        Self::SetRemove,
        Self::PushFront,
        Self::PushBack,
        Self::SortedSetSet,
        Self::SortedSetRemove,
    ];

    pub(super) fn of(op: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|change| *change as u8 == op)
    }

    /// Elements that belong together.
    fn group(self) -> usize {
        match self {
            Self::HashSet | Self::SortedSetSet => 2,
            _ => 1,
        }
    }
}

/// The elements of a run, encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// The bytes of these elements.
    #[cfg(test)]
    pub(super) fn encode(elements: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        elements.iter().for_each(|element| put_element(&mut bytes, element));
        bytes
    }

    #[cfg(test)]
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The run that these bytes are, from the first to the last.
    pub(crate) fn whole(change: Change, bytes: &'a [u8]) -> Option<Self> {
        let mut run = Effects::new(bytes);
        let elements = run.elements(change)?;
        (run.offset == bytes.len()).then_some(elements)
    }

    /// The elements, one after the other.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = Effects::new(self.0);
        std::iter::from_fn(move || rest.element().flatten())
    }

    /// The elements, two by two.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut elements = self.iter();
        std::iter::from_fn(move || Some((elements.next()?, elements.next()?)))
    }

    pub(super) fn write_to(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
        out.push(0);
    }
}

impl<'a> Effects<'a> {
    /// The next element of a run, or nothing at its end; `None` when neither can be read.
    fn element(&mut self) -> Option<Option<&'a [u8]>> {
        let Some(length) = self.varint()?.checked_sub(1) else { return Some(None) };
        let length = usize::try_from(length).ok()?;
        self.take(length).map(Some)
    }

    /// A whole run.
    pub(super) fn elements(&mut self, change: Change) -> Option<Elements<'a>> {
        let (start, mut count) = (self.offset, 0_usize);
        let mut end = start;
        while let Some(element) = self.element()? {
            if change == Change::SortedSetSet && count % 2 == 1 && element.len() != size_of::<f64>()
            {
                return None;
            }
            count += 1;
            end = self.offset;
        }
        (count % change.group() == 0).then(|| Elements(&self.payload[start..end]))
    }
}

/// Adds an element to a run that has not ended.
pub(crate) fn put_element(out: &mut Vec<u8>, element: &[u8]) {
    put_varint(out, element.len() as u64 + 1);
    out.extend_from_slice(element);
}

/// The run that a record ends with, and where its key is.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    change: Change,
    db: u8,
    key: std::ops::Range<usize>,
}

impl Run {
    /// Adds elements to the run that the record ends with if it says the same of the same key, else
    /// starts one. Returns the run that the record ends with now.
    pub(crate) fn extend(
        open: Option<Self>,
        record: &mut Vec<u8>,
        change: Change,
        (db, key): (u8, &[u8]),
        elements: &[&[u8]],
    ) -> Self {
        let run = match open {
            Some(run)
                if (run.change, run.db) == (change, db) && record[run.key.clone()] == *key =>
            {
                record.pop();
                run
            }
            _ => {
                put_head(record, change as u8, db, key);
                Self { change, db, key: record.len() - key.len()..record.len() }
            }
        };
        elements.iter().for_each(|element| put_element(record, element));
        record.push(0);
        run
    }
}

/// The score that an element is.
pub(crate) fn score(element: &[u8]) -> f64 {
    // Of another length it was refused when the run was read.
    element.try_into().map_or(f64::NAN, f64::from_le_bytes)
}
