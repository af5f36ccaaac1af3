//! The options of SET and GETEX.

use skeg_engine::Expiry;
use skeg_proto::Args;

use crate::deadline::{self, From, Unit};
use crate::error::CommandError;
use crate::parse::is_word;

/// When SET stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// NX.
    Missing,
    /// XX.
    Present,
}

/// Which command the options are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// SET: NX, XX, GET, KEEPTTL beside the times.
    Set,
    /// GETEX: PERSIST beside the times.
    Get,
}

/// What happens to the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime<'a> {
    /// Nothing was said.
    Unsaid,
    /// KEEPTTL.
    Keep,
    /// PERSIST.
    Persist,
    /// EX, PX, EXAT, PXAT.
    Time(&'a [u8], Unit, From),
}

/// The options of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StringOptions<'a> {
    pub(crate) condition: Option<Condition>,
    pub(crate) get: bool,
    lifetime: Lifetime<'a>,
}

impl<'a> StringOptions<'a> {
    /// Reads the options from `first` on. As in Redis, a repeated option is no error as long as it
    /// contradicts nothing, and of a repeated time the last counts.
    ///
    /// # Errors
    /// A syntax error.
    pub(crate) fn parse(
        args: Args<'a>,
        first: usize,
        allowed: Allowed,
    ) -> Result<Self, CommandError> {
        let mut options = Self { condition: None, get: false, lifetime: Lifetime::Unsaid };
        let is_set = allowed == Allowed::Set;
        let mut index = first;
        while let Some(word) = args.try_get(index) {
            index += 1;
            let condition = match word {
                word if is_word(word, "NX") => Some(Condition::Missing),
                word if is_word(word, "XX") => Some(Condition::Present),
                _ => None,
            };
            if is_set && condition.is_some() {
                if options.condition.is_some_and(|before| Some(before) != condition) {
                    return Err(CommandError::SYNTAX);
                }
                options.condition = condition;
            } else if is_set && is_word(word, "GET") {
                options.get = true;
            } else {
                let lifetime = Self::lifetime(word, allowed, args.try_get(index))?;
                index += usize::from(matches!(lifetime, Lifetime::Time(..)));
                options.set_lifetime(lifetime)?;
            }
        }
        Ok(options)
    }

    fn lifetime(
        word: &[u8],
        allowed: Allowed,
        next: Option<&'a [u8]>,
    ) -> Result<Lifetime<'a>, CommandError> {
        if allowed == Allowed::Set && is_word(word, "KEEPTTL") {
            return Ok(Lifetime::Keep);
        }
        if allowed == Allowed::Get && is_word(word, "PERSIST") {
            return Ok(Lifetime::Persist);
        }
        let (unit, from) = if is_word(word, "EX") {
            (Unit::Seconds, From::Now)
        } else if is_word(word, "PX") {
            (Unit::Milliseconds, From::Now)
        } else if is_word(word, "EXAT") {
            (Unit::Seconds, From::Epoch)
        } else if is_word(word, "PXAT") {
            (Unit::Milliseconds, From::Epoch)
        } else {
            return Err(CommandError::SYNTAX);
        };
        next.map(|time| Lifetime::Time(time, unit, from)).ok_or(CommandError::SYNTAX)
    }

    fn set_lifetime(&mut self, lifetime: Lifetime<'a>) -> Result<(), CommandError> {
        let agrees = match (self.lifetime, lifetime) {
            (Lifetime::Unsaid, _) => true,
            (Lifetime::Time(_, unit, from), Lifetime::Time(_, new_unit, new_from)) => {
                (unit, from) == (new_unit, new_from)
            }
            (before, now) => before == now,
        };
        if !agrees {
            return Err(CommandError::SYNTAX);
        }
        self.lifetime = lifetime;
        Ok(())
    }

    /// What happens to the deadline; `None` when nothing was said.
    ///
    /// # Errors
    /// A time that is no integer or no deadline.
    pub(crate) fn expiry(
        &self,
        now_ms: u64,
        command: &str,
    ) -> Result<Option<Expiry>, CommandError> {
        Ok(match self.lifetime {
            Lifetime::Unsaid => None,
            Lifetime::Keep => Some(Expiry::Keep),
            Lifetime::Persist => Some(Expiry::Clear),
            Lifetime::Time(time, unit, from) => {
                Some(Expiry::At(deadline::positive(time, unit, from, now_ms, command)?))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::ArgsBuf;

    fn expiry(allowed: Allowed, words: &str) -> Result<Option<Expiry>, CommandError> {
        let args: ArgsBuf = words.split(' ').collect();
        StringOptions::parse(args.as_args(), 0, allowed)?.expiry(1_000, "set")
    }

    #[test]
    fn contradictions_are_syntax_errors() {
        for words in [
            "NX XX",
            "XX NX",
            "EX 1 PX 1",
            "EX 1 KEEPTTL",
            "KEEPTTL PX 1",
            "EXAT 1 EX 1",
            "EX",
            "PERSIST",
            "NX GETT",
            "",
        ] {
            assert_eq!(expiry(Allowed::Set, words), Err(CommandError::SYNTAX), "{words}");
        }
        for words in ["NX", "GET", "KEEPTTL", "PERSIST EX 1", "EX 1 PERSIST"] {
            assert_eq!(expiry(Allowed::Get, words), Err(CommandError::SYNTAX), "{words}");
        }
    }

    #[test]
    fn options_come_in_any_order_and_case() {
        assert_eq!(expiry(Allowed::Set, "get px 5 nx NX"), Ok(Some(Expiry::At(1_005))));
        assert_eq!(expiry(Allowed::Set, "EX 1 EX 2"), Ok(Some(Expiry::At(3_000))));
        assert_eq!(expiry(Allowed::Set, "keepttl KEEPTTL"), Ok(Some(Expiry::Keep)));
        assert_eq!(expiry(Allowed::Get, "persist"), Ok(Some(Expiry::Clear)));
        assert_eq!(expiry(Allowed::Get, "exat 9"), Ok(Some(Expiry::At(9_000))));
    }
}
