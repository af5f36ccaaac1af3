//! What HSCAN and SSCAN share with each other: cursor, options, reply.

use skeg_engine::StrRef;
use skeg_proto::{Args, Reply};

use crate::error::CommandError;
use crate::glob::{self, Case};
use crate::parse;
use crate::value;

/// Places in a collection are below this.
const PLACES: u64 = 1 << 48;

/// Which elements are wanted, and about how many a call.
#[derive(Debug)]
pub(crate) struct ElementScan<'a> {
    pattern: Option<&'a [u8]>,
    pub(crate) count: usize,
}

impl<'a> ElementScan<'a> {
    /// Reads the options.
    ///
    /// # Errors
    /// An unknown word, or a count below 1.
    pub(crate) fn parse(options: Args<'a>) -> Result<Self, CommandError> {
        let mut scan = Self { pattern: None, count: 10 };
        let mut index = 0;
        while let Some(word) = options.try_get(index) {
            let Some(argument) = options.try_get(index + 1) else {
                return Err(CommandError::SYNTAX);
            };
            index += 2;
            if parse::is_word(word, "COUNT") {
                let count = parse::int_arg(argument)?;
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                scan.count = count.ok_or(CommandError::SYNTAX)?;
            } else if parse::is_word(word, "MATCH") {
                scan.pattern = (argument != b"*").then_some(argument);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(scan)
    }

    /// Whether an element is wanted.
    pub(crate) fn fits(&self, element: StrRef<'_>) -> bool {
        self.pattern.is_none_or(|pattern| {
            value::with_bytes(element, |bytes| glob::matches(pattern, bytes, Case::Exact))
        })
    }
}

/// Reads a cursor; the empty text is 0, as in Redis.
///
/// # Errors
/// It is no number.
pub(crate) fn cursor(text: &[u8]) -> Result<u64, CommandError> {
    parse::cursor(text).map(|cursor| cursor % PLACES)
}

/// The reply of a scan of nothing.
pub(crate) fn reply_nothing(reply: &mut Reply) {
    reply_found(reply, 0, 0, &Reply::default());
}

/// The cursor to go on with, and what was found.
pub(crate) fn reply_found(reply: &mut Reply, next: u64, count: usize, found: &Reply) {
    reply.array(2);
    reply.bulk_str(&next.to_string());
    reply.array(count);
    reply.raw(found.as_bytes());
}
