//! Effects: what a log record of this engine says, byte by byte (`docs/format/effects.md`).
//!
//! A record is the list of effects of one command, or of one EXEC, on one shard. An effect is an
//! opcode byte and its fields; numbers are LEB128 varints, signed ones zigzagged first, byte strings
//! carry their length, and what happened to several elements of a collection is a run of them
//! (`elements.rs`). What is logged is what happened, never what was asked for: deadlines are
//! absolute, results are stored, so that replay needs neither a clock nor randomness.
//!
//! Invariant: encoding and decoding are each other's inverse; decoding never panics and never
//! allocates by a claimed length.

mod elements;

pub(crate) use elements::{Change, Elements, Run, put_element, score};
use skeg_log::{Logged, Place};

/// Record kind: the effects of one command on one shard.
pub(crate) const KIND_EFFECTS: u8 = 1;
/// Record kind: one shard's part of a transaction over several; a transaction number and the count
/// of parts come before the effects.
pub(crate) const KIND_PART: u8 = 2;

/// One change to a shard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect<'a> {
    /// The key now holds this string; without a deadline when that is `None`.
    Set { db: u8, key: &'a [u8], value: &'a [u8], expire_at_ms: Option<u64> },
    /// The key holds the string that stands at this place of the log; in snapshots only.
    SetAway { db: u8, key: &'a [u8], value: Logged, expire_at_ms: Option<u64> },
    /// The key now holds this integer; its deadline stays.
    SetInt { db: u8, key: &'a [u8], value: i64 },
    /// The key is gone.
    Remove { db: u8, key: &'a [u8] },
    /// The key's deadline is this, or none.
    Expire { db: u8, key: &'a [u8], expire_at_ms: Option<u64> },
    /// Bytes were appended to the string; the key was created if it was not there.
    Append { db: u8, key: &'a [u8], tail: &'a [u8] },
    /// Bytes were written at an offset of the string, which was zero-filled up to there.
    SetRange { db: u8, key: &'a [u8], offset: u64, bytes: &'a [u8] },
    /// A key of this shard took the value and deadline of another of this shard, which stays or not.
    Move { db: u8, key: &'a [u8], to_db: u8, to: &'a [u8], keep_source: bool },
    /// Elements came into a collection, or are gone from it; the key is created with the first
    /// element, and is gone with the last.
    Elements { change: Change, db: u8, key: &'a [u8], elements: Elements<'a> },
    /// An item of a list was replaced.
    ListSet { db: u8, key: &'a [u8], index: u64, item: &'a [u8] },
    /// An item was put before another of a list, or behind the last.
    ListInsert { db: u8, key: &'a [u8], index: u64, item: &'a [u8] },
    /// Neighbouring items of a list are gone; with the last one the key.
    ListRemove { db: u8, key: &'a [u8], start: u64, count: u64 },
    /// Every key of the database on this shard is gone.
    Flush { db: u8 },
    /// Two databases changed places on this shard.
    Swap { a: u8, b: u8 },
    /// A vector index was created; for the options see `indexes::Created`.
    IndexCreate { name: &'a [u8], options: &'a [u8] },
    /// A vector index is gone with all that was in it.
    IndexDrop { name: &'a [u8] },
    /// A vector was stored: `row` is little-endian f32.
    VectorSet { name: &'a [u8], id: VectorId<'a>, row: &'a [u8] },
    /// A vector is gone.
    VectorRemove { name: &'a [u8], id: VectorId<'a> },
    /// What was in memory of an index was frozen, to become a segment of vectors.
    IndexFreeze { name: &'a [u8] },
}

/// The id of a vector, as the index's options fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VectorId<'a> {
    /// A number.
    U64(u64),
    /// A string.
    Str(&'a [u8]),
}

/// Bytes that are no effect: the record is damaged or of a newer format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no effect can be read at byte {offset} of the record")]
pub(crate) struct BadEffect {
    /// Where in the payload.
    pub(crate) offset: usize,
}

mod op {
    pub(super) const SET: u8 = 1;
    pub(super) const SET_WITH_DEADLINE: u8 = 2;
    pub(super) const SET_INT: u8 = 3;
    pub(super) const REMOVE: u8 = 4;
    pub(super) const EXPIRE: u8 = 5;
    pub(super) const PERSIST: u8 = 6;
    pub(super) const APPEND: u8 = 7;
    pub(super) const SET_RANGE: u8 = 8;
    pub(super) const RENAME: u8 = 9;
    pub(super) const COPY: u8 = 10;
    pub(super) const FLUSH: u8 = 11;
    pub(super) const SWAP: u8 = 12;
    // 13 to 20: runs of elements, `elements::Change`.
    pub(super) const LIST_SET: u8 = 21;
    pub(super) const LIST_INSERT: u8 = 22;
    pub(super) const LIST_REMOVE: u8 = 23;
    pub(super) const INDEX_CREATE: u8 = 32;
    pub(super) const INDEX_DROP: u8 = 33;
    pub(super) const VECTOR_SET: u8 = 34;
    pub(super) const VECTOR_SET_STR: u8 = 35;
    pub(super) const VECTOR_REMOVE: u8 = 36;
    pub(super) const VECTOR_REMOVE_STR: u8 = 37;
    pub(super) const INDEX_FREEZE: u8 = 38;
    pub(super) const SET_AWAY: u8 = 40;
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_head(out: &mut Vec<u8>, op: u8, db: u8, key: &[u8]) {
    out.extend_from_slice(&[op, db]);
    put_bytes(out, key);
}

fn put_vector(out: &mut Vec<u8>, ops: [u8; 2], name: &[u8], id: VectorId<'_>) {
    match id {
        VectorId::U64(id) => {
            out.push(ops[0]);
            put_bytes(out, name);
            put_varint(out, id);
        }
        VectorId::Str(id) => {
            out.push(ops[1]);
            put_bytes(out, name);
            put_bytes(out, id);
        }
    }
}

impl<'a> Effect<'a> {
    /// The key that is looked for when it is applied, if there is one.
    pub(crate) fn key(&self) -> Option<(u8, &'a [u8])> {
        match *self {
            Self::Set { db, key, .. }
            | Self::SetAway { db, key, .. }
            | Self::SetInt { db, key, .. }
            | Self::Remove { db, key }
            | Self::Expire { db, key, .. }
            | Self::Append { db, key, .. }
            | Self::SetRange { db, key, .. }
            | Self::Move { db, key, .. }
            | Self::Elements { db, key, .. }
            | Self::ListSet { db, key, .. }
            | Self::ListInsert { db, key, .. }
            | Self::ListRemove { db, key, .. } => Some((db, key)),
            Self::Flush { .. }
            | Self::Swap { .. }
            | Self::IndexCreate { .. }
            | Self::IndexDrop { .. }
            | Self::VectorSet { .. }
            | Self::VectorRemove { .. }
            | Self::IndexFreeze { .. } => None,
        }
    }

    /// Appends the effect's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Set { db, key, value, expire_at_ms: None } => {
                put_head(out, op::SET, db, key);
                put_bytes(out, value);
            }
            Self::Set { db, key, value, expire_at_ms: Some(deadline) } => {
                put_head(out, op::SET_WITH_DEADLINE, db, key);
                put_varint(out, deadline);
                put_bytes(out, value);
            }
            Self::SetAway { db, key, value, expire_at_ms } => {
                put_head(out, op::SET_AWAY, db, key);
                put_varint(out, expire_at_ms.map_or(0, |at| at.saturating_add(1)));
                put_varint(out, value.bytes.into());
                put_varint(out, value.place.segment);
                put_varint(out, value.place.offset);
                out.extend_from_slice(&value.sum.to_le_bytes());
            }
            Self::SetInt { db, key, value } => {
                put_head(out, op::SET_INT, db, key);
                put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
            }
            Self::Remove { db, key } => put_head(out, op::REMOVE, db, key),
            Self::Expire { db, key, expire_at_ms: Some(deadline) } => {
                put_head(out, op::EXPIRE, db, key);
                put_varint(out, deadline);
            }
            Self::Expire { db, key, expire_at_ms: None } => put_head(out, op::PERSIST, db, key),
            Self::Append { db, key, tail } => {
                put_head(out, op::APPEND, db, key);
                put_bytes(out, tail);
            }
            Self::SetRange { db, key, offset, bytes } => {
                put_head(out, op::SET_RANGE, db, key);
                put_varint(out, offset);
                put_bytes(out, bytes);
            }
            Self::Move { db, key, to_db, to, keep_source } => {
                put_head(out, if keep_source { op::COPY } else { op::RENAME }, db, key);
                out.push(to_db);
                put_bytes(out, to);
            }
            Self::Elements { change, db, key, elements } => {
                put_head(out, change as u8, db, key);
                elements.write_to(out);
            }
            Self::ListSet { db, key, index, item } => {
                put_head(out, op::LIST_SET, db, key);
                put_varint(out, index);
                put_bytes(out, item);
            }
            Self::ListInsert { db, key, index, item } => {
                put_head(out, op::LIST_INSERT, db, key);
                put_varint(out, index);
                put_bytes(out, item);
            }
            Self::ListRemove { db, key, start, count } => {
                put_head(out, op::LIST_REMOVE, db, key);
                put_varint(out, start);
                put_varint(out, count);
            }
            Self::Flush { db } => out.extend_from_slice(&[op::FLUSH, db]),
            Self::Swap { a, b } => out.extend_from_slice(&[op::SWAP, a, b]),
            Self::IndexCreate { name, options } => {
                out.push(op::INDEX_CREATE);
                put_bytes(out, name);
                put_bytes(out, options);
            }
            Self::IndexDrop { name } => {
                out.push(op::INDEX_DROP);
                put_bytes(out, name);
            }
            Self::VectorSet { name, id, row } => {
                put_vector(out, [op::VECTOR_SET, op::VECTOR_SET_STR], name, id);
                put_bytes(out, row);
            }
            Self::VectorRemove { name, id } => {
                put_vector(out, [op::VECTOR_REMOVE, op::VECTOR_REMOVE_STR], name, id);
            }
            Self::IndexFreeze { name } => {
                out.push(op::INDEX_FREEZE);
                put_bytes(out, name);
            }
        }
    }
}

/// Reads the effects of a record one after the other.
pub(crate) struct Effects<'a> {
    payload: &'a [u8],
    offset: usize,
}

impl<'a> Effects<'a> {
    /// The effects of a payload of [`KIND_EFFECTS`].
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { payload, offset: 0 }
    }

    /// The effects of a payload of [`KIND_PART`], with the transaction's number and its count of parts.
    ///
    /// [`BadEffect`] when the head cannot be read.
    pub(crate) fn of_part(payload: &'a [u8]) -> Result<(u64, u64, Self), BadEffect> {
        let mut effects = Self::new(payload);
        match (effects.varint(), effects.varint()) {
            (Some(number), Some(parts)) => Ok((number, parts, effects)),
            _ => Err(BadEffect { offset: 0 }),
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.payload.get(self.offset)?;
        self.offset += 1;
        Some(byte)
    }

    fn database(&mut self) -> Option<u8> {
        self.byte().filter(|&db| db < crate::options::DATABASES)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A string in the log.
    fn logged(&mut self) -> Option<Logged> {
        let bytes = self.varint().and_then(|bytes| u32::try_from(bytes).ok())?;
        let place = Place { segment: self.varint()?, offset: self.varint()? };
        let sum = u32::from_le_bytes(*self.take(4)?.first_chunk()?);
        Some(Logged { place, bytes, sum })
    }

    /// Where the next effect begins, as a place in the payload.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.payload.get(self.offset..self.offset.checked_add(length)?)?;
        self.offset += length;
        Some(bytes)
    }

    fn read(&mut self) -> Option<Effect<'a>> {
        let op = self.byte()?;
        Some(match op {
            op::SET..=op::COPY => {
                let (db, key) = (self.database()?, self.bytes()?);
                match op {
                    op::SET => Effect::Set { db, key, value: self.bytes()?, expire_at_ms: None },
                    op::SET_WITH_DEADLINE => {
                        let expire_at_ms = Some(self.varint()?);
                        Effect::Set { db, key, value: self.bytes()?, expire_at_ms }
                    }
                    op::SET_INT => {
                        let zigzag = self.varint()?;
                        let value = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                        Effect::SetInt { db, key, value }
                    }
                    op::REMOVE => Effect::Remove { db, key },
                    op::EXPIRE => Effect::Expire { db, key, expire_at_ms: Some(self.varint()?) },
                    op::PERSIST => Effect::Expire { db, key, expire_at_ms: None },
                    op::APPEND => Effect::Append { db, key, tail: self.bytes()? },
                    op::SET_RANGE => {
                        let offset = self.varint()?;
                        Effect::SetRange { db, key, offset, bytes: self.bytes()? }
                    }
                    _ => {
                        let (to_db, to) = (self.database()?, self.bytes()?);
                        Effect::Move { db, key, to_db, to, keep_source: op == op::COPY }
                    }
                }
            }
            op::LIST_SET..=op::LIST_REMOVE => {
                let (db, key, index) = (self.database()?, self.bytes()?, self.varint()?);
                match op {
                    op::LIST_SET => Effect::ListSet { db, key, index, item: self.bytes()? },
                    op::LIST_INSERT => Effect::ListInsert { db, key, index, item: self.bytes()? },
                    _ => Effect::ListRemove { db, key, start: index, count: self.varint()? },
                }
            }
            op::SET_AWAY => {
                let (db, key) = (self.database()?, self.bytes()?);
                let expire_at_ms = self.varint()?.checked_sub(1);
                Effect::SetAway { db, key, value: self.logged()?, expire_at_ms }
            }
            op::FLUSH => Effect::Flush { db: self.database()? },
            op::SWAP => Effect::Swap { a: self.database()?, b: self.database()? },
            op::INDEX_CREATE => Effect::IndexCreate { name: self.bytes()?, options: self.bytes()? },
            op::INDEX_DROP => Effect::IndexDrop { name: self.bytes()? },
            op::INDEX_FREEZE => Effect::IndexFreeze { name: self.bytes()? },
            op::VECTOR_SET..=op::VECTOR_REMOVE_STR => {
                let name = self.bytes()?;
                let id = if op == op::VECTOR_SET || op == op::VECTOR_REMOVE {
                    VectorId::U64(self.varint()?)
                } else {
                    VectorId::Str(self.bytes()?)
                };
                if op < op::VECTOR_REMOVE {
                    Effect::VectorSet { name, id, row: self.bytes()? }
                } else {
                    Effect::VectorRemove { name, id }
                }
            }
            _ => {
                let change = Change::of(op)?;
                let (db, key) = (self.database()?, self.bytes()?);
                Effect::Elements { change, db, key, elements: self.elements(change)? }
            }
        })
    }
}

impl<'a> Iterator for Effects<'a> {
    type Item = Result<Effect<'a>, BadEffect>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        if offset >= self.payload.len() {
            return None;
        }
        let effect = self.read().ok_or(BadEffect { offset });
        if effect.is_err() {
            self.offset = self.payload.len();
        }
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    struct Raw(u8, u8, u8, Vec<u8>, Vec<u8>, u64, Option<u64>, bool);

    impl Raw {
        /// Two elements; the second can be a score.
        fn elements(&self) -> Vec<u8> {
            Elements::encode(&[&self.3, &self.5.to_le_bytes()])
        }

        fn effect<'a>(&'a self, elements: &'a [u8]) -> Effect<'a> {
            let Self(which, a, b, key, other, number, expire_at_ms, flag) = self;
            let (db, to_db, number, expire_at_ms) = (a % 16, b % 16, *number, *expire_at_ms);
            let id = if *flag { VectorId::U64(number) } else { VectorId::Str(key) };
            let index = number;
            match which % 19 {
                0 => Effect::Set { db, key, value: other, expire_at_ms },
                1 => Effect::SetInt { db, key, value: number as i64 },
                2 => Effect::Remove { db, key },
                3 => Effect::Expire { db, key, expire_at_ms },
                4 => Effect::Append { db, key, tail: other },
                5 => Effect::SetRange { db, key, offset: number, bytes: other },
                6 => Effect::Move { db, key, to_db, to: other, keep_source: *flag },
                7 => Effect::Flush { db },
                8 => Effect::Swap { a: db, b: to_db },
                9 => Effect::IndexCreate { name: key, options: other },
                10 => Effect::IndexDrop { name: key },
                11 => Effect::VectorSet { name: other, id, row: key },
                12 => Effect::Elements {
                    change: Change::of(13 + (number % 8) as u8).unwrap(),
                    db,
                    key,
                    elements: Elements::of(elements),
                },
                13 => Effect::ListSet { db, key, index, item: other },
                14 => Effect::ListInsert { db, key, index, item: other },
                15 => Effect::ListRemove { db, key, start: index, count: u64::from(*b) },
                16 => Effect::IndexFreeze { name: key },
                17 => {
                    let place = Place { segment: number, offset: number >> 7 };
                    let value = Logged { place, bytes: number as u32, sum: u32::from(*a) };
                    // The last millisecond of all stands for the one before it.
                    let expire_at_ms = expire_at_ms.map(|at| at.min(u64::MAX - 1));
                    Effect::SetAway { db, key, value, expire_at_ms }
                }
                _ => Effect::VectorRemove { name: other, id },
            }
        }
    }

    fn raw() -> impl Strategy<Value = Raw> {
        let bytes = || vec(any::<u8>(), 0..200);
        let parts = (any::<u8>(), any::<u8>(), any::<u8>(), bytes(), bytes());
        (parts, any::<u64>(), any::<Option<u64>>(), any::<bool>())
            .prop_map(|((w, a, b, k, o), n, e, f)| Raw(w, a, b, k, o, n, e, f))
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(raws in vec(raw(), 0..20)) {
            let mut payload = Vec::new();
            let elements: Vec<_> = raws.iter().map(Raw::elements).collect();
            let effects: Vec<_> =
                raws.iter().zip(&elements).map(|(raw, elements)| raw.effect(elements)).collect();
            effects.iter().for_each(|effect| effect.encode(&mut payload));
            let read: Result<Vec<_>, _> = Effects::new(&payload).collect();
            prop_assert_eq!(read.unwrap(), effects);
        }

        #[test]
        fn a_run_is_one_effect_while_it_says_the_same_of_the_same_key(
            steps in vec((13_u8..21, 0_u8..2, 0_u8..2), 1..30)
        ) {
            let mut record = Vec::new();
            let mut open = None;
            let mut expected: Vec<(Change, u8, u8, Vec<Vec<u8>>)> = Vec::new();
            for (at, (op, db, key)) in steps.into_iter().enumerate() {
                let change = Change::of(op).unwrap();
                let (element, score) = (vec![b'e'; at * 20], [at as u8; 8]);
                let elements: &[&[u8]] = &[&element, &score];
                open = Some(Run::extend(open, &mut record, change, (db, &[key]), elements));
                match expected.last_mut() {
                    Some(last) if (last.0, last.1, last.2) == (change, db, key) => {}
                    _ => expected.push((change, db, key, Vec::new())),
                }
                expected.last_mut().unwrap().3.extend([element, score.to_vec()]);
            }
            let read: Vec<_> = Effects::new(&record)
                .map(|effect| match effect.unwrap() {
                    Effect::Elements { change, db, key, elements } => {
                        (change, db, key[0], elements.iter().map(<[u8]>::to_vec).collect())
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(payload in vec(any::<u8>(), 0..300)) {
            prop_assert!(Effects::new(&payload).count() <= payload.len());
        }

        #[test]
        fn a_cut_record_is_refused(raw in raw(), cut in 1_usize..10) {
            let mut payload = Vec::new();
            raw.effect(&raw.elements()).encode(&mut payload);
            payload.truncate(payload.len() - cut.min(payload.len() - 1));
            prop_assert!(Effects::new(&payload).any(|effect| effect.is_err()));
        }
    }
}
