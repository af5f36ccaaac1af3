//! A lock keeps out another process, and dies with its holder however that ends.
#![cfg(not(feature = "shuttle"))]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use skeg_io::{Disk, LockError, RealDisk};

/// Set in the process that holds the lock, to the path to lock.
const HOLDER: &str = "SKEG_TEST_LOCK_HOLDER";

#[test]
fn holder() {
    if let Some(path) = std::env::var_os(HOLDER) {
        let content = format!("pid {}", std::process::id());
        let _held = RealDisk::new().lock(Path::new(&path), &content).unwrap();
        println!("\nheld");
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn another_process_is_kept_out_until_it_dies() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("LOCK");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--nocapture"])
        .env(HOLDER, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));

    let refused = RealDisk::new().lock(&path, "me").unwrap_err();
    match refused {
        LockError::Held { content } => assert_eq!(content, format!("pid {}", child.id())),
        LockError::Io(error) => panic!("{error}"),
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(RealDisk::new().lock(&path, "me").unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"me");
}

#[test]
fn a_lock_on_a_file_that_was_removed_keeps_nobody_out_and_is_not_given() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("LOCK");
    let _former = RealDisk::new().lock(&path, "former").unwrap();
    std::fs::remove_file(&path).unwrap();
    let _held = RealDisk::new().lock(&path, "new").unwrap();
    assert!(matches!(RealDisk::new().lock(&path, ""), Err(LockError::Held { .. })));
}
