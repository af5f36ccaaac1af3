//! Payloads packed with LZ4: the length of what is packed as 32 bits, then a block of LZ4
//! (<https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>).

use super::header::PAYLOAD_BYTES_MAX;

/// A byte of a block stands for no more than so many: each byte of a length adds 255.
const RATIO_MAX: usize = 256;
/// The length in front.
const LENGTH_BYTES: usize = 4;

/// What `packed` was before it was packed; `None` when it is not packed, or not truly. Takes memory only
/// for what a block of that size can hold.
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (length, block) = packed.split_first_chunk::<LENGTH_BYTES>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > PAYLOAD_BYTES_MAX || length > block.len().saturating_mul(RATIO_MAX) {
        return None;
    }
    lz4_flex::block::decompress(block, length).ok().filter(|bytes| bytes.len() == length)
}

/// Packs what [`unpack`] takes; `None` when that is no shorter.
#[must_use]
pub fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let packed = lz4_flex::block::compress_prepend_size(bytes);
    (packed.len() < bytes.len()).then_some(packed)
}
