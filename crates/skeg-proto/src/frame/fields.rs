//! The fields of a payload, one after the other.

/// A payload is shorter or longer than its fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What of a payload was not read yet. Numbers are little-endian.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// All of a payload.
    #[must_use]
    pub fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Malformed`] when the payload ends before, as in all that follows.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    /// A number of 16 bits.
    ///
    /// # Errors
    /// See [`Fields::u8`].
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// A number of 32 bits.
    ///
    /// # Errors
    /// See [`Fields::u8`].
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of 64 bits.
    ///
    /// # Errors
    /// See [`Fields::u8`].
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// So many bytes.
    ///
    /// # Errors
    /// See [`Fields::u8`].
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A key or a name: a length of 16 bits, then so many bytes.
    ///
    /// # Errors
    /// See [`Fields::u8`].
    pub fn name(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u16()?;
        self.bytes(usize::from(length))
    }

    /// A vector: a number of dimensions of 32 bits, then so many floats of 32 bits, as bytes.
    ///
    /// # Errors
    /// See [`Fields::u8`].
    pub fn vector(&mut self) -> Result<&'a [u8], Malformed> {
        let dim = self.u32()? as usize;
        self.bytes(dim.checked_mul(4).ok_or(Malformed)?)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the payload.
    ///
    /// # Errors
    /// [`Malformed`] when something is left.
    pub fn end(self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}
