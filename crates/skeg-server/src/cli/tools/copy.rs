//! `skeg backup` and `skeg restore`: a checked copy of a database that nobody has open.

use skeg_engine::offline::{Offline, copy_to};
use skeg_io::Io;

use super::flags::{JSON, Request, switch};
use super::show::{Report, Verdict, json, number, text};
use super::{Tool, Trouble};
use crate::cli::amounts::{bytes, counted, grouped};
use crate::cli::progress::Progress;

pub(super) const BACKUP: Tool = Tool {
    name: "backup",
    about: "Copy a database that nobody has open",
    help: BACKUP_HELP,
    places: &["DIR", "TARGET"],
    flags: &[JSON, switch("copy")],
    run: backup,
};

pub(super) const RESTORE: Tool = Tool {
    name: "restore",
    about: "Put a copy back, into a new directory",
    help: RESTORE_HELP,
    places: &["BACKUP", "DIR"],
    flags: &[JSON],
    run: restore,
};

const BACKUP_HELP: &str = "\
skeg backup: copy a database that nobody has open

Usage: skeg backup DIR TARGET [--copy] [--json]

Checks the database, copies what it consists of, syncs the copy and checks that as well. TARGET
must be empty or absent. The copy is a database: it can be checked, opened and served.

Where the file system can, segments that never change any more are not copied but get a second
name (a hard link). That takes no time and no space, and also no second place on the disk:
with --copy, or on another file system, every byte is written again.

Options:
      --copy      Copy every byte, for a medium that may fail
      --json      One JSON object
  -h, --help      Show this help
  -V, --version   Show the version

Examples:
  skeg backup ./data ./data-monday
  skeg backup ./data /media/disk/data --copy

Exit codes: 0 done, 1 failed (what was copied until then is left), 2 misused.
";

const RESTORE_HELP: &str = "\
skeg restore: put a copy back, into a new directory

Usage: skeg restore BACKUP DIR [--json]

Checks the backup, copies every byte of it into DIR, syncs and checks that. DIR must be empty
or absent: move a damaged database out of the way first, it may still be of use. The backup
stays as it is.

Options:
      --json      One JSON object
  -h, --help      Show this help
  -V, --version   Show the version

Examples:
  mv ./data ./data-damaged && skeg restore ./data-monday ./data

Exit codes: 0 done, 1 failed (what was copied until then is left), 2 misused.
";

fn backup(request: &Request) -> Result<(), Trouble> {
    copy(request, !request.has("copy"), "backed up")
}

fn restore(request: &Request) -> Result<(), Trouble> {
    copy(request, false, "restored")
}

fn copy(request: &Request, link: bool, word: &str) -> Result<(), Trouble> {
    let offline = Offline::open(&Io::real(), request.dir())?;
    let progress = Progress::new("copying");
    let tell = |done, total| progress.tell(done, total);
    let copied = copy_to(&offline, request.target(), link, &tell)?;
    drop(progress);
    if request.has("json") {
        json(&[
            ("target", text(request.target().display().to_string())),
            ("files", number(copied.files)),
            ("bytes", number(copied.bytes)),
            ("linked", number(copied.linked)),
            ("records", number(copied.records)),
            ("last_epoch", number(copied.last_epoch.0)),
        ])?;
        return Ok(());
    }
    let mut shown = Report::new(Verdict::Good, word, request.dir());
    shown.row("to", request.target().display());
    let files = counted(copied.files, "file");
    let linked = match copied.linked {
        0 => String::new(),
        linked => format!(", {} of them by a link", grouped(linked)),
    };
    shown.row("copy", format!("{files}, {}{linked}", bytes(copied.bytes)));
    let records = counted(copied.records, "record");
    shown.row("history", format!("{records} up to epoch {}", copied.last_epoch.0));
    shown.print()?;
    Ok(())
}
