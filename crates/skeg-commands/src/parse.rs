//! Arguments as numbers and words, by Redis's rules.
//!
//! Integers are strict: no sign but a minus, no blanks, no leading zeros, exactly what printing the
//! number gives. Words compare without regard to case.

use skeg_engine::DATABASES;

use crate::error::CommandError;

/// The integer that `text` is, if it is written exactly as it would be printed.
#[must_use]
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut value = 0_u64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // 19 digits stay below 2^64.
        value = value * 10 + u64::from(digit - b'0');
    }
    match (negative, value) {
        (false, value) => i64::try_from(value).ok(),
        (true, value) if value <= 1 << 63 => Some((value as i64).wrapping_neg()),
        _ => None,
    }
}

/// [`integer`], or the usual error.
pub(crate) fn int_arg(text: &[u8]) -> Result<i64, CommandError> {
    integer(text).ok_or(CommandError::NOT_AN_INTEGER)
}

/// An integer from `min` to `max`, or an error that says so.
pub(crate) fn int_between(text: &[u8], min: i64, max: i64) -> Result<i64, CommandError> {
    let value = int_arg(text)?;
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(CommandError::owned(format!(
        "ERR value is out of range, value must between {min} and {max}"
    )))
}

/// The cursor of a scan; the empty text is 0, as in Redis.
///
/// # Errors
/// It is no number.
pub(crate) fn cursor(text: &[u8]) -> Result<u64, CommandError> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] if !digits.is_empty() => (true, digits),
        [b'+', digits @ ..] if !digits.is_empty() => (false, digits),
        digits => (false, digits),
    };
    let value = digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    });
    let value = value.ok_or(CommandError::constant("ERR invalid cursor"))?;
    Ok(if is_negative { value.wrapping_neg() } else { value })
}

/// The number of a logical database.
pub(crate) fn database(text: &[u8]) -> Result<u8, CommandError> {
    let index = int_between(text, i64::from(i32::MIN), i64::from(i32::MAX))?;
    existing_database(index)
}

/// The number of a logical database that there is.
pub(crate) fn existing_database(index: i64) -> Result<u8, CommandError> {
    u8::try_from(index).ok().filter(|index| *index < DATABASES).ok_or(CommandError::DB_INDEX)
}

/// Whether `arg` is `word`, in letters of either case.
#[inline]
pub(crate) fn is_word(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// ON or OFF, YES or NO, or whatever two words there are; `None` for a third.
pub(crate) fn one_of(arg: &[u8], yes: &str, no: &str) -> Option<bool> {
    if is_word(arg, yes) {
        Some(true)
    } else if is_word(arg, no) {
        Some(false)
    } else {
        None
    }
}

/// The first `max` bytes of what a client sent, for an error message.
pub(crate) fn quoted(arg: &[u8], max: usize) -> String {
    String::from_utf8_lossy(&arg[..arg.len().min(max)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_printed_integers_are_integers() {
        for text in
            ["", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "0x1", "9223372036854775808"]
        {
            assert_eq!(integer(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer(b"-9223372036854775809"), None);
        assert_eq!(integer(b"99999999999999999999"), None);
    }

    #[test]
    fn databases_are_numbered_to_fifteen() {
        assert_eq!(database(b"15"), Ok(15));
        assert_eq!(database(b"16"), Err(CommandError::DB_INDEX));
        assert_eq!(database(b"-1"), Err(CommandError::DB_INDEX));
        assert_eq!(database(b"x"), Err(CommandError::NOT_AN_INTEGER));
        let range = "ERR value is out of range, value must between -2147483648 and 2147483647";
        assert_eq!(database(b"4294967296"), Err(CommandError::constant(range)));
    }

    #[test]
    fn cursors_are_plain_numbers() {
        assert_eq!(cursor(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(cursor(b""), Ok(0));
        assert_eq!((cursor(b"-1"), cursor(b"+7")), (Ok(u64::MAX), Ok(7)));
        for text in ["-", "+", "--1", "-x", "x", "1 ", "18446744073709551616"] {
            assert!(cursor(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_reads_back(value: i64) {
            prop_assert_eq!(integer(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn reading_agrees_with_the_standard_library(text in "-?[0-9]{1,21}") {
            let expected = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
            prop_assert_eq!(integer(text.as_bytes()), expected);
        }
    }
}
