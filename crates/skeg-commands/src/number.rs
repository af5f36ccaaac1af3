//! Arguments as doubles: what C's `strtod` reads, and what Redis makes of it.
//!
//! A score must be the whole text, without blanks before it, no NaN, and neither too large nor too
//! close to zero to be told from it. The ends of ranges and the weights of SORT are taken as
//! `strtod` takes them: blanks may come first, nothing at all is 0, too large is infinite.

use crate::error::CommandError;

/// What `strtod` makes of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Read {
    /// The number; 0 when there is none.
    pub(crate) value: f64,
    /// Bytes of the text that belong to it.
    pub(crate) len: usize,
    /// It is too large or too small for a double (`ERANGE`).
    pub(crate) out_of_range: bool,
}

/// Reads the number that a text starts with: decimal, hexadecimal, infinity or NaN.
pub(crate) fn strtod(text: &[u8]) -> Read {
    let is_blank = |byte: &&u8| byte.is_ascii_whitespace() || **byte == 0x0b;
    let blanks = text.iter().take_while(is_blank).count();
    let (negative, sign) = match text.get(blanks) {
        Some(b'-') => (true, 1),
        Some(b'+') => (false, 1),
        _ => (false, 0),
    };
    let start = blanks + sign;
    let Some((value, len, out_of_range)) = magnitude(&text[start..]) else {
        return Read { value: 0.0, len: 0, out_of_range: false };
    };
    Read { value: if negative { -value } else { value }, len: start + len, out_of_range }
}

/// A number without its sign: value, length, whether it is out of range.
fn magnitude(text: &[u8]) -> Option<(f64, usize, bool)> {
    let starts =
        |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if starts(b"infinity") {
        return Some((f64::INFINITY, 8, false));
    }
    if starts(b"inf") {
        return Some((f64::INFINITY, 3, false));
    }
    if starts(b"nan") {
        return Some((f64::NAN, 3, false));
    }
    // Without digits behind it, `0x` is a zero and an x.
    let hexadecimal = starts(b"0x").then(|| hexadecimal(&text[2..])).flatten();
    if let Some((value, len, out_of_range)) = hexadecimal {
        return Some((value, len + 2, out_of_range));
    }
    let (len, is_zero) = digits(text, u8::is_ascii_digit, b'e')?;
    let number = std::str::from_utf8(&text[..len]).ok()?;
    let value: f64 = number.parse().ok()?;
    Some((value, len, value.is_infinite() || value == 0.0 && !is_zero))
}

/// The length of `digits[.digits][letter[sign]digits]` at the start of a text, and whether all digits
/// before the letter are zeros.
fn digits(text: &[u8], is_digit: fn(&u8) -> bool, letter: u8) -> Option<(usize, bool)> {
    let count = |from: usize, is_digit: fn(&u8) -> bool| {
        text[from..].iter().take_while(|byte| is_digit(byte)).count()
    };
    let whole = count(0, is_digit);
    let mut len = whole;
    let mut fraction = 0;
    if text.get(len) == Some(&b'.') {
        fraction = count(len + 1, is_digit);
        len += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let is_zero = text[..len].iter().all(|byte| matches!(byte, b'0' | b'.'));
    if text.get(len).is_some_and(|byte| byte.eq_ignore_ascii_case(&letter)) {
        let sign = usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
        let exponent = if len + 1 + sign <= text.len() {
            count(len + 1 + sign, u8::is_ascii_digit)
        } else {
            0
        };
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    Some((len, is_zero))
}

/// A hexadecimal number behind its `0x`.
fn hexadecimal(text: &[u8]) -> Option<(f64, usize, bool)> {
    let (len, is_zero) = digits(text, u8::is_ascii_hexdigit, b'p')?;
    // 60 bits, and a last one for whatever comes after them: enough for one rounding.
    let (mut mantissa, mut exponent, mut behind_point) = (0_u64, 0_i64, false);
    let mut at = 0;
    while let Some(&byte) = text[..len].get(at) {
        at += 1;
        match char::from(byte).to_digit(16) {
            Some(digit) => {
                let fits = mantissa >> 56 == 0;
                mantissa = match fits {
                    true => mantissa << 4 | u64::from(digit),
                    false => mantissa | u64::from(digit != 0),
                };
                exponent += 4 * (i64::from(!fits) - i64::from(behind_point));
            }
            None if byte == b'.' => behind_point = true,
            // The letter of the exponent.
            None => break,
        }
    }
    let written = std::str::from_utf8(&text[at.min(len)..len]).ok()?;
    let limit = if written.starts_with('-') { -1_000_000 } else { 1_000_000 };
    let written = if written.is_empty() { 0 } else { written.parse().unwrap_or(limit) };
    let mut value = mantissa as f64;
    let mut left = exponent.saturating_add(written).clamp(-5_000, 5_000);
    while left != 0 {
        // Powers of two are exact; steps, because the power alone may be out of range.
        let step = left.clamp(-500, 500);
        value *= 2_f64.powi(step as i32);
        left -= step;
    }
    Some((value, len, value.is_infinite() || value == 0.0 && !is_zero))
}

/// The double that all of `text` is, as scores and increments are read.
pub(crate) fn double(text: &[u8]) -> Option<f64> {
    if text.first().is_none_or(|byte| byte.is_ascii_whitespace() || *byte == 0x0b) {
        return None;
    }
    if let Some(value) = short_integer(text) {
        return Some(value);
    }
    let read = strtod(text);
    let is_lost = read.out_of_range && (read.value.is_infinite() || read.value == 0.0);
    (read.len == text.len() && !is_lost && !read.value.is_nan()).then_some(read.value)
}

/// The number that few digits and nothing else are: most scores. A double holds it exactly.
#[inline]
fn short_integer(text: &[u8]) -> Option<f64> {
    if text.len() > 15 {
        return None;
    }
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    text.iter().try_fold(0, |sum, byte| Some(sum * 10 + digit(byte)?)).map(|sum| sum as f64)
}

/// [`double`], or the usual error.
pub(crate) fn double_arg(text: &[u8]) -> Result<f64, CommandError> {
    double(text).ok_or(CommandError::NOT_A_FLOAT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scores_are_whole_numbers_of_c() {
        for (text, expected) in [
            ("1", 1.0),
            ("-1.5e3", -1500.0),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x10", 16.0),
            ("-0x1.8p1", -3.0),
            ("0x.8", 0.5),
            ("5e-324", 5e-324),
            ("0e999999", 0.0),
            ("0x0p99999", 0.0),
            ("0x10000000000000001", 18_446_744_073_709_551_616.0),
        ] {
            assert_eq!(double(text.as_bytes()), Some(expected), "{text}");
        }
        assert!(double(b"-0").is_some_and(f64::is_sign_negative));
        for text in [
            "",
            " 1",
            "1 ",
            "\x0b1",
            "nan",
            "-nan",
            "1e",
            "1e+",
            ".",
            "-",
            "0x",
            "1,5",
            "abc",
            "1e400",
            "-1e400",
            "1e-400",
            "0x1p99999",
            "0x1p-99999",
            "1\0",
            "infinit",
            "--1",
            "0x1p",
        ] {
            assert_eq!(double(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn strtod_stops_where_the_number_ends() {
        for (text, value, len) in [
            ("", 0.0, 0),
            ("  12abc", 12.0, 4),
            ("1e", 1.0, 1),
            ("1e+x", 1.0, 1),
            ("1.5.5", 1.5, 3),
            ("0xg", 0.0, 1),
            ("0x1p", 1.0, 3),
            ("infinit", f64::INFINITY, 3),
            ("abc", 0.0, 0),
            ("-", 0.0, 0),
        ] {
            let read = strtod(text.as_bytes());
            assert_eq!((read.value, read.len), (value, len), "{text:?}");
        }
        assert!(strtod(b"1e999").out_of_range && strtod(b"1e-999").out_of_range);
    }

    proptest! {
        #[test]
        fn every_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(double(format!("{value:e}").as_bytes()), Some(value));
        }

        #[test]
        fn nothing_panics(text in "[ +\\-0-9a-fx.pein]{0,12}") {
            prop_assert!(strtod(text.as_bytes()).len <= text.len());
        }
    }
}
