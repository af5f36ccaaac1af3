//! Fields of BITFIELD: integers of 1 to 64 bits anywhere in a string, and what is done to them.
//!
//! Invariant: a field lies within [`Field::end_byte`] bytes; arithmetic is done in 128 bits, where nothing
//! overflows, and fitted into the field afterwards.
//! May not know: keys, shards.

use skeg_proto::Args;

use super::bits;
use crate::error::CommandError;
use crate::parse;

/// An integer in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    signed: bool,
    /// 1 to 64, to 63 of one without a sign.
    width: u32,
    /// Its first bit.
    offset: u64,
}

/// What becomes of a result that does not fit into its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// Its low bits.
    Wrap,
    /// The nearest that fits.
    Saturate,
    /// Nothing: the field is not changed.
    Fail,
}

/// What is done to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is returned.
    Get,
    /// It becomes this number; what it was is returned.
    Set(i64, Overflow),
    /// It becomes greater by this number, and is returned.
    Add(i64, Overflow),
}

impl Field {
    /// Reads a type and an offset, which counts fields of this type behind a `#`.
    fn parse(kind: &[u8], offset: &[u8], bytes_max: u64) -> Result<Self, CommandError> {
        let invalid = CommandError::constant(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        );
        let (sign, digits) = kind.split_at_checked(1).ok_or(invalid.clone())?;
        let (signed, width_max) = match sign {
            b"i" => (true, 64),
            b"u" => (false, 63),
            _ => return Err(invalid),
        };
        let width = parse::integer(digits).filter(|width| (1..=width_max).contains(width));
        let width = width.ok_or(invalid)? as u32;
        let offset = match offset {
            [b'#', index @ ..] => parse::integer(index)
                .and_then(|index| u64::try_from(index).ok())
                .and_then(|index| index.checked_mul(u64::from(width))),
            offset => parse::integer(offset).and_then(|offset| u64::try_from(offset).ok()),
        };
        let field = Self { signed, width, offset: bits::checked_offset(offset, bytes_max)? };
        // The end of the field, too: a string cannot be longer.
        bits::checked_offset(Some(field.offset + u64::from(width) - 1), bytes_max)?;
        Ok(field)
    }

    /// Its first byte.
    pub(super) fn first_byte(self) -> usize {
        (self.offset / 8) as usize
    }

    /// The byte behind its last.
    pub(super) fn end_byte(self) -> usize {
        ((self.offset + u64::from(self.width)).div_ceil(8)) as usize
    }

    /// Its bytes as a number, at most nine of them, those behind the end of the string as zeros; and how
    /// many bits follow the field in there.
    fn window(self, bytes: &[u8]) -> (u128, u32) {
        let read = |at| u128::from(bytes.get(at).copied().unwrap_or(0));
        let window = (self.first_byte()..self.end_byte()).fold(0, |all, at| all << 8 | read(at));
        (window, (self.end_byte() as u64 * 8 - self.offset - u64::from(self.width)) as u32)
    }

    fn mask(self) -> u128 {
        (1 << self.width) - 1
    }

    /// The number in it.
    pub(super) fn get(self, bytes: &[u8]) -> i64 {
        let (window, behind) = self.window(bytes);
        self.wrapped((window >> behind) as i128)
    }

    /// The bytes from [`Field::first_byte`] to [`Field::end_byte`] when the field holds this number.
    pub(super) fn put(self, bytes: &[u8], value: i64) -> Vec<u8> {
        let (window, behind) = self.window(bytes);
        let value = (i128::from(value) as u128 & self.mask()) << behind;
        let window = window & !(self.mask() << behind) | value;
        window.to_be_bytes()[16 - (self.end_byte() - self.first_byte())..].to_vec()
    }

    /// The low bits of a number, read as the field reads them.
    fn wrapped(self, value: i128) -> i64 {
        let low = value as u128 & self.mask();
        let negative = self.signed && low >> (self.width - 1) != 0;
        (if negative { low | !self.mask() } else { low }) as i64
    }

    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = if self.signed {
            (-(1_i128 << (self.width - 1)), (1_i128 << (self.width - 1)) - 1)
        } else {
            (0, self.mask() as i128)
        };
        match overflow {
            _ if (min..=max).contains(&value) => Some(value as i64),
            Overflow::Wrap => Some(self.wrapped(value)),
            Overflow::Saturate => Some(value.clamp(min, max) as i64),
            Overflow::Fail => None,
        }
    }

    /// What the field becomes, and what is replied; nothing where a number does not fit and may not be made to.
    pub(super) fn change(self, bytes: &[u8], action: Action) -> Option<(i64, i64)> {
        let old = self.get(bytes);
        match action {
            Action::Get => Some((old, old)),
            Action::Set(value, overflow) => {
                // As Redis reads it: below zero is beyond the greatest of a field without a sign.
                let value = if self.signed { value.into() } else { i128::from(value as u64) };
                self.fit(value, overflow).map(|new| (new, old))
            }
            Action::Add(by, overflow) => {
                let sum = i128::from(old) + i128::from(by);
                self.fit(sum, overflow).map(|new| (new, new))
            }
        }
    }
}

/// The operations behind the key, in order.
///
/// # Errors
/// They are not understood.
pub(super) fn parse(args: Args<'_>, bytes_max: u64) -> Result<Vec<(Field, Action)>, CommandError> {
    let mut operations = Vec::with_capacity(args.len() / 3);
    let mut overflow = Overflow::Wrap;
    let mut at = 0;
    while let Some(word) = args.try_get(at) {
        let argument = |index: usize| args.try_get(at + index).ok_or(CommandError::SYNTAX);
        if parse::is_word(word, "OVERFLOW") {
            let kinds =
                [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)];
            let kind = argument(1)?;
            let found = kinds.into_iter().find(|(name, _)| parse::is_word(kind, name));
            let invalid = CommandError::constant("ERR Invalid OVERFLOW type specified");
            overflow = found.ok_or(invalid)?.1;
            at += 2;
            continue;
        }
        let number = if parse::is_word(word, "GET") {
            None
        } else if parse::is_word(word, "SET") || parse::is_word(word, "INCRBY") {
            Some(argument(3)?)
        } else {
            return Err(CommandError::SYNTAX);
        };
        let field = Field::parse(argument(1)?, argument(2)?, bytes_max)?;
        let action = match number.map(parse::int_arg).transpose()? {
            None => Action::Get,
            Some(value) if parse::is_word(word, "SET") => Action::Set(value, overflow),
            Some(by) => Action::Add(by, overflow),
        };
        at += if number.is_some() { 4 } else { 3 };
        operations.push((field, action));
    }
    Ok(operations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(signed: bool, width: u32, offset: u64) -> Field {
        Field { signed, width, offset }
    }

    #[test]
    fn numbers_that_do_not_fit_wrap_saturate_or_fail() {
        let set = |field: Field, value, overflow| field.change(&[], Action::Set(value, overflow));
        let (u8_, i8_, i64_) = (field(false, 8, 0), field(true, 8, 0), field(true, 64, 0));
        assert_eq!(set(u8_, 257, Overflow::Wrap), Some((1, 0)));
        assert_eq!(set(u8_, 257, Overflow::Saturate), Some((255, 0)));
        assert_eq!(set(u8_, -1, Overflow::Saturate), Some((255, 0)));
        assert_eq!(set(u8_, -1, Overflow::Fail), None);
        assert_eq!(set(i8_, 128, Overflow::Wrap), Some((-128, 0)));
        assert_eq!(set(i8_, -129, Overflow::Saturate), Some((-128, 0)));
        let add = |field: Field, bytes: &[u8], by, overflow| {
            field.change(bytes, Action::Add(by, overflow))
        };
        assert_eq!(add(u8_, &[3], -5, Overflow::Saturate), Some((0, 0)));
        assert_eq!(add(u8_, &[3], -5, Overflow::Wrap), Some((254, 254)));
        let max = i64::MAX.to_be_bytes();
        assert_eq!(add(i64_, &max, 1, Overflow::Wrap), Some((i64::MIN, i64::MIN)));
        assert_eq!(add(i64_, &max, 1, Overflow::Saturate), Some((i64::MAX, i64::MAX)));
        assert_eq!(add(i64_, &max, 1, Overflow::Fail), None);
    }

    #[test]
    fn types_and_offsets_are_strict() {
        let parse =
            |kind: &str, offset: &str| Field::parse(kind.as_bytes(), offset.as_bytes(), 512);
        assert_eq!(parse("u8", "#3"), Ok(field(false, 8, 24)));
        assert_eq!(parse("i64", "4032"), Ok(field(true, 64, 4032)));
        for kind in ["", "u", "i", "u0", "u64", "i65", "x8", "u08", "i-1", "é8", "U8"] {
            assert!(parse(kind, "0").is_err(), "{kind}");
        }
        for offset in ["", "#", "-1", "#-1", "4033", "4096", "#9223372036854775807", "1x"] {
            assert!(parse("i64", offset).is_err(), "{offset}");
        }
    }

    proptest! {
        #[test]
        fn a_field_reads_back_and_leaves_the_others(
            mut bytes: Vec<u8>,
            signed: bool,
            width in 1_u32..=64,
            offset in 0_u64..200,
            value: i64,
        ) {
            let field = field(signed, if signed { width } else { width.min(63) }, offset);
            let old = bytes.clone();
            let put = field.put(&bytes, value);
            prop_assert_eq!(put.len(), field.end_byte() - field.first_byte());
            bytes.resize(bytes.len().max(field.end_byte()), 0);
            bytes[field.first_byte()..field.end_byte()].copy_from_slice(&put);
            prop_assert_eq!(field.get(&bytes), field.wrapped(value.into()));
            for at in 0..bytes.len() as u64 * 8 {
                let inside = (offset..offset + u64::from(field.width)).contains(&at);
                prop_assert!(inside || bits::bit(&old, at) == bits::bit(&bytes, at), "{}", at);
            }
        }
    }
}
