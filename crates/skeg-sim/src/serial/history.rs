//! What clients did and saw.

/// A token: unique among all that are appended.
pub type Token = u64;

/// Characters of a token in a list: with all as long, a length tells a place.
const TOKEN_CHARS: usize = 8;

/// One action within a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A token was appended to a list.
    Append {
        /// The list.
        key: u64,
        /// The token.
        token: Token,
        /// Which place it got, from 1, if the answer is known.
        place: Option<usize>,
    },
    /// A list was read.
    Read {
        /// The list.
        key: u64,
        /// What it held, in order.
        tokens: Vec<Token>,
    },
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was acknowledged.
    Done,
    /// It certainly did not happen.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// One transaction of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The connection; its transactions stand in the history in the order in which it sent them.
    pub connection: usize,
    /// Before it was sent, by any clock that never goes back.
    pub begun: u64,
    /// After it was answered.
    pub ended: u64,
    /// What became of it.
    pub fate: Fate,
    /// What it did, in order.
    pub actions: Vec<Action>,
}

/// All that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// In any order but for those of the same connection.
    pub transactions: Vec<Transaction>,
}

/// A token as it stands in a list.
#[must_use]
pub fn token_text(token: Token) -> String {
    format!("{token:0width$} ", width = TOKEN_CHARS - 1)
}

/// The tokens of a list as it was read; `None` when it is no list.
#[must_use]
pub fn tokens_of(text: &[u8]) -> Option<Vec<Token>> {
    let (tokens, rest) = text.as_chunks::<TOKEN_CHARS>();
    let token = |bytes: &[u8; TOKEN_CHARS]| std::str::from_utf8(bytes).ok()?.trim().parse().ok();
    if rest.is_empty() { tokens.iter().map(token).collect() } else { None }
}

/// The place of an append, from the length that the list had afterwards.
#[must_use]
pub fn place_of(length: usize) -> usize {
    length / TOKEN_CHARS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read() {
        let text = [token_text(7), token_text(1_234_567)].concat();
        assert_eq!(tokens_of(text.as_bytes()), Some(vec![7, 1_234_567]));
        assert_eq!(place_of(text.len()), 2);
        assert_eq!(tokens_of(b"0000007"), None);
        assert_eq!(tokens_of(b""), Some(Vec::new()));
    }
}
