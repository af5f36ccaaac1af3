//! `skeg backup` and `skeg restore`: a checked copy of a database that nobody has open, or one that the
//! server makes which has it open.

use skeg_engine::offline::{Copied, CopyOptions, Offline, copy_to};
use skeg_engine::{Epoch, LogError};
use skeg_io::Io;
use skeg_proto::client::Value;

use super::flags::{JSON, Request, switch, word};
use super::show::{Report, Verdict, json, number, text};
use super::{Tool, Trouble};
use crate::cli::Failure;
use crate::cli::amounts::{bytes, counted, grouped};
use crate::cli::client::connection::{Connection, Login, Target};
use crate::cli::progress::Progress;

pub(super) const BACKUP: Tool = Tool {
    name: "backup",
    about: "Copy a database, or bring its backup up to date",
    help: BACKUP_HELP,
    places: &["DIR", "TARGET"],
    flags: &[JSON, switch("copy"), word("server")],
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
skeg backup: copy a database, or bring its backup up to date

Usage: skeg backup DIR TARGET [--server ADDRESS] [--copy] [--json]

Checks the database, copies what it consists of, syncs the copy and checks that as well. TARGET
must be empty or absent, or hold an earlier backup of the same database that nobody has opened
since: then only what is new is copied, and until that is done it stays what it was. A backup is
a database: it can be checked and restored.

Where the file system can, files that never change any more are not copied but get a second
name (a hard link). That takes no time and no space, and also no second place on the disk:
with --copy, or on another file system, every byte is written again.

A database that is in use is backed up by the server that has it open: say where that listens.

Options:
      --server ADDRESS   HOST:PORT, or the path of a socket
      --copy             Copy every byte, for a medium that may fail
      --json             One JSON object
  -h, --help             Show this help
  -V, --version          Show the version

Examples:
  skeg backup ./data ./data-monday
  skeg backup ./data /media/disk/data --copy
  skeg backup ./data /media/disk/data --copy --server 127.0.0.1:6379

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
    let options = CopyOptions { link: !request.has("copy"), update: true };
    if let Some(address) = request.text("server") {
        return show(request, "backed up", &by_server(request, address, options)?);
    }
    match Offline::open(&Io::real(), request.dir()) {
        Ok(offline) => copy(request, &offline, options, "backed up"),
        Err(LogError::Locked { dir, holder }) => {
            let hint = "; a server that has it open backs it up: say where it listens by --server, \
                        or call backup() in the program that has it open";
            Err(LogError::Locked { dir, holder: format!("{holder}{hint}") }.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn restore(request: &Request) -> Result<(), Trouble> {
    let offline = Offline::open(&Io::real(), request.dir())?;
    copy(request, &offline, CopyOptions::default(), "restored")
}

fn copy(
    request: &Request,
    offline: &Offline,
    options: CopyOptions,
    word: &str,
) -> Result<(), Trouble> {
    let progress = Progress::new("copying");
    let tell = |done, total| progress.tell(done, total);
    let copied = copy_to(offline, request.target(), options, &tell)?;
    drop(progress);
    show(request, word, &copied)
}

fn refused(problem: String) -> Trouble {
    Trouble::Coded("ERR_INVALID_ARGUMENT", problem)
}

/// Lets the server do it that has the database open.
fn by_server(request: &Request, address: &str, options: CopyOptions) -> Result<Copied, Trouble> {
    let target = Target::parse(address).ok_or_else(|| {
        Failure::misuse("backup", format!("--server: '{address}' is neither HOST:PORT nor a path"))
    })?;
    let mut connection = Connection::new(Login::to(target), None);
    let mut ask = |words: &[&str]| {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        match connection.call(&words, &mut drop).map_err(Failure::failed)? {
            Value::Error(error) => Err(Trouble::answered(&error)),
            Value::Map(fields) => Ok(fields),
            _ => Err(refused(format!("{address} is no server of skeg's"))),
        }
    };
    let of = |fields: &[(Value, Value)], name: &str| {
        let field = fields.iter().find(|(key, _)| key.as_bytes() == Some(name.as_bytes()));
        field.map(|(_, value)| value.clone())
    };
    let served = of(&ask(&["CONFIG", "GET", "dir"])?, "dir");
    let served = served.as_ref().and_then(Value::as_bytes).unwrap_or_default();
    let served = String::from_utf8_lossy(served).into_owned();
    let canonical = std::path::Path::new(&served).canonicalize();
    if canonical.ok() != request.dir().canonicalize().ok() {
        let dir = request.dir().display();
        return Err(refused(format!("{address} serves '{served}', not {dir}")));
    }
    let to = std::path::absolute(request.target())?;
    let Some(to) = to.to_str() else {
        return Err(refused("the name of the target is not UTF-8".to_owned()));
    };
    let words = ["SKEG.BACKUP", to, "COPY"];
    let fields = ask(if options.link { &words[..2] } else { &words })?;
    let number = |name| match of(&fields, name) {
        Some(Value::Int(number)) => number.cast_unsigned(),
        _ => 0,
    };
    Ok(Copied {
        files: number("files"),
        bytes: number("bytes"),
        linked: number("linked"),
        reused: number("reused"),
        last_epoch: Epoch(number("epoch")),
    })
}

fn show(request: &Request, word: &str, copied: &Copied) -> Result<(), Trouble> {
    if request.has("json") {
        json(&[
            ("target", text(request.target().display().to_string())),
            ("files", number(copied.files)),
            ("bytes", number(copied.bytes)),
            ("linked", number(copied.linked)),
            ("reused", number(copied.reused)),
            ("last_epoch", number(copied.last_epoch.0)),
        ])?;
        return Ok(());
    }
    let mut shown = Report::new(Verdict::Good, word, request.dir());
    shown.row("to", request.target().display());
    let mut files = format!("{}, {}", counted(copied.files, "file"), bytes(copied.bytes));
    for (count, how) in [(copied.linked, "by a link"), (copied.reused, "there already")] {
        if count > 0 {
            files.push_str(&format!(", {} of them {how}", grouped(count)));
        }
    }
    shown.row("copy", files);
    shown.row("history", format!("up to epoch {}", copied.last_epoch.0));
    shown.print()?;
    Ok(())
}
