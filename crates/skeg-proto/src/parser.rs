//! Finds the commands in the bytes that a client sent.
//!
//! The parser holds where it stopped, not the bytes: the caller keeps those of an unfinished
//! command and offers them again, with more behind them. No byte of an argument is looked at, and
//! no byte of a line more than twice: once for a command that is there as a whole, and once more if it
//! turns out not to be. Whole commands may be parsed before their turn ([`Parser::look_ahead`]).
//!
//! Invariants: the spans of an unfinished command are relative to its first byte; `scanned` never
//! lies behind `at`. Differences from Redis, both stricter: a wrong line end is an error, and a
//! limit holds whether or not the line's end has arrived.

use crate::ahead::{Ahead, ArgumentsAhead};
use crate::args::{Args, Span};
use crate::error::ProtocolError;
use crate::inline::split_into;
use crate::limits::Limits;

/// Spans, and bytes of inline text, kept allocated between commands; what a larger command took is
/// given back.
const KEPT: usize = 1024;

/// A command of more arguments is not tried as a whole.
const WHOLE_ARGUMENTS_MAX: usize = 64;

/// What [`Parser::next`] found.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// A command with at least its name.
    Command {
        /// Name and arguments.
        args: Args<'a>,
        /// Bytes to drop from the front before the next call.
        consumed: usize,
    },
    /// No whole command.
    Partial {
        /// Bytes to drop from the front (empty commands); what lies behind must be offered again.
        consumed: usize,
        /// Bytes that must arrive at least before another call can give a command. Above a
        /// read's size, these can be read straight behind the ones that are there. It comes from
        /// the client (up to [`Limits::max_bulk`] + 2): grow the buffer as bytes arrive.
        wanted: usize,
    },
}

/// Incremental parser of one connection's commands.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    /// Those of the current command, or of all that were parsed together.
    spans: Vec<Span>,
    ahead: Ahead,
    /// An inline command's arguments, unquoted.
    text: Vec<u8>,
    /// Everything before this place is understood.
    at: usize,
    /// No line end lies between `at` and this place.
    scanned: usize,
    /// Arguments still missing from the current multibulk command; 0 between commands.
    missing: usize,
    /// Length of the argument whose bytes start at `at`.
    bulk: Option<usize>,
}

/// What the front of the bytes is.
enum Step {
    /// A command's spans are filled; it ends here. They point into `text` if it was inline.
    Whole { end: usize, inline: bool },
    /// A command without arguments, to be skipped.
    Empty { end: usize },
    /// Not complete.
    Wanted(usize),
}

impl Parser {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: usable(limits),
            spans: Vec::new(),
            ahead: Ahead::default(),
            text: Vec::new(),
            at: 0,
            scanned: 0,
            missing: 0,
            bulk: None,
        }
    }

    /// Replaces the limits: after authentication, or when the configuration changed.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = usable(limits);
    }

    /// Whether an unfinished command has begun (an inline one counts once its end was looked for).
    #[must_use]
    pub fn in_command(&self) -> bool {
        self.missing > 0 || self.scanned > 0
    }

    /// Bytes of memory that the parser itself holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let spans = self.spans.capacity() * size_of::<Span>();
        spans + self.ahead.memory_bytes() + self.text.capacity()
    }

    /// Commands that one look ahead takes at most.
    pub const AHEAD_MAX: usize = 16;

    /// Whether commands were parsed whose turn has not come.
    #[inline]
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Parses the whole commands at the front of `buf`, so far as they are as nearly all are and
    /// [`Parser::AHEAD_MAX`] at most, unless it has before; shows the first arguments of those whose turn has
    /// not come. The next calls of [`Parser::next`] give them: they must be offered the same bytes.
    pub fn look_ahead<'p, 'a>(&'p mut self, buf: &'a [u8]) -> ArgumentsAhead<'p, 'a> {
        if self.missing == 0 && self.ahead.is_empty() {
            self.forget_arguments();
            let mut at = 0;
            while self.ahead.len() < Self::AHEAD_MAX
                && let Some(bytes) = self.whole(&buf[at..])
            {
                self.ahead.push(self.spans.len(), bytes);
                at += bytes;
            }
        }
        self.ahead.show(buf, &self.spans)
    }

    /// Looks for a command at the front of `buf`.
    ///
    /// After [`Parsed::Partial`] the next call must offer the same bytes (less `consumed`) with
    /// more behind them. Empty commands (`*0`, `*-1`, blank lines) are skipped, as in Redis.
    ///
    /// # Errors
    /// [`ProtocolError`]: the connection is beyond repair, the parser must not be used again.
    pub fn next<'a>(&'a mut self, buf: &'a [u8]) -> Result<Parsed<'a>, ProtocolError> {
        if let Some((spans, consumed)) = self.ahead.take() {
            return Ok(Parsed::Command { args: Args::new(buf, &self.spans[spans]), consumed });
        }
        if self.missing == 0 {
            self.forget_arguments();
            if let Some(consumed) = self.whole(buf) {
                return Ok(Parsed::Command { args: Args::new(buf, &self.spans), consumed });
            }
        }
        let mut skipped = 0;
        loop {
            let rest = &buf[skipped..];
            match self.step(rest)? {
                Step::Whole { end, inline } => {
                    let bytes = if inline { &self.text } else { rest };
                    let args = Args::new(bytes, &self.spans);
                    return Ok(Parsed::Command { args, consumed: skipped + end });
                }
                Step::Empty { end } => skipped += end,
                Step::Wanted(wanted) => return Ok(Parsed::Partial { consumed: skipped, wanted }),
            }
        }
    }

    /// Adds the spans of a command that is whole and as nearly all are, and tells where it ends. Whatever
    /// else is there, [`Parser::step`] finds out.
    #[inline]
    fn whole(&mut self, buf: &[u8]) -> Option<usize> {
        let before = self.spans.len();
        let end = self.add_whole(buf);
        if end.is_none() {
            self.spans.truncate(before);
        }
        end
    }

    #[inline]
    fn add_whole(&mut self, buf: &[u8]) -> Option<usize> {
        let Limits { max_args, max_bulk, max_buffer, .. } = self.limits;
        let (count, mut at) = plain_line(buf, 0, b'*')?;
        if count == 0 || count > max_args.min(WHOLE_ARGUMENTS_MAX) {
            return None;
        }
        for _ in 0..count {
            let (length, start) = plain_line(buf, at, b'$')?;
            let end = start + length;
            if length > max_bulk || buf.get(end..end + 2)? != b"\r\n" {
                return None;
            }
            self.spans.push(Span { start, end });
            at = end + 2;
        }
        if at > max_buffer {
            return None;
        }
        self.scanned = 0;
        Some(at)
    }

    #[inline]
    fn step(&mut self, rest: &[u8]) -> Result<Step, ProtocolError> {
        if self.missing == 0 {
            match rest.first() {
                None => return Ok(Step::Wanted(1)),
                Some(b'*') => {}
                Some(_) => return self.inline(rest),
            }
            let Some(count) = self.multibulk_count(rest)? else { return Ok(Step::Wanted(1)) };
            if count == 0 {
                return Ok(Step::Empty { end: self.end_command() });
            }
            self.missing = count;
            self.forget_arguments();
        }
        while self.missing > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => match self.bulk_length(rest)? {
                    Some(length) => length,
                    None => return Ok(Step::Wanted(1)),
                },
            };
            let end = self.at + length;
            let Some(line_end) = rest.get(end..end + 2) else {
                self.bulk = Some(length);
                return Ok(Step::Wanted(end + 2 - rest.len()));
            };
            if line_end != b"\r\n" {
                return Err(ProtocolError::ExpectedCrlf);
            }
            self.spans.push(Span { start: self.at, end });
            self.bulk = None;
            self.at = end + 2;
            self.missing -= 1;
        }
        Ok(Step::Whole { end: self.end_command(), inline: false })
    }

    /// Makes ready for what follows the current command, whose length it returns.
    #[inline]
    fn end_command(&mut self) -> usize {
        self.scanned = 0;
        std::mem::take(&mut self.at)
    }

    /// Reads `*<count>\r\n`; a count below one is none.
    fn multibulk_count(&mut self, rest: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let too_long = ProtocolError::TooBigMultibulkCount;
        let invalid = ProtocolError::InvalidMultibulkLength;
        let Some(count) = self.length(rest, too_long, invalid)? else { return Ok(None) };
        if count <= 0 {
            return Ok(Some(0));
        }
        match usize::try_from(count) {
            Ok(count) if count <= self.limits.max_args => Ok(Some(count)),
            _ => Err(invalid),
        }
    }

    /// Reads `$<length>\r\n` of the next argument.
    fn bulk_length(&mut self, rest: &[u8]) -> Result<Option<usize>, ProtocolError> {
        match rest.get(self.at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::ExpectedDollar(*other)),
        }
        let too_long = ProtocolError::TooBigBulkCount;
        let invalid = ProtocolError::InvalidBulkLength;
        let Some(length) = self.length(rest, too_long, invalid)? else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| invalid)?;
        if length > self.limits.max_bulk {
            return Err(invalid);
        }
        // The length is small now, so the sum cannot overflow.
        if self.at + length + 2 > self.limits.max_buffer {
            return Err(ProtocolError::TooBigCommand);
        }
        Ok(Some(length))
    }

    /// Reads the number of a line whose type byte is at `at`, and moves `at` behind the line.
    #[inline]
    fn length(
        &mut self,
        rest: &[u8],
        too_long: ProtocolError,
        invalid: ProtocolError,
    ) -> Result<Option<i64>, ProtocolError> {
        let line = &rest[self.at + 1..];
        // One and two digits are nearly all there is.
        if let [a @ b'0'..=b'9', b'\r', b'\n', ..] = line {
            self.at += 4;
            return Ok(Some(i64::from(*a - b'0')));
        }
        if let [a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', ..] = line {
            self.at += 5;
            return Ok(Some(i64::from(*a - b'0') * 10 + i64::from(*b - b'0')));
        }
        self.unusual_length(rest, too_long, invalid)
    }

    /// As [`length`](Self::length), for lines of more digits, incomplete, negative or wrong.
    #[inline(never)]
    fn unusual_length(
        &mut self,
        rest: &[u8],
        too_long: ProtocolError,
        invalid: ProtocolError,
    ) -> Result<Option<i64>, ProtocolError> {
        if let Some((value, end)) = plain_length(&rest[self.at + 1..]) {
            self.at += 1 + end;
            return Ok(Some(value));
        }
        let Some(end) = self.find(b'\r', rest, too_long)? else { return Ok(None) };
        let value = canonical_int(&rest[self.at + 1..end]).ok_or(invalid)?;
        match rest.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => {
                self.at = end + 2;
                Ok(Some(value))
            }
            Some(_) => Err(invalid),
        }
    }

    #[cold]
    fn inline(&mut self, rest: &[u8]) -> Result<Step, ProtocolError> {
        let Some(end) = self.find(b'\n', rest, ProtocolError::TooBigInline)? else {
            return Ok(Step::Wanted(1));
        };
        self.scanned = 0;
        self.forget_arguments();
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        split_into(line, &mut self.text, &mut self.spans)
            .map_err(|_| ProtocolError::UnbalancedQuotes)?;
        if self.spans.len() > self.limits.max_args {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if self.spans.is_empty() {
            return Ok(Step::Empty { end: end + 1 });
        }
        Ok(Step::Whole { end: end + 1, inline: true })
    }

    /// Where the first `wanted` at or after `at` is, if it is there yet.
    fn find(
        &mut self,
        wanted: u8,
        rest: &[u8],
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let from = self.scanned.max(self.at);
        let limit = self.at.saturating_add(self.limits.max_inline);
        let upto = rest.len().min(limit.saturating_add(1));
        if let Some(offset) = rest[from..upto].iter().position(|byte| *byte == wanted) {
            self.scanned = from + offset;
            return Ok(Some(self.scanned));
        }
        if rest.len() > limit {
            return Err(too_long);
        }
        self.scanned = rest.len();
        Ok(None)
    }

    /// Empties the last command's memory, and gives back what a large one took.
    #[inline]
    fn forget_arguments(&mut self) {
        self.ahead.clear();
        self.spans.clear();
        self.text.clear();
        if self.spans.capacity() > KEPT {
            self.spans.shrink_to(KEPT);
        }
        if self.text.capacity() > KEPT {
            self.text.shrink_to(KEPT);
        }
    }
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

/// Limits under which a length can still be sent.
fn usable(limits: Limits) -> Limits {
    Limits { max_inline: limits.max_inline.max(Limits::INLINE_BYTES_MIN), ..limits }
}

/// The number of a whole line `<kind><number>\r\n` at `at`, and where the line ends. One and two digits
/// are nearly all there is.
#[inline]
fn plain_line(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let [first, a, b, c, d] = *line.first_chunk()?;
    let (tens, ones) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    if first != kind || tens > 9 {
        return None;
    }
    if [b, c] == *b"\r\n" {
        return Some((usize::from(tens), at + 4));
    }
    if ones <= 9 && tens > 0 && [c, d] == *b"\r\n" {
        return Some((usize::from(tens) * 10 + usize::from(ones), at + 5));
    }
    let (value, end) = plain_length(&line[1..])?;
    Some((usize::try_from(value).ok()?, at + 1 + end))
}

/// A whole line of up to nine digits, and where it ends.
#[inline(never)]
fn plain_length(line: &[u8]) -> Option<(i64, usize)> {
    let mut value = 0;
    for (index, byte) in line.iter().enumerate().take(10) {
        match byte {
            b'0'..=b'9' if index < 9 => value = value * 10 + i64::from(byte - b'0'),
            b'\r' if index > 0 && line[0] != b'0' && line.get(index + 1) == Some(&b'\n') => {
                return Some((value, index + 2));
            }
            _ => return None,
        }
    }
    None
}

/// A number as only one text writes it: no sign but `-`, no leading zero, no `-0`.
pub(crate) fn canonical_int(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_understood_is_not_looked_at_again() {
        let mut buf = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nva".to_vec();
        let mut parser = Parser::default();
        assert!(matches!(parser.next(&buf), Ok(Parsed::Partial { consumed: 0, wanted: 5 })));
        buf[..parser.at].fill(b'x');
        buf.extend_from_slice(b"lue\r\n");
        let Ok(Parsed::Command { args, consumed }) = parser.next(&buf) else {
            panic!("no command")
        };
        assert_eq!(consumed, buf.len());
        assert_eq!(args.iter().collect::<Vec<_>>(), [&b"xxx"[..], b"xxx", b"value"]);
    }

    #[test]
    fn canonical_numbers_only() {
        for (text, value) in [("0", 0), ("-1", -1), ("10", 10), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(canonical_int(text.as_bytes()), Some(value));
        }
        for text in ["", "-", "-0", "01", "+1", " 1", "1 ", "1x", "9223372036854775808"] {
            assert_eq!(canonical_int(text.as_bytes()), None, "{text}");
        }
    }
}
