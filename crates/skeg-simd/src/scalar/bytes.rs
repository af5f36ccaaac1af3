//! Inner products of bytes, and of bytes with bits. Integers: exact in any order.
//!
//! May not know: instruction sets.

/// [`crate::Kernels::dot_i8_rows`].
pub(crate) fn dot_i8_rows(query: &[i8], rows: &[i8], out: &mut [i32]) {
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        *result = dot_i8(query, row);
    }
}

/// Σ a·b.
#[inline(always)]
pub(crate) fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

/// [`crate::Kernels::sum_where`].
pub(crate) fn sum_where(bits: &[u8], query: &[i8]) -> i32 {
    let (parts, _) = query.as_chunks::<8>();
    let mut sum = 0;
    for (&byte, part) in bits.iter().zip(parts) {
        for (place, &x) in part.iter().enumerate() {
            sum += i32::from(x) * i32::from(byte >> place & 1);
        }
    }
    sum
}
