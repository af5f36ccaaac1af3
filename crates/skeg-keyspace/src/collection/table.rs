//! Large hashes and sets: packed blocks of some thirty entries each, found by linear hashing.
//!
//! The blocks are numbered; the low bits of an entry's hash name its block. When the entries
//! have become too many for the blocks, one block more is made and takes its half of another
//! one, whichever is due; when they have become few, the last block goes. So the table grows and
//! shrinks by one block a change, without a directory and without ever moving as a whole
//! (W. Litwin, "Linear hashing", VLDB 1980).
//!
//! A cursor is a position in the space of reversed hashes, in which every block covers one
//! interval, and splits it in two when it is split: as in the keyspace's own table, what stays
//! is passed once, whatever happens in between.
//!
//! Strings that are too long for a block lie elsewhere, an allocation each.
//!
//! May not know: what entries mean.

use super::block::{Block, ElementHint, Spot, tag_of};
use super::element::{self, Element};
use crate::store::slab::Slab;
use crate::value::StrRef;

/// A block more is made when there are more entries than this for each, or more bytes.
const ENTRIES_PER_BLOCK: usize = 32;
const BYTES_PER_BLOCK: usize = 1024;

/// A block goes when there are less than this part of them.
const SHRINK_DIVISOR: usize = 4;

const CHUNK_BITS: u32 = 6;
const CHUNK_BLOCKS: usize = 1 << CHUNK_BITS;

/// Bits of a cursor.
const POSITION_BITS: u32 = 48;

/// How many blocks a scan looks at for each entry that it is asked for.
const BLOCKS_PER_ENTRY_MAX: usize = 10;

/// How many slots a random pick tries before it takes what comes first.
const TRIES_MAX: usize = 1 << 12;

/// Entries of `WIDTH` elements, found by their first.
#[derive(Debug)]
pub(crate) struct Table<const WIDTH: usize> {
    /// Full chunks of blocks, and the last one.
    chunks: Vec<Vec<Block>>,
    blocks: usize,
    len: usize,
    /// Bytes of entries that lie in blocks.
    entry_bytes: usize,
    /// Bytes that are allocated for blocks.
    block_bytes: usize,
    /// Bytes that are allocated for chunks.
    chunk_bytes: usize,
    /// No block has ever held more entries.
    entries_max: usize,
    elsewhere: Slab,
    hasher: ahash::RandomState,
}

/// What an entry becomes when it is written: its elements, long ones elsewhere.
type Written<'a, const WIDTH: usize> = [Element<'a>; WIDTH];

fn chunk_bytes(chunk: &Vec<Block>) -> usize {
    chunk.capacity() * size_of::<Block>()
}

impl<const WIDTH: usize> Clone for Table<WIDTH> {
    fn clone(&self) -> Self {
        let chunks = self.chunks.clone();
        Self {
            chunk_bytes: chunks.iter().map(chunk_bytes).sum(),
            chunks,
            elsewhere: self.elsewhere.clone(),
            hasher: self.hasher.clone(),
            ..*self
        }
    }
}

impl<const WIDTH: usize> Table<WIDTH> {
    pub(crate) fn new(hasher: ahash::RandomState) -> Self {
        let mut table = Self {
            chunks: Vec::new(),
            blocks: 0,
            len: 0,
            entry_bytes: 0,
            block_bytes: 0,
            chunk_bytes: 0,
            entries_max: 0,
            elsewhere: Slab::new(),
            hasher,
        };
        table.push_block(Block::default());
        table
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The bytes that the table has allocated.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.block_bytes
            + self.chunk_bytes
            + self.chunks.capacity() * size_of::<Vec<Block>>()
            + self.elsewhere.memory_bytes()
    }

    fn hash(&self, first: StrRef<'_>) -> u64 {
        match first {
            StrRef::Bytes(bytes) => self.hasher.hash_one(bytes),
            StrRef::Int(value) => self.hasher.hash_one(value),
        }
    }

    /// The block for a hash.
    #[inline]
    fn address(&self, hash: u64) -> usize {
        let span = self.blocks.next_power_of_two();
        let address = hash as usize & (span - 1);
        if address < self.blocks { address } else { address & (span / 2 - 1) }
    }

    #[inline]
    fn block(&self, address: usize) -> &Block {
        &self.chunks[address >> CHUNK_BITS][address % CHUNK_BLOCKS]
    }

    /// Changes a block and keeps account.
    fn change<R>(&mut self, address: usize, change: impl FnOnce(&mut Block) -> R) -> R {
        let block = &mut self.chunks[address >> CHUNK_BITS][address % CHUNK_BLOCKS];
        self.block_bytes -= block.memory_bytes();
        self.entry_bytes -= block.entry_bytes();
        let result = change(block);
        self.block_bytes += block.memory_bytes();
        self.entry_bytes += block.entry_bytes();
        self.entries_max = self.entries_max.max(block.len());
        result
    }

    fn push_block(&mut self, block: Block) {
        self.block_bytes += block.memory_bytes();
        self.entry_bytes += block.entry_bytes();
        self.entries_max = self.entries_max.max(block.len());
        self.blocks += 1;
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_BLOCKS) {
            self.chunks.push(Vec::new());
        }
        let chunk = self.chunks.last_mut().expect("it was pushed if there was none");
        self.chunk_bytes -= chunk_bytes(chunk);
        chunk.push(block);
        self.chunk_bytes += chunk_bytes(chunk);
    }

    fn pop_block(&mut self) -> Block {
        let chunk = self.chunks.last_mut().expect("there is a block");
        let block = chunk.pop().expect("no chunk is empty");
        self.blocks -= 1;
        self.block_bytes -= block.memory_bytes();
        self.entry_bytes -= block.entry_bytes();
        self.chunk_bytes -= chunk_bytes(chunk);
        if !chunk.is_empty() {
            if chunk.len() < chunk.capacity() / 4 {
                chunk.shrink_to(chunk.len() * 2);
            }
            self.chunk_bytes += chunk_bytes(chunk);
        } else {
            self.chunks.pop();
            if self.chunks.len() < self.chunks.capacity() / 4 {
                self.chunks.shrink_to(self.chunks.len() * 2);
            }
        }
        block
    }

    /// The string at the start of `bytes`, wherever it lies.
    #[inline]
    pub(crate) fn string<'a>(&'a self, bytes: &'a [u8]) -> StrRef<'a> {
        match element::number_elsewhere(bytes) {
            Some(number) => StrRef::Bytes(self.elsewhere.get(number)),
            None => element::string(bytes),
        }
    }

    /// Whether the string at the start of `bytes` is this one.
    #[inline]
    fn is_at(&self, element: &Element<'_>, bytes: &[u8]) -> bool {
        match element.long() {
            None => element.is_at(bytes),
            Some(long) => element::number_elsewhere(bytes)
                .is_some_and(|number| self.elsewhere.get(number) == long),
        }
    }

    /// The block of the entry whose first element is this string, and where it lies there.
    #[inline]
    fn find(&self, hash: u64, first: &Element<'_>) -> Option<(usize, Spot)> {
        let address = self.address(hash);
        let block = self.block(address);
        let spot = block.find(tag_of(hash), |entry| self.is_at(first, entry))?;
        Some((address, spot))
    }

    /// The entry whose first element is `first`.
    #[inline]
    pub(crate) fn get(&self, first: &Element<'_>) -> Option<&[u8]> {
        let (address, spot) = self.find(self.hash(first.value()), first)?;
        Some(self.block(address).at(spot))
    }

    /// Where a look-up of the entry whose first element is `first` will read.
    #[inline]
    pub(crate) fn hint(&self, first: &Element<'_>) -> ElementHint<'_> {
        let hash = self.hash(first.value());
        ElementHint::new(self.block(self.address(hash)), tag_of(hash))
    }

    /// Puts long strings elsewhere.
    fn written<'a>(&mut self, elements: [Element<'a>; WIDTH]) -> Written<'a, WIDTH> {
        elements.map(|element| match element.long() {
            None => element,
            Some(long) => {
                let number = self.elsewhere.take(long.len());
                self.elsewhere.get_mut(number).copy_from_slice(long);
                Element::elsewhere(number)
            }
        })
    }

    /// Frees the strings of an entry that lie elsewhere.
    fn forget(&mut self, entry: &[u8]) {
        let mut rest = entry;
        for _ in 0..WIDTH {
            if let Some(number) = element::number_elsewhere(rest) {
                self.elsewhere.give(number);
            }
            rest = &rest[element::len(rest)..];
        }
    }

    /// Adds an entry or replaces the one with the same first element; says whether it is new.
    pub(crate) fn set(&mut self, elements: [Element<'_>; WIDTH]) -> bool {
        self.exchange(elements, |_| ()).is_none()
    }

    /// Adds an entry or replaces the one with the same first element, which `look` sees before.
    pub(crate) fn exchange<R>(
        &mut self,
        elements: [Element<'_>; WIDTH],
        look: impl FnOnce(&[u8]) -> R,
    ) -> Option<R> {
        let hash = self.hash(elements[0].value());
        let Some((address, spot)) = self.find(hash, &elements[0]) else {
            let written = self.written(elements);
            let address = self.address(hash);
            self.change(address, |block| block.push(tag_of(hash), &written));
            self.len += 1;
            self.grow();
            return None;
        };
        let before = look(self.block(address).at(spot));
        if WIDTH > 1 {
            self.replace(address, spot, elements);
        }
        Some(before)
    }

    /// Replaces the elements behind the first.
    fn replace(&mut self, address: usize, spot: Spot, elements: [Element<'_>; WIDTH]) {
        let entry = self.block(address).at(spot);
        let first_len = element::len(entry);
        if let Some(number) = element::number_elsewhere(&entry[first_len..]) {
            if let Some(long) = elements[1].long() {
                self.elsewhere.resize(number, long.len());
                self.elsewhere.get_mut(number).copy_from_slice(long);
                return;
            }
            self.elsewhere.give(number);
        }
        let mut rest = elements;
        // What the first became stays as it is.
        rest[0] = Element::elsewhere(0);
        let rest = self.written(rest);
        self.change(address, |block| block.replace_rest(spot, first_len, &rest[1..]));
        self.grow();
    }

    /// Removes the entry whose first element is `first`; `look` sees it before it goes.
    pub(crate) fn remove<R>(
        &mut self,
        first: &Element<'_>,
        look: impl FnOnce(&[u8]) -> R,
    ) -> Option<R> {
        let (address, spot) = self.find(self.hash(first.value()), first)?;
        let mut copy = [0; super::block::ENTRY_BYTES_MAX];
        let entry = self.block(address).at(spot);
        let entry_len = entry.len();
        copy[..entry_len].copy_from_slice(entry);
        let result = look(entry);
        self.forget(&copy[..entry_len]);
        self.change(address, |block| block.remove(spot));
        self.len -= 1;
        // Two for each entry, so that the last block is reached before the last entry.
        if self.shrink() {
            self.shrink();
        }
        Some(result)
    }

    /// Splits one block if there are too few.
    fn grow(&mut self) {
        if self.len <= self.blocks * ENTRIES_PER_BLOCK
            && self.entry_bytes <= self.blocks * BYTES_PER_BLOCK
        {
            return;
        }
        let bit = 1 << self.blocks.ilog2();
        let address = self.blocks - bit;
        let whole = self.change(address, std::mem::take);
        let (low, high) = whole.split(|entry| self.hash(self.string(entry)) as usize & bit != 0);
        self.change(address, |block| *block = low);
        self.push_block(high);
    }

    /// Joins the last block to the one it was split off, if there are too many; says whether.
    fn shrink(&mut self) -> bool {
        if self.blocks == 1
            || self.len * SHRINK_DIVISOR > self.blocks * ENTRIES_PER_BLOCK
            || self.entry_bytes * SHRINK_DIVISOR > self.blocks * BYTES_PER_BLOCK
        {
            return false;
        }
        let high = self.pop_block();
        let address = self.blocks - (1 << self.blocks.ilog2());
        self.change(address, |block| block.join(&high));
        true
    }

    /// All entries, in the order of blocks.
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries { chunks: self.chunks.iter(), blocks: [].iter(), block: None, slot: 0 }
    }

    /// An entry picked by `draw`, each as likely as any other.
    pub(crate) fn random(&self, draw: u64) -> Option<&[u8]> {
        if self.len == 0 {
            return None;
        }
        let mut state = draw;
        for _ in 0..TRIES_MAX {
            let draw = super::next_draw(&mut state);
            let block = self.block(super::pick((draw >> 32) as u32, self.blocks));
            let slot = super::pick(draw as u32, self.entries_max);
            if slot < block.len() {
                return Some(block.entry(slot));
            }
        }
        self.entries().next()
    }

    /// Shows the entries from `cursor` on, whole blocks, until `count` were shown or many blocks
    /// were looked at. Returns the cursor to go on from, 0 at the end.
    pub(crate) fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&'a [u8]),
    ) -> u64 {
        let mut position = cursor;
        let mut shown = 0;
        let mut blocks_left = count.max(1).saturating_mul(BLOCKS_PER_ENTRY_MAX);
        while position < 1 << POSITION_BITS {
            if shown >= count.max(1) || blocks_left == 0 {
                return position;
            }
            let address = self.address((position << (u64::BITS - POSITION_BITS)).reverse_bits());
            let block = self.block(address);
            (0..block.len()).for_each(|slot| visit(block.entry(slot)));
            shown += block.len();
            blocks_left -= 1;
            position = self.end_of(address, position);
        }
        0
    }

    /// The first position behind the interval of the block that covers `position`.
    fn end_of(&self, address: usize, position: u64) -> u64 {
        let level = self.blocks.ilog2();
        // A block that was split on this level, or made by that, is told from others by a bit more.
        let is_split = (address & ((1 << level) - 1)) < self.blocks - (1 << level);
        let shift = POSITION_BITS - level - u32::from(is_split);
        ((position >> shift) + 1) << shift
    }

    /// Frees about `budget` blocks; says whether there are more.
    pub(crate) fn shed(&mut self, budget: usize) -> bool {
        for _ in 0..budget.div_ceil(CHUNK_BLOCKS) {
            self.chunks.pop();
        }
        !self.chunks.is_empty()
    }

    /// Recounts everything.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let blocks: Vec<&Block> = self.chunks.iter().flatten().collect();
        assert_eq!(blocks.len(), self.blocks);
        let sum = |count: fn(&Block) -> usize| blocks.iter().map(|it| count(it)).sum::<usize>();
        assert_eq!(sum(Block::len), self.len);
        assert_eq!(sum(Block::memory_bytes), self.block_bytes);
        assert_eq!(sum(Block::entry_bytes), self.entry_bytes);
        assert_eq!(self.chunks.iter().map(chunk_bytes).sum::<usize>(), self.chunk_bytes);
        self.elsewhere.check();
        for (address, block) in blocks.iter().enumerate() {
            block.check::<WIDTH>();
            assert!(block.len() <= self.entries_max);
            for slot in 0..block.len() {
                let hash = self.hash(self.string(block.entry(slot)));
                assert_eq!(self.address(hash), address);
                assert_eq!(block.tag(slot), tag_of(hash));
            }
        }
    }
}

/// All entries of a table.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a> {
    chunks: std::slice::Iter<'a, Vec<Block>>,
    blocks: std::slice::Iter<'a, Block>,
    block: Option<&'a Block>,
    slot: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Some(block) = self.block
                && self.slot < block.len()
            {
                self.slot += 1;
                return Some(block.entry(self.slot - 1));
            }
            self.slot = 0;
            self.block = self.blocks.next();
            if self.block.is_none() {
                self.blocks = self.chunks.next()?.iter();
            }
        }
    }
}

#[cfg(test)]
mod tests;
