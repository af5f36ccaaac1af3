//! Deadlines as commands give them: seconds or milliseconds, from now or since 1970. Those behind the
//! year 10889 (`DEADLINE_MS_MAX` of the keyspace) are taken, as Redis does, and stored as that.

use crate::error::CommandError;
use crate::parse;

/// The unit of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// What a time is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// The moment the command runs.
    Now,
    /// The start of 1970.
    Epoch,
}

/// The error for a time that makes no deadline.
pub(crate) fn invalid(command: &str) -> CommandError {
    CommandError::owned(format!("ERR invalid expire time in '{command}' command"))
}

impl Unit {
    /// The time in milliseconds, if it fits.
    fn to_ms(self, time: i64) -> Option<i64> {
        match self {
            Self::Seconds => time.checked_mul(1_000),
            Self::Milliseconds => Some(time),
        }
    }
}

impl From {
    fn base_ms(self, now_ms: u64) -> i64 {
        match self {
            Self::Now => i64::try_from(now_ms).unwrap_or(i64::MAX),
            Self::Epoch => 0,
        }
    }
}

/// The deadline of SET and its like: it lies after 1970, and the time itself is positive.
///
/// # Errors
/// No integer; or [`invalid`].
pub(crate) fn positive(
    text: &[u8],
    unit: Unit,
    from: From,
    now_ms: u64,
    command: &str,
) -> Result<u64, CommandError> {
    let time = parse::int_arg(text)?;
    let ms = (time > 0).then(|| unit.to_ms(time)).flatten();
    let at = ms.and_then(|ms| ms.checked_add(from.base_ms(now_ms)));
    at.map(i64::unsigned_abs).ok_or_else(|| invalid(command))
}

/// The deadline of EXPIRE and its like, which may lie in the past: before 1970 is then.
///
/// # Errors
/// No integer; or [`invalid`] when it cannot be counted.
pub(crate) fn any(
    text: &[u8],
    unit: Unit,
    from: From,
    now_ms: u64,
    command: &str,
) -> Result<i64, CommandError> {
    let time = parse::int_arg(text)?;
    let ms = unit.to_ms(time).ok_or_else(|| invalid(command))?;
    ms.checked_add(from.base_ms(now_ms)).ok_or_else(|| invalid(command))
}

/// No clock that is set shows an earlier time: in 2020 there was no skeg.
const EARLIEST_NOW_MS: i64 = 1_577_836_800_000;

/// Whether a deadline of EXPIRE and its like has passed whatever the time is; a later one may have passed as
/// well.
pub(crate) fn is_surely_past(text: &[u8], unit: Unit, from: From) -> bool {
    let Some(time) = parse::integer(text) else { return false };
    let latest_ms = if from == From::Now { 0 } else { EARLIEST_NOW_MS };
    unit.to_ms(time).map_or(time < 0, |ms| ms <= latest_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_deadlines_or_are_refused() {
        let set = |text: &str, unit, from| positive(text.as_bytes(), unit, from, 5_000, "set");
        assert_eq!(set("2", Unit::Seconds, From::Now), Ok(7_000));
        assert_eq!(set("2", Unit::Milliseconds, From::Epoch), Ok(2));
        for text in ["0", "-1", "9223372036854775807"] {
            assert_eq!(set(text, Unit::Seconds, From::Now), Err(invalid("set")), "{text}");
        }
        assert_eq!(set("9223372036854775807", Unit::Milliseconds, From::Now), Err(invalid("set")));
        assert_eq!(set("1.5", Unit::Seconds, From::Now), Err(CommandError::NOT_AN_INTEGER));
        let expire = |text: &str, unit| any(text.as_bytes(), unit, From::Now, 5_000, "expire");
        assert_eq!(expire("-10", Unit::Seconds), Ok(-5_000));
        assert_eq!(expire("-9223372036854775808", Unit::Seconds), Err(invalid("expire")));
        assert_eq!(expire("-9223372036854775808", Unit::Milliseconds), Ok(i64::MIN + 5_000));
        assert_eq!(expire("9223372036854775807", Unit::Milliseconds), Err(invalid("expire")));
    }
}
