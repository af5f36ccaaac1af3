//! CRC-32C with the SSE4.2 instruction, three stretches side by side: it takes a word each cycle but
//! three cycles to answer. After Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32
//! Instruction" (Intel, 2011).
//!
//! The three registers are joined by carry-less multiplication: appending n zero bytes to a message
//! multiplies its register by x^8n modulo the polynomial. With bits reversed the product of two
//! registers comes out one bit low, and the CRC instruction itself multiplies by x^32 while it
//! reduces: so the factor is x^(8n - 33).
//!
//! May not know: what the bytes are.

use std::arch::x86_64::*;

use crate::scalar::x_to_the;

/// Bytes of each of three stretches, for long and for short messages.
const LONG: usize = 1024;
const SHORT: usize = 64;

/// See [`crate::Kernels::crc32c`]; works on the register as it stands.
#[target_feature(enable = "sse4.2,pclmulqdq")]
pub(in crate::x86_64) fn crc32c(mut register: u32, mut bytes: &[u8]) -> u32 {
    while let Some((block, rest)) = bytes.split_at_checked(3 * LONG) {
        register = three_stretches::<LONG>(register, block);
        bytes = rest;
    }
    while let Some((block, rest)) = bytes.split_at_checked(3 * SHORT) {
        register = three_stretches::<SHORT>(register, block);
        bytes = rest;
    }
    let (words, tail) = bytes.as_chunks::<8>();
    let mut wide = u64::from(register);
    for word in words {
        wide = _mm_crc32_u64(wide, u64::from_le_bytes(*word));
    }
    register = wide as u32;
    for &byte in tail {
        register = _mm_crc32_u8(register, byte);
    }
    register
}

/// The register after three stretches of `N` bytes.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn three_stretches<const N: usize>(register: u32, bytes: &[u8]) -> u32 {
    let (first, rest) = bytes.split_at(N);
    let (second, third) = rest.split_at(N);
    let words = |stretch| <[u8]>::as_chunks::<8>(stretch).0;
    let (mut a, mut b, mut c) = (u64::from(register), 0, 0);
    for ((x, y), z) in words(first).iter().zip(words(second)).zip(words(third)) {
        a = _mm_crc32_u64(a, u64::from_le_bytes(*x));
        b = _mm_crc32_u64(b, u64::from_le_bytes(*y));
        c = _mm_crc32_u64(c, u64::from_le_bytes(*z));
    }
    let past_two = const { x_to_the(8 * 2 * N as u32 - 33) };
    let past_one = const { x_to_the(8 * N as u32 - 33) };
    let joined = multiply(a as u32, past_two) ^ multiply(b as u32, past_one);
    _mm_crc32_u64(0, joined) as u32 ^ c as u32
}

/// The carry-less product.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn multiply(a: u32, b: u32) -> u64 {
    let (a, b) = (_mm_cvtsi32_si128(a.cast_signed()), _mm_cvtsi32_si128(b.cast_signed()));
    _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(a, b)).cast_unsigned()
}
