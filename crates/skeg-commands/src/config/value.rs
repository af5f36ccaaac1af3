//! Values of settings: reading them, and why one is refused.

use crate::config::notify;
use crate::config::save;
use crate::config::settings::Kind;
use crate::parse;

/// A value that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// As CONFIG GET shows it.
    pub(crate) text: String,
    /// As a number, where that makes sense.
    pub(crate) number: u64,
}

impl Kind {
    /// Reads a value.
    ///
    /// # Errors
    /// The reason, as Redis words it.
    pub(crate) fn read(self, text: &[u8]) -> Result<Value, String> {
        match self {
            Self::YesNo => match parse::one_of(text, "yes", "no") {
                Some(yes) => Ok(number(u64::from(yes), if yes { "yes" } else { "no" })),
                None => Err("argument must be 'yes' or 'no'".into()),
            },
            Self::Integer(min, max) => {
                let value = parse::integer(text)
                    .ok_or_else(|| "argument couldn't be parsed into an integer".to_owned())?;
                between(value, min, max)?;
                Ok(number(value.unsigned_abs(), &value.to_string()))
            }
            Self::Bytes(min, max) => {
                let value =
                    bytes(text).ok_or_else(|| "argument must be a memory value".to_owned())?;
                between(value, min, max)?;
                Ok(number(value, &value.to_string()))
            }
            Self::Character => match text {
                [byte] if byte.is_ascii_graphic() => {
                    Ok(number(u64::from(*byte), &char::from(*byte).to_string()))
                }
                _ => Err("argument must be one visible ASCII character".into()),
            },
            Self::Word(words) => {
                let found = words.iter().position(|word| parse::is_word(text, word));
                found.map(|place| number(place as u64, words[place])).ok_or_else(|| {
                    let known = words.join(", ");
                    format!("argument(s) must be one of the following: {known}")
                })
            }
            Self::NotifyClasses => match notify::read(text) {
                Some(classes) => Ok(number(0, &notify::show(classes))),
                None => Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            },
            Self::SavePoints => match std::str::from_utf8(text).ok().and_then(save::read) {
                Some(points) => Ok(number(0, &save::show(&points))),
                None => Err("Invalid save parameters".into()),
            },
            Self::Text | Self::OutputLimits => match std::str::from_utf8(text) {
                Ok(text) => Ok(number(0, text)),
                Err(_) => Err("argument must be UTF-8".into()),
            },
        }
    }
}

fn number(number: u64, text: &str) -> Value {
    Value { text: text.to_owned(), number }
}

fn between<T: Copy + PartialOrd + std::fmt::Display>(
    value: T,
    min: T,
    max: T,
) -> Result<(), String> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(format!("argument must be between {min} and {max} inclusive"))
}

/// Digits and a unit: `b`, `k` (1000), `kb` (1024), `m`, `mb`, `g`, `gb`.
pub(crate) fn bytes(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let value = digits.iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    if digits.is_empty() {
        return None;
    }
    let unit = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    value.checked_mul(unit)
}

/// One class of client: bytes that close it at once, and bytes that close it after some seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutputLimit {
    pub(crate) hard_bytes: u64,
    pub(crate) soft_bytes: u64,
    pub(crate) soft_s: u64,
}

/// The classes that limits are given for, in the order they are shown.
pub(crate) const CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// Changes the limits of the classes that `text` names, groups of four words.
///
/// # Errors
/// The reason, as Redis words it.
pub(crate) fn read_output_limits(text: &str, limits: &mut [OutputLimit; 3]) -> Result<(), String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (groups, rest) = words.as_chunks::<4>();
    if !rest.is_empty() || groups.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut changed = *limits;
    for [class, hard, soft, seconds] in groups {
        let class = if class.eq_ignore_ascii_case("replica") { "slave" } else { class };
        let place = CLASSES.iter().position(|known| known.eq_ignore_ascii_case(class));
        let place = place.ok_or("Invalid client class specified in buffer limit configuration.")?;
        let figures = (bytes(hard.as_bytes()), bytes(soft.as_bytes()), seconds.parse());
        let (Some(hard_bytes), Some(soft_bytes), Ok(soft_s)) = figures else {
            let reason =
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
            return Err(reason.into());
        };
        changed[place] = OutputLimit { hard_bytes, soft_bytes, soft_s };
    }
    *limits = changed;
    Ok(())
}

/// The text that CONFIG GET shows.
pub(crate) fn show_output_limits(limits: &[OutputLimit; 3]) -> String {
    let classes = CLASSES.iter().zip(limits).map(|(class, limit)| {
        format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_s)
    });
    classes.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_redis() {
        for (text, expected) in [
            ("0", Some(0)),
            ("100b", Some(100)),
            ("1k", Some(1_000)),
            ("1KB", Some(1_024)),
            ("3mb", Some(3 << 20)),
            ("2g", Some(2_000_000_000)),
            ("1gb", Some(1 << 30)),
            ("-1", None),
            ("", None),
            ("kb", None),
            ("1tb", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(bytes(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_value_out_of_range_says_what_the_range_is() {
        let reason = Kind::Integer(1, 5).read(b"6").unwrap_err();
        assert_eq!(reason, "argument must be between 1 and 5 inclusive");
        assert_eq!(Kind::Character.read(b"/").unwrap().text, "/");
        for text in [&b""[..], b"ab", b" ", b"\n", b"\xc3"] {
            let reason = Kind::Character.read(text).unwrap_err();
            assert_eq!(reason, "argument must be one visible ASCII character");
        }
        let reason = Kind::Word(&["a", "b"]).read(b"c").unwrap_err();
        assert_eq!(reason, "argument(s) must be one of the following: a, b");
    }

    #[test]
    fn output_limits_change_only_the_classes_named() {
        let limit = OutputLimit { hard_bytes: 1, soft_bytes: 2, soft_s: 3 };
        let mut limits = [limit; 3];
        read_output_limits("replica 1mb 0 60", &mut limits).unwrap();
        assert_eq!(show_output_limits(&limits), "normal 1 2 3 slave 1048576 0 60 pubsub 1 2 3");
        assert!(read_output_limits("normal 1 2", &mut limits).is_err());
        assert!(read_output_limits("nobody 1 2 3", &mut limits).is_err());
        assert!(read_output_limits("normal 1 2 x", &mut limits).is_err());
    }
}
