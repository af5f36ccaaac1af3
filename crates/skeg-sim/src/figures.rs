//! What a simulation has covered.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Counters of one seed, or of many together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Operations that ran, transactions counted once.
    pub operations: u64,
    /// Operations that ran as queued jobs.
    pub delegated: u64,
    /// Transactions and other operations over several shards.
    pub cross_shard: u64,
    /// Operations that were refused, by the reason.
    pub refused: BTreeMap<String, u64>,
    /// Commands that changed something, by their names.
    pub changed_by: BTreeMap<String, u64>,
    /// Entries removed because their deadline had passed.
    pub expired: u64,
    /// Entries removed because memory was short.
    pub evicted: u64,
    /// Groups of keys that went for that, and of which nothing was left.
    pub groups: u64,
    /// Times that the data was looked at under a limit of memory, and kept to it.
    pub kept_to_limit: u64,
    /// Blocks that were written.
    pub blocks: u64,
    /// Epochs that were acknowledged as durable and looked for after a crash.
    pub acknowledged: u64,
    /// Epochs that a crash has taken back, none of them acknowledged.
    pub lost_unacknowledged: u64,
    /// Crashes by kind.
    pub crashes: BTreeMap<String, u64>,
    /// Crashes in the middle of an operation of the disk, by operation and file.
    pub places: BTreeMap<String, u64>,
    /// Crashes while the database was being opened.
    pub crashes_in_recovery: u64,
    /// Openings that were judged.
    pub recoveries: u64,
    /// Openings whose log had a torn tail.
    pub torn_tails: u64,
    /// Faults that struck, by operation and error.
    pub faults: BTreeMap<String, u64>,
    /// Damages to files of closed databases, by file and what it led to.
    pub damages: BTreeMap<String, u64>,
    /// Databases that a fault of the disk poisoned.
    pub poisoned: u64,
    /// Databases that were full and took writes again by themselves.
    pub healed: u64,
    /// Stores that filled their disks, and took writes again when what had filled them was removed.
    pub refilled: u64,
    /// Older snapshots that they gave up for that.
    pub given_up: u64,
    /// Snapshots that were published.
    pub snapshots: u64,
    /// Segments of vectors that were published.
    pub vector_segments: u64,
    /// Of them, those published while a larger one of the same index was being built.
    pub vector_segments_beside: u64,
    /// Openings that were judged and had loaded a snapshot.
    pub snapshots_loaded: u64,
    /// Openings that were judged and had given the database another number of shards.
    pub resharded: u64,
    /// Openings of damaged files that went back to an older snapshot.
    pub fell_back: u64,
    /// Backups that were made or brought up to date.
    pub backups: u64,
    /// States of backups that were judged.
    pub backups_judged: u64,
    /// Orderly closes.
    pub closes: u64,
}

impl Figures {
    /// Adds the figures of another run to these.
    pub fn add(&mut self, other: &Self) {
        let Self { refused, crashes, places, faults, damages, changed_by, .. } = other;
        for (mine, theirs) in [
            (&mut self.refused, refused),
            (&mut self.crashes, crashes),
            (&mut self.places, places),
            (&mut self.faults, faults),
            (&mut self.damages, damages),
            (&mut self.changed_by, changed_by),
        ] {
            theirs.iter().for_each(|(name, count)| *mine.entry(name.clone()).or_default() += count);
        }
        for ((_, mine), (_, theirs)) in
            self.totals_mut().into_iter().zip(other.clone().totals_mut())
        {
            *mine += *theirs;
        }
    }

    fn totals_mut(&mut self) -> [(&'static str, &mut u64); 26] {
        [
            ("operations", &mut self.operations),
            ("delegated", &mut self.delegated),
            ("crossShard", &mut self.cross_shard),
            ("expired", &mut self.expired),
            ("evicted", &mut self.evicted),
            ("evictedGroups", &mut self.groups),
            ("keptToLimit", &mut self.kept_to_limit),
            ("blocks", &mut self.blocks),
            ("acknowledgedEpochs", &mut self.acknowledged),
            ("lostUnacknowledgedEpochs", &mut self.lost_unacknowledged),
            ("crashesInRecovery", &mut self.crashes_in_recovery),
            ("recoveries", &mut self.recoveries),
            ("tornTails", &mut self.torn_tails),
            ("poisoned", &mut self.poisoned),
            ("healed", &mut self.healed),
            ("refilled", &mut self.refilled),
            ("givenUp", &mut self.given_up),
            ("snapshots", &mut self.snapshots),
            ("vectorSegments", &mut self.vector_segments),
            ("vectorSegmentsBeside", &mut self.vector_segments_beside),
            ("snapshotsLoaded", &mut self.snapshots_loaded),
            ("resharded", &mut self.resharded),
            ("fellBack", &mut self.fell_back),
            ("backups", &mut self.backups),
            ("backupsJudged", &mut self.backups_judged),
            ("closes", &mut self.closes),
        ]
    }

    /// Counts one of a kind.
    pub(crate) fn count(kinds: &mut BTreeMap<String, u64>, kind: impl Into<String>) {
        *kinds.entry(kind.into()).or_default() += 1;
    }

    /// Crashes of all kinds.
    #[must_use]
    pub fn crashes_total(&self) -> u64 {
        self.crashes.values().sum()
    }

    /// Faults of all kinds.
    #[must_use]
    pub fn faults_total(&self) -> u64 {
        self.faults.values().sum()
    }

    /// Damages of all kinds.
    #[must_use]
    pub fn damages_total(&self) -> u64 {
        self.damages.values().sum()
    }

    /// The figures as a JSON object, indented by `indent` spaces.
    #[must_use]
    pub fn to_json(&self, indent: usize) -> String {
        let pad = " ".repeat(indent);
        let mut text = String::from("{\n");
        for (name, value) in self.clone().totals_mut() {
            let _ = writeln!(text, "{pad}  \"{name}\": {value},");
        }
        let kinds = [
            ("refused", &self.refused),
            ("crashes", &self.crashes),
            ("crashPlaces", &self.places),
            ("faults", &self.faults),
            ("damages", &self.damages),
            ("changedBy", &self.changed_by),
        ];
        for (number, (name, counts)) in kinds.into_iter().enumerate() {
            let _ = writeln!(text, "{pad}  \"{name}\": {{");
            for (place, (kind, count)) in counts.iter().enumerate() {
                let comma = if place + 1 < counts.len() { "," } else { "" };
                let _ = writeln!(text, "{pad}    \"{kind}\": {count}{comma}");
            }
            let comma = if number + 1 < kinds.len() { "," } else { "" };
            let _ = writeln!(text, "{pad}  }}{comma}");
        }
        let _ = write!(text, "{pad}}}");
        text
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations ({} as jobs, {} over several shards), {} blocks, {} crashes at {} kinds of \
             places ({} while opening), {} faults of {} kinds, {} damages, {} recoveries judged, {} \
             acknowledged epochs found, 0 lost",
            self.operations,
            self.delegated,
            self.cross_shard,
            self.blocks,
            self.crashes_total(),
            self.places.len(),
            self.crashes_in_recovery,
            self.faults_total(),
            self.faults.len(),
            self.damages_total(),
            self.recoveries,
            self.acknowledged,
        )
    }
}
