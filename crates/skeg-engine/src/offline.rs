//! Tools for a database that nobody has open: what `skeg check`, `inspect`, `repair`, `backup` and
//! `info` do. The log knows the bytes (its `Offline`), this side what is in the records.
//!
//! Invariants: a record passes here exactly when replay would apply it, but nothing is kept of it, so
//! a check takes no memory for the data.
//! May not know: how anything is shown.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use skeg_io::Io;
use skeg_io::sync::Arc;
use skeg_log::{Epoch, LogError, Replay, ReplayError, ShardId, ValueReader, VectorFile};
use skeg_vector::{Index, VectorError};

pub use skeg_log::{
    BlockInfo, BlockKind, CheckReport, Copied, CopyOptions, Corruption, CurrentInfo, Dropped,
    ErrorKind, Found, HeaderInfo, Offline, Outcome, RecordInfo, RepairPlan, SegmentInfo,
    SegmentState, ShardPlace, SnapshotFound, Summary,
};

use crate::describe::effects_of;
pub use crate::describe::{Detail, EffectInfo, RecordEffects, Subject};
use crate::effect::Effect;
use crate::indexes::{Created, IndexInfo, put_together, replayed, row_of};
use crate::options::EngineOptions;
pub use crate::replay::Progress;
use crate::replay::{Rebuild, place_of, segments_of};
use crate::router::SHARDS_MAX;
use crate::stats::ShardFigures;
use crate::vectors::verify_segment;

/// More strings that are not what they were are not listed.
const UNREADABLE_MAX: usize = 1_000;

/// Told of every record that a repair would lose and that can still be read.
pub type Lost<'a> = &'a mut dyn FnMut(Epoch, RecordInfo<'_>);

/// Checks every byte that has a checksum, and every effect.
///
/// # Errors
/// As [`Offline::check`]; damage is in the report.
pub fn check(io: &Io, offline: &Offline, progress: Progress<'_>) -> Result<CheckReport, LogError> {
    let mut verify = Verify::new(progress);
    let mut report = offline.check(&mut verify)?;
    // A string that a snapshot names by its place is in a segment that was checked as well. It is read
    // all the same; an open reads none.
    for found in verify.unreadable {
        if !report.damage.iter().any(|known| known.file == found.file) {
            report.damage.push(found);
        }
    }
    // An open needs such a string only if a later effect has changed it in place.
    if !report.is_sound()
        && report.outcome != Outcome::Refuses
        && let Err(LogError::Corrupt(found)) = contents(io, offline, &|_, _| {})
    {
        report.outcome = Outcome::Refuses;
        report.damage.retain(|known| known.file != found.file || known.offset != found.offset);
        report.damage.insert(0, *found);
    }
    Ok(report)
}

/// What a repair would do; `None` when nothing is damaged. When CURRENT is lost and `shards` is not
/// given, their number is told from where the keys are.
///
/// # Errors
/// As [`Offline::plan_repair`].
pub fn plan_repair(
    offline: &Offline,
    shards: Option<u16>,
    progress: Progress<'_>,
    lost: Lost<'_>,
) -> Result<Option<RepairPlan>, LogError> {
    let shards = match shards {
        None => guess_shards(offline)?,
        given => given,
    };
    offline.plan_repair(shards, &mut || Box::new(Verify::new(progress)), lost)
}

/// Does what was planned.
///
/// # Errors
/// As [`Offline::repair`].
pub fn repair(
    offline: &Offline,
    plan: &RepairPlan,
    progress: Progress<'_>,
) -> Result<(), LogError> {
    offline.repair(plan, &mut || Box::new(Verify::new(progress)))
}

/// Copies a sound database; see [`Offline::copy_to`].
///
/// # Errors
/// As [`Offline::copy_to`].
pub fn copy_to(
    offline: &Offline,
    target: &Path,
    options: CopyOptions,
    progress: Progress<'_>,
) -> Result<Copied, LogError> {
    offline.copy_to(target, options, &mut || Box::new(Verify::new(progress)))
}

/// What is in a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The sum of all shards.
    pub figures: ShardFigures,
    /// The vector indexes, by name.
    pub indexes: Vec<IndexInfo>,
}

/// Loads the database into memory and looks at what is in it. Keys that have expired and were not
/// removed are counted.
///
/// # Errors
/// As an open: whatever is damaged, missing or unknown.
pub fn contents(io: &Io, offline: &Offline, progress: Progress<'_>) -> Result<Contents, LogError> {
    let inline_max = EngineOptions::default().inline_max;
    let mut rebuild = Rebuild::new(io, true, inline_max, progress);
    let recovered = offline.replay(&mut rebuild).map_err(|error| rebuild.explain(error))?;
    let mut contents = Contents::default();
    for mut shard in rebuild.finish(recovered.shards, None, &Arc::default()) {
        contents.figures.add(&shard.figures());
        contents.indexes.append(&mut shard.index_list());
    }
    contents.indexes = put_together(contents.indexes);
    Ok(contents)
}

/// Judges records as replay would, and keeps nothing but the options of vector indexes.
struct Verify<'a> {
    /// Indexes by shard and name.
    indexes: BTreeMap<(u16, Box<[u8]>), Bare>,
    /// The newest generation in a segment, by the number of its index.
    stored: BTreeMap<u64, u64>,
    reader: Option<Arc<ValueReader>>,
    /// Strings in the log that are not what the snapshot says.
    unreadable: Vec<Corruption>,
    progress: Progress<'a>,
}

/// An index without its vectors: it knows which ones it would take.
struct Bare {
    index: Index,
    created: Created,
}

impl<'a> Verify<'a> {
    fn new(progress: Progress<'a>) -> Self {
        let (indexes, stored) = (BTreeMap::new(), BTreeMap::new());
        Self { indexes, stored, reader: None, unreadable: Vec::new(), progress }
    }

    fn effect(&mut self, shard: ShardId, effect: &Effect<'_>) -> Result<(), String> {
        let said = |error: VectorError| error.to_string();
        match *effect {
            Effect::SetRange { offset, .. } => drop(place_of(offset)?),
            Effect::SetAway { value, .. } => {
                let reader = self.reader.as_ref().ok_or("a string that nobody can read")?;
                match reader.sum_parts(&value) {
                    Err(LogError::Corrupt(found)) if self.unreadable.len() < UNREADABLE_MAX => {
                        self.unreadable.push(*found);
                    }
                    Err(LogError::Corrupt(_)) => {}
                    other => drop(other.map_err(|error| error.to_string())?),
                }
            }
            Effect::IndexCreate { name, options } => {
                let created = Created::from_bytes(options)?;
                let index = Index::new(created.options, 0).map_err(said)?;
                self.indexes.insert((shard.0, name.into()), Bare { index, created });
            }
            Effect::IndexDrop { name } => {
                drop(self.indexes.remove(&(shard.0, name.into())));
            }
            Effect::VectorSet { name, id, row } => {
                let (id, row) = (replayed(id)?, row_of(row)?);
                self.index(shard, name)?.check(id.as_ref(), &row).map_err(said)?;
            }
            Effect::VectorRemove { name, id } => {
                replayed(id)?;
                self.index(shard, name)?;
            }
            Effect::IndexFreeze { name } => {
                self.index(shard, name)?;
            }
            Effect::Set { .. }
            | Effect::SetInt { .. }
            | Effect::Remove { .. }
            | Effect::Expire { .. }
            | Effect::Append { .. }
            | Effect::Move { .. }
            | Effect::Elements { .. }
            | Effect::ListSet { .. }
            | Effect::ListInsert { .. }
            | Effect::ListRemove { .. }
            | Effect::Flush { .. }
            | Effect::Swap { .. } => {}
        }
        Ok(())
    }

    fn index(&self, shard: ShardId, name: &[u8]) -> Result<&Index, String> {
        let index = self.indexes.get(&(shard.0, name.into()));
        index.map(|bare| &bare.index).ok_or_else(|| "a vector of no index".to_owned())
    }
}

impl Replay for Verify<'_> {
    fn start(&mut self, _: u16) -> Result<(), ReplayError> {
        self.indexes.clear();
        self.stored.clear();
        self.unreadable.clear();
        Ok(())
    }

    fn values(&mut self, reader: &Arc<ValueReader>) {
        self.reader = Some(Arc::clone(reader));
    }

    fn vectors(&mut self, file: &VectorFile) -> Result<(), LogError> {
        let tag = verify_segment(file)?;
        let newest = self.stored.entry(tag.index).or_default();
        *newest = tag.generation.max(*newest);
        Ok(())
    }

    fn record(&mut self, shard: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
        for effect in effects_of(kind, payload)?.1 {
            let effect = effect.map_err(|bad| ReplayError(bad.to_string()))?;
            self.effect(shard, &effect).map_err(ReplayError)?;
        }
        Ok(())
    }

    fn lacks(&self) -> Option<String> {
        let stored = |number| self.stored.get(&number).copied().unwrap_or_default();
        let misses = |created: &Created| created.relies_on > stored(created.number);
        let missing = self.indexes.iter().find(|(_, bare)| misses(&bare.created));
        missing.map(|((_, name), _)| segments_of(name))
    }

    fn progress(&mut self, done_bytes: u64, total_bytes: u64) {
        (self.progress)(done_bytes, total_bytes);
    }
}

/// How many shards a database without CURRENT has: keys and indexes lie where routing puts them, so
/// each one rules some numbers out. Of those that are left any is right; the default is preferred.
fn guess_shards(offline: &Offline) -> Result<Option<u16>, LogError> {
    let summary = offline.summary()?;
    if summary.current.is_ok() {
        return Ok(None);
    }
    // One bit for each power of two.
    let possible = Cell::new(u16::MAX);
    let rule_out = |shard: ShardId, slot: Option<u16>| {
        for power in 0..=SHARDS_MAX.ilog2() {
            let count = 1_u16 << power;
            let fits = slot.map_or(shard.0 < count, |slot| slot & (count - 1) == shard.0);
            possible.set(possible.get() & !(u16::from(!fits) << power));
        }
    };
    for segment in summary.segments.iter().filter(|segment| segment.header.is_ok()) {
        offline.walk_segment(segment, &mut |found| {
            if let Found::Block(block) = found {
                for record in block.records() {
                    rule_out(record.shard, None);
                    let effects = RecordEffects::new(record.kind, record.payload);
                    for effect in effects.into_iter().flatten().flatten() {
                        effect.subject.slot().into_iter().for_each(|slot| {
                            rule_out(record.shard, Some(slot));
                        });
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
    }
    let powers = 0..=SHARDS_MAX.ilog2();
    let left = powers.filter(|power| possible.get() >> power & 1 == 1).map(|power| 1_u16 << power);
    let default = EngineOptions::SHARDS_DEFAULT;
    Ok(left.clone().find(|count| *count == default).or_else(|| left.clone().next()))
}
