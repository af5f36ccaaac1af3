//! Why a request is answered with ERR.

/// What kind of problem it is: the first byte of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Code {
    /// There is no such key, vector or index.
    NotFound = 1,
    /// The request is wrong, and stays so.
    Invalid = 2,
    /// The server failed.
    Internal = 3,
    /// There is something already.
    Exists = 4,
    /// Nothing was done, for want of memory, room or rights: it may be done later.
    Refused = 5,
    /// The log failed: whether it was done is not known.
    Unknown = 6,
}

/// A problem in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) text: String,
}

impl Problem {
    pub(super) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The request is wrong.
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::new(Code::Invalid, text)
    }

    /// The error of a command, whose first word says what it is; of EXEC the first of its reason, if it tells one.
    pub(super) fn of(error: String) -> Self {
        let reason = error.strip_prefix("EXECABORT Transaction discarded because of: ");
        let code = match reason.unwrap_or(&error).split(' ').next().unwrap_or_default() {
            "NOINDEX" => Code::NotFound,
            "OOM" | "NOSPACE" | "BUSY" | "TRYAGAIN" | "MISCONF" | "READONLY" | "CLOSED" => {
                Code::Refused
            }
            "IOERR" | "CORRUPT" | "INTERNAL" => Code::Internal,
            "ERR_OUTCOME_UNKNOWN" => Code::Unknown,
            _ => Code::Invalid,
        };
        Self { code, text: error }
    }

    /// The error of a FLUSH: of a log that has failed or is closed nobody knows what it will keep.
    pub(super) fn of_flush(error: String) -> Self {
        match Self::of(error) {
            Self { code: Code::Refused, text }
                if text.starts_with("MISCONF") || text.starts_with("CLOSED") =>
            {
                Self { code: Code::Unknown, text }
            }
            other => other,
        }
    }

    /// As it travels: code, length, text.
    pub(super) fn to_payload(&self) -> Vec<u8> {
        let mut end = self.text.len().min(usize::from(u8::MAX));
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let mut payload = vec![self.code as u8, end as u8];
        payload.extend_from_slice(&self.text.as_bytes()[..end]);
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let problem = Problem::invalid("ö".repeat(200));
        let payload = problem.to_payload();
        assert_eq!((payload[0], payload[1]), (2, 254));
        assert!(std::str::from_utf8(&payload[2..]).is_ok());
    }

    #[test]
    fn the_first_word_of_an_error_says_what_it_is() {
        for (error, code) in [
            ("NOINDEX there is no such index", Code::NotFound),
            ("OOM command not allowed", Code::Refused),
            ("WRONGTYPE Operation", Code::Invalid),
            ("CORRUPT a row", Code::Internal),
            ("EXECABORT Transaction discarded because of: OOM command", Code::Refused),
            ("EXECABORT Transaction discarded because of previous errors.", Code::Invalid),
        ] {
            assert_eq!(Problem::of(error.into()).code, code, "{error}");
        }
    }

    #[test]
    fn a_flush_of_a_log_that_failed_has_an_unknown_outcome() {
        for (error, code) in [
            ("MISCONF A write to the disk failed", Code::Unknown),
            ("CLOSED the database is closed", Code::Unknown),
            ("BUSY no thread could be started", Code::Refused),
        ] {
            assert_eq!(Problem::of_flush(error.into()).code, code, "{error}");
        }
    }
}
