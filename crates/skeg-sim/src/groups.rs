//! Groups of keys that go for want of memory go whole.
//!
//! What goes in a sweep is seen key by key (`memory.rs`). While no sweep is under way, nothing may be left of a group of
//! which something went, unless somebody used the group since no sweep was under way last: whoever names a key
//! of it has perhaps used it. Nobody can say which groups were used if keys were found by a pattern, if databases changed
//! places while a sweep went from one to the next, or if the clock was behind what it had been.
//!
//! May not know: how old a group is, which go first.

use std::collections::BTreeSet;

use skeg_engine::Grouping;
use skeg_io::Clock;

use crate::op::Op;
use crate::run::Runner;
use crate::state::At;
use crate::work::Work;

/// What was seen of groups since no sweep was under way last.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// How keys are grouped, where groups go.
    grouping: Option<Grouping>,
    /// Names of those of which something went.
    gone: BTreeSet<Vec<u8>>,
    /// Keys that were named.
    used: BTreeSet<Vec<u8>>,
    /// Any group may have been used.
    any_used: bool,
    /// The clock never showed more.
    latest_ms: u64,
}

/// The name of a key's group: its hash tag, or what stands before the delimiter that ends its first parts.
fn group_of(key: &[u8], Grouping { delimiter, depth }: Grouping) -> &[u8] {
    if let Some(open) = key.iter().position(|byte| *byte == b'{') {
        let tag = &key[open + 1..];
        if let Some(length) = tag.iter().position(|byte| *byte == b'}').filter(|at| *at > 0) {
            return &tag[..length];
        }
    }
    let mut parts = 0;
    for (at, byte) in key.iter().enumerate() {
        if *byte == delimiter {
            parts += 1;
            if parts == u32::from(depth) {
                return &key[..at];
            }
        }
    }
    key
}

impl Groups {
    /// An operation is about to run, or to wait until it may.
    pub(crate) fn note_use(&mut self, op: &Op) {
        match op.keys() {
            Some(keys) => self.used.extend(keys),
            None => self.any_used = true,
        }
    }

    /// A key was evicted.
    pub(crate) fn note_gone(&mut self, at: &At) {
        if let Some(grouping) = self.grouping {
            self.gone.insert(group_of(&at.key, grouping).to_vec());
        }
    }
}

impl Runner<'_> {
    /// Groups that have gone are gone whole.
    pub(crate) fn judge_groups(&mut self, work: &mut Work) -> Result<(), String> {
        let (now_ms, limit) = (self.machine.clock.now_ms(), work.engine.memory_limit());
        let is_waited_for = work.is_waited_for();
        let groups = &mut work.groups;
        groups.any_used |= now_ms < groups.latest_ms;
        groups.latest_ms = groups.latest_ms.max(now_ms);
        let grouping = limit.policy.is_by_groups().then_some(limit.grouping);
        if groups.grouping != grouping {
            // What was to go stays. Who waits has perhaps used groups of other names.
            let latest_ms = groups.latest_ms;
            *groups = Groups { grouping, any_used: is_waited_for, latest_ms, ..Groups::default() };
            return Ok(());
        }
        let Some(grouping) = grouping.filter(|_| !work.engine.is_sweeping()) else { return Ok(()) };
        let gone = std::mem::take(&mut groups.gone);
        let used: BTreeSet<&[u8]> = groups.used.iter().map(|key| group_of(key, grouping)).collect();
        let goes_whole = |name: &&[u8]| gone.contains(*name) && !used.contains(*name);
        if !groups.any_used {
            self.figures.groups +=
                gone.iter().filter(|name| goes_whole(&name.as_slice())).count() as u64;
            // What has lapsed may be gone, unseen.
            let mut entries = self.oracle.now.entries.iter().filter(|(_, entry)| {
                entry.expire_at_ms.is_none_or(|deadline_ms| deadline_ms > groups.latest_ms)
            });
            let left = entries.find(|(at, _)| goes_whole(&group_of(&at.key, grouping)));
            if let Some((at, _)) = left {
                return Err(format!("a group has gone in part, by {grouping:?}: {at:?} is left"));
            }
        }
        if !is_waited_for {
            groups.used.clear();
            groups.any_used = now_ms < groups.latest_ms;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_engine_gives() {
        let keys: [&[u8]; 8] =
            [b"", b"key", b"key:1", b"key:1:x", b"{tag}1", b"a{}b:c:d", b"a{b:c", b"::x"];
        for (delimiter, depth) in [(b':', 2), (b':', 1), (b':', 0), (b'{', 1)] {
            let grouping = Grouping { delimiter, depth };
            for key in keys {
                assert_eq!(group_of(key, grouping), grouping.name(key), "{grouping:?}");
            }
        }
    }
}
