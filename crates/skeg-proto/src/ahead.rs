//! A glance at the commands that a buffer holds, before they are parsed: for fetching what they
//! will touch, several at a time.
//!
//! Invariants: a glance takes nothing and decides nothing; where it cannot see (an unfinished, an
//! inline or a wrong command) it ends.

use crate::parser::plain_line;

/// The first arguments of a command, its name apart; empty where there are fewer. Mostly the first is
/// a key, and the second or the third (behind a score) an element of what the key holds.
pub type FirstArguments<'a> = [&'a [u8]; 3];

/// The first arguments of the commands at the front of a buffer.
#[derive(Clone, Debug)]
pub struct ArgumentsAhead<'a> {
    rest: &'a [u8],
}

impl<'a> ArgumentsAhead<'a> {
    /// Looks from the start of a command.
    #[must_use]
    pub fn new(buf: &'a [u8]) -> Self {
        Self { rest: buf }
    }

    /// The number of a line `<kind><number>\r\n`.
    #[inline]
    fn line(&mut self, kind: u8) -> Option<usize> {
        let (number, end) = plain_line(self.rest, 0, kind)?;
        self.rest = &self.rest[end..];
        Some(number)
    }

    #[inline]
    fn bulk(&mut self) -> Option<&'a [u8]> {
        let length = self.line(b'$')?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.get(2..)?;
        Some(bytes)
    }
}

impl<'a> Iterator for ArgumentsAhead<'a> {
    type Item = FirstArguments<'a>;

    #[inline]
    fn next(&mut self) -> Option<FirstArguments<'a>> {
        let count = self.line(b'*')?;
        let mut first: FirstArguments<'a> = [&[]; 3];
        for index in 0..count {
            let argument = self.bulk()?;
            // The name itself becomes -1, which is no place.
            if let Some(place) = first.get_mut(index.wrapping_sub(1)) {
                *place = argument;
            }
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::encode_command;

    #[test]
    fn the_first_arguments_of_each_command_are_seen() {
        let mut buf = Vec::new();
        encode_command(&mut buf, &["SET", "one", "a value of more than nine bytes"]);
        encode_command(&mut buf, &["PING"]);
        encode_command(&mut buf, &["MGET", "two", "three", "four", "five"]);
        let all: [FirstArguments<'_>; 3] = [
            [b"one", b"a value of more than nine bytes", b""],
            [b"", b"", b""],
            [b"two", b"three", b"four"],
        ];
        assert_eq!(ArgumentsAhead::new(&buf).collect::<Vec<_>>(), all);
        for cut in 0..buf.len() {
            let seen: Vec<_> = ArgumentsAhead::new(&buf[..cut]).collect();
            assert!(seen.len() < 3 && all.starts_with(&seen));
        }
    }

    #[test]
    fn what_it_cannot_read_ends_it() {
        for text in ["", "*", "*1", "PING\r\n", "*-1\r\n", "*1\r\n$9999999999\r\n", "*2\r\nGET\r\n"]
        {
            assert_eq!(ArgumentsAhead::new(text.as_bytes()).next(), None, "{text:?}");
        }
    }
}
