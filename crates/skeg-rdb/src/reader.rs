//! The file: opcodes, keys, values.
//!
//! Invariants: see the crate's header. What is stepped over is an item too, so that whoever reads can count
//! it.
//! May not know: whether the input is a file, and what comes behind the dump.

use std::io::Read;

use crate::error::RdbError;
use crate::lzf;
use crate::packed::{Elements, intset, listpack, ziplist, zipmap};
use crate::source::Source;

/// The newest version that is read: Redis 7.2's.
const VERSION_MAX: u32 = 11;

/// A value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A string.
    String(Vec<u8>),
    /// A list, from its head.
    List(Vec<Vec<u8>>),
    /// The members of a set.
    Set(Vec<Vec<u8>>),
    /// Members with their scores.
    SortedSet(Vec<(Vec<u8>, f64)>),
    /// Fields with their values.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// Something of another kind, which was stepped over.
    Other(&'static str),
}

/// A key.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its logical database.
    pub db: u64,
    /// The key.
    pub key: Vec<u8>,
    /// When it expires, in Unix milliseconds.
    pub expire_at_ms: Option<u64>,
    /// Its value.
    pub value: Value,
}

/// Reads a dump key by key.
#[derive(Debug)]
pub struct RdbReader<R> {
    source: Source<R>,
    version: u32,
    db: u64,
    ended: bool,
}

/// Fields with their values, or members with the texts of their scores.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// A length, or what stands in the place of one.
enum Length {
    Plain(u64),
    Encoded(u8),
}

impl<'a> RdbReader<&'a [u8]> {
    /// Reads what Redis's DUMP gives and its RESTORE takes: a value, the version, a checksum.
    ///
    /// # Errors
    /// [`RdbError`].
    pub fn payload(bytes: &'a [u8]) -> Result<Value, RdbError> {
        let source = Source::new(bytes);
        let mut reader = Self { source, version: VERSION_MAX, db: 0, ended: true };
        let kind = reader.source.byte()?;
        let value = reader.value(kind)?;
        let version = u32::from(u16::from_le_bytes(reader.source.array()?));
        if version > VERSION_MAX {
            return Err(RdbError::Version { version, newest: VERSION_MAX });
        }
        reader.end()?;
        if reader.offset() < bytes.len() as u64 {
            return Err(reader.source.damaged("more behind the checksum"));
        }
        Ok(value)
    }
}

impl<R: Read> RdbReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`RdbError`]: it is no dump, or one of a newer version.
    pub fn new(input: R) -> Result<Self, RdbError> {
        let mut source = Source::new(input);
        let header = source.array::<9>()?;
        let version = header.strip_prefix(b"REDIS").and_then(|digits| {
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok())
        });
        let version = version.ok_or_else(|| source.damaged("it does not begin as a dump does"))?;
        if version > VERSION_MAX {
            return Err(RdbError::Version { version, newest: VERSION_MAX });
        }
        Ok(Self { source, version, db: 0, ended: false })
    }

    /// Bytes read so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.source.offset
    }

    /// What comes behind the dump.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.source.into_inner()
    }

    /// The next key; `None` at the end, whose checksum was right.
    ///
    /// # Errors
    /// [`RdbError`]; there is nothing more to be read then.
    pub fn next_item(&mut self) -> Result<Option<Item>, RdbError> {
        let mut expire_at_ms = None;
        while !self.ended {
            match self.source.byte()? {
                0xff => {
                    self.end()?;
                    self.ended = true;
                }
                0xfe => self.db = self.length()?,
                0xfd => {
                    let seconds = u32::from_le_bytes(self.source.array()?);
                    expire_at_ms = Some(u64::from(seconds) * 1000);
                }
                0xfc => expire_at_ms = Some(u64::from_le_bytes(self.source.array()?)),
                // Sizes of tables; how long ago and how often it was used.
                0xfb => drop((self.length()?, self.length()?)),
                0xf8 => drop(self.length()?),
                0xf9 => drop(self.source.byte()?),
                // Remarks of whoever wrote it.
                0xfa => drop((self.string()?, self.string()?)),
                // Functions are code of a language that is not spoken here.
                0xf5 => {
                    self.string()?;
                    return Ok(Some(self.item(Vec::new(), None, Value::Other("functions"))));
                }
                0xf7 => {
                    self.length()?;
                    self.step_over_module()?;
                    let value = Value::Other("data of a module");
                    return Ok(Some(self.item(Vec::new(), None, value)));
                }
                kind => {
                    let key = self.string()?;
                    let value = self.value(kind)?;
                    return Ok(Some(self.item(key, expire_at_ms, value)));
                }
            }
        }
        Ok(None)
    }

    fn item(&self, key: Vec<u8>, expire_at_ms: Option<u64>, value: Value) -> Item {
        Item { db: self.db, key, expire_at_ms, value }
    }

    fn end(&mut self) -> Result<(), RdbError> {
        if self.version < 5 {
            return Ok(());
        }
        let sum = self.source.sum;
        let stored = u64::from_le_bytes(self.source.array()?);
        // 0 says that none was made.
        if stored != 0 && stored != sum {
            return Err(self.source.damaged(format!("checksum {sum:016x}, stored {stored:016x}")));
        }
        Ok(())
    }

    fn prefix(&mut self) -> Result<Length, RdbError> {
        let first = self.source.byte()?;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(first)),
            1 => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.source.byte()?)),
            2 if first == 0x80 => Length::Plain(u32::from_be_bytes(self.source.array()?).into()),
            2 if first == 0x81 => Length::Plain(u64::from_be_bytes(self.source.array()?)),
            3 => Length::Encoded(first & 0x3f),
            _ => return Err(self.source.damaged(format!("a length that begins with {first:#x}"))),
        })
    }

    fn length(&mut self) -> Result<u64, RdbError> {
        match self.prefix()? {
            Length::Plain(length) => Ok(length),
            Length::Encoded(_) => Err(self.source.damaged("a string in the place of a length")),
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, RdbError> {
        let number = match self.prefix()? {
            Length::Plain(length) => return self.source.bytes(length),
            Length::Encoded(0) => i32::from(i8::from_le_bytes(self.source.array()?)),
            Length::Encoded(1) => i32::from(i16::from_le_bytes(self.source.array()?)),
            Length::Encoded(2) => i32::from_le_bytes(self.source.array()?),
            Length::Encoded(3) => {
                let (packed, length) = (self.length()?, self.length()?);
                let packed = self.source.bytes(packed)?;
                let unpacked = lzf::decompress(&packed, length);
                return unpacked.ok_or_else(|| self.source.damaged("a string packed wrongly"));
            }
            Length::Encoded(other) => {
                return Err(self.source.damaged(format!("a string of encoding {other}")));
            }
        };
        Ok(number.to_string().into_bytes())
    }

    fn strings(&mut self, count: u64) -> Result<Elements, RdbError> {
        (0..count).map(|_| self.string()).collect()
    }

    /// A string that is a packed collection.
    fn unpacked(&mut self, unpack: fn(&[u8]) -> Option<Elements>) -> Result<Elements, RdbError> {
        let packed = self.string()?;
        unpack(&packed).ok_or_else(|| self.source.damaged("a collection packed wrongly"))
    }

    fn value(&mut self, kind: u8) -> Result<Value, RdbError> {
        Ok(match kind {
            0 => Value::String(self.string()?),
            1 => {
                let count = self.length()?;
                Value::List(self.strings(count)?)
            }
            2 => {
                let count = self.length()?;
                Value::Set(self.strings(count)?)
            }
            3 | 5 => {
                let count = self.length()?;
                let pair = |this: &mut Self| Ok((this.string()?, this.score(kind == 5)?));
                let pairs: Result<_, RdbError> = (0..count).map(|_| pair(self)).collect();
                Value::SortedSet(pairs?)
            }
            4 => {
                let count = self.length()?;
                let pair = |this: &mut Self| Ok((this.string()?, this.string()?));
                let pairs: Result<_, RdbError> = (0..count).map(|_| pair(self)).collect();
                Value::Hash(pairs?)
            }
            9 => self.hash(zipmap)?,
            10 => Value::List(self.unpacked(ziplist)?),
            11 => Value::Set(self.unpacked(intset)?),
            12 => self.sorted_set(ziplist)?,
            13 => self.hash(ziplist)?,
            14 => {
                let mut elements = Vec::new();
                for _ in 0..self.length()? {
                    elements.append(&mut self.unpacked(ziplist)?);
                }
                Value::List(elements)
            }
            16 => self.hash(listpack)?,
            17 => self.sorted_set(listpack)?,
            18 => {
                let mut elements = Vec::new();
                for _ in 0..self.length()? {
                    match self.length()? {
                        1 => elements.push(self.string()?),
                        2 => elements.append(&mut self.unpacked(listpack)?),
                        other => {
                            let what = format!("a part of a list of kind {other}");
                            return Err(self.source.damaged(what));
                        }
                    }
                }
                Value::List(elements)
            }
            20 => Value::Set(self.unpacked(listpack)?),
            15 | 19 | 21 => {
                self.step_over_stream(kind)?;
                Value::Other("stream")
            }
            7 => {
                self.length()?;
                self.step_over_module()?;
                Value::Other("value of a module")
            }
            other => return Err(self.source.damaged(format!("a value of kind {other}"))),
        })
    }

    fn hash(&mut self, unpack: fn(&[u8]) -> Option<Elements>) -> Result<Value, RdbError> {
        let pairs = self.pairs(unpack)?;
        Ok(Value::Hash(pairs))
    }

    fn sorted_set(&mut self, unpack: fn(&[u8]) -> Option<Elements>) -> Result<Value, RdbError> {
        let pairs = self.pairs(unpack)?.into_iter().map(|(member, score)| {
            let score = std::str::from_utf8(&score).ok().and_then(|score| score.parse().ok());
            score.map(|score: f64| (member, score))
        });
        let pairs: Option<Vec<_>> = pairs.collect();
        pairs.map(Value::SortedSet).ok_or_else(|| self.source.damaged("a score that is none"))
    }

    fn pairs(&mut self, unpack: fn(&[u8]) -> Option<Elements>) -> Result<Pairs, RdbError> {
        let mut elements = self.unpacked(unpack)?.into_iter();
        let mut pairs = Vec::new();
        while let Some(first) = elements.next() {
            let second = elements.next();
            pairs.push((first, second.ok_or_else(|| self.source.damaged("half a pair"))?));
        }
        Ok(pairs)
    }

    fn score(&mut self, binary: bool) -> Result<f64, RdbError> {
        if binary {
            return Ok(f64::from_le_bytes(self.source.array()?));
        }
        match self.source.byte()? {
            253 => Ok(f64::NAN),
            254 => Ok(f64::INFINITY),
            255 => Ok(f64::NEG_INFINITY),
            length => {
                let text = self.source.bytes(length.into())?;
                let score = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                score.ok_or_else(|| self.source.damaged("a score that is none"))
            }
        }
    }

    /// What a module has written, up to its end.
    fn step_over_module(&mut self) -> Result<(), RdbError> {
        loop {
            match self.length()? {
                0 => return Ok(()),
                1 | 2 => drop(self.length()?),
                3 => drop(self.source.array::<4>()?),
                4 => drop(self.source.array::<8>()?),
                5 => drop(self.string()?),
                other => {
                    return Err(self.source.damaged(format!("a module's item of kind {other}")));
                }
            }
        }
    }

    fn step_over_stream(&mut self, kind: u8) -> Result<(), RdbError> {
        for _ in 0..self.length()? {
            drop((self.string()?, self.string()?));
        }
        // Entries and the last id; since 7.0 the first id, the greatest deleted one, and a count.
        for _ in 0..if kind >= 19 { 8 } else { 3 } {
            self.length()?;
        }
        for _ in 0..self.length()? {
            self.string()?;
            for _ in 0..if kind >= 19 { 3 } else { 2 } {
                self.length()?;
            }
            for _ in 0..self.length()? {
                self.source.array::<24>()?;
                self.length()?;
            }
            for _ in 0..self.length()? {
                self.string()?;
                self.source.array::<8>()?;
                if kind == 21 {
                    self.source.array::<8>()?;
                }
                for _ in 0..self.length()? {
                    self.source.array::<16>()?;
                }
            }
        }
        Ok(())
    }
}
