//! Numbers as bytes, in pieces, so that neither way needs a second copy of what may be large.
//!
//! May not know: what the numbers are, where the bytes go.

/// Bytes of a piece.
const PIECE: usize = 8 << 10;

/// Takes the next bytes.
pub(crate) trait Sink<E>: FnMut(&[u8]) -> Result<(), E> {}
impl<E, F: FnMut(&[u8]) -> Result<(), E>> Sink<E> for F {}

/// Gives the next bytes.
pub(crate) trait Fill<E>: FnMut(&mut [u8]) -> Result<(), E> {}
impl<E, F: FnMut(&mut [u8]) -> Result<(), E>> Fill<E> for F {}

/// A number of N bytes, little-endian.
pub(crate) trait Number<const N: usize>: Copy {
    fn to_le(self) -> [u8; N];
    fn from_le(bytes: [u8; N]) -> Self;
}

macro_rules! numbers {
    ($($type:ty: $size:literal),*) => {$(
        impl Number<$size> for $type {
            fn to_le(self) -> [u8; $size] {
                self.to_le_bytes()
            }

            fn from_le(bytes: [u8; $size]) -> Self {
                Self::from_le_bytes(bytes)
            }
        }
    )*};
}

numbers!(f32: 4, u16: 2, i8: 1, u32: 4, u64: 8);

/// Hands out numbers.
pub(crate) fn save<E, const N: usize, T: Number<N>>(
    numbers: &[T],
    out: &mut impl Sink<E>,
) -> Result<(), E> {
    let mut piece = [0; PIECE];
    for some in numbers.chunks(PIECE / N) {
        for (bytes, number) in piece.as_chunks_mut::<N>().0.iter_mut().zip(some) {
            *bytes = number.to_le();
        }
        out(&piece[..some.len() * N])?;
    }
    Ok(())
}

/// Reads so many numbers.
pub(crate) fn load<E, const N: usize, T: Number<N>>(
    count: usize,
    fill: &mut impl Fill<E>,
) -> Result<Vec<T>, E> {
    let mut numbers = Vec::with_capacity(count);
    let mut piece = [0; PIECE];
    while numbers.len() < count {
        let some = (count - numbers.len()).min(PIECE / N);
        fill(&mut piece[..some * N])?;
        numbers.extend(piece.as_chunks::<N>().0[..some].iter().map(|&bytes| T::from_le(bytes)));
    }
    Ok(numbers)
}

/// Reads so many bytes.
pub(crate) fn load_bytes<E>(count: usize, fill: &mut impl Fill<E>) -> Result<Vec<u8>, E> {
    let mut bytes = vec![0; count];
    fill(&mut bytes)?;
    Ok(bytes)
}
