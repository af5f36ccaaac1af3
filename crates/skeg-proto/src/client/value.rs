//! A decoded reply.

/// One reply of either protocol version.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A status line.
    Simple(String),
    /// An error, its code first. Bytes that are no UTF-8 are replaced.
    Error(String),
    /// An integer.
    Int(i64),
    /// A string of bytes.
    Bulk(Vec<u8>),
    /// No value; RESP2's two forms and RESP3's one.
    Null,
    /// Elements in order.
    Array(Vec<Value>),
    /// Pairs, in the order they came.
    Map(Vec<(Value, Value)>),
    /// Elements without an order.
    Set(Vec<Value>),
    /// A message that answers no command.
    Push(Vec<Value>),
    /// A floating-point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// An integer of any size, in decimal.
    Big(String),
    /// Text for people.
    Verbatim {
        /// `txt` or `mkd`.
        format: [u8; 3],
        /// The text itself.
        text: Vec<u8>,
    },
}

impl Value {
    /// The bytes of a string of any kind (status, bulk, verbatim).
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text) => Some(text.as_bytes()),
            Self::Bulk(bytes) => Some(bytes),
            Self::Verbatim { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The elements of an array, set or push.
    #[must_use]
    pub fn as_items(&self) -> Option<&[Value]> {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}
