//! Scenarios: everything that is going to happen, drawn from one seed.
//!
//! Invariant: a plan is data; playing it draws nothing more but what the simulated machine draws from
//! the same seed. So the same plan always does the same, and a plan can be cut down.

use skeg_engine::{End, Grouping, Level, SyncPolicy};
use skeg_io::sim::{CrashPolicy, Failure, Fault, FaultRates, Injection, Operation, SimRng};
use skeg_vector::{Backend, IdKind, IndexOptions, Metric, Tier};

mod commands;
mod memory;

pub(crate) use memory::Limit;

use crate::client::Route;
use crate::dump::{IDS, id};
use crate::elements::Change;
use crate::op::{Deadline, Op};
use crate::state::At;

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

/// Faults of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    Space,
    Io,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64, themes: Themes) -> Self {
        Draw::new(seed, themes).plan(seed, themes)
    }

    /// Steps of all rounds.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.rounds.iter().map(|round| round.steps.len()).sum()
    }
}

/// Draws plans.
struct Draw {
    rng: SimRng,
    /// For what is about large strings.
    strings: SimRng,
    /// For what is about strings with files of their own.
    written: SimRng,
    /// Strings are written while anything else happens: that makes the disk change often, so crashes come early.
    writes_ahead: bool,
    /// For how much of a shard a snapshot takes at a time.
    slices: SimRng,
    /// For what is about numbers of shards and of snapshots.
    shards: SimRng,
    /// For what is about the limit of memory.
    memory: SimRng,
    /// How keys are grouped.
    grouping: Option<Grouping>,
    /// For what is about commands.
    commands: SimRng,
    /// The keys that commands have used last, by kind, and their database.
    recent: [Option<Vec<u8>>; 5],
    recent_db: Option<u8>,
    recent_index: Option<u64>,
    /// Of 100 operations, how many are commands.
    command_operations: u64,
    /// The key that was set last: perhaps its string is not yet written.
    set_last: Option<At>,
    keys: u64,
    databases: u64,
    value_bytes: u64,
    clients: u64,
    /// Of 100 steps, how many are operations.
    operations: u64,
    /// Of so many steps, one is a snapshot's.
    snapshots: u64,
    /// Of so many, one makes segments of vectors.
    vectors: u64,
    /// Of 100 operations, how many concern vectors, beside those that do anyhow.
    vector_operations: u64,
    /// What crashes are to strike takes many changes of the disk.
    far: bool,
}

impl Draw {
    fn new(seed: u64, themes: Themes) -> Self {
        let mut rng = SimRng::new(seed ^ 0x736b_6567_7369_6d00);
        let mut pick = |choices: &[u64]| choices[rng.index(choices.len())];
        let keys = pick(&[3, 8, 8, 20, 60]);
        let databases = pick(&[1, 2, 2, 3, 16]);
        let value_bytes = pick(&[12, 60, 60, 300, 3_000, 20_000]);
        let clients = pick(&[1, 2, 3, 5]);
        let operations = pick(&[30, 50, 60, 75, 90]);
        let snapshots = match themes {
            Themes::Snapshots => 3,
            Themes::Backups => 8,
            _ => 24,
        };
        let strings = SimRng::new(seed ^ 0x6c61_7267_6500_0000);
        let mut written = SimRng::new(seed ^ 0x7772_6974_7465_6e00);
        let writes_ahead = written.below(6) == 0;
        let mut commands = SimRng::new(seed ^ 0x636f_6d6d_616e_6400);
        let shares = match themes {
            Themes::Snapshots => [0, 0, 0, 50],
            Themes::Vectors | Themes::Backups => [0, 0, 0, 20],
            _ => [0, 20, 50, 90],
        };
        let command_operations = shares[commands.index(4)];
        let (vectors, vector_operations) =
            if themes == Themes::Vectors { (3, 70) } else { (20, 0) };
        Self {
            rng,
            strings,
            written,
            writes_ahead,
            slices: SimRng::new(seed ^ 0x736c_6963_6573_0000),
            shards: SimRng::new(seed ^ 0x7368_6172_6473_0000),
            memory: SimRng::new(seed ^ 0x6d65_6d6f_7279_0000),
            grouping: None,
            commands,
            recent: Default::default(),
            recent_db: None,
            recent_index: None,
            command_operations,
            set_last: None,
            keys,
            databases,
            value_bytes,
            clients,
            operations,
            snapshots,
            vectors,
            vector_operations,
            far: matches!(themes, Themes::Vectors | Themes::Backups),
        }
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.index(choices.len())]
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.rng.below(count) == 0
    }

    fn plan(&mut self, seed: u64, themes: Themes) -> Plan {
        let trouble = match (themes, self.rng.below(10)) {
            (Themes::All, 6 | 7) => Trouble::Space,
            (Themes::All, 8..) => Trouble::Io,
            _ => Trouble::None,
        };
        let nuisance = if self.one_in(4) {
            FaultRates {
                short_per_million: 200_000,
                interrupted_per_million: 200_000,
                ..FaultRates::default()
            }
        } else {
            FaultRates::default()
        };
        let shards = self.pick(&[1, 2, 4, 4, 8, 16]);
        let rounds = self.pick(&[1, 2, 3, 3, 4]);
        Plan {
            seed,
            shards,
            clients: usize::try_from(self.clients).expect("a few"),
            nuisance,
            rounds: (0..rounds).map(|number| self.round(number, trouble, themes)).collect(),
        }
    }

    fn round(&mut self, number: u64, trouble: Trouble, themes: Themes) -> Round {
        let count = self.pick(&[5, 30, 80, 150, 300]);
        let count = 1 + self.rng.below(count);
        let mut steps: Vec<Step> = (0..count).map(|_| self.step()).collect();
        if themes == Themes::Vectors {
            let creates = (0..3).map(|number| self.index_create(number));
            let run = |op| Step::Run { client: 0, op, route: Route::Borrow };
            let mut first: Vec<Step> = creates.map(run).collect();
            if self.rng.coin() {
                first.extend(self.consolidation());
            }
            steps.splice(0..0, first);
        }
        if themes == Themes::Backups {
            for _ in 0..1 + steps.len() / 20 {
                let at = self.rng.index(steps.len() + 1);
                steps.insert(at, Step::Backup { link: self.rng.coin() });
            }
        }
        if self.is_limited(themes) {
            self.add_limits(&mut steps);
        }
        self.add_trouble(&mut steps, trouble);
        let fills = steps.iter().any(|step| matches!(step, Step::Fill { .. }));
        let openings = self.pick(&[0, 0, 0, 1, 1, 2, 3]);
        // Every seed has a power loss; the first round is sure to end with one.
        let power_only = themes == Themes::PowerLoss || (number == 0 && themes == Themes::All);
        let shards = (number > 0 && self.shards.below(5) == 0)
            .then(|| [1, 2, 4, 8, 16, 32][self.shards.index(6)]);
        let mut opening: Vec<Crash> =
            (0..openings).map(|_| self.crash(28, themes == Themes::PowerLoss)).collect();
        if shards.is_some() {
            // Such an opening takes more changes of the disk.
            let others = std::mem::replace(&mut self.rng, SimRng::new(self.shards.next_u64()));
            opening.extend((0..2).map(|_| self.crash(60, themes == Themes::PowerLoss)));
            self.rng = others;
        }
        Round {
            settings: Settings { shards, ..self.settings() },
            opening,
            opening_rates: (trouble == Trouble::Io && self.one_in(3)).then(|| self.bad_rates()),
            look: self.one_in(4),
            settle: self.one_in(3),
            end: if number > 0 && self.one_in(6) {
                None
            } else {
                let crash = self.crash_at_work(power_only);
                // Until a disk is full it changes a thousand times and more.
                Some(Crash { at: crash.at * if fills { 50 } else { 1 }, ..crash })
            },
            steps,
            damages: (0..4).map(|_| self.harm()).collect(),
        }
    }

    fn settings(&mut self) -> Settings {
        let themed = self.vector_operations > 0;
        Settings {
            level: self.pick(&[Level::Memory, Level::Kernel, Level::Kernel, Level::Disk]),
            sync: self.pick(&[SyncPolicy::Never, SyncPolicy::EverySecond, SyncPolicy::Always]),
            segment_bytes: self.pick(&[16 << 10, 16 << 10, 40 << 10, 256 << 10, 64 << 20]),
            queue_limit: self.pick(&[2, 4_096, 4_096, 4_096]),
            snapshot_log_bytes: self.pick(&[4 << 10, 64 << 10, 64 << 20, 64 << 20]),
            snapshot_buffer_bytes: self.pick(&[1, 300, 4 << 20]),
            snapshot_slice_bytes: [48, 48, 700, 128 << 10][self.slices.index(4)],
            inline_max: [64, 64, 200, 1_024, 1 << 20][self.strings.index(5)],
            cache_bytes: [0, 4 << 10, 64 << 20][self.strings.index(3)],
            vector_delta_bytes: self.pick(&[1, 1, 3_000, if themed { 1 } else { 8 << 20 }]),
            shards: None,
            keep_snapshots: [1, 1, 2, 3][self.shards.index(4)],
            vector_beside_bytes: self.pick(&[1, 64 << 20]),
            vector_idle_ms: self.pick(&[0, 30_000]),
        }
    }

    fn harm(&mut self) -> Harm {
        use HarmKind::{Cut, FlipBit, Misplaced, Removed, ZeroPage};
        let mut share = || self.rng.below(MILLION);
        let (file, place, other) = (share(), share(), (share(), share()));
        let kind = self.pick(&[FlipBit, FlipBit, FlipBit, ZeroPage, Misplaced, Cut, Removed]);
        Harm { kind, file, place, other }
    }

    fn crash(&mut self, changes: u64, power_only: bool) -> Crash {
        use CrashPolicy::{AnySubset, DropAll, KeepAll};
        let policy = self.pick(&[AnySubset, AnySubset, AnySubset, DropAll, DropAll, KeepAll]);
        let power = power_only || self.rng.below(3) > 0;
        Crash { power: power.then_some(policy), at: 1 + self.rng.below(changes) }
    }

    fn crash_at_work(&mut self, power_only: bool) -> Crash {
        // A segment of vectors takes a few dozen, and so does a backup.
        let changes =
            if self.far { self.pick(&[8, 50, 120, 400]) } else { self.pick(&[3, 8, 20, 50, 120]) };
        self.crash(changes, power_only)
    }

    fn bad_rates(&mut self) -> FaultRates {
        FaultRates {
            read_failed_per_million: self.pick(&[0, 50_000]),
            write_failed_per_million: self.pick(&[0, 50_000]),
            sync_failed_per_million: self.pick(&[0, 100_000]),
            out_of_space_per_million: self.pick(&[0, 100_000]),
            ..FaultRates::default()
        }
    }

    fn add_trouble(&mut self, steps: &mut Vec<Step>, trouble: Trouble) {
        let place = |rng: &mut SimRng, steps: &[Step]| rng.index(steps.len() + 1);
        match trouble {
            Trouble::None => {}
            Trouble::Space => {
                let begin = place(&mut self.rng, steps);
                if self.strings.index(3) == 0 {
                    return steps.insert(begin, Step::Fill { flush: self.strings.coin() });
                }
                let step = if self.one_in(4) {
                    let failure = self.pick(&[Failure::OutOfSpace, Failure::OverQuota]);
                    let operation =
                        self.pick(&[Operation::Write, Operation::Allocate, Operation::Create]);
                    let fault = Injection::once(operation, Fault::Fail(failure));
                    Step::Inject(Injection { times: 1 + self.rng.below(4), ..fault })
                } else {
                    Step::Room(Some(self.pick(&[0, 4 << 10, 64 << 10, 300 << 10])))
                };
                steps.insert(begin, step);
                if self.rng.coin() {
                    let end = begin + 1 + self.rng.index(steps.len() - begin);
                    steps.insert(end, Step::Room(None));
                }
            }
            Trouble::Io => {
                let operation = self.pick(&[Operation::Write, Operation::Sync, Operation::SyncDir]);
                let operation = if self.one_in(5) { Operation::Allocate } else { operation };
                let fault = Injection::once(operation, Fault::Fail(Failure::Io));
                let at = place(&mut self.rng, steps);
                steps.insert(at, Step::Inject(fault.after(self.rng.below(4))));
            }
        }
    }

    fn step(&mut self) -> Step {
        if self.one_in(self.snapshots) {
            return Step::Snapshot { steps: self.pick(&[1, 1, 2, 5, 80]) };
        }
        if self.one_in(self.vectors) {
            let number = self.rng.below(3);
            let consolidate = self.one_in(4).then(|| format!("index {number}").into_bytes());
            return Step::Vectors { steps: self.pick(&[1, 2, 3, 5, 9, 80]), consolidate };
        }
        if self.writes_ahead && self.written.below(12) == 0 {
            return self.ahead();
        }
        if self.rng.below(100) < self.operations {
            let route = if self.one_in(5) { Route::Post } else { Route::Borrow };
            return Step::Run { client: self.client(), op: self.op(), route };
        }
        match self.rng.below(40) {
            0..=7 => Step::Release(self.client()),
            8..=16 => Step::Write,
            17 | 18 => Step::Sync,
            19 | 20 => Step::Commit,
            21..=24 => Step::Maintain,
            25..=27 => Step::Tick,
            28..=33 => Step::Turn,
            34 => Step::WaitDurable,
            35 | 36 => Step::Advance { ms: self.rng.below(40) },
            37 => Step::Advance { ms: self.rng.below(4_000) },
            _ => Step::Jump { ms: self.rng.below(4_000).cast_signed() - 2_000 },
        }
    }

    /// A string is begun or gone on with, beside everything else.
    fn ahead(&mut self) -> Step {
        // The first connection's, mostly, so that one is not always begun anew.
        let client = if self.written.below(4) == 0 { self.client() } else { 0 };
        if self.written.below(3) == 0 {
            let (at, deadline) = (self.at(), self.deadline());
            let op = Op::SetWritten { at, value: self.bytes(), deadline, written: None };
            return Step::Ahead { client, op };
        }
        let route = if self.written.coin() { Route::Post } else { Route::Borrow };
        Step::GoOn { client, parts: 1 + self.written.index(4), route }
    }

    fn client(&mut self) -> usize {
        let client = self.rng.below(self.clients);
        usize::try_from(client).expect("a few")
    }

    fn at(&mut self) -> At {
        let db = u8::try_from(self.rng.below(self.databases)).expect("below 16");
        let number = self.rng.below(self.keys);
        let key = match number % 8 {
            // A few share a slot, one is long, one is not text.
            0..=2 => format!("{{tag}}{number}").into_bytes(),
            3 => [&number.to_le_bytes()[..], &[0, 255, b'{', b'}']].concat(),
            4 if number > 8 => format!("{number:0>300}").into_bytes(),
            _ => format!("key:{number}").into_bytes(),
        };
        At { db, key }
    }

    /// A key beside that of [`Self::at`], for a collection; which kind, its length tells.
    fn at_elements(&mut self) -> At {
        let mut at = self.at();
        at.key.extend_from_slice(b"/elements");
        at
    }

    /// Either.
    fn at_any(&mut self) -> At {
        if self.one_in(3) { self.at_elements() } else { self.at() }
    }

    fn bytes(&mut self) -> Vec<u8> {
        if self.one_in(5) {
            return (self.rng.below(2_000).cast_signed() - 1_000).to_string().into_bytes();
        }
        let most = if self.one_in(60) { self.value_bytes * 12 } else { self.value_bytes };
        let length = usize::try_from(self.rng.below(most + 1)).expect("it fits into memory");
        let mut bytes = vec![0; length];
        self.rng.fill(&mut bytes);
        bytes
    }

    fn op(&mut self) -> Op {
        if self.rng.below(100) < self.vector_operations {
            return self.on_index();
        }
        if self.commands.below(100) < self.command_operations {
            return self.commands();
        }
        if self.strings.below(20) == 0
            && let Some(at) = self.set_last.take()
        {
            return Op::SetRange { at, offset: self.strings.index(300), bytes: self.bytes() };
        }
        match self.rng.below(100) {
            0..=11 => Op::All((0..2 + self.rng.below(5)).map(|_| self.part()).collect()),
            12 => Op::Flush(self.at().db),
            13 => Op::FlushEach(self.at().db),
            14 => Op::Swap(self.at().db, self.at().db),
            _ => self.part(),
        }
    }

    /// What can stand in a transaction as well.
    fn part(&mut self) -> Op {
        if self.one_in(3) {
            return self.element();
        }
        match self.rng.below(100) {
            0..=9 => Op::Get(self.at()),
            10 | 11 => Op::Exists(self.at_any()),
            12 | 13 => Op::Expiry(self.at_any()),
            14..=35 => {
                let at = self.at();
                self.set_last = Some(at.clone());
                let (value, deadline) = (self.bytes(), self.deadline());
                match self.written.below(4) {
                    0 => Op::SetWritten { at, value, deadline, written: None },
                    _ => Op::Set { at, value, deadline },
                }
            }
            36 | 37 => Op::SetInt { at: self.at(), value: self.rng.next_u64().cast_signed() },
            38..=48 => Op::Add { at: self.at(), by: self.rng.below(200).cast_signed() - 100 },
            49..=57 => Op::Append { at: self.at(), tail: self.bytes() },
            58..=61 => {
                let offset = self.rng.index(300);
                Op::SetRange { at: self.at(), offset, bytes: self.bytes() }
            }
            62..=70 => Op::Remove(self.at_any()),
            71..=76 => {
                let after = self.rng.below(3_000).cast_signed() - 200;
                let after_ms = if self.one_in(4) { None } else { Some(after) };
                Op::SetExpiry { at: self.at_any(), after_ms }
            }
            77..=83 => {
                let (from, to) = (self.at_any(), self.at_any());
                let keep = self.rng.coin();
                if from == to { Op::Get(from) } else { Op::Move { from, to, keep } }
            }
            _ => self.on_index(),
        }
    }

    /// A change of a collection; keys mostly hold one kind, so that collections grow.
    fn element(&mut self) -> Op {
        let at = if self.one_in(20) { self.at() } else { self.at_elements() };
        let kind = if self.one_in(20) { self.rng.below(4) } else { at.key.len() as u64 };
        let name = |rng: &mut SimRng| match rng.below(3) {
            0 => rng.below(40).to_string().into_bytes(),
            _ => format!("element {}", rng.below(30)).into_bytes(),
        };
        let end = if self.rng.coin() { End::Front } else { End::Back };
        let removes = self.one_in(3);
        let change = match (kind % 4, removes) {
            (0, false) => Change::HashSet(name(&mut self.rng), self.bytes()),
            (0, true) => Change::HashRemove(name(&mut self.rng)),
            (1, false) => Change::SetAdd(name(&mut self.rng)),
            (1, true) => Change::SetRemove(name(&mut self.rng)),
            (2, false) => Change::Score(name(&mut self.rng), f64::from(self.rng.below(9) as u8)),
            (2, true) => Change::Unscore(name(&mut self.rng)),
            (_, false) => match self.rng.below(4) {
                0 => Change::ListSet(self.rng.index(9), self.bytes()),
                1 => Change::ListInsert(self.rng.index(9), self.bytes()),
                _ => Change::Push(end, self.bytes()),
            },
            (_, true) if self.rng.coin() => Change::Pop(end),
            (_, true) => Change::ListRemove(self.rng.index(6), self.rng.index(3)),
        };
        Op::Element { at, change }
    }

    fn deadline(&mut self) -> Deadline {
        match self.rng.below(10) {
            0..=5 => Deadline::Clear,
            6 => Deadline::Keep,
            7 => Deadline::After(self.rng.below(20).cast_signed() - 5),
            _ => Deadline::After(self.rng.below(3_000).cast_signed()),
        }
    }

    /// The dimension of an index; now and then another, which is refused.
    fn dim_of(&mut self, number: u64) -> u32 {
        if self.one_in(20) { 3 } else { [2, 4, 200][self.rng.index(3).min(number as usize)] }
    }

    fn index_create(&mut self, number: u64) -> Op {
        let name = format!("index {number}").into_bytes();
        let dim = self.dim_of(number);
        let metric = self.pick(&[Metric::Euclidean, Metric::Euclidean, Metric::Cosine]);
        let tier = match number {
            0 => Tier::F32,
            1 => self.pick(&[Tier::Int8, Tier::Pq]),
            _ => self.pick(&[Tier::Tq2, Tier::Tq2, Tier::Pq]),
        };
        let backend = if number == 2 { Backend::Disk } else { Backend::Auto };
        let ids = ids_of(number);
        let options = IndexOptions { ids, tier, backend, ..IndexOptions::new(dim, metric) };
        Op::IndexCreate { name, options }
    }

    fn on_index(&mut self) -> Op {
        let number = self.rng.below(3);
        let name = format!("index {number}").into_bytes();
        let id = id(ids_of(number), self.rng.below(IDS));
        match self.rng.below(16) {
            0..=2 => self.index_create(number),
            3 if self.vector_operations == 0 || self.one_in(4) => Op::IndexDrop(name),
            4..=6 => Op::VectorRemove { name, id },
            7..=9 => Op::VectorGet { name, id },
            _ => self.vector_set(number, id),
        }
    }

    fn vector_set(&mut self, number: u64, id: skeg_vector::Id) -> Op {
        let dim = self.dim_of(number);
        let mut element = || 1.0 + u16::try_from(self.rng.below(1_000)).map_or(0.0, f32::from);
        let row = (0..dim).map(|_| element()).collect();
        Op::VectorSet { name: format!("index {number}").into_bytes(), id, row }
    }

    /// Segments of an index are made, and while they become one, rows are replaced and flushed.
    fn consolidation(&mut self) -> Vec<Step> {
        let number = self.rng.below(3);
        let vectors = |steps, consolidate| Step::Vectors { steps, consolidate };
        let mut steps = Vec::new();
        for round in 0..10 {
            let id = id(ids_of(number), self.rng.below(IDS));
            let op = self.vector_set(number, id);
            steps.push(Step::Run { client: 0, op, route: Route::Borrow });
            let name = (round == 4).then(|| format!("index {number}").into_bytes());
            steps.push(vectors(self.pick(&[9, 14, 26]), name));
        }
        steps
    }
}

/// What the ids of an index are.
fn ids_of(number: u64) -> IdKind {
    if number == 0 { IdKind::U64 } else { IdKind::Str }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_plan() {
        for seed in 0..20 {
            let plan = |seed| format!("{:?}", Plan::new(seed, Themes::All));
            assert_eq!(plan(seed), plan(seed));
            assert_ne!(plan(seed), plan(seed + 1));
        }
    }

    #[test]
    fn every_plan_has_a_power_loss() {
        for seed in 0..200 {
            let plan = Plan::new(seed, Themes::All);
            let end = plan.rounds[0].end.expect("the first round does not close");
            assert!(end.power.is_some());
        }
    }
}
