//! Replies of commands as JavaScript values.
//!
//! Invariant: the bytes come from our own encoder, in RESP3; what does not fit is an internal error.

use skeg_commands::CommandError;

use crate::environment::Form;
use crate::error::Failure;
use crate::raw::{Js, Value};

/// The JavaScript value of one reply. An error reply is a failure; one inside an array is an `Error`. A reply
/// with something else than UTF-8 that was asked for as text is in the failure.
pub(crate) fn to_js<'e>(js: Js<'e>, bytes: &[u8], form: Form) -> Result<Value<'e>, Failure> {
    if let Some(text) = bytes.strip_prefix(b"-") {
        let end = text.iter().position(|byte| *byte == b'\r').unwrap_or(text.len());
        return Err(Failure::reply(&String::from_utf8_lossy(&text[..end])));
    }
    let value = Reader { js, form, bytes }.value().ok_or_else(malformed)?;
    value.map_err(|failure| Failure { reply: Some(bytes.into()), ..failure })
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
            b'%' => match self.pairs(length(line)??)? {
                Ok(pairs) => js.object(&pairs),
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

    /// The names and values of a map.
    fn pairs(&mut self, count: usize) -> Option<Result<Vec<[Value<'e>; 2]>, Failure>> {
        let mut pairs = Vec::new();
        for _ in 0..count {
            match (self.name()?, self.value()?) {
                (Ok(name), Ok(value)) => pairs.push([name, value]),
                (Err(failure), _) | (_, Err(failure)) => return Some(Err(failure)),
            }
        }
        Some(Ok(pairs))
    }

    /// A name in a map: a string, also where values are bytes. Names that are not UTF-8 might become the same.
    fn name(&mut self) -> Option<Result<Value<'e>, Failure>> {
        let Some(rest) = self.bytes.strip_prefix(b"$") else { return self.value() };
        self.bytes = rest;
        let length = length(self.line()?)??;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest.strip_prefix(b"\r\n")?;
        Some(self.js.string(text).ok_or_else(Failure::not_utf8))
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

/// Codes for what error replies begin with: their first word, but for an error of Redis that has none
/// of its own. A test below holds them to the replies of refusals.
const BEGINNINGS: &[(&str, &str)] = &[
    ("WRONGTYPE ", "ERR_WRONG_TYPE"),
    ("OOM ", "ERR_OUT_OF_MEMORY"),
    ("NOSPACE ", "ERR_NO_SPACE"),
    ("MISCONF ", "ERR_IO"),
    ("READONLY ", "ERR_READ_ONLY"),
    ("BUSY ", "ERR_BUSY"),
    ("CLOSED ", "ERR_CLOSED"),
    ("UNBLOCKED ", "ERR_ABORTED"),
    ("TOOLARGE ", "ERR_TOO_LARGE"),
    ("ERR string exceeds maximum allowed size", "ERR_TOO_LARGE"),
    ("CASMISMATCH ", "ERR_CAS_MISMATCH"),
    ("BADTARGET ", "ERR_INVALID_ARGUMENT"),
    ("LOCKED ", "ERR_LOCKED"),
    ("CORRUPT ", "ERR_CORRUPT"),
    ("NOINDEX ", "ERR_NOT_FOUND"),
    ("TRYAGAIN ", "ERR_BUSY"),
    ("INDEXMISMATCH ", "ERR_INDEX_MISMATCH"),
    ("DIMENSION ", "ERR_DIMENSION"),
    ("BADVECTOR ", "ERR_INVALID_ARGUMENT"),
    ("CORRUPT ", "ERR_CORRUPT"),
    ("IOERR ", "ERR_IO"),
    ("ERR the ids of this index", "ERR_INVALID_ARGUMENT"),
    ("ERR a change before it decides", "ERR_INVALID_ARGUMENT"),
];

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::Text(text) => Self::reply(&String::from_utf8_lossy(&text)),
        }
    }
}

impl Failure {
    /// The failure that an error reply stands for. The message is what comes after the code.
    pub(crate) fn reply(text: &str) -> Self {
        let code = BEGINNINGS
            .iter()
            .find(|(beginning, _)| text.starts_with(beginning))
            .map_or("ERR_REPLY", |(_, code)| *code);
        let message = match text.split_once(' ') {
            Some((word, rest)) if code != "ERR_REPLY" || word == "ERR" => rest,
            _ => text,
        };
        Self::new(code, message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use skeg_engine::{Refusal, WrongType};
    use skeg_proto::{Reply, Version};

    fn failure_of(error: &CommandError) -> Failure {
        let mut reply = Reply::new(Version::Resp3);
        error.write_to(&mut reply);
        let text = String::from_utf8_lossy(reply.as_bytes()).into_owned();
        Failure::reply(text[1..].trim_end())
    }

    #[test]
    fn a_refusal_has_the_same_code_as_a_reply() {
        for refusal in [
            Refusal::NoSpace,
            Refusal::Poisoned,
            Refusal::ReadOnly,
            Refusal::Closed,
            Refusal::Busy,
            Refusal::Wait,
            Refusal::TooLarge,
        ] {
            let replied = failure_of(&CommandError::from(refusal));
            assert_eq!(replied.code, Failure::from(refusal).code, "{refusal:?}: {replied:?}");
        }
    }

    #[test]
    fn errors_of_commands_have_codes() {
        for (error, code) in [
            (CommandError::from(WrongType), "ERR_WRONG_TYPE"),
            (CommandError::KEY_TOO_LONG, "ERR_TOO_LARGE"),
            (CommandError::TOO_LONG, "ERR_TOO_LARGE"),
            (CommandError::SYNTAX, "ERR_REPLY"),
            (skeg_engine::IndexError::NotFound.into(), "ERR_NOT_FOUND"),
            (skeg_engine::IndexError::Mismatch { option: "dim" }.into(), "ERR_INDEX_MISMATCH"),
            (skeg_engine::IndexError::Memory { limit: 1 }.into(), "ERR_OUT_OF_MEMORY"),
        ] {
            assert_eq!(failure_of(&error).code, code, "{error:?}");
        }
    }

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
