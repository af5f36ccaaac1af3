//! Replies of commands as JavaScript values.
//!
//! Invariant: the bytes come from our own encoder, in RESP3; what does not fit is an internal error.

use std::borrow::Cow;

use crate::environment::Form;
use crate::error::Failure;
use crate::raw::{Js, Value};

/// The JavaScript value of one reply. An error reply is a failure; one inside an array is an `Error`.
pub(crate) fn to_js<'e>(js: Js<'e>, bytes: &[u8], form: Form) -> Result<Value<'e>, Failure> {
    if let Some(text) = bytes.strip_prefix(b"-") {
        let end = text.iter().position(|byte| *byte == b'\r').unwrap_or(text.len());
        return Err(Failure::reply(&String::from_utf8_lossy(&text[..end])));
    }
    Reader { js, form, bytes }.value().ok_or_else(malformed)?
}

fn malformed() -> Failure {
    Failure::new("ERR_INTERNAL", "a reply that is not RESP3: please report this")
}

/// Integers beyond these lose digits as numbers.
const SAFE: std::ops::RangeInclusive<i64> = -9_007_199_254_740_991..=9_007_199_254_740_991;

struct Reader<'e, 'b> {
    js: Js<'e>,
    form: Form,
    bytes: &'b [u8],
}

impl<'e, 'b> Reader<'e, 'b> {
    /// `None` when the bytes are no reply.
    fn value(&mut self) -> Option<Result<Value<'e>, Failure>> {
        let js = self.js;
        let (&kind, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let line = self.line()?;
        Some(Ok(match kind {
            b'+' | b'(' => js.string(line)?,
            b'-' => js.error(line),
            b':' => {
                let number: i64 = std::str::from_utf8(line).ok()?.parse().ok()?;
                if SAFE.contains(&number) { js.number(number as f64) } else { js.bigint(number) }
            }
            b',' => js.number(match line {
                b"inf" => f64::INFINITY,
                b"-inf" => f64::NEG_INFINITY,
                b"nan" => f64::NAN,
                line => std::str::from_utf8(line).ok()?.parse().ok()?,
            }),
            b'#' => js.boolean(line == b"t"),
            b'_' => js.null(),
            b'$' | b'=' => match length(line)? {
                None => js.null(),
                Some(length) => {
                    let (text, rest) = self.bytes.split_at_checked(length)?;
                    self.bytes = rest.strip_prefix(b"\r\n")?;
                    // Verbatim text names its format first.
                    let text = if kind == b'=' { text.get(4..)? } else { text };
                    match self.form.of(js, text) {
                        Ok(value) => value,
                        Err(failure) => return Some(Err(failure)),
                    }
                }
            },
            b'*' | b'~' | b'>' => match length(line)? {
                None => js.null(),
                Some(length) => match self.values(length)? {
                    Ok(values) => js.array(values.into_iter()),
                    Err(failure) => return Some(Err(failure)),
                },
            },
            b'%' => match self.values(length(line)?? * 2)? {
                Ok(values) => js.object(&values),
                Err(failure) => return Some(Err(failure)),
            },
            _ => return None,
        }))
    }

    fn values(&mut self, count: usize) -> Option<Result<Vec<Value<'e>>, Failure>> {
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            match self.value()? {
                Ok(value) => values.push(value),
                Err(failure) => return Some(Err(failure)),
            }
        }
        Some(Ok(values))
    }

    fn line(&mut self) -> Option<&'b [u8]> {
        let end = self.bytes.iter().position(|byte| *byte == b'\r')?;
        let (line, rest) = self.bytes.split_at(end);
        self.bytes = rest.strip_prefix(b"\r\n")?;
        Some(line)
    }
}

/// A length; `Some(None)` for the -1 of a null.
fn length(line: &[u8]) -> Option<Option<usize>> {
    if line == b"-1" {
        return Some(None);
    }
    std::str::from_utf8(line).ok()?.parse().ok().map(Some)
}

/// Codes for the first word of an error reply.
const WORDS: &[(&str, &str)] = &[
    ("WRONGTYPE", "ERR_WRONG_TYPE"),
    ("OOM", "ERR_OUT_OF_MEMORY"),
    ("NOSPACE", "ERR_NO_SPACE"),
    ("MISCONF", "ERR_IO"),
    ("READONLY", "ERR_READ_ONLY"),
    ("BUSY", "ERR_BUSY"),
    ("CLOSED", "ERR_CLOSED"),
    ("CASMISMATCH", "ERR_CAS_MISMATCH"),
    ("NOINDEX", "ERR_NOT_FOUND"),
    ("INDEXMISMATCH", "ERR_INDEX_MISMATCH"),
    ("DIMENSION", "ERR_DIMENSION"),
    ("BADVECTOR", "ERR_INVALID_ARGUMENT"),
    ("TOOLARGE", "ERR_TOO_LARGE"),
];

impl Failure {
    /// The failure that an error reply stands for. Its first word is its code; `ERR` says nothing,
    /// so it stays part of what the server replied.
    pub(crate) fn reply(text: &str) -> Self {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, code)) => Self { code, message: Cow::Owned(rest.to_owned()) },
            None => {
                let message = if word == "ERR" { rest } else { text };
                Self { code: "ERR_REPLY", message: Cow::Owned(message.to_owned()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_the_code() {
        let failure = Failure::reply("WRONGTYPE Operation against a key");
        assert_eq!(
            (failure.code, &*failure.message),
            ("ERR_WRONG_TYPE", "Operation against a key")
        );
        let failure = Failure::reply("ERR syntax error");
        assert_eq!((failure.code, &*failure.message), ("ERR_REPLY", "syntax error"));
        let failure = Failure::reply("NOPROTO unsupported");
        assert_eq!((failure.code, &*failure.message), ("ERR_REPLY", "NOPROTO unsupported"));
    }
}
