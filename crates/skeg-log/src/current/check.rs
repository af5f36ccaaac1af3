//! What no CURRENT says, because its parts would contradict each other.
//!
//! Invariant: whoever holds a [`Current`] that was read may rely on all of this.

use super::{Current, NUMBER_MAX, Older, SNAPSHOTS_MAX, ValueRef, VectorRef};
use crate::value_file::HEADER_BYTES as VALUE_HEADER_BYTES;

/// What should have been there.
type Expected = &'static str;

impl Current {
    pub(super) fn check(&self) -> Result<(), Expected> {
        let numbers = [self.generation, self.durable, self.next_segment, self.start.epoch];
        if numbers.into_iter().any(|number| number > NUMBER_MAX) {
            return Err("numbers that can be counted up");
        }
        if let Some(snapshot) = &self.snapshot
            && (snapshot.id > NUMBER_MAX || snapshot.covered > self.durable)
        {
            return Err("a snapshot of durable epochs");
        }
        if !self.shards.is_power_of_two() {
            return Err("a power of two as shard count");
        }
        self.check_older()?;
        self.check_segments()?;
        self.check_vectors()?;
        self.check_values()
    }

    fn check_older(&self) -> Result<(), Expected> {
        if self.older.len() >= SNAPSHOTS_MAX || (!self.older.is_empty() && self.snapshot.is_none())
        {
            return Err("no more older snapshots than can be kept beside one");
        }
        let ids: Vec<u64> = self.snapshots().map(|snapshot| snapshot.id).collect();
        if !ids.is_sorted_by(|a, b| a > b) {
            return Err("older snapshots, the newest first");
        }
        let known = if self.older.is_empty() { 0 } else { self.all_snapshots() };
        if self.segments.iter().any(|named| named.needed & !known != 0) {
            return Err("segments for snapshots that there are");
        }
        let mut newer = (self.start_segment, self.start.epoch);
        for Older { snapshot, start_segment, start } in &self.older {
            let is_named = self.segments.iter().any(|segment| segment.id == *start_segment);
            let is_before = *start_segment <= newer.0 && start.epoch <= newer.1;
            if !is_named || !is_before || snapshot.covered > self.durable {
                return Err("older snapshots with the log behind them");
            }
            newer = (*start_segment, start.epoch);
        }
        Ok(())
    }

    fn check_segments(&self) -> Result<(), Expected> {
        if !self.segments.is_sorted_by(|a, b| a.id < b.id) {
            return Err("ascending segments");
        }
        if !self.segments.is_sorted_by_key(|segment| segment.sealed.is_none()) {
            return Err("open segments behind sealed ones");
        }
        if !self.segments.iter().any(|segment| segment.id == self.start_segment) {
            return Err("a segment where replay starts");
        }
        if self.segments.iter().any(|segment| segment.id >= self.next_segment) {
            return Err("segments below the next id");
        }
        Ok(())
    }

    fn check_vectors(&self) -> Result<(), Expected> {
        let is_sound = |named: &VectorRef| {
            named.id != 0
                && named.id <= NUMBER_MAX
                && named.covered <= self.durable
                && named.shard < self.shards
        };
        if !self.vectors.iter().all(is_sound) {
            return Err("vector segments of durable epochs and of its shards");
        }
        let mut ids: Vec<u64> = self.vectors.iter().map(|named| named.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("each vector segment once");
        }
        Ok(())
    }

    fn check_values(&self) -> Result<(), Expected> {
        let known = self.all_snapshots();
        let is_sound = |named: &ValueRef| {
            named.id != 0
                && named.id <= NUMBER_MAX
                && named.needed != 0
                && named.needed & !known == 0
                && (VALUE_HEADER_BYTES..=NUMBER_MAX).contains(&named.length)
        };
        if !self.values.iter().all(is_sound) {
            return Err("files of values for snapshots that there are");
        }
        if !self.values.is_sorted_by(|a, b| a.id < b.id) {
            return Err("ascending files of values");
        }
        if self.values.last().is_some_and(|named| named.id >= self.next_segment) {
            return Err("files of values below the next id");
        }
        Ok(())
    }
}
