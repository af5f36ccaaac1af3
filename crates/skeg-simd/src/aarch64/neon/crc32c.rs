//! CRC-32C with the instructions of ARMv8, three stretches side by side: they take a word each cycle
//! but two or three cycles to answer.
//!
//! The three registers are joined by a multiplication modulo the polynomial in plain code, because
//! the carry-less multiplier is an extension of its own that a Raspberry Pi lacks; so the stretches
//! are long.
//!
//! May not know: what the bytes are.

use std::arch::aarch64::{__crc32cb, __crc32cd};

use crate::scalar::{multiply, x_to_the};

/// Bytes of each of three stretches.
const STRETCH: usize = 2048;

/// See [`crate::Kernels::crc32c`]; works on the register as it stands.
#[target_feature(enable = "crc")]
pub(super) fn crc32c(mut register: u32, mut bytes: &[u8]) -> u32 {
    while let Some((block, rest)) = bytes.split_at_checked(3 * STRETCH) {
        register = three_stretches(register, block);
        bytes = rest;
    }
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        register = __crc32cd(register, u64::from_le_bytes(*word));
    }
    for &byte in tail {
        register = __crc32cb(register, byte);
    }
    register
}

/// The register after three stretches.
#[inline]
#[target_feature(enable = "crc")]
fn three_stretches(register: u32, bytes: &[u8]) -> u32 {
    let (first, rest) = bytes.split_at(STRETCH);
    let (second, third) = rest.split_at(STRETCH);
    let words = |stretch| <[u8]>::as_chunks::<8>(stretch).0;
    let (mut a, mut b, mut c) = (register, 0, 0);
    for ((x, y), z) in words(first).iter().zip(words(second)).zip(words(third)) {
        a = __crc32cd(a, u64::from_le_bytes(*x));
        b = __crc32cd(b, u64::from_le_bytes(*y));
        c = __crc32cd(c, u64::from_le_bytes(*z));
    }
    let past_one = const { x_to_the(8 * STRETCH as u32) };
    multiply(multiply(a, past_one) ^ b, past_one) ^ c
}
