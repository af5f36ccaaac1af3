//! The bytes of all entries, each addressed by a `u32` handle.
//!
//! An entry of up to 2 KiB lies in a cell of the arena, a larger one in an allocation of its own
//! in the slab (bit 31 of the handle). The slice behind a handle may be longer than asked for.
//!
//! May not know: the layout of entries, except that the first byte of one is never 0.

mod arena;
mod class;
pub(crate) mod slab;

use arena::Arena;
use class::CELL_BYTES_MAX;
use slab::Slab;

const IN_SLAB: u32 = 1 << 31;

/// Free cells that are left alone: as many bytes, and this part of all pages.
const FREE_BYTES_MIN: usize = 64 * 1024;
const FREE_DIVISOR: usize = 4;

/// Arena and slab behind one handle space.
#[derive(Debug)]
pub(crate) struct Store {
    arena: Arena,
    slab: Slab,
    /// Where `defragment` goes on.
    lap_page: usize,
    lap_moved: bool,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { arena: Arena::new(), slab: Slab::new(), lap_page: 0, lap_moved: false }
    }

    /// The bytes of all pages and allocations, unused room in them included.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.arena.memory_bytes() + self.slab.memory_bytes()
    }

    /// Of these, the bytes of cells that hold nothing: the next entries lie there.
    pub(crate) fn free_bytes(&self) -> usize {
        self.arena.free_bytes()
    }

    #[inline]
    pub(crate) fn cell(&self, handle: u32) -> &[u8] {
        if handle & IN_SLAB == 0 {
            self.arena.cell(handle)
        } else {
            self.slab.get(handle & !IN_SLAB)
        }
    }

    #[inline]
    pub(crate) fn cell_mut(&mut self, handle: u32) -> &mut [u8] {
        if handle & IN_SLAB == 0 {
            self.arena.cell_mut(handle)
        } else {
            self.slab.get_mut(handle & !IN_SLAB)
        }
    }

    /// The bytes that the cell of `handle` takes.
    pub(crate) fn bytes_of(&self, handle: u32) -> usize {
        if handle & IN_SLAB == 0 {
            self.arena.cell(handle).len()
        } else {
            self.slab.bytes_of(handle & !IN_SLAB)
        }
    }

    /// Takes a cell of at least `bytes`. The caller writes its first byte, not 0, before it
    /// calls anything else.
    pub(crate) fn take(&mut self, bytes: usize) -> u32 {
        if bytes <= CELL_BYTES_MAX
            && let Some(handle) = self.arena.take(bytes)
        {
            return handle;
        }
        self.slab.take(bytes) | IN_SLAB
    }

    /// Gives a cell back.
    pub(crate) fn give(&mut self, handle: u32) {
        if handle & IN_SLAB == 0 {
            self.arena.give(handle);
        } else {
            self.slab.give(handle & !IN_SLAB);
        }
    }

    /// Whether `bytes` belong into this very cell; then its slice is long enough for them.
    #[inline]
    pub(crate) fn fit(&mut self, handle: u32, bytes: usize) -> bool {
        if handle & IN_SLAB == 0 {
            return bytes <= CELL_BYTES_MAX && self.arena.is_class_of(handle, bytes);
        }
        let index = handle & !IN_SLAB;
        let fits = bytes > CELL_BYTES_MAX && self.slab.fits(index, bytes);
        if fits {
            self.slab.resize(index, bytes);
        }
        fits
    }

    /// Two cells: one to read, another to write.
    pub(crate) fn pair(&mut self, from: u32, to: u32) -> (&[u8], &mut [u8]) {
        match (from & IN_SLAB == 0, to & IN_SLAB == 0) {
            (true, true) => self.arena.pair(from, to),
            (true, false) => (self.arena.cell(from), self.slab.get_mut(to & !IN_SLAB)),
            (false, true) => (self.slab.get(from & !IN_SLAB), self.arena.cell_mut(to)),
            (false, false) => self.slab.pair(from & !IN_SLAB, to & !IN_SLAB),
        }
    }

    /// Makes room for `bytes` where the first `keep` bytes of this cell are kept; returns the
    /// handle of the cell that holds them now, and the old one is given back if it is another.
    pub(crate) fn regrow(&mut self, handle: u32, bytes: usize, keep: usize) -> u32 {
        if handle & IN_SLAB != 0 && bytes > CELL_BYTES_MAX {
            self.slab.resize(handle & !IN_SLAB, bytes);
            return handle;
        }
        if self.fit(handle, bytes) {
            return handle;
        }
        let new = self.take(bytes);
        let (from, to) = self.pair(handle, new);
        to[..keep].copy_from_slice(&from[..keep]);
        self.give(handle);
        new
    }

    /// Whether so much of the pages is free that [`Store::defragment`] is worth its time: more than
    /// the eighth that growth leaves free.
    pub(crate) fn is_fragmented(&self) -> bool {
        let free = self.arena.free_bytes();
        free > FREE_BYTES_MIN && free > self.arena.page_bytes() / FREE_DIVISOR
    }

    /// Moves cells out of sparse pages and frees these, until `budget` cells were moved or pages
    /// looked at (the last page is finished). Tells `moved` each cell, its old handle and its new
    /// one. Returns whether a further call may free more.
    pub(crate) fn defragment(
        &mut self,
        budget: usize,
        moved: &mut dyn FnMut(&[u8], u32, u32),
    ) -> bool {
        let mut spent = 0;
        while spent < budget {
            if self.lap_page >= self.arena.page_places() {
                self.lap_page = 0;
                return std::mem::take(&mut self.lap_moved);
            }
            spent += 1;
            if self.arena.is_sparse(self.lap_page) {
                spent += self.arena.evacuate(self.lap_page, moved);
                self.lap_moved = true;
            }
            self.lap_page += 1;
        }
        true
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        self.arena.check();
        self.slab.check();
    }
}

#[cfg(test)]
mod tests;
