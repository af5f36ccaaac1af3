//! SKEG.BACKUP: copies the database into a directory of the server's machine, or brings the backup up to
//! date that is there, and answers when it is durable. Nobody else waits.

use std::path::PathBuf;

use skeg_engine::{BackupError, CopyOptions, Receipt};
use skeg_io::sync::Arc;
use skeg_log::ErrorKind;
use skeg_proto::{Args, Reply};

use crate::error::CommandError;
use crate::flow::{Completion, Flow};
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.backup",
    arity: -2,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::NO_MULTI),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Copies the database into a directory, or brings the backup there up to date",
    complexity: "O(n) where n is what is not in the backup yet; others are served meanwhile",
    syntax: "directory [COPY]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, args: Args<'_>, _: &mut Reply) -> Result<Flow, CommandError> {
    let link = match args.len() {
        2 => true,
        3 if args.get(2).eq_ignore_ascii_case(b"copy") => false,
        _ => return Err(CommandError::SYNTAX),
    };
    let target = std::str::from_utf8(args.get(1)).map(PathBuf::from);
    let target = target.map_err(|_| CommandError::constant("BADTARGET the path is not UTF-8"))?;
    let (state, complete) = (turn.session.state, Arc::clone(turn.complete));
    let done = move |result: Result<_, _>| {
        let mut reply = Reply::new(state.version);
        match result {
            Ok(skeg_engine::Copied { files, bytes, linked, reused, last_epoch, .. }) => {
                reply.map(5);
                for (name, number) in [
                    ("files", files),
                    ("bytes", bytes),
                    ("linked", linked),
                    ("reused", reused),
                    ("epoch", last_epoch.0),
                ] {
                    reply.bulk_str(name);
                    reply.int(number.cast_signed());
                }
            }
            Err(error) => refused(error).write_to(&mut reply),
        }
        complete.complete(Completion { reply, receipt: Receipt::default(), state });
    };
    turn.holder.release();
    let options = CopyOptions { link, update: true };
    turn.session.context.engine().backup(target, options, Box::new(done)).map_err(refused)?;
    Ok(Flow::Pending)
}

/// Why there is no backup, as a client reads it.
fn refused(error: BackupError) -> CommandError {
    let (word, reason) = match error {
        BackupError::Refused(refusal) => return refusal.into(),
        BackupError::Failed { kind, reason } => {
            let word = match kind {
                ErrorKind::Caller => "BADTARGET",
                ErrorKind::Locked => "LOCKED",
                ErrorKind::Full => "NOSPACE",
                ErrorKind::Corrupt => "CORRUPT",
                _ => "MISCONF",
            };
            (word, reason)
        }
        BackupError::Running | BackupError::NoThread => ("BUSY", error.to_string()),
        other => ("ERR", other.to_string()),
    };
    CommandError::owned(format!("{word} {reason}"))
}
