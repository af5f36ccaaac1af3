//! Numbers as files have them, little-endian.

use skeg_simd::widen_f16;

/// A kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F16,
    F32,
    F64,
    U8,
    I8,
}

impl Element {
    /// Bytes of one.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Appends numbers to a row; bytes that are no whole number are left out. Doubles beyond what a float
    /// can be become infinite.
    pub(crate) fn decode(self, bytes: &[u8], row: &mut Vec<f32>) {
        match self {
            Self::U8 => row.extend(bytes.iter().map(|byte| f32::from(*byte))),
            Self::I8 => row.extend(bytes.iter().map(|byte| f32::from(byte.cast_signed()))),
            Self::F16 => {
                row.extend(bytes.as_chunks().0.iter().map(|it| widen_f16(u16::from_le_bytes(*it))));
            }
            Self::F32 => row.extend(bytes.as_chunks().0.iter().map(|it| f32::from_le_bytes(*it))),
            Self::F64 => {
                row.extend(bytes.as_chunks().0.iter().map(|it| f64::from_le_bytes(*it) as f32));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least half.
    const TINY: f32 = 1.0 / 16_777_216.0;

    #[test]
    fn numbers_of_every_kind_become_floats() {
        let decoded = |element: Element, bytes: &[u8]| {
            let mut row = Vec::new();
            element.decode(bytes, &mut row);
            row
        };
        assert_eq!(decoded(Element::U8, &[0, 255]), [0.0, 255.0]);
        assert_eq!(decoded(Element::I8, &[0x80, 0x7f]), [-128.0, 127.0]);
        assert_eq!(decoded(Element::F16, &[0, 0x3c, 1, 0x80, 0xff, 0x7b]), [1.0, -TINY, 65_504.0]);
        assert_eq!(decoded(Element::F64, &1e300_f64.to_le_bytes()), [f32::INFINITY]);
        assert_eq!(decoded(Element::F32, &[0, 0, 128, 63, 9]), [1.0]);
    }
}
