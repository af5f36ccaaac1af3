//! Reads replies, however the stream was cut.
//!
//! Elements are built as they arrive, so nothing is decoded twice; nesting lies on a stack of its
//! own, so no depth of input overflows the thread's. Attributes (`|`) are read and dropped.
//!
//! Invariants: no allocation is sized by a claimed length; depth, string length and total size
//! are capped.

use super::Value;
use crate::parser::canonical_int;
use std::fmt;
use std::ops::Range;

/// Aggregates within aggregates.
const DEPTH_MAX: usize = 128;
/// Bytes of one string, one GiB.
const STRING_BYTES_MAX: usize = 1 << 30;
/// Bytes of a line (error, number, length); a status may be a string: MONITOR shows whole commands.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Values of one reply, those nested in it included.
const VALUES_MAX: usize = 1 << 28;

/// The server's bytes are no reply. The connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(&'static str);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a RESP reply: {}", self.0)
    }
}

impl std::error::Error for DecodeError {}

/// Incremental decoder of one connection's replies.
#[derive(Debug, Default)]
pub struct Decoder {
    buf: Vec<u8>,
    at: usize,
    /// No line end lies between `at` and this place.
    scanned: usize,
    /// A string's length is read; its bytes start at `at`.
    string: Option<(u8, usize)>,
    open: Vec<Open>,
    values: usize,
}

/// An aggregate with elements still missing.
#[derive(Debug)]
struct Open {
    kind: u8,
    missing: usize,
    items: Vec<Value>,
}

/// What one step gave.
enum Step {
    Value(Value),
    Opened,
    Starved,
}

impl Decoder {
    /// A decoder at the start of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes that arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// The next whole reply, if it is there.
    ///
    /// # Errors
    /// [`DecodeError`]: the decoder must not be used again.
    pub fn decode(&mut self) -> Result<Option<Value>, DecodeError> {
        loop {
            let mut value = match self.step()? {
                Step::Value(value) => value,
                Step::Opened => continue,
                Step::Starved => {
                    self.compact();
                    return Ok(None);
                }
            };
            // Put the value into the aggregate around it, and that one into its own when full.
            loop {
                let Some(around) = self.open.last_mut() else {
                    self.values = 0;
                    return Ok(Some(value));
                };
                around.items.push(value);
                around.missing -= 1;
                if around.missing > 0 {
                    break;
                }
                match self.open.pop().and_then(Open::close) {
                    Some(closed) => value = closed,
                    None => break,
                }
            }
        }
    }

    fn step(&mut self) -> Result<Step, DecodeError> {
        if let Some((kind, length)) = self.string {
            return self.string_body(kind, length);
        }
        let Some((kind, line)) = self.line()? else { return Ok(Step::Starved) };
        let line = &self.buf[line];
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(DecodeError("more values than a reply may have"));
        }
        let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
        let value = match kind {
            b'+' => Value::Simple(text(line)),
            b'-' => Value::Error(text(line)),
            b':' => Value::Int(canonical_int(line).ok_or(DecodeError("wrong integer"))?),
            b',' => Value::Double(double(line).ok_or(DecodeError("wrong double"))?),
            b'(' => Value::Big(text(line)),
            b'_' if line.is_empty() => Value::Null,
            b'#' if line == b"t" => Value::Bool(true),
            b'#' if line == b"f" => Value::Bool(false),
            b'$' | b'=' | b'!' => {
                return match length(line)? {
                    None => Ok(Step::Value(Value::Null)),
                    Some(length) if length > STRING_BYTES_MAX => {
                        Err(DecodeError("string longer than a reply may have"))
                    }
                    Some(length) => {
                        self.string = Some((kind, length));
                        self.string_body(kind, length)
                    }
                };
            }
            b'*' | b'%' | b'~' | b'>' | b'|' => {
                return match length(line)? {
                    None => Ok(Step::Value(Value::Null)),
                    Some(count) => self.aggregate(kind, count),
                };
            }
            _ => return Err(DecodeError("unknown type")),
        };
        Ok(Step::Value(value))
    }

    fn aggregate(&mut self, kind: u8, count: usize) -> Result<Step, DecodeError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(DecodeError("nested deeper than a reply may be"));
        }
        if count > VALUES_MAX {
            return Err(DecodeError("more elements than a reply may have"));
        }
        let missing = if matches!(kind, b'%' | b'|') { count * 2 } else { count };
        let open = Open { kind, missing, items: Vec::new() };
        if missing == 0 {
            return Ok(open.close().map_or(Step::Opened, Step::Value));
        }
        self.open.push(open);
        Ok(Step::Opened)
    }

    fn string_body(&mut self, kind: u8, length: usize) -> Result<Step, DecodeError> {
        let end = self.at + length;
        let Some(line_end) = self.buf.get(end..end + 2) else { return Ok(Step::Starved) };
        if line_end != b"\r\n" {
            return Err(DecodeError("string without its line end"));
        }
        let bytes = &self.buf[self.at..end];
        let value = match kind {
            b'!' => Value::Error(String::from_utf8_lossy(bytes).into_owned()),
            b'=' => {
                let [a, b, c, b':', text @ ..] = bytes else {
                    return Err(DecodeError("verbatim string without its format"));
                };
                Value::Verbatim { format: [*a, *b, *c], text: text.to_vec() }
            }
            _ => Value::Bulk(bytes.to_vec()),
        };
        self.string = None;
        self.at = end + 2;
        Ok(Step::Value(value))
    }

    /// Takes a line: its type byte, and where the text between that and the line end is.
    fn line(&mut self) -> Result<Option<(u8, Range<usize>)>, DecodeError> {
        let from = self.scanned.max(self.at);
        let Some(offset) = self.buf[from..].iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.buf.len();
            let is_status = self.buf.get(self.at) == Some(&b'+');
            let bytes_max = if is_status { STRING_BYTES_MAX } else { LINE_BYTES_MAX };
            if self.scanned - self.at > bytes_max {
                return Err(DecodeError("line longer than a reply may have"));
            }
            return Ok(None);
        };
        let end = from + offset;
        let start = std::mem::replace(&mut self.at, end + 1);
        match self.buf[start..end] {
            [kind, .., b'\r'] => Ok(Some((kind, start + 1..end - 1))),
            _ => Err(DecodeError("line without CR LF")),
        }
    }

    /// Gives up the bytes that were decoded.
    fn compact(&mut self) {
        self.buf.drain(..self.at);
        self.scanned = self.scanned.saturating_sub(self.at);
        self.at = 0;
    }
}

impl Open {
    /// The finished aggregate; none for an attribute.
    fn close(self) -> Option<Value> {
        Some(match self.kind {
            b'|' => return None,
            b'%' => {
                let mut items = self.items.into_iter();
                let mut pairs = Vec::with_capacity(items.len() / 2);
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    pairs.push((key, value));
                }
                Value::Map(pairs)
            }
            b'~' => Value::Set(self.items),
            b'>' => Value::Push(self.items),
            _ => Value::Array(self.items),
        })
    }
}

/// A length; `-1` is none.
fn length(line: &[u8]) -> Result<Option<usize>, DecodeError> {
    match canonical_int(line) {
        Some(-1) => Ok(None),
        Some(length) => usize::try_from(length).map(Some).map_err(|_| DecodeError("wrong length")),
        None => Err(DecodeError("wrong length")),
    }
}

fn double(line: &[u8]) -> Option<f64> {
    std::str::from_utf8(line).ok()?.parse().ok()
}
