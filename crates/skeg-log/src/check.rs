//! Checking a database that nobody has open: every byte that has a checksum, and what an open would
//! do.
//!
//! The verdict is that of recovery itself (`recover.rs`), which reads everything from the replay
//! start on; here is only what it does not read, and, where it stops, the list of what else is
//! damaged.
//!
//! Invariants: nothing is written; what stops an open is the first damage in the report; damage
//! always names file and offset.
//! May not know: what payloads mean; the caller's [`Replay`] judges them.

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::block::Mismatch;
use crate::current::{Current, NamedSegment};
use crate::error::{Corruption, LogError, corrupt};
use crate::inspect::LiveFile;
use crate::layout;
use crate::manifest;
use crate::offline::Offline;
use crate::recover::{History, replay_kept};
use crate::segment::{FILES, HEADER_BYTES};
use crate::snapshot;
use crate::types::{Epoch, Recovered, Replay};
use crate::value_file;
use crate::values::ValueReader;
use crate::vector;
use crate::walk::{ANY_SHARDS, Stretch, walk};

/// More damage than this is not listed.
const DAMAGE_MAX: usize = 1000;

/// What a check found.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Identity of the database, when MANIFEST and CURRENT could be read.
    pub database_id: Option<u128>,
    /// Its shards, likewise.
    pub shards: Option<u16>,
    /// Segments that CURRENT names.
    pub segments: u64,
    /// Bytes of segments that were read.
    pub bytes: u64,
    /// Records that were verified.
    pub records: u64,
    /// Blocks that no sync is known to have covered: an open writes them again.
    pub unsynced_blocks: u64,
    /// Last epoch of the history, when all of it could be read.
    pub last_epoch: Option<Epoch>,
    /// What is damaged. The first is what an open would refuse with.
    pub damage: Vec<Corruption>,
    /// Files that the next open would remove.
    pub leftovers: Vec<(PathBuf, u64)>,
    /// What an open would do.
    pub outcome: Outcome,
}

/// What an open would do.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Open.
    #[default]
    Opens,
    /// Open, after cutting what a crash has torn.
    Cuts {
        /// The segment.
        file: PathBuf,
        /// Where the torn part begins.
        offset: u64,
        /// Bytes cut, in this segment and later ones.
        bytes: u64,
    },
    /// Stop.
    Refuses,
}

impl CheckReport {
    /// Whether nothing is damaged. A torn tail is no damage.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    /// Adds damage, each place once.
    fn add(&mut self, found: Corruption) {
        let known = |known: &Corruption| known.file == found.file && known.offset == found.offset;
        if self.damage.len() < DAMAGE_MAX && !self.damage.iter().any(known) {
            self.damage.push(found);
        }
    }

    /// Adds damage; other errors end the check.
    fn add_error(&mut self, error: LogError) -> Result<(), LogError> {
        match error {
            LogError::Corrupt(found) => self.add(*found),
            other => return Err(other),
        }
        Ok(())
    }
}

impl Offline {
    /// Verifies everything. `replay` sees every record of the history, as in an open.
    ///
    /// # Errors
    /// [`LogError::NotFound`] without a database, [`LogError::Version`] for files of a newer
    /// version, [`LogError::Io`]. Damage is no error but in the report.
    pub fn check(&self, replay: &mut dyn Replay) -> Result<CheckReport, LogError> {
        let mut report = CheckReport::default();
        if let Err(error) = self.judge(replay, &mut report) {
            report.add_error(error)?;
            report.outcome = Outcome::Refuses;
            self.survey(replay, &mut report)?;
        }
        self.check_alone()?;
        Ok(report)
    }

    /// Does what an open does, as far as it changes nothing.
    fn judge(&self, replay: &mut dyn Replay, report: &mut CheckReport) -> Result<(), LogError> {
        let Some(current) = layout::load(&*self.disk, &self.dir)? else {
            layout::refuse_remains(&*self.disk, &self.dir)?;
            return Err(LogError::NotFound { dir: self.dir.clone() });
        };
        report.database_id = Some(current.database_id);
        report.shards = Some(current.shards);
        report.segments = current.segments.len() as u64;
        let (loaded, history) = match replay_kept(&self.io, &self.dir, &current, replay) {
            Err(LogError::Replay { shard, epoch, source }) => {
                let problem = format!("one of shard {shard}, {source}");
                return Err(self.place_of(&current, epoch, problem)?);
            }
            other => other?,
        };
        history.recovered.damaged_snapshots.iter().for_each(|found| report.add(found.clone()));
        report.bytes = history.recovered.bytes;
        report.records = history.recovered.records;
        report.unsynced_blocks = history.unwitnessed();
        report.last_epoch = Some(history.recovered.last_epoch);
        if let Some((file, offset)) = history.torn.clone() {
            report.outcome = Outcome::Cuts { file, offset, bytes: history.recovered.cut_bytes };
        }
        report.leftovers = self.summary()?.leftovers;
        self.survey_values(&current, report)?;
        // An open does not read what lies before the replay start, and no older snapshots.
        for named in current.segments.iter().filter(|named| named.id < loaded.start_segment) {
            report.bytes += self.survey_segment(&current, *named, report)?;
        }
        let mut older = loaded.without_newest();
        while let Some(current) = older {
            self.survey_snapshot(&current, report)?;
            older = current.without_newest();
        }
        Ok(())
    }

    /// Lists what does not verify in the newest snapshot of a CURRENT.
    fn survey_snapshot(&self, current: &Current, report: &mut CheckReport) -> Result<(), LogError> {
        let Some(named) = current.snapshot else { return Ok(()) };
        match snapshot::read::load(&*self.disk, &self.dir, current, &named, 0, &mut ()) {
            Ok(_) => report.bytes += named.length,
            Err(error) => report.add_error(error)?,
        }
        Ok(())
    }

    /// What an open would replay, with everything verified: for what needs the history itself.
    pub(crate) fn replayed(&self, replay: &mut dyn Replay) -> Result<(Current, History), LogError> {
        let current = layout::load(&*self.disk, &self.dir)?;
        let current = current.ok_or_else(|| LogError::NotFound { dir: self.dir.clone() })?;
        replay_kept(&self.io, &self.dir, &current, replay)
    }

    /// Replays the history without checking more than that needs.
    ///
    /// # Errors
    /// As an open: whatever is damaged, missing or unknown.
    pub fn replay(&self, replay: &mut dyn Replay) -> Result<Recovered, LogError> {
        Ok(self.replayed(replay)?.1.recovered)
    }

    /// Damage for a record that verifies and cannot be replayed.
    fn place_of(
        &self,
        current: &Current,
        epoch: u64,
        problem: String,
    ) -> Result<LogError, LogError> {
        let mismatch =
            Mismatch::new(format!("records of epoch {epoch} that can be applied"), problem);
        for named in &current.segments {
            let segment = self.open_segment(named.id, Some(current.database_id))??;
            let mut place = None;
            let limit = named.sealed.map_or(segment.bytes, |end| end.length);
            walk(
                &segment,
                HEADER_BYTES..limit,
                shards_in(current, *named),
                None,
                &mut |stretch| match stretch {
                    Stretch::Block { offset, block }
                        if block.header.epoch == epoch && block.records > 0 =>
                    {
                        place = Some(offset);
                        Ok(ControlFlow::Break(()))
                    }
                    _ => Ok(ControlFlow::Continue(())),
                },
            )?;
            if let Some(offset) = place {
                return Ok(corrupt(&segment.path, offset, mismatch));
            }
        }
        Ok(corrupt(&self.dir.join(manifest::FILE_NAME), 0, mismatch))
    }

    /// Lists everything that does not verify, as far as that can be told file by file.
    fn survey(&self, replay: &mut dyn Replay, report: &mut CheckReport) -> Result<(), LogError> {
        if let Err(error) = self.read_manifest()? {
            report.add_error(error)?;
        }
        let current = match self.read_current()? {
            Ok(current) => current,
            Err(error) => return report.add_error(error),
        };
        // They are listed from the newest on.
        let mut with_snapshot = current.clone();
        for file in current.live_files() {
            match file {
                LiveFile::Manifest | LiveFile::Current => {}
                LiveFile::Snapshot(_) => {
                    self.survey_snapshot(&with_snapshot, report)?;
                    with_snapshot = with_snapshot.without_newest().unwrap_or(with_snapshot);
                }
                LiveFile::Vectors(id) => {
                    let named = current.vectors.iter().find(|named| named.id == id);
                    let named = named.expect("it is one of them");
                    let file = vector::open(&*self.disk, &self.dir, current.database_id, named);
                    match file.and_then(|file| replay.vectors(&file)) {
                        Ok(()) => report.bytes += named.length,
                        Err(error) => report.add_error(error)?,
                    }
                }
                // All together, below.
                LiveFile::Value(_) => {}
                LiveFile::Segment(id) => {
                    let named = current.segments.iter().find(|named| named.id == id);
                    let named = *named.expect("it is one of them");
                    report.bytes += self.survey_segment(&current, named, report)?;
                }
            }
        }
        self.survey_values(&current, report)
    }

    /// Lists what does not verify of the files of values, which an open does not read but for their headers.
    fn survey_values(&self, current: &Current, report: &mut CheckReport) -> Result<(), LogError> {
        let reader = ValueReader::new(&self.io, &self.dir);
        for named in &current.values {
            match value_file::verify(&*self.disk, &self.dir, current.database_id, named, &reader) {
                Ok(()) => report.bytes += named.length,
                Err(error) => report.add_error(error)?,
            }
        }
        Ok(())
    }

    /// Lists what does not verify in a segment that CURRENT names; the bytes that were read.
    fn survey_segment(
        &self,
        current: &Current,
        named: NamedSegment,
        report: &mut CheckReport,
    ) -> Result<u64, LogError> {
        let segment = match self.open_segment(named.id, Some(current.database_id))? {
            Ok(segment) => segment,
            Err(error) => return report.add_error(error).map(|()| 0),
        };
        let path = FILES.path(&self.dir, named.id);
        let limit = named.sealed.map_or(segment.bytes, |end| end.length);
        if limit > segment.bytes {
            let mismatch = Mismatch::new(format!("{limit} bytes"), segment.bytes.to_string());
            report.add_error(corrupt(&path, segment.bytes, mismatch))?;
        }
        // Behind the last block of an open segment anything may lie.
        let mut held_back = None;
        walk(&segment, HEADER_BYTES..limit, shards_in(current, named), None, &mut |stretch| {
            if let Some((offset, mismatch)) = held_back.take()
                && (named.sealed.is_some() || matches!(stretch, Stretch::Block { .. }))
            {
                report.add_error(corrupt(&path, offset, mismatch))?;
            }
            held_back = match stretch {
                Stretch::Bad { offset, mismatch, .. } => Some((offset, mismatch)),
                Stretch::Free { offset, .. } if named.sealed.is_some() => {
                    Some((offset, Mismatch::new("a block", "zeros")))
                }
                Stretch::Block { .. } | Stretch::Free { .. } => None,
            };
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some((offset, mismatch)) = held_back
            && named.sealed.is_some()
        {
            report.add_error(corrupt(&path, offset, mismatch))?;
        }
        Ok(limit.min(segment.bytes))
    }
}

/// How many shards the blocks of a segment may name: what lies before the replay start may be from
/// before the database got its number.
fn shards_in(current: &Current, named: NamedSegment) -> u16 {
    if named.id < current.start_segment { ANY_SHARDS } else { current.shards }
}
