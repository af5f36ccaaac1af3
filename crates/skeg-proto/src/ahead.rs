//! Commands that are parsed before their turn: for fetching what they will touch, several at a time.
//!
//! Invariants: a look ahead decides nothing; where it cannot see (an unfinished, an inline, a long or a
//! wrong command) it ends. What it has parsed is not parsed again: [`Parser::next`] hands it out.
//!
//! [`Parser::next`]: crate::Parser::next

use crate::args::Span;

/// The first arguments of a command, its name apart; empty where there are fewer. Mostly the first is
/// a key, and the second or the third (behind a score) an element of what the key holds.
pub type FirstArguments<'a> = [&'a [u8]; 3];

/// Where one of them ends.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Among the spans of all.
    spans: usize,
    /// In bytes from its own start.
    bytes: usize,
}

/// The commands that were parsed before their turn, as places among the spans of the parser. Spans are
/// relative to the first byte of each command.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    ends: Vec<End>,
    /// The first whose turn has not come.
    next: usize,
    /// Where its spans begin.
    spans: usize,
}

impl Ahead {
    /// Whether there is none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.ends.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len() - self.next
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        (self.next, self.spans) = (0, 0);
    }

    /// One more: where its spans and its bytes end.
    #[inline]
    pub(crate) fn push(&mut self, spans: usize, bytes: usize) {
        self.ends.push(End { spans, bytes });
    }

    /// Takes the next: where its spans are, and how many bytes it is.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<(std::ops::Range<usize>, usize)> {
        let end = self.ends.get(self.next)?;
        let spans = self.spans..end.spans;
        self.next += 1;
        self.spans = end.spans;
        Some((spans, end.bytes))
    }

    /// Shows all of them; `buf` begins with the next.
    pub(crate) fn show<'p, 'a>(
        &'p self,
        buf: &'a [u8],
        spans: &'p [Span],
    ) -> ArgumentsAhead<'p, 'a> {
        ArgumentsAhead {
            rest: buf,
            spans: &spans[self.spans..],
            spans_at: self.spans,
            ends: self.ends[self.next..].iter(),
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<End>()
    }
}

/// The first arguments of the commands whose turn has not come.
#[derive(Clone, Debug)]
pub struct ArgumentsAhead<'p, 'a> {
    rest: &'a [u8],
    spans: &'p [Span],
    /// How many spans lie before those.
    spans_at: usize,
    ends: std::slice::Iter<'p, End>,
}

impl<'a> Iterator for ArgumentsAhead<'_, 'a> {
    type Item = FirstArguments<'a>;

    #[inline]
    fn next(&mut self) -> Option<FirstArguments<'a>> {
        let end = self.ends.next()?;
        let (spans, others) = self.spans.split_at(end.spans - self.spans_at);
        let (command, rest) = self.rest.split_at(end.bytes);
        (self.rest, self.spans, self.spans_at) = (rest, others, end.spans);
        Some(
            [1, 2, 3].map(|index| {
                spans.get(index).map_or(&[][..], |span| &command[span.start..span.end])
            }),
        )
    }
}
