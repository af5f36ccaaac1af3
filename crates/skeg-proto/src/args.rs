//! The arguments of one command: borrowed from the bytes that arrived, or owned when it must wait.
//!
//! Invariant: every span lies within the bytes beside it.

use std::fmt;

/// Where one argument lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The arguments of one command, its name first. Copying it copies no bytes.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    pub(crate) fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Self { bytes, spans }
    }

    /// Number of arguments, the command's name included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is nothing, not even a name. The parser never returns such a command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index`; 0 is the command's name.
    ///
    /// # Panics
    /// When there are no more than `index` arguments: a handler runs after its arity was checked.
    /// See [`try_get`](Self::try_get) for optional ones.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        &self.bytes[span.start..span.end]
    }

    /// The argument at `index`, if there are so many.
    #[must_use]
    #[inline]
    pub fn try_get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| &self.bytes[span.start..span.end])
    }

    /// The arguments from `index` on; empty when there are no more.
    #[must_use]
    pub fn tail(&self, index: usize) -> Args<'a> {
        Self { bytes: self.bytes, spans: self.spans.get(index..).unwrap_or_default() }
    }

    /// The first `count` arguments, or all when there are fewer.
    #[must_use]
    pub fn head(&self, count: usize) -> Args<'a> {
        Self { bytes: self.bytes, spans: &self.spans[..count.min(self.spans.len())] }
    }

    /// All arguments in order, the name first.
    #[must_use]
    pub fn iter(&self) -> ArgsIter<'a> {
        ArgsIter { bytes: self.bytes, spans: self.spans.iter() }
    }

    /// Sum of the arguments' lengths.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.spans.iter().map(|span| span.end - span.start).sum()
    }

    /// Bytes from the start of the first argument to the end of the last: at least as many as
    /// [`payload_bytes`](Self::payload_bytes), and known without a look at each.
    #[must_use]
    #[inline]
    pub fn extent_bytes(&self) -> usize {
        match self.spans {
            [] => 0,
            [one] => one.end - one.start,
            [first, .., last] => last.end - first.start,
        }
    }

    /// A copy that outlives the read buffer: for MULTI's queue and for delegated commands.
    #[must_use]
    pub fn to_buf(&self) -> ArgsBuf {
        let mut owned = ArgsBuf {
            bytes: Vec::with_capacity(self.payload_bytes()),
            spans: Vec::with_capacity(self.len()),
        };
        for arg in self {
            owned.push(arg);
        }
        owned
    }
}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|arg| arg.escape_ascii().to_string())).finish()
    }
}

impl<'a> IntoIterator for Args<'a> {
    type Item = &'a [u8];
    type IntoIter = ArgsIter<'a>;
    fn into_iter(self) -> ArgsIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Args<'a> {
    type Item = &'a [u8];
    type IntoIter = ArgsIter<'a>;
    fn into_iter(self) -> ArgsIter<'a> {
        self.iter()
    }
}

/// Iterator over the arguments of a command.
#[derive(Clone, Debug)]
pub struct ArgsIter<'a> {
    bytes: &'a [u8],
    spans: std::slice::Iter<'a, Span>,
}

impl<'a> Iterator for ArgsIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.spans.next().map(|span| &self.bytes[span.start..span.end])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl DoubleEndedIterator for ArgsIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.spans.next_back().map(|span| &self.bytes[span.start..span.end])
    }
}

impl ExactSizeIterator for ArgsIter<'_> {}

/// Owned arguments: two allocations, whatever their number. Also the way to build a command that
/// did not come over a connection (embedded calls, tests).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArgsBuf {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl ArgsBuf {
    /// No arguments yet, nothing allocated.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an argument at the end.
    pub fn push(&mut self, arg: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(arg);
        self.spans.push(Span { start, end: self.bytes.len() });
    }

    /// Forgets the arguments and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// The arguments, borrowed.
    #[must_use]
    pub fn as_args(&self) -> Args<'_> {
        Args { bytes: &self.bytes, spans: &self.spans }
    }

    /// Number of arguments, the command's name included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is nothing, not even a name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of memory that it holds, for the accounting of queued commands.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for ArgsBuf {
    fn from_iter<I: IntoIterator<Item = T>>(args: I) -> Self {
        let mut owned = Self::new();
        for arg in args {
            owned.push(arg.as_ref());
        }
        owned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owned_copy_equals_what_it_was_copied_from() {
        let owned: ArgsBuf = ["SET", "", "value"].into_iter().collect();
        let args = owned.as_args();
        assert_eq!(args.to_buf(), owned);
        assert_eq!(args.get(2), b"value");
        assert_eq!(args.try_get(3), None);
        assert_eq!(args.payload_bytes(), 8);
        assert_eq!(format!("{args:?}"), r#"["SET", "", "value"]"#);
    }

    #[test]
    fn the_tail_starts_where_asked_and_ends_quietly() {
        let owned: ArgsBuf = ["DEL", "a", "b"].into_iter().collect();
        let tail = owned.as_args().tail(1);
        assert_eq!(tail.iter().collect::<Vec<_>>(), [b"a", b"b"]);
        assert!(owned.as_args().tail(9).is_empty());
        assert_eq!(tail.head(1).iter().collect::<Vec<_>>(), [b"a"]);
        assert_eq!(tail.head(9).len(), 2);
    }
}
