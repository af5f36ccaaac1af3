//! What is going to happen, as data: rounds of steps, each with its crash.
//!
//! Invariant: playing a plan draws nothing more but what the simulated machine draws from the same seed. So the same plan
//! always does the same, and a plan can be cut down.
//! May not know: what plans are drawn (`scenario.rs`).

use skeg_engine::{EvictionPolicy, Grouping, Level, SyncPolicy};
use skeg_io::sim::{CrashPolicy, FaultRates, Injection};

use crate::client::Route;
use crate::op::Op;

/// Which crashes there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Themes {
    /// Power losses and kills, with all faults.
    #[default]
    All,
    /// Power losses only, without faults but short writes and interruptions.
    PowerLoss,
    /// Power losses and kills without faults, mostly in the middle of snapshots.
    Snapshots,
    /// The same in the middle of making segments of vectors.
    Vectors,
    /// The same in the middle of backups, beside snapshots.
    Backups,
    /// Power losses and kills without faults, while memory is short.
    Memory,
}

/// Shares are given in millionths.
pub(crate) const MILLION: u64 = 1_000_000;

/// All that a seed stands for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    pub(crate) shards: u16,
    pub(crate) clients: usize,
    /// Interruptions and short reads and writes, at all times.
    pub(crate) nuisance: FaultRates,
    pub(crate) rounds: Vec<Round>,
}

impl Plan {
    /// Steps of all rounds.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.rounds.iter().map(|round| round.steps.len()).sum()
    }
}

/// Options that a database may have others of each time it is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) level: Level,
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes: u64,
    pub(crate) queue_limit: usize,
    pub(crate) snapshot_log_bytes: u64,
    pub(crate) snapshot_buffer_bytes: usize,
    pub(crate) snapshot_slice_bytes: usize,
    pub(crate) inline_max: usize,
    pub(crate) cache_bytes: usize,
    pub(crate) vector_delta_bytes: usize,
    /// Whoever opens it for writing gives it so many shards.
    pub(crate) shards: Option<u16>,
    pub(crate) keep_snapshots: usize,
    pub(crate) vector_beside_bytes: u64,
    pub(crate) vector_idle_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            level: Level::Kernel,
            sync: SyncPolicy::EverySecond,
            segment_bytes: 64 << 20,
            queue_limit: 4_096,
            snapshot_log_bytes: 64 << 20,
            snapshot_buffer_bytes: 4 << 20,
            snapshot_slice_bytes: 128 << 10,
            inline_max: 1_024,
            cache_bytes: 64 << 20,
            vector_delta_bytes: 8 << 20,
            shards: None,
            keep_snapshots: 1,
            vector_beside_bytes: 64 << 20,
            vector_idle_ms: 30_000,
        }
    }
}

/// From one opening to the next crash or close.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) settings: Settings,
    /// Crashes while it is being opened, one after the other.
    pub(crate) opening: Vec<Crash>,
    /// Faults of the first opening that no crash interrupts; the one after must succeed.
    pub(crate) opening_rates: Option<FaultRates>,
    /// Somebody looks at the files read-only first.
    pub(crate) look: bool,
    pub(crate) steps: Vec<Step>,
    /// Everything queued and buffered is brought to an end before the crash.
    pub(crate) settle: bool,
    /// How it ends; `None` is an orderly close.
    pub(crate) end: Option<Crash>,
    /// After a close: what happens to copies of the files, one after the other.
    pub(crate) damages: Vec<Harm>,
}

/// Damage to one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Harm {
    pub(crate) kind: HarmKind,
    /// Which file and which place in it: shares of all files and of the file, in millionths.
    pub(crate) file: u64,
    pub(crate) place: u64,
    /// Another of each, where two are needed.
    pub(crate) other: (u64, u64),
}

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HarmKind {
    /// One bit is turned.
    FlipBit,
    /// A page is zeroed.
    ZeroPage,
    /// A range holds what belongs elsewhere.
    Misplaced,
    /// The file ends early.
    Cut,
    /// The file is gone.
    Removed,
}

/// A crash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    /// What the power loss leaves of what was not synced; `None` is a kill of the process.
    pub(crate) power: Option<CrashPolicy>,
    /// In the middle of the how manieth change of the disk from here on, if it comes to that.
    pub(crate) at: u64,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Run {
        client: usize,
        op: Op,
        route: Route,
    },
    /// A connection begins to write a string, which an operation will give to a key.
    Ahead {
        client: usize,
        op: Op,
    },
    /// It goes on with it by so many parts; when all of it is there, the operation runs.
    GoOn {
        client: usize,
        parts: usize,
        route: Route,
    },
    Release(usize),
    /// A thread ends its turn: it writes a block.
    Write,
    Sync,
    /// What the thread does that writes what it is about to sync.
    Commit,
    Maintain,
    /// What home threads do.
    Tick,
    /// All of these, as the background threads would.
    Turn,
    /// Segments of vectors are made, so many steps; of an index, all are to become one.
    Vectors {
        steps: u32,
        consolidate: Option<Vec<u8>>,
    },
    /// A snapshot is asked for, and the one under way goes on so many steps.
    Snapshot {
        steps: u64,
    },
    /// A backup is made, or brought up to date; a snapshot goes on beside it.
    Backup {
        link: bool,
    },
    /// Somebody asks for everything so far to be durable.
    WaitDurable,
    Advance {
        ms: u64,
    },
    /// The wall clock is set, so many milliseconds from where it started.
    Jump {
        ms: i64,
    },
    Inject(Injection),
    /// So many bytes are left on the disk; `None`: any number.
    Room(Option<u64>),
    /// Memory is limited, or is not any more.
    Limit(Limit),
    /// The store fills its disk, and gets space back when what has filled it is removed: one by one, or all at once.
    Fill {
        flush: bool,
    },
}

/// A limit of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// So many bytes more than are taken now, or fewer; `None`: there is no limit.
    pub(crate) room: Option<i64>,
    pub(crate) policy: EvictionPolicy,
    pub(crate) samples: usize,
    pub(crate) grouping: Grouping,
}
