//! Numbers as Redis prints them.

use std::io::Write;

/// Appends `value` in decimal.
#[inline]
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `value` in the fewest digits that read back as the same number: integers without
/// exponent up to 2^62, then the notation of Redis's `fpconv_dtoa` (`0.1`, `1e+20`, `1.5e-7`);
/// `inf`, `-inf`, `nan`.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    const INTEGER_MAX: f64 = (1_u64 << 62) as f64;
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if value == 0.0 {
        out.extend_from_slice(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() <= INTEGER_MAX && value.trunc() == value {
        write_int(out, value as i64);
    } else {
        write_fraction(out, value);
    }
}

/// A finite number that is not a small integer. `{:e}` gives the shortest digits as `d.ddde±x`.
fn write_fraction(out: &mut Vec<u8>, value: f64) {
    let mut scientific = [0_u8; 32];
    let mut free = &mut scientific[..];
    write!(free, "{:e}", value.abs()).expect("a double's shortest form has less than 32 bytes");
    let length = 32 - free.len();
    let scientific = &scientific[..length];

    let at = scientific.iter().position(|byte| *byte == b'e').expect("{:e} writes an exponent");
    let exponent: i32 = std::str::from_utf8(&scientific[at + 1..])
        .ok()
        .and_then(|digits| digits.parse().ok())
        .expect("{:e} writes a decimal exponent");
    let mut digits = [0_u8; 20];
    let mut count = 0;
    for digit in scientific[..at].iter().filter(|byte| **byte != b'.') {
        digits[count] = *digit;
        count += 1;
    }
    let digits = &digits[..count];

    if value < 0.0 {
        out.push(b'-');
    }
    // The value is `digits` times ten to the power of `shift`.
    let shift = exponent + 1 - count as i32;
    if shift >= 0 && exponent < count as i32 + 7 {
        out.extend_from_slice(digits);
        out.resize(out.len() + shift as usize, b'0');
    } else if shift < 0 && (shift > -7 || exponent.abs() < 4) {
        if exponent >= 0 {
            let (whole, fraction) = digits.split_at(exponent as usize + 1);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        } else {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (-exponent - 1) as usize, b'0');
            out.extend_from_slice(digits);
        }
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        write_int(out, i64::from(exponent.abs()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(value: f64) -> String {
        let mut out = Vec::new();
        write_double(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_print_as_in_redis() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (3.3, "3.3"),
            (-1.5, "-1.5"),
            (0.001, "0.001"),
            (123.456, "123.456"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e17, "100000000000000000"),
            (1e20, "1e+20"),
            (1.5e300, "1.5e+300"),
            (1e-7, "1e-7"),
            (1.25e-10, "1.25e-10"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (value, text) in cases {
            assert_eq!(printed(value), text);
        }
    }

    proptest! {
        #[test]
        fn every_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = printed(value).parse().unwrap();
            prop_assert!(back == value || value.is_nan() && back.is_nan());
        }
    }
}
