//! Promises of the log and of the engine above it that a test breaks on purpose, to see that it would
//! notice.
//!
//! Without the feature `failpoints` nothing is ever broken, and the compiler knows it.

macro_rules! promises {
    ($($(#[$about:meta])* $name:ident,)*) => {
        /// A promise to break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Broken {
            $($(#[$about])* $name,)*
        }

        #[cfg(feature = "failpoints")]
        impl Broken {
            /// Every promise that can be broken.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

promises! {
    /// A snapshot is published before the epochs that it covers are durable.
    PublishesEarly,
    /// The directory entry of a snapshot is not synced.
    ForgetsTheDirectory,
    /// Segments are removed before the CURRENT that does without them is durable.
    RemovesEarly,
    /// Segments are removed that have values which somebody needs.
    DropsValues,
    /// Nobody is told where recovery has written values again.
    ForgetsMoves,
    /// A string is replaced by its place in the log although the key has changed since.
    SendsChanged,
    /// Compaction states a string again that has been changed or removed since it was read.
    RestatesChanged,
    /// Replay does not skip what is in the snapshot.
    IgnoresPlaces,
    /// A snapshot takes segments out of CURRENT that hold what came after it.
    DropsTooMuch,
    /// An epoch is read before the lock that orders it is held.
    ReadsEpochOutside,
    /// A transaction reads the epoch once for each shard.
    SplitsTransactions,
    /// An epoch number is left out.
    LeavesGaps,
    /// What the writer is called to look at again is not looked at.
    LooksOnce,
    /// An fsync starts without a look at who cannot wait for its end.
    SyncsBlindly,
    /// The thread that syncs is not told that all have gathered whom it waits for.
    GathersOn,
    /// Only the segment written to last is synced.
    SyncsNewestOnly,
    /// A failed fsync counts as done.
    IgnoresFailedSyncs,
    /// Blocks call durable what is only written.
    ClaimsTooMuch,
    /// A block that found no space is given up, and counts as written.
    DropsFullBlocks,
    /// The writer goes on to a segment that no CURRENT names.
    UsesUnnamedSegments,
    /// CURRENT gives a segment its length before that is synced.
    SealsEarly,
    /// The directory entry of a segment is not synced.
    ForgetsSegments,
    /// CURRENT is written over in place.
    ReplacesInPlace,
    /// What replaces CURRENT is renamed before it is synced.
    ReplacesUnsynced,
    /// The renaming of what replaces CURRENT is not synced.
    ForgetsRenames,
    /// Checksums do not depend on the segment they stand in.
    DropsTheSalt,
    /// Checksums do not depend on the place they stand at.
    DropsTheOffset,
    /// Recovery takes damage for a torn tail and cuts it.
    CutsDamage,
    /// Recovery takes a torn tail for damage.
    RefusesTears,
    /// Recovery removes files before the CURRENT that does without them is certain to stay.
    TrustsRenames,
    /// Recovery does not sync the tail that it has rewritten.
    ForgetsTheTail,
    /// Recovery rewrites a tail as if it stood in the old place.
    KeepsOldPlaces,
    /// Recovery leaves the segment that it has rewritten the tail of as long as it was.
    ForgetsTheCut,
    /// CURRENT takes another number of shards before the snapshot that is dealt out to them.
    NamesShardsFirst,
    /// A change of what a snapshot has not visited yet does not hand it out first.
    ForgetsImages,
    /// Who waits in its place for the walk of a snapshot does not look again whether that was queued.
    ForgetsOvertaking,
    /// A reply does not wait for the pending changes that it shows.
    ForgetsToWait,
    /// A segment of vectors is published before the epochs that it covers are durable.
    PublishesVectorsEarly,
    /// The directory entry of a segment of vectors is not synced.
    ForgetsVectorEntries,
    /// Segments of vectors are removed before the CURRENT that does without them is durable.
    RemovesVectorsEarly,
    /// The directory entry of a value's file is not synced.
    ForgetsValueEntries,
    /// A record gives a value to a key whose file no CURRENT names.
    NamesValuesLate,
    /// A value's file goes although its record may be replayed.
    ForgetsValueRecords,
    /// A backup's CURRENT is put in place before its files are there.
    PublishesBackupsFirst,
    /// A backup shares segments with the database that a recovery may still cut.
    LinksWhatIsCut,
    /// Files are removed that a backup is still to copy.
    RemovesUnderBackups,
    /// Growth takes the room that the next snapshot needs.
    FillsTheDisk,
    /// Older snapshots stay where the disk is full.
    HoardsSnapshots,
    /// Writers do not wait for a snapshot that they outrun.
    OutrunsSnapshots,
    /// Keys without a deadline go although the policy spares them.
    EvictsAny,
    /// Of groups that go, some keys stay.
    SplitsGroups,
    /// That a key was evicted is not logged.
    ForgetsEvictions,
    /// Log space for the removal of what is evicted is not reserved.
    EvictsUnreserved,
}

#[cfg(feature = "failpoints")]
mod set {
    use std::cell::Cell;

    use super::Broken;

    std::thread_local! {
        static BROKEN: Cell<Option<Broken>> = const { Cell::new(None) };
    }

    /// What is broken on this thread from now on.
    pub fn break_promise(broken: Option<Broken>) {
        BROKEN.set(broken);
    }

    pub(super) fn now() -> Option<Broken> {
        BROKEN.get()
    }
}

#[cfg(feature = "failpoints")]
pub use set::break_promise;

/// Whether a promise is to be broken here.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn breaks(broken: Broken) -> bool {
    set::now() == Some(broken)
}

/// Whether a promise is to be broken here.
#[cfg(not(feature = "failpoints"))]
#[must_use]
pub const fn breaks(_: Broken) -> bool {
    false
}
