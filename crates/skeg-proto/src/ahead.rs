//! A glance at the commands that a buffer holds, before they are parsed: for fetching what they
//! will touch, several at a time.
//!
//! Invariants: a glance takes nothing and decides nothing; where it cannot see (an unfinished, an
//! inline or a wrong command) it ends.

/// The first arguments, names apart, of the commands at the front of a buffer: mostly keys. A
/// command without arguments gives an empty one.
#[derive(Clone, Debug)]
pub struct KeysAhead<'a> {
    rest: &'a [u8],
}

impl<'a> KeysAhead<'a> {
    /// Looks from the start of a command.
    #[must_use]
    pub fn new(buf: &'a [u8]) -> Self {
        Self { rest: buf }
    }

    /// The number of a line `<kind><number>\r\n`, of six digits at most.
    #[inline]
    fn line(&mut self, kind: u8) -> Option<usize> {
        let [first, digit, rest @ ..] = self.rest else { return None };
        let mut number = usize::from(digit.wrapping_sub(b'0'));
        if *first != kind || number > 9 {
            return None;
        }
        for (index, byte) in rest.iter().take(6).enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                let behind = rest[index..].strip_prefix(b"\r\n")?;
                self.rest = behind;
                return Some(number);
            }
            number = number * 10 + usize::from(digit);
        }
        None
    }

    #[inline]
    fn bulk(&mut self) -> Option<&'a [u8]> {
        let length = self.line(b'$')?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.get(2..)?;
        Some(bytes)
    }
}

impl<'a> Iterator for KeysAhead<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let count = self.line(b'*')?;
        let mut key: &[u8] = &[];
        for index in 0..count {
            let argument = self.bulk()?;
            if index == 1 {
                key = argument;
            }
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::encode_command;

    #[test]
    fn the_first_argument_of_each_command_is_seen() {
        let mut buf = Vec::new();
        encode_command(&mut buf, &["SET", "one", "a value of more than nine bytes"]);
        encode_command(&mut buf, &["PING"]);
        encode_command(&mut buf, &["MGET", "two", "three"]);
        assert_eq!(KeysAhead::new(&buf).collect::<Vec<_>>(), [&b"one"[..], b"", b"two"]);
        for cut in 0..buf.len() {
            let seen: Vec<_> = KeysAhead::new(&buf[..cut]).collect();
            assert!(seen.len() < 3 && [&b"one"[..], b"", b"two"].starts_with(&seen));
        }
    }

    #[test]
    fn what_it_cannot_read_ends_it() {
        for text in ["", "*", "*1", "PING\r\n", "*-1\r\n", "*1\r\n$9999999999\r\n", "*2\r\nGET\r\n"]
        {
            assert_eq!(KeysAhead::new(text.as_bytes()).next(), None, "{text:?}");
        }
    }
}
