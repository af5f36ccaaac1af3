//! Figures of a shard and of the engine, as INFO, metrics and `db.stats()` show them.

use skeg_keyspace::Keyspace;

use crate::shard::Shard;

/// Counters of one shard since the engine was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// Reads of a key that was there.
    pub hits: u64,
    /// Reads of a key that was not there.
    pub misses: u64,
    /// Entries removed because their deadline had passed.
    pub expired: u64,
    /// Entries removed because memory was short.
    pub evicted: u64,
    /// Commands that ran here.
    pub commands: u64,
}

/// One shard at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardFigures {
    /// The shard.
    pub shard: u16,
    /// Keys of each logical database.
    pub keys: Vec<u64>,
    /// Keys with a deadline, of each logical database.
    pub expiring: Vec<u64>,
    /// Bytes of memory of keys, values and tables.
    pub memory_bytes: u64,
    /// Of these, bytes of cells that hold nothing yet.
    pub free_bytes: u64,
    /// Vector indexes.
    pub indexes: u64,
    /// Vectors in them.
    pub vectors: u64,
    /// Bytes of memory of the vectors.
    pub vector_bytes: u64,
    /// Counters.
    pub counters: ShardStats,
}

impl ShardFigures {
    /// Adds another shard's figures to these.
    pub fn add(&mut self, other: &Self) {
        let sum = |mine: &mut Vec<u64>, theirs: &[u64]| {
            mine.resize(mine.len().max(theirs.len()), 0);
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        };
        sum(&mut self.keys, &other.keys);
        sum(&mut self.expiring, &other.expiring);
        self.memory_bytes += other.memory_bytes;
        self.free_bytes += other.free_bytes;
        self.indexes += other.indexes;
        self.vectors += other.vectors;
        self.vector_bytes += other.vector_bytes;
        self.counters.hits += other.counters.hits;
        self.counters.misses += other.counters.misses;
        self.counters.expired += other.counters.expired;
        self.counters.evicted += other.counters.evicted;
        self.counters.commands += other.counters.commands;
    }
}

impl Shard {
    /// Bytes of memory of keys, values and tables.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.databases.iter().map(|ks| ks.memory_bytes() as u64).sum()
    }

    /// The shard's figures now.
    #[must_use]
    pub fn figures(&self) -> ShardFigures {
        let of_each = |count: &dyn Fn(&Keyspace) -> usize| {
            self.databases.iter().map(|keyspace| count(keyspace) as u64).collect()
        };
        let indexes = || self.indexes.iter().map(|(_, held)| &held.index);
        // An index in parts is one.
        let firsts = self.indexes.iter().filter(|(_, held)| held.part.number == 0);
        ShardFigures {
            shard: self.id.0,
            keys: of_each(&Keyspace::len),
            expiring: of_each(&Keyspace::expiring_len),
            memory_bytes: self.memory_bytes(),
            free_bytes: self.databases.iter().map(|ks| ks.free_bytes() as u64).sum(),
            indexes: firsts.count() as u64,
            vectors: indexes().map(|index| index.len() as u64).sum(),
            vector_bytes: indexes().map(|index| index.memory_bytes() as u64).sum(),
            counters: self.stats,
        }
    }

    /// Sets the counters to zero.
    pub fn reset_counters(&mut self) {
        self.stats = ShardStats::default();
    }
}
