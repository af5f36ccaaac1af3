//! Non-negative integers of any size: as much of them as reading and adding numbers needs.
//!
//! Invariant: the highest limb is not zero; zero has no limbs.

use std::cmp::Ordering;

/// Limbs of 32 bits, the lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Big(Vec<u32>);

impl Big {
    pub(super) fn from_u64(value: u64) -> Self {
        let mut big = Self(vec![value as u32, (value >> 32) as u32]);
        big.trim();
        big
    }

    /// Ten to the power of `exponent`.
    pub(super) fn power_of_ten(exponent: usize) -> Self {
        let mut big = Self::from_u64(1);
        for _ in 0..exponent / 9 {
            big.multiply_add(1_000_000_000, 0);
        }
        big.multiply_add(10_u32.pow((exponent % 9) as u32), 0);
        big
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Position of the highest bit that is set, counted from 1; 0 for zero.
    pub(super) fn bits(&self) -> usize {
        self.0.last().map_or(0, |top| self.0.len() * 32 - top.leading_zeros() as usize)
    }

    /// The lowest 64 bits.
    pub(super) fn low_u64(&self) -> u64 {
        let limb = |at: usize| u64::from(self.0.get(at).copied().unwrap_or(0));
        limb(1) << 32 | limb(0)
    }

    /// `self * factor + addend`.
    pub(super) fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        self.0.push(carry as u32);
        self.trim();
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        let mut product = vec![0_u32; self.0.len() + other.0.len() + 1];
        for (at, &a) in self.0.iter().enumerate() {
            let mut carry = 0_u64;
            for (place, &b) in product[at..].iter_mut().zip(other.0.iter().chain(&[0])) {
                carry += u64::from(*place) + u64::from(a) * u64::from(b);
                *place = carry as u32;
                carry >>= 32;
            }
        }
        let mut product = Self(product);
        product.trim();
        product
    }

    pub(super) fn shifted_left(&self, bits: usize) -> Self {
        let mut limbs = vec![0; bits / 32];
        let (up, mut carry) = (bits % 32, 0);
        for &limb in &self.0 {
            let wide = u64::from(limb) << up;
            limbs.push(wide as u32 | carry);
            carry = (wide >> 32) as u32;
        }
        limbs.push(carry);
        let mut big = Self(limbs);
        big.trim();
        big
    }

    /// Without the lowest `bits` bits, and whether any of those was set.
    pub(super) fn shifted_right(&self, bits: usize) -> (Self, bool) {
        let (whole, down) = (bits / 32, bits % 32);
        if whole >= self.0.len() {
            return (Self::default(), !self.is_zero());
        }
        let lost_limbs = self.0[..whole].iter().any(|limb| *limb != 0);
        let lost_bits = self.0[whole] & ((1_u64 << down) - 1) as u32 != 0;
        let limbs = (whole..self.0.len())
            .map(|at| {
                let high = u64::from(self.0.get(at + 1).copied().unwrap_or(0));
                ((high << 32 | u64::from(self.0[at])) >> down) as u32
            })
            .collect();
        let mut big = Self(limbs);
        big.trim();
        (big, lost_limbs || lost_bits)
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let (long, short) =
            if self.0.len() >= other.0.len() { (self, other) } else { (other, self) };
        let mut carry = 0_u64;
        let mut limbs: Vec<u32> = Vec::with_capacity(long.0.len() + 1);
        for (at, &limb) in long.0.iter().enumerate() {
            carry += u64::from(limb) + u64::from(short.0.get(at).copied().unwrap_or(0));
            limbs.push(carry as u32);
            carry >>= 32;
        }
        limbs.push(carry as u32);
        let mut sum = Self(limbs);
        sum.trim();
        sum
    }

    /// `self - other`, which is not larger.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut borrow = 0_i64;
        let limbs = self.0.iter().enumerate().map(|(at, &limb)| {
            let rest = i64::from(limb) - i64::from(other.0.get(at).copied().unwrap_or(0)) + borrow;
            borrow = rest >> 32;
            rest as u32
        });
        let mut difference = Self(limbs.collect());
        difference.trim();
        difference
    }

    /// `self / divisor` and whether something is left. Made for small quotients: the time is the
    /// product of the quotient's bits and the divisor's limbs.
    pub(super) fn divided_by(&self, divisor: &Self) -> (Self, bool) {
        let mut rest = self.clone();
        let mut quotient = Self::default();
        for shift in (0..=self.bits().saturating_sub(divisor.bits())).rev() {
            let part = divisor.shifted_left(shift);
            let fits = part <= rest;
            if fits {
                rest = rest.minus(&part);
            }
            quotient.multiply_add(2, u32::from(fits));
        }
        (quotient, !rest.is_zero())
    }

    /// Decimal digits.
    pub(super) fn to_decimal(&self) -> String {
        let mut rest = self.clone();
        let mut groups = Vec::new();
        while !rest.is_zero() {
            let mut carry = 0_u64;
            for limb in rest.0.iter_mut().rev() {
                carry = carry << 32 | u64::from(*limb);
                *limb = (carry / 1_000_000_000) as u32;
                carry %= 1_000_000_000;
            }
            rest.trim();
            groups.push(carry);
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            text.push_str(&format!("{group:09}"));
        }
        text
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn big(value: u128) -> Big {
        Big::from_u64((value >> 64) as u64).shifted_left(64).plus(&Big::from_u64(value as u64))
    }

    proptest! {
        #[test]
        fn agrees_with_128_bits(a: u128, b: u128, shift in 0_usize..128, factor: u32) {
            let (a, b) = (a >> 1, (b >> 1).max(1));
            prop_assert_eq!(big(a).plus(&big(b)), big(a + b));
            prop_assert_eq!(big(a.max(b)).minus(&big(a.min(b))), big(a.max(b) - a.min(b)));
            prop_assert_eq!(big(a).cmp(&big(b)), a.cmp(&b));
            prop_assert_eq!(big(a).divided_by(&big(b)), (big(a / b), a % b != 0));
            prop_assert_eq!(
                big(a).shifted_right(shift),
                (big(a >> shift), a & ((1 << shift) - 1) != 0)
            );
            prop_assert_eq!(big(a >> shift).shifted_left(shift), big(a >> shift << shift));
            prop_assert_eq!(big(a).to_decimal(), a.to_string());
            prop_assert_eq!(big(a).bits(), 128 - a.leading_zeros() as usize);
            let (low, high) = (a as u64, b as u64);
            let product = u128::from(low) * u128::from(high);
            prop_assert_eq!(Big::from_u64(low).times(&Big::from_u64(high)), big(product));
            let mut grown = Big::from_u64(low);
            grown.multiply_add(factor, factor);
            prop_assert_eq!(grown, big(u128::from(low) * u128::from(factor) + u128::from(factor)));
        }
    }

    #[test]
    fn powers_of_ten() {
        assert_eq!(Big::power_of_ten(30).to_decimal(), format!("1{}", "0".repeat(30)));
        assert_eq!(Big::default().to_decimal(), "0");
    }
}
