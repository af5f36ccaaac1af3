//! The memory limit: room is made before a command that may grow the data, or it is refused.
//!
//! Costs a load while there is no limit. With one, every write notes what its shards take now
//! ([`skeg_engine::Exec::note_memory`]).

use skeg_engine::Holder;

use crate::context::Context;
use crate::error::CommandError;

impl Context {
    /// Makes room, or refuses when the data takes more than the limit.
    ///
    /// # Errors
    /// OOM.
    pub(crate) fn check_memory(&self, holder: &mut Holder) -> Result<(), CommandError> {
        match holder.make_room()? {
            true => Ok(()),
            false => Err(CommandError::constant(
                "OOM command not allowed when used memory > 'maxmemory'.",
            )),
        }
    }
}
