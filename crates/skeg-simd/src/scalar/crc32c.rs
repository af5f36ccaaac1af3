//! CRC-32C (Castagnoli), table-driven: slicing-by-8 after Kounavis and Berry, "A Systematic
//! Approach to Building High Performance, Software-based, CRC Generators" (2005).
//!
//! Works on the register as it stands: the caller inverts before and after.
//!
//! May not know: instruction sets.

/// The Castagnoli polynomial, bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `TABLES[n][b]`: the register after the byte `b` and `n` zero bytes.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut register = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            register = times_x(register);
            bit += 1;
        }
        tables[0][byte] = register;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// The register after `bytes`, from the register before them.
pub(crate) fn crc32c(mut register: u32, bytes: &[u8]) -> u32 {
    let (blocks, tail) = bytes.as_chunks::<8>();
    for block in blocks {
        let word = u64::from_le_bytes(*block) ^ u64::from(register);
        let [b0, b1, b2, b3, b4, b5, b6, b7] = word.to_le_bytes();
        register = TABLES[7][usize::from(b0)]
            ^ TABLES[6][usize::from(b1)]
            ^ TABLES[5][usize::from(b2)]
            ^ TABLES[4][usize::from(b3)]
            ^ TABLES[3][usize::from(b4)]
            ^ TABLES[2][usize::from(b5)]
            ^ TABLES[1][usize::from(b6)]
            ^ TABLES[0][usize::from(b7)];
    }
    for &byte in tail {
        register = (register >> 8) ^ TABLES[0][usize::from(register as u8 ^ byte)];
    }
    register
}

/// Multiplies a register by x.
const fn times_x(register: u32) -> u32 {
    (register >> 1) ^ (POLYNOMIAL * (register & 1))
}

/// The register of x^`power`: what a register is multiplied by when `power` zero bits follow.
pub(crate) const fn x_to_the(power: u32) -> u32 {
    let mut register = 1 << 31;
    let mut done = 0;
    while done < power {
        register = times_x(register);
        done += 1;
    }
    register
}

/// The product of two registers modulo the polynomial.
#[cfg(any(test, target_arch = "aarch64"))]
pub(crate) fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    for bit in (0..u32::BITS).rev() {
        product ^= b * (a >> bit & 1);
        b = times_x(b);
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_can_be_checked_apart_and_joined() {
        let bytes: Vec<u8> = (0..4096_u32).map(|i| ((i * i) >> 3) as u8).collect();
        for cut in [0, 1, 7, 64, 1000, 4096] {
            let (head, tail) = bytes.split_at(cut);
            let past_tail = x_to_the(8 * tail.len() as u32);
            let joined = multiply(crc32c(!0, head), past_tail) ^ crc32c(0, tail);
            assert_eq!(joined, crc32c(!0, &bytes), "cut at {cut}");
        }
    }
}
