//! Scenarios: plans drawn from seeds.
//!
//! Invariant: the same seed and themes always draw the same plan; a concern that comes later draws from a stream of its own,
//! so that others are drawn as before.
//! May not know: how plans are played.

use skeg_engine::{Grouping, Level, SyncPolicy};
use skeg_io::sim::{CrashPolicy, SimRng};

mod commands;
mod memory;
mod operations;
mod trouble;
mod vectors;

use trouble::Trouble;

use crate::client::Route;
use crate::op::Op;
use crate::plan::{Crash, Harm, HarmKind, MILLION, Plan, Round, Settings, Step, Themes};
use crate::state::At;

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64, themes: Themes) -> Self {
        Draw::new(seed, themes).plan(seed, themes)
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
        let (trouble, nuisance) = (self.trouble(themes), self.nuisance());
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
