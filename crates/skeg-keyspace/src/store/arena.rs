//! Cells of a few hundred sizes in pages of one size each.
//!
//! A handle is 22 bits of page and 9 bits of cell. Pages start small and grow with their class,
//! so that a class wastes at most an eighth of itself; a page that empties is given back. Cells
//! are taken from the page that was full most recently, so that the emptier ones drain.
//!
//! Invariants:
//! - a cell's first byte is 0 exactly when the cell is free (owners never write 0 there);
//! - a page is in its class's list of open pages exactly when it has a free cell;
//! - no page is without live cells.

use super::class::{CELL_BYTES_MIN, CLASSES, cell_bytes, class_of};

const CELL_BITS: u32 = 9;
const PAGE_CELLS_MAX: usize = 1 << CELL_BITS;
const PAGES_MAX: usize = 1 << (31 - CELL_BITS);
const PAGE_BYTES_MAX: usize = 32 * 1024;
const PAGE_BYTES_MIN: usize = 512;
/// A new page is this part of the cells its class already uses, within the bounds above.
const GROWTH_DIVISOR: usize = 8;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Page {
    /// The cells handed out so far; the capacity is that of the whole page. No capacity: a
    /// vacant place in the list of pages.
    data: Vec<u8>,
    cell_bytes: u16,
    class: u16,
    /// Cells of the whole page.
    cells: u16,
    used: u16,
    /// Cells that were ever handed out.
    touched: u16,
    /// The first free cell among the touched ones, plus one.
    free: u16,
    /// Neighbours in the class's list of open pages; of a vacant place: the next vacant one.
    next: u32,
    previous: u32,
}

impl Page {
    fn is_open(&self) -> bool {
        self.used < self.cells
    }

    fn take_cell(&mut self) -> u32 {
        let size = usize::from(self.cell_bytes);
        self.used += 1;
        if let Some(cell) = self.free.checked_sub(1) {
            let start = usize::from(cell) * size;
            self.free = u16::from_le_bytes([self.data[start + 1], self.data[start + 2]]);
            return u32::from(cell);
        }
        let cell = self.touched;
        self.touched += 1;
        self.data.resize(usize::from(self.touched) * size, 0);
        u32::from(cell)
    }

    fn give_cell(&mut self, cell: u32) {
        let start = cell as usize * usize::from(self.cell_bytes);
        let [low, high] = self.free.to_le_bytes();
        self.data[start..start + 3].copy_from_slice(&[0, low, high]);
        self.free = cell as u16 + 1;
        self.used -= 1;
    }
}

#[derive(Clone, Copy, Debug)]
struct Class {
    /// The first page with a free cell.
    open: u32,
    used: u32,
    cells: u32,
}

const _: () = assert!(CELL_BYTES_MIN >= 3, "a free cell holds a mark and a link");

/// The pages of all classes.
#[derive(Debug)]
pub(super) struct Arena {
    pages: Vec<Page>,
    vacant: u32,
    pages_used: usize,
    page_bytes: usize,
    /// Bytes of cells that hold nothing.
    free_bytes: usize,
    /// Made when the first cell is taken: most keyspaces stay empty.
    classes: Vec<Class>,
}

impl Arena {
    pub(super) fn new() -> Self {
        Self {
            pages: Vec::new(),
            vacant: NONE,
            pages_used: 0,
            page_bytes: 0,
            free_bytes: 0,
            classes: Vec::new(),
        }
    }

    /// The bytes of all pages and of their lists.
    pub(super) fn memory_bytes(&self) -> usize {
        self.page_bytes
            + self.pages.capacity() * size_of::<Page>()
            + self.classes.capacity() * size_of::<Class>()
    }

    /// The bytes of cells that hold nothing.
    pub(super) fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// The bytes of all pages.
    pub(super) fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    #[inline]
    fn split(handle: u32) -> (usize, usize) {
        ((handle >> CELL_BITS) as usize, handle as usize % PAGE_CELLS_MAX)
    }

    #[inline]
    pub(super) fn cell(&self, handle: u32) -> &[u8] {
        let (page, cell) = Self::split(handle);
        let page = &self.pages[page];
        let size = usize::from(page.cell_bytes);
        &page.data[cell * size..][..size]
    }

    #[inline]
    pub(super) fn cell_mut(&mut self, handle: u32) -> &mut [u8] {
        let (page, cell) = Self::split(handle);
        let page = &mut self.pages[page];
        let size = usize::from(page.cell_bytes);
        &mut page.data[cell * size..][..size]
    }

    /// Whether a cell that is taken for `bytes` has the size of this one.
    #[inline]
    pub(super) fn is_class_of(&self, handle: u32, bytes: usize) -> bool {
        usize::from(self.pages[Self::split(handle).0].class) == class_of(bytes)
    }

    /// Takes a cell for `bytes`, or nothing if all handles are in use. The owner writes the
    /// first byte, not 0, before it calls anything else.
    pub(super) fn take(&mut self, bytes: usize) -> Option<u32> {
        self.take_of_class(class_of(bytes))
    }

    fn take_of_class(&mut self, class: usize) -> Option<u32> {
        if self.classes.is_empty() {
            self.classes = vec![Class { open: NONE, used: 0, cells: 0 }; CLASSES];
        }
        if self.classes[class].open == NONE {
            self.add_page(class)?;
        }
        let index = self.classes[class].open;
        self.classes[class].used += 1;
        let page = &mut self.pages[index as usize];
        let cell = page.take_cell();
        self.free_bytes -= usize::from(page.cell_bytes);
        if !page.is_open() {
            self.unlink(index);
        }
        Some(index << CELL_BITS | cell)
    }

    /// Gives a cell back.
    pub(super) fn give(&mut self, handle: u32) {
        let index = handle >> CELL_BITS;
        let page = &mut self.pages[index as usize];
        let class = usize::from(page.class);
        let was_open = page.is_open();
        page.give_cell(handle % PAGE_CELLS_MAX as u32);
        self.free_bytes += usize::from(page.cell_bytes);
        let is_empty = page.used == 0;
        self.classes[class].used -= 1;
        if !was_open {
            self.link(index);
        }
        if is_empty {
            self.remove_page(index);
        }
    }

    /// Two cells: one to read, another to write.
    pub(super) fn pair(&mut self, from: u32, to: u32) -> (&[u8], &mut [u8]) {
        let ((from_page, from), (to_page, to)) = (Self::split(from), Self::split(to));
        if from_page != to_page {
            let [from_page, to_page] = self
                .pages
                .get_disjoint_mut([from_page, to_page])
                .expect("the pages of two handles exist");
            let (from_size, to_size) =
                (usize::from(from_page.cell_bytes), usize::from(to_page.cell_bytes));
            return (
                &from_page.data[from * from_size..][..from_size],
                &mut to_page.data[to * to_size..][..to_size],
            );
        }
        let page = &mut self.pages[from_page];
        let size = usize::from(page.cell_bytes);
        let (low, high) = page.data.split_at_mut(from.max(to) * size);
        if from < to {
            (&low[from * size..][..size], &mut high[..size])
        } else {
            (&high[..size], &mut low[to * size..][..size])
        }
    }

    fn add_page(&mut self, class: usize) -> Option<()> {
        let size = cell_bytes(class);
        let state = &mut self.classes[class];
        let cells_max = (PAGE_BYTES_MAX / size).min(PAGE_CELLS_MAX);
        let cells_min = (PAGE_BYTES_MIN / size).max(1);
        let cells = (state.used as usize / GROWTH_DIVISOR).clamp(cells_min, cells_max);
        let page = Page {
            data: Vec::with_capacity(cells * size),
            cell_bytes: size as u16,
            class: class as u16,
            cells: cells as u16,
            used: 0,
            touched: 0,
            free: 0,
            next: NONE,
            previous: NONE,
        };
        let bytes = page.data.capacity();
        let index = if self.vacant != NONE {
            let index = self.vacant;
            let place = &mut self.pages[index as usize];
            self.vacant = place.next;
            *place = page;
            index
        } else if self.pages.len() < PAGES_MAX {
            self.pages.push(page);
            self.pages.len() as u32 - 1
        } else {
            return None;
        };
        state.cells += cells as u32;
        self.pages_used += 1;
        self.page_bytes += bytes;
        self.free_bytes += cells * size;
        self.link(index);
        Some(())
    }

    fn remove_page(&mut self, index: u32) {
        self.unlink(index);
        let page = &mut self.pages[index as usize];
        let state = &mut self.classes[usize::from(page.class)];
        state.cells -= u32::from(page.cells);
        self.page_bytes -= page.data.capacity();
        self.free_bytes -= usize::from(page.cells) * usize::from(page.cell_bytes);
        self.pages_used -= 1;
        page.data = Vec::new();
        page.touched = 0;
        page.next = self.vacant;
        self.vacant = index;
        if self.pages_used == 0 {
            *self = Self::new();
        }
    }

    fn link(&mut self, index: u32) {
        let class = usize::from(self.pages[index as usize].class);
        let next = std::mem::replace(&mut self.classes[class].open, index);
        let page = &mut self.pages[index as usize];
        page.next = next;
        page.previous = NONE;
        if next != NONE {
            self.pages[next as usize].previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let page = &self.pages[index as usize];
        let (class, next, previous) = (usize::from(page.class), page.next, page.previous);
        if previous == NONE {
            self.classes[class].open = next;
        } else {
            self.pages[previous as usize].next = next;
        }
        if next != NONE {
            self.pages[next as usize].previous = previous;
        }
    }

    /// The number of places in the list of pages, vacant ones included.
    pub(super) fn page_places(&self) -> usize {
        self.pages.len()
    }

    /// Whether moving the cells of this page into other pages frees it and is worth it: it is
    /// no fuller than its class, and the others have room.
    pub(super) fn is_sparse(&self, index: usize) -> bool {
        let page = &self.pages[index];
        if page.used == 0 || !page.is_open() {
            return false;
        }
        let class = &self.classes[usize::from(page.class)];
        let free_elsewhere = (class.cells - class.used) - u32::from(page.cells - page.used);
        let fullness = u64::from(page.used) * u64::from(class.cells);
        let fullness_of_class = u64::from(class.used) * u64::from(page.cells);
        u32::from(page.used) <= free_elsewhere && fullness <= fullness_of_class
    }

    /// Moves every cell of a sparse page to other pages of its class and frees the page; tells
    /// `moved` each cell, its old handle and its new one. Returns how many.
    pub(super) fn evacuate(
        &mut self,
        index: usize,
        moved: &mut dyn FnMut(&[u8], u32, u32),
    ) -> usize {
        let page = &self.pages[index];
        let (class, size) = (usize::from(page.class), usize::from(page.cell_bytes));
        let live: Vec<u32> = (0..u32::from(page.touched))
            .filter(|cell| page.data[*cell as usize * size] != 0)
            .collect();
        self.unlink(index as u32);
        for cell in &live {
            let old = (index as u32) << CELL_BITS | cell;
            let new = self.take_of_class(class).expect("the others have room: the page is sparse");
            let (from, to) = self.pair(old, new);
            to.copy_from_slice(from);
            moved(to, old, new);
        }
        self.link(index as u32);
        for cell in &live {
            self.give((index as u32) << CELL_BITS | cell);
        }
        live.len()
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let mut bytes = 0;
        let mut pages_used = 0;
        let mut free = 0;
        let mut used = vec![0; CLASSES];
        let mut open = vec![0; CLASSES];
        for page in self.pages.iter().filter(|page| page.data.capacity() > 0) {
            let size = usize::from(page.cell_bytes);
            let live = page.data.chunks(size).filter(|cell| cell[0] != 0).count();
            assert_eq!(live, usize::from(page.used));
            assert!(live > 0, "an empty page was kept");
            assert_eq!(page.data.len(), usize::from(page.touched) * size);
            bytes += page.data.capacity();
            pages_used += 1;
            free += (usize::from(page.cells) - live) * size;
            used[usize::from(page.class)] += live;
            open[usize::from(page.class)] += usize::from(page.is_open());
        }
        assert_eq!(bytes, self.page_bytes);
        assert_eq!(pages_used, self.pages_used);
        assert_eq!(free, self.free_bytes);
        for (index, class) in self.classes.iter().enumerate() {
            assert_eq!(class.used as usize, used[index]);
            let mut next = class.open;
            let mut previous = NONE;
            while next != NONE {
                let page = &self.pages[next as usize];
                assert!(page.is_open() && usize::from(page.class) == index);
                assert_eq!(page.previous, previous);
                open[index] -= 1;
                (previous, next) = (next, page.next);
            }
            assert_eq!(open[index], 0);
        }
    }
}
