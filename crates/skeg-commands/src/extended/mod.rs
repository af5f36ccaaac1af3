//! The numbers of INCRBYFLOAT: x87 extended precision, which is what Redis computes with.
//!
//! Redis adds `long double`s and prints them with `%.17Lf`, trailing zeros removed. On x86-64 those
//! have 64 bits of mantissa; neither `f64` nor decimal arithmetic gives the same answers (0.1 + 0.2
//! prints 0.3, and 1e20 + 1 prints 100000000000000000000). So the arithmetic is done here in
//! integers: reading and adding round to the nearest, ties to even; printing is exact.
//!
//! Invariants: a finite number is `mantissa * 2^exponent`; the top bit of the mantissa is set, or
//! the exponent is the smallest there is. The work for one number is bounded by the longest text
//! that is read (5,119 bytes).

mod big;

use big::Big;

/// The exponent of the lowest bit of a mantissa in numbers below 2^16384.
const EXPONENT_MAX: i64 = 16_384 - 64;
/// The same in the smallest numbers.
const EXPONENT_MIN: i64 = -16_382 - 63;
/// Longest text that Redis reads.
const TEXT_BYTES_MAX: usize = 5 * 1_024 - 1;
/// Digits after the point that are printed.
const FRACTION_DIGITS: usize = 17;
/// Ten to the power of [`FRACTION_DIGITS`].
const FRACTION_SCALE: u128 = 10_u128.pow(FRACTION_DIGITS as u32);

/// A number in extended precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extended {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    Finite { mantissa: u64, exponent: i64 },
    Infinite,
}

/// Why digits do not become a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutOfRange {
    TooLarge,
    TooSmall,
}

impl Extended {
    /// Reads what `strtold` reads as a whole: a decimal or hexadecimal number, or infinity. `None`
    /// for anything else, for NaN, and for what is too large or too close to zero.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let is = |word: &[u8]| rest.eq_ignore_ascii_case(word);
        if is(b"inf") || is(b"infinity") {
            return Some(Self { negative, magnitude: Magnitude::Infinite });
        }
        let magnitude = match rest {
            [b'0', b'x' | b'X', digits @ ..] => Digits::read(digits, 16, b'p')?.hexadecimal(),
            digits => Digits::read(digits, 10, b'e')?.decimal(),
        };
        Some(Self { negative, magnitude: magnitude.ok()? })
    }

    /// Whether it is infinite.
    pub(crate) fn is_infinite(self) -> bool {
        self.magnitude == Magnitude::Infinite
    }

    /// Adds; `None` when the sum is infinite or no number.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let (a, a_exponent) = self.finite()?;
        let (b, b_exponent) = other.finite()?;
        let low = a_exponent.min(b_exponent);
        let aligned = |mantissa: u64, exponent: i64| {
            Big::from_u64(mantissa).shifted_left((exponent - low) as usize)
        };
        let (a, b) = (aligned(a, a_exponent), aligned(b, b_exponent));
        let (negative, sum) = if self.negative == other.negative {
            (self.negative, a.plus(&b))
        } else if a >= b {
            (self.negative, a.minus(&b))
        } else {
            (other.negative, b.minus(&a))
        };
        Some(Self { negative, magnitude: round(&sum, low, false).ok()? })
    }

    fn finite(self) -> Option<(u64, i64)> {
        match self.magnitude {
            Magnitude::Finite { mantissa, exponent } => Some((mantissa, exponent)),
            Magnitude::Infinite => None,
        }
    }
}

impl From<i64> for Extended {
    fn from(value: i64) -> Self {
        // 64 bits hold every one of them exactly.
        let magnitude = round(&Big::from_u64(value.unsigned_abs()), 0, false);
        Self { negative: value < 0, magnitude: magnitude.unwrap_or(Magnitude::Infinite) }
    }
}

/// `%.17Lf` without trailing zeros, and without a minus before 0.
impl std::fmt::Display for Extended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((mantissa, exponent)) = self.finite() else {
            return f.write_str(if self.negative { "-inf" } else { "inf" });
        };
        if mantissa != 0 && exponent >= 0 {
            let whole = Big::from_u64(mantissa).shifted_left(exponent as usize).to_decimal();
            return write!(f, "{}{whole}", if self.negative { "-" } else { "" });
        }
        // 64 bits times 10^17 are 121 bits.
        let scaled = u128::from(mantissa) * FRACTION_SCALE;
        let units = match u32::try_from(-exponent) {
            Ok(0) => scaled,
            Ok(shift @ 1..=127) => {
                let (units, rest, half) =
                    (scaled >> shift, scaled & ((1 << shift) - 1), 1 << (shift - 1));
                units + u128::from(rest > half || rest == half && units & 1 == 1)
            }
            _ => 0,
        };
        let sign = if self.negative && units != 0 { "-" } else { "" };
        let fraction = format!("{:017}", units % FRACTION_SCALE);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{fraction}", units / FRACTION_SCALE)
    }
}

/// The nearest number to `value * 2^exponent`, or to a little more when `sticky`.
fn round(value: &Big, exponent: i64, sticky: bool) -> Result<Magnitude, OutOfRange> {
    if value.is_zero() {
        return Ok(Magnitude::Finite { mantissa: 0, exponent: 0 });
    }
    let drop = (value.bits() as i64 - 64).max(EXPONENT_MIN - exponent);
    let (mantissa, exponent) = if drop <= 0 {
        (value.shifted_left(drop.unsigned_abs() as usize).low_u64(), exponent + drop)
    } else {
        let (kept_and_half, lost) = value.shifted_right(drop as usize - 1);
        let (kept, half) = kept_and_half.shifted_right(1);
        let mantissa = kept.low_u64();
        let up = half && (lost || sticky || mantissa & 1 == 1);
        match mantissa.checked_add(u64::from(up)) {
            Some(mantissa) => (mantissa, exponent + drop),
            None => (1 << 63, exponent + drop + 1),
        }
    };
    if exponent > EXPONENT_MAX {
        Err(OutOfRange::TooLarge)
    } else if mantissa == 0 {
        Err(OutOfRange::TooSmall)
    } else {
        Ok(Magnitude::Finite { mantissa, exponent })
    }
}

/// The digits of a number in some base, and the power of the base that they are multiplied by.
struct Digits {
    value: Big,
    /// How many digits there are from the first that is not zero.
    count: i64,
    /// Digits behind the point.
    fraction: i64,
    /// What stands after the exponent's letter.
    exponent: i64,
}

impl Digits {
    /// Reads `digits[.digits][letter[sign]digits]`, all of it.
    fn read(text: &[u8], base: u32, letter: u8) -> Option<Self> {
        let mut digits = Self { value: Big::default(), count: 0, fraction: 0, exponent: 0 };
        let (mut seen, mut behind_point) = (false, false);
        for (at, &byte) in text.iter().enumerate() {
            if let Some(digit) = char::from(byte).to_digit(base) {
                seen = true;
                digits.value.multiply_add(base, digit);
                digits.count += i64::from(!digits.value.is_zero());
                digits.fraction += i64::from(behind_point);
            } else if byte == b'.' && !behind_point {
                behind_point = true;
            } else if byte.eq_ignore_ascii_case(&letter) && seen {
                digits.exponent = exponent(&text[at + 1..])?;
                return Some(digits);
            } else {
                return None;
            }
        }
        seen.then_some(digits)
    }

    fn hexadecimal(self) -> Result<Magnitude, OutOfRange> {
        if self.value.is_zero() {
            return round(&self.value, 0, false);
        }
        let exponent = self.exponent - 4 * self.fraction;
        match exponent + 4 * self.count {
            20_000.. => Err(OutOfRange::TooLarge),
            ..-20_000 => Err(OutOfRange::TooSmall),
            _ => round(&self.value, exponent, false),
        }
    }

    fn decimal(self) -> Result<Magnitude, OutOfRange> {
        if self.value.is_zero() {
            return round(&self.value, 0, false);
        }
        let exponent = self.exponent - self.fraction;
        match exponent + self.count {
            5_000.. => return Err(OutOfRange::TooLarge),
            ..-5_000 => return Err(OutOfRange::TooSmall),
            _ => {}
        }
        let power = Big::power_of_ten(exponent.unsigned_abs() as usize);
        if exponent >= 0 {
            return round(&self.value.times(&power), 0, false);
        }
        // A quotient of 66 or 67 bits says all that rounding to 64 needs.
        let shift = 66 + power.bits() as i64 - self.value.bits() as i64;
        let by = shift.unsigned_abs() as usize;
        let (quotient, rest) = if shift >= 0 {
            self.value.shifted_left(by).divided_by(&power)
        } else {
            self.value.divided_by(&power.shifted_left(by))
        };
        round(&quotient, -shift, rest)
    }
}

/// The number after the letter of an exponent; beyond a million it makes no difference.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0_i64, |value, byte| {
        byte.is_ascii_digit().then(|| (value * 10 + i64::from(byte - b'0')).min(1_000_000))
    })?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(a: &str, b: &str) -> String {
        let (a, b) =
            (Extended::parse(a.as_bytes()).unwrap(), Extended::parse(b.as_bytes()).unwrap());
        a.plus(b).map_or("none".to_owned(), |sum| sum.to_string())
    }

    /// Answers of Redis 7.0.15 on x86-64.
    #[test]
    fn sums_as_redis_prints_them() {
        for (a, b, expected) in [
            ("0.1", "0.2", "0.3"),
            ("1", "-1.1", "-0.1"),
            ("10.5", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("17179869184", "1.5", "17179869185.5"),
            ("1e20", "1", "100000000000000000000"),
            ("9223372036854775807", "0.5", "9223372036854775807.5"),
            ("9223372036854775807", "1", "9223372036854775808"),
            ("18446744073709551615", "0.5", "18446744073709551616"),
            ("0.02439024390243902439", "-0.02439024390243902439", "0"),
            ("-1e-30", "0", "0"),
            ("1e-17", "0", "0.00000000000000001"),
            ("3", "0x1.8p1", "6"),
            ("1e4932", "1e4932", "none"),
            ("inf", "1", "none"),
        ] {
            assert_eq!(sum(a, b), expected, "{a} + {b}");
        }
    }

    #[test]
    fn reads_what_strtold_reads() {
        for text in [
            "", " 1", "1 ", "1e", "1e+", ".", "-", "+-1", "0x", "0xg", "nan", "infinit", "1\0",
            "1e5000", "1e-5000", "1,5", "--1",
        ] {
            assert_eq!(Extended::parse(text.as_bytes()), None, "{text:?}");
        }
        for (text, expected) in [
            (".5", "0.5"),
            ("5.", "5"),
            ("+7", "7"),
            ("-0", "0"),
            ("0e999999999999", "0"),
            ("0x10", "16"),
            ("1e-4950", "0"),
            ("INF", "inf"),
            ("-Infinity", "-inf"),
        ] {
            let value = Extended::parse(text.as_bytes()).unwrap();
            assert_eq!(value.to_string(), expected, "{text:?}");
        }
        assert_eq!(Extended::parse("1".repeat(5_119).as_bytes()), None, "beyond the largest");
        let long = format!("1.{}", "3".repeat(5_000));
        assert_eq!(Extended::parse(long.as_bytes()).unwrap().to_string(), "1.33333333333333333");
    }

    proptest! {
        #[test]
        fn integers_are_exact(a: i32, b: i32) {
            prop_assert_eq!(
                sum(&a.to_string(), &b.to_string()),
                (i64::from(a) + i64::from(b)).to_string()
            );
            let number = Extended::from(i64::from(a)).plus(Extended::from(i64::from(b))).unwrap();
            prop_assert_eq!(number.to_string(), (i64::from(a) + i64::from(b)).to_string());
        }

        #[test]
        fn seventeen_digits_read_back(units in 0_u64..10_000_000_000_000_000) {
            let text = format!("0.{units:017}");
            let expected = text.trim_end_matches('0').trim_end_matches('.');
            let value = Extended::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(value.to_string(), if units == 0 { "0" } else { expected });
        }

        #[test]
        fn doubles_survive(value in -1e15_f64..1e15) {
            let read = Extended::parse(format!("{value:e}").as_bytes()).unwrap();
            let printed: f64 = read.to_string().parse().unwrap();
            prop_assert!((printed - value).abs() <= value.abs() * 1e-15 + 1e-17);
        }
    }
}
