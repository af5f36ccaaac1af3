//! Splits a line into arguments by Redis's quoting rules. Used for inline commands and the prompt.
//!
//! Blanks separate. `"..."` knows `\n \r \t \b \a \\ \"` and `\xHH`; `'...'` knows `\'` only. A
//! quote may start inside a word (`ab"c d"`), but a blank or the end must follow the closing one.

use crate::args::{ArgsBuf, Span};
use std::fmt;

/// A quote is not closed, or something other than a blank follows the closing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnbalancedQuotes;

impl fmt::Display for UnbalancedQuotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unbalanced quotes")
    }
}

impl std::error::Error for UnbalancedQuotes {}

/// Splits `line` (without its line end) into arguments.
///
/// # Errors
/// [`UnbalancedQuotes`].
pub fn split_line(line: &[u8]) -> Result<ArgsBuf, UnbalancedQuotes> {
    let mut bytes = Vec::new();
    let mut spans = Vec::new();
    split_into(line, &mut bytes, &mut spans)?;
    Ok(spans.iter().map(|span: &Span| &bytes[span.start..span.end]).collect())
}

/// As [`split_line`], into memory that is used again.
pub(crate) fn split_into(
    line: &[u8],
    bytes: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), UnbalancedQuotes> {
    let mut rest = line;
    loop {
        while let [first, tail @ ..] = rest
            && is_blank(*first)
        {
            rest = tail;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let start = bytes.len();
        rest = word(rest, bytes)?;
        spans.push(Span { start, end: bytes.len() });
    }
}

/// Takes one word off the front of `rest`, which starts with a byte that is not blank.
fn word<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => return Ok(rest),
            [b'"', tail @ ..] => return end_of_quote(double_quoted(tail, bytes)?),
            [b'\'', tail @ ..] => return end_of_quote(single_quoted(tail, bytes)?),
            [byte, tail @ ..] => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
}

fn double_quoted<'a>(
    mut rest: &'a [u8],
    bytes: &mut Vec<u8>,
) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        match rest {
            [] => return Err(UnbalancedQuotes),
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push(hex_digit(*high) << 4 | hex_digit(*low));
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = tail;
            }
            [byte, tail @ ..] => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
}

fn single_quoted<'a>(
    mut rest: &'a [u8],
    bytes: &mut Vec<u8>,
) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        match rest {
            [] => return Err(UnbalancedQuotes),
            [b'\'', tail @ ..] => return Ok(tail),
            [b'\\', b'\'', tail @ ..] => {
                bytes.push(b'\'');
                rest = tail;
            }
            [byte, tail @ ..] => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
}

fn end_of_quote(rest: &[u8]) -> Result<&[u8], UnbalancedQuotes> {
    match rest {
        [next, ..] if !is_blank(*next) => Err(UnbalancedQuotes),
        _ => Ok(rest),
    }
}

/// C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<Vec<Vec<u8>>> {
        let args = split_line(line.as_bytes()).ok()?;
        Some(args.as_args().iter().map(<[u8]>::to_vec).collect())
    }

    fn words(expected: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
        Some(expected.iter().map(|word| word.to_vec()).collect())
    }

    #[test]
    fn blanks_separate_and_surround() {
        assert_eq!(split("  SET\t a  b "), words(&[b"SET", b"a", b"b"]));
        assert_eq!(split(" \t\r"), words(&[]));
        assert_eq!(split("\x0b\x0cPING"), words(&[b"PING"]));
    }

    #[test]
    fn double_quotes_know_escapes() {
        assert_eq!(split(r#""\x41\xfF\n\r\t\b\a\\\"\q""#), words(&[b"A\xff\n\r\t\x08\x07\\\"q"]));
        assert_eq!(split(r#""\x4""#), words(&[b"x4"]));
        assert_eq!(split(r#""""#), words(&[b""]));
    }

    #[test]
    fn single_quotes_know_only_themselves() {
        assert_eq!(split(r"'a\'b\n'"), words(&[br"a'b\n"]));
        assert_eq!(split("'' x"), words(&[b"", b"x"]));
    }

    #[test]
    fn a_quote_may_start_inside_a_word() {
        assert_eq!(split(r#"ab"c d" e"#), words(&[b"abc d", b"e"]));
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in ["\"", "'", "\"a", "'a", "\"a\"b", "'a'b", "\"a\"\"b\"", "\"a\\", "\"\\\""] {
            assert_eq!(split_line(line.as_bytes()), Err(UnbalancedQuotes), "{line}");
        }
    }
}
