//! Which snapshots CURRENT names, and what stays for which of them.
//!
//! Invariants: a file stays as long as a snapshot needs it, and no longer; bit 0 of what a file is needed for is the
//! newest snapshot's, or the log's without one, and then come the older ones.
//! May not know: when a snapshot is taken or given up.

use super::{Current, NamedSegment, Older, SnapshotRef};

/// Snapshots that can be kept, the newest included: one bit for each.
pub(crate) const SNAPSHOTS_MAX: usize = u8::BITS as usize;

impl Current {
    /// The snapshots, the newest first.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = SnapshotRef> {
        self.snapshot.into_iter().chain(self.older.iter().map(|older| older.snapshot))
    }

    /// Whether a segment lies before the replay start and is there for values of the newest snapshot or of
    /// memory.
    pub(crate) fn is_for_values(&self, named: &NamedSegment) -> bool {
        named.id < self.start_segment && (self.older.is_empty() || named.needed & 1 == 1)
    }

    /// Takes a snapshot as the newest, and keeps those before it as older ones, `keep` of them all
    /// together. The replay start is still that of the one before.
    pub(crate) fn take_snapshot(&mut self, snapshot: SnapshotRef, keep: usize) {
        let had_older = !self.older.is_empty();
        if let Some(before) = self.snapshot.replace(snapshot) {
            let (start_segment, start) = (self.start_segment, self.start);
            self.older.insert(0, Older { snapshot: before, start_segment, start });
        }
        self.older.truncate(keep.clamp(1, SNAPSHOTS_MAX) - 1);
        let known = if self.older.is_empty() { 0 } else { self.all_snapshots() };
        for named in &mut self.segments {
            let alone = !had_older && named.id < self.start_segment;
            named.needed = (named.needed | u8::from(alone)) << 1 & known;
        }
        let known = self.all_snapshots();
        self.values.iter_mut().for_each(|named| named.needed = named.needed << 1 & known);
    }

    /// A bit for the newest snapshot, or the log where there is none, and one for each older one.
    pub(crate) fn all_snapshots(&self) -> u8 {
        u8::MAX >> (7 - self.older.len())
    }

    /// As it is without its newest snapshot, if there is an older one.
    pub(crate) fn without_newest(&self) -> Option<Self> {
        let (Older { snapshot, start_segment, start }, rest) = self.older.split_first()?;
        let (snapshot, start_segment, start) = (Some(*snapshot), *start_segment, *start);
        let oldest = rest.last().map_or(start_segment, |oldest| oldest.start_segment);
        let mut segments = self.segments.clone();
        segments.retain_mut(|named| {
            named.needed >>= 1;
            let stays = named.id >= oldest || named.needed != 0;
            if rest.is_empty() {
                named.needed = 0;
            }
            stays
        });
        let mut values = self.values.clone();
        values.iter_mut().for_each(|named| named.needed >>= 1);
        values.retain(|named| named.needed != 0);
        Some(Self {
            snapshot,
            start_segment,
            start,
            older: rest.to_vec(),
            segments,
            values,
            ..self.clone()
        })
    }

    /// Without the older snapshots, and without what is there for them alone.
    pub(crate) fn newest_alone(mut self) -> Self {
        let mut segments = std::mem::take(&mut self.segments);
        segments.retain(|named| named.id >= self.start_segment || self.is_for_values(named));
        segments.iter_mut().for_each(|named| named.needed = 0);
        self.values.retain(|named| named.needed & 1 != 0);
        self.values.iter_mut().for_each(|named| named.needed = 1);
        Self { segments, older: Vec::new(), ..self }
    }

    /// As it is without its oldest snapshot, and without what is there for that one alone; `None` when there is no
    /// older one.
    pub(crate) fn without_oldest(&self) -> Option<Self> {
        let (_, rest) = self.older.split_last()?;
        let Some(oldest) = rest.last() else { return Some(self.clone().newest_alone()) };
        let log_from = oldest.start_segment;
        let mut next = Self { older: rest.to_vec(), ..self.clone() };
        let known = next.all_snapshots();
        next.segments.retain_mut(|named| {
            named.needed &= known;
            named.id >= log_from || named.needed != 0
        });
        next.values.iter_mut().for_each(|named| named.needed &= known);
        next.values.retain(|named| named.needed != 0);
        Some(next)
    }
}
