//! Pages: the unit in which the simulated system writes back, and what was done to one since its
//! last sync.
//!
//! Invariants: the changes of a page are in the order in which they were made, so "the first n of
//! them" is a state in which the page may have been written back.

use crate::sync::Arc;

/// The unit of writing back, in bytes.
pub const PAGE_BYTES: usize = 4096;

/// A page's content. A page that is not there reads as zeros.
pub(super) type Page = Arc<[u8; PAGE_BYTES]>;

/// What one operation did to a page.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Bytes were written into it.
    Part { start: usize, bytes: Arc<[u8]> },
    /// All of it became something else.
    Whole(Page),
    /// The file was cut inside it: zeros from here on.
    CutFrom(usize),
    /// The file was cut before it.
    Gone,
}

impl Change {
    /// Whether it goes with a shorter length of the file, which a later length cannot precede.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Self::CutFrom(_) | Self::Gone)
    }

    fn apply(&self, page: &mut Option<Page>) {
        match self {
            Self::Part { start, bytes } => {
                content_mut(page)[*start..start + bytes.len()].copy_from_slice(bytes);
            }
            Self::Whole(whole) => *page = Some(Arc::clone(whole)),
            Self::CutFrom(start) => {
                if page.is_some() {
                    content_mut(page)[*start..].fill(0);
                }
            }
            Self::Gone => *page = None,
        }
    }
}

/// A change and when it was made.
#[derive(Clone, Debug)]
pub(super) struct Dated {
    pub(super) sequence: u64,
    pub(super) change: Change,
}

/// What `durable` became after `changes`.
pub(super) fn after(durable: Option<&Page>, changes: &[Dated]) -> Option<Page> {
    let mut page = durable.cloned();
    for dated in changes {
        dated.change.apply(&mut page);
    }
    page
}

/// The bytes of a page, which comes into being when it is not there.
pub(super) fn content_mut(page: &mut Option<Page>) -> &mut [u8; PAGE_BYTES] {
    Arc::make_mut(page.get_or_insert_with(|| Arc::new([0; PAGE_BYTES])))
}

/// A page whose first `boundary` bytes come from `head` and the others from `tail`: what a write
/// leaves that the power cut short.
pub(super) fn torn(head: Option<&Page>, tail: Option<&Page>, boundary: usize) -> Page {
    let mut page = [0; PAGE_BYTES];
    if let Some(head) = head {
        page[..boundary].copy_from_slice(&head[..boundary]);
    }
    if let Some(tail) = tail {
        page[boundary..].copy_from_slice(&tail[boundary..]);
    }
    Arc::new(page)
}

/// The number of the page that holds the byte at `offset`.
pub(super) fn page_of(offset: u64) -> u64 {
    offset / PAGE_BYTES as u64
}

/// Where in its page the byte at `offset` lies.
pub(super) fn place_in_page(offset: u64) -> usize {
    usize::try_from(offset % PAGE_BYTES as u64).expect("it is below the page's size")
}

/// How many pages a file of `len` bytes spans.
pub(super) fn pages_for(len: u64) -> u64 {
    len.div_ceil(PAGE_BYTES as u64)
}
