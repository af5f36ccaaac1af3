//! Reading a database without rights to write to its directory: by a process of another user where the
//! tests run as root, whom rights do not stop.
#![cfg(not(feature = "shuttle"))]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use skeg_io::Io;
use skeg_log::{ErrorKind, Level, Log, LogOptions, Purpose, ShardId};

/// Set in the process that reads, to the directory.
const READER: &str = "SKEG_TEST_READER";
/// The user `nobody`.
const NOBODY: u32 = 65_534;

#[test]
fn reader() {
    if let Some(dir) = std::env::var_os(READER) {
        let options = LogOptions { read_only: true, ..LogOptions::default() };
        let open = || Log::open(&Io::real(), Path::new(&dir), &options, &mut ());
        let (log, recovered) = open().unwrap();
        assert_eq!(recovered.records, 1);
        let (another, _) = open().expect("readers share the lock");
        let may_write = LogOptions { read_only: false, ..options.clone() };
        let refused = Log::open(&Io::real(), Path::new(&dir), &may_write, &mut ()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Io, "{refused}");
        another.close().unwrap();
        log.close().unwrap();
    }
}

#[test]
fn a_directory_without_rights_to_write_can_be_read() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("db");
    let (log, _) = Log::open(&Io::real(), &dir, &LogOptions::default(), &mut ()).unwrap();
    let mut reservation = log.reserve(3, Purpose::Growth).unwrap();
    let epoch = log.push(&mut reservation, ShardId(0), 1, b"one");
    log.settle(reservation);
    log.wait(Level::Disk, epoch).unwrap();
    log.close().unwrap();

    let chmod =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    chmod(root.path(), 0o755);
    for folder in [dir.clone(), dir.join("log")] {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            chmod(&path, if path.is_dir() { 0o555 } else { 0o444 });
        }
        chmod(&folder, 0o555);
    }
    let mut reader = Command::new(std::env::current_exe().unwrap());
    reader.args(["--exact", "reader"]).env(READER, &dir);
    if fs::metadata(&dir).unwrap().uid() == 0 {
        reader.uid(NOBODY).gid(NOBODY);
    }
    let ended = reader.output();
    for folder in [dir.clone(), dir.join("log")] {
        chmod(&folder, 0o755);
    }
    let ended = ended.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));

    // A writer keeps readers away, whatever their rights.
    let (log, _) = Log::open(&Io::real(), &dir, &LogOptions::default(), &mut ()).unwrap();
    let options = LogOptions { read_only: true, ..LogOptions::default() };
    let refused = Log::open(&Io::real(), &dir, &options, &mut ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    log.close().unwrap();
}
