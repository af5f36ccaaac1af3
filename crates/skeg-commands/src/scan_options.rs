//! The arguments of SCAN's relatives on one key, and cursors.

use skeg_proto::Args;

use crate::error::CommandError;
use crate::glob::{self, Case};
use crate::parse;

/// Cursors of one key are below this.
const CURSOR_END: u64 = 1 << 48;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options<'a> {
    /// Where it goes on; 0 at the start.
    pub(crate) cursor: u64,
    /// About how many elements are looked at.
    pub(crate) count: usize,
    pattern: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Reads `cursor [MATCH pattern] [COUNT count]` from argument `at` on.
    pub(crate) fn parse(args: Args<'a>, at: usize) -> Result<Self, CommandError> {
        let cursor = cursor(args.get(at))? % CURSOR_END;
        let mut options = Self { cursor, count: 10, pattern: None };
        let mut at = at + 1;
        while let Some(word) = args.try_get(at) {
            let argument = args.try_get(at + 1).ok_or(CommandError::SYNTAX)?;
            if parse::is_word(word, "COUNT") {
                let count = usize::try_from(parse::int_arg(argument)?).unwrap_or(0);
                options.count = if count == 0 { return Err(CommandError::SYNTAX) } else { count };
            } else if parse::is_word(word, "MATCH") {
                options.pattern = (argument != b"*").then_some(argument);
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 2;
        }
        Ok(options)
    }

    /// Whether an element is shown.
    pub(crate) fn fits(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, element, Case::Exact))
    }
}

/// Reads a cursor; the empty text is 0, as in Redis.
pub(crate) fn cursor(text: &[u8]) -> Result<u64, CommandError> {
    let value = text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    });
    value.ok_or(CommandError::constant("ERR invalid cursor"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::ArgsBuf;

    #[test]
    fn cursors_are_plain_numbers() {
        assert_eq!(cursor(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(cursor(b""), Ok(0));
        for text in ["-1", "x", "1 ", "18446744073709551616"] {
            assert!(cursor(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn options_follow_the_cursor() {
        let parse = |line: &str| {
            let args: ArgsBuf = line.split(' ').collect();
            Options::parse(args.as_args(), 2)
                .map(|options| (options.cursor, options.count, options.fits(b"ab")))
        };
        assert_eq!(parse("zscan key 7 match a* COUNT 3"), Ok((7, 3, true)));
        assert_eq!(parse("zscan key 0 match b*"), Ok((0, 10, false)));
        for line in ["zscan key 0 count 0", "zscan key 0 match", "zscan key 0 type x"] {
            assert_eq!(parse(line), Err(CommandError::SYNTAX), "{line}");
        }
    }
}
