//! Routing: which shard a key belongs to.
//!
//! The slot of a key is Redis Cluster's (`CRC16(key or {hash tag}) mod 16384`), so that clients which
//! know cluster hashing, and people who know hash tags, find what they expect. Shards own equal,
//! interleaved parts of the slots: `shard = slot mod shards`.
//!
//! Invariant: the routing hash is never used inside a table; tables are seeded per process.
//! May not know: what is stored under a key.

use skeg_log::ShardId;
use smallvec::SmallVec;

/// Slots of Redis Cluster; see the Redis Cluster specification, "Key distribution model".
pub const SLOTS: u16 = 16_384;

/// The most shards a database may have.
pub const SHARDS_MAX: u16 = 256;

/// CRC-16/XMODEM (polynomial 0x1021, no reflection), as the Redis Cluster specification prescribes,
/// eight tables wide: table `n` advances a byte that is followed by `n` zero bytes.
const CRC16: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0_u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut n = 1;
    while n < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[n - 1][byte];
            tables[n][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        n += 1;
    }
    tables
}

fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0_u16;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let [a, b, c, d, e, f, g, h]: [u8; 8] = chunk.try_into().expect("chunks_exact(8) gives 8");
        let [high, low] = crc.to_be_bytes();
        crc = CRC16[7][usize::from(a ^ high)]
            ^ CRC16[6][usize::from(b ^ low)]
            ^ CRC16[5][usize::from(c)]
            ^ CRC16[4][usize::from(d)]
            ^ CRC16[3][usize::from(e)]
            ^ CRC16[2][usize::from(f)]
            ^ CRC16[1][usize::from(g)]
            ^ CRC16[0][usize::from(h)];
    }
    for &byte in chunks.remainder() {
        crc = (crc << 8) ^ CRC16[0][usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

/// The part of a key that routing looks at: what stands between the first `{` and the next `}`, if
/// that is not empty, else the whole key.
#[must_use]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    if !may_have_tag(key) {
        return key;
    }
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&byte| byte == b'}') {
        Some(close) if close > 0 => &rest[..close],
        _ => key,
    }
}

/// Whether there is a `{`, eight bytes at a time: hardly a key has one, and every command asks.
#[inline]
fn may_have_tag(key: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let Some(last) = key.last_chunk() else { return key.contains(&b'{') };
    let mut found = 0;
    // The last eight may overlap those before them.
    for chunk in key.as_chunks().0.iter().chain([last]) {
        // A byte that is `{` becomes 0, and only below or at such a byte a highest bit is left.
        let other = u64::from_ne_bytes(*chunk) ^ (ONES * u64::from(b'{'));
        found |= other.wrapping_sub(ONES) & !other & ONES << 7;
    }
    found != 0
}

/// The slot of a key, `0..16384`.
#[must_use]
pub fn slot_of(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS
}

/// Two bytes, neither of them a brace, that make a hash tag of this slot.
pub(crate) fn tag_of(slot: u16) -> [u8; 2] {
    let table = &CRC16[0];
    // The checksum of two bytes can be any: its lower byte tells what the second step looked up, and what
    // that leaves of the upper one what the first did.
    let find = |low: u8| (0..=u8::MAX).find(|byte| table[usize::from(*byte)] as u8 == low);
    let tags = (0..4_u16).filter_map(|top| {
        let crc = slot | top << 14;
        let step = find(crc as u8)?;
        let first = find(((crc ^ table[usize::from(step)]) >> 8) as u8)?;
        Some([first, step ^ (table[usize::from(first)] >> 8) as u8])
    });
    let is_sound = |tag: &[u8; 2]| tag.iter().all(|byte| !matches!(byte, b'{' | b'}'));
    tags.into_iter().find(is_sound).expect("of four tags of a slot one has no brace")
}

/// Deals keys out to shards. The count is a power of two between 1 and [`SHARDS_MAX`].
#[derive(Clone, Copy, Debug)]
pub struct Router {
    mask: u16,
}

impl Router {
    /// A router over `shards` shards.
    ///
    /// # Panics
    /// When `shards` is not a power of two up to [`SHARDS_MAX`]; options are checked before.
    #[must_use]
    pub fn new(shards: u16) -> Self {
        assert!(shards.is_power_of_two() && shards <= SHARDS_MAX, "shards: a power of two to 256");
        Self { mask: shards - 1 }
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(self) -> u16 {
        self.mask + 1
    }

    /// The shard that owns `key`.
    #[inline]
    #[must_use]
    pub fn shard_of(self, key: &[u8]) -> ShardId {
        ShardId(slot_of(key) & self.mask)
    }
}

/// The shards that a command touches: ascending, without repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardList(SmallVec<[ShardId; 4]>);

impl ShardList {
    /// No shard.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Just this one.
    #[must_use]
    pub fn one(shard: ShardId) -> Self {
        Self(SmallVec::from_slice(&[shard]))
    }

    /// Every shard of a database with `shards` of them.
    #[must_use]
    pub fn all(shards: u16) -> Self {
        (0..shards).map(ShardId).collect()
    }

    /// Adds one, in its place.
    pub fn insert(&mut self, shard: ShardId) {
        match self.0.last() {
            Some(&last) if last < shard => self.0.push(shard),
            None => self.0.push(shard),
            _ => {
                if let Err(place) = self.0.binary_search(&shard) {
                    self.0.insert(place, shard);
                }
            }
        }
    }

    /// The shards, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[ShardId] {
        &self.0
    }

    /// Whether no shard is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<ShardId> for ShardList {
    fn from_iter<I: IntoIterator<Item = ShardId>>(shards: I) -> Self {
        let mut list = Self::new();
        for shard in shards {
            list.insert(shard);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_tag_for_every_slot() {
        for slot in 0..SLOTS {
            let [first, second] = tag_of(slot);
            assert_eq!(slot_of(&[b'{', first, second, b'}', b'x']), slot);
        }
    }

    use proptest::prelude::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3, "the specification's check value");
        assert_eq!(slot_of(b"foo"), 12_182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(hash_tag(b"foo{{bar}}zap"), b"{bar");
        assert_eq!(hash_tag(b"foo{bar}{zap}"), b"bar");
        assert_eq!(hash_tag(b"foo{bar"), b"foo{bar");
    }

    #[test]
    fn a_tag_is_found_wherever_it_stands() {
        for before in 0..20 {
            for behind in 0..20 {
                let key = ["z".repeat(before), "{|}".into(), "z".repeat(behind)].concat();
                assert_eq!(hash_tag(key.as_bytes()), b"|", "{key}");
            }
        }
    }

    proptest! {
        #[test]
        fn eight_tables_equal_one(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            let one = bytes.iter().fold(0_u16, |crc, &byte| {
                (crc << 8) ^ CRC16[0][usize::from((crc >> 8) as u8 ^ byte)]
            });
            prop_assert_eq!(crc16(&bytes), one);
        }

        #[test]
        fn lists_are_ascending_sets(shards in proptest::collection::vec(0_u16..256, 0..40)) {
            let list: ShardList = shards.iter().copied().map(ShardId).collect();
            let set: std::collections::BTreeSet<u16> = shards.into_iter().collect();
            prop_assert_eq!(list.as_slice(), set.into_iter().map(ShardId).collect::<Vec<_>>());
        }
    }
}
