//! Space on the real disk: reserving gives blocks, and running out is said at once.
#![cfg(all(unix, not(feature = "shuttle")))]
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use skeg_io::{Disk, OpenMode, RealDisk, is_out_of_space};

const MIB: u64 = 1 << 20;

#[test]
fn reserving_gives_real_blocks() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    let file = RealDisk::new().open(&path, OpenMode::CreateNew).unwrap();
    file.allocate(0, 8 * MIB).unwrap();
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.len(), 8 * MIB);
    assert!(metadata.blocks() * 512 >= 8 * MIB, "{} blocks", metadata.blocks());
}

/// Needs a file system of at most 1 GiB to fill up, named by `SKEG_TEST_SMALL_DIR`.
#[test]
#[ignore = "needs a small file system"]
fn reserving_more_than_there_is_fails_and_changes_nothing() {
    let root = PathBuf::from(std::env::var_os("SKEG_TEST_SMALL_DIR").unwrap());
    let disk = RealDisk::new();
    let path = root.join("file");
    let file = disk.open(&path, OpenMode::CreateNew).unwrap();
    file.write_at(b"content", 0).unwrap();
    file.allocate(0, MIB).unwrap();
    let error = file.allocate(0, 1024 * MIB).unwrap_err();
    assert!(is_out_of_space(&error), "{error}");
    assert_eq!(file.len().unwrap(), MIB);
    let blocks = std::fs::metadata(&path).unwrap().blocks();
    assert!(blocks * 512 < 2 * MIB, "{blocks} blocks");
    file.allocate(MIB, MIB).unwrap();

    // On a full disk, writing into reserved blocks works, growing does not, locking does.
    let filler = disk.open(&root.join("filler"), OpenMode::CreateNew).unwrap();
    let mut end = 0;
    let full = loop {
        match filler.write_at(&[1; 64 * 1024], end) {
            Ok(count) => end += count as u64,
            Err(error) => break error,
        }
    };
    assert!(is_out_of_space(&full), "{full}");
    assert_eq!(file.write_at(&[2; 64 * 1024], MIB).unwrap(), 64 * 1024);
    file.sync_data().unwrap();
    drop(disk.lock(&path, "held").unwrap());
    for name in ["file", "filler"] {
        disk.remove(&root.join(name)).unwrap();
    }
}

/// The kind of the file system of `path`, as the system names it.
#[cfg(target_os = "linux")]
fn file_system(path: &std::path::Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let parts = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    let above = mounts.lines().map(parts).filter(|parts| path.starts_with(&parts[1]));
    // Of those mounted at one place the last one is seen.
    above.max_by_key(|parts| parts[1].len()).unwrap()[2].clone()
}

#[cfg(target_os = "linux")]
#[test]
fn who_marks_first_writes_goes_by_the_file_system() {
    for root in [std::env::temp_dir(), PathBuf::from("/dev/shm")] {
        let Ok(directory) = tempfile::tempdir_in(&root) else { continue };
        let path = directory.path().join("file");
        let file = RealDisk::new().open(&path, OpenMode::CreateNew).unwrap();
        let kind = file_system(&root.canonicalize().unwrap());
        let marks = matches!(kind.as_str(), "ext2" | "ext3" | "ext4" | "xfs");
        assert_eq!(file.marks_first_writes(), marks, "{kind}");
    }
}
