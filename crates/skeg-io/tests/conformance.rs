//! What every disk promises, as one suite that runs against the real one, the simulated one, and
//! both of them behind the recorder.
#![cfg(not(feature = "shuttle"))]
#![allow(clippy::unwrap_used)]

use std::io::{self, ErrorKind};
use std::path::Path;

use skeg_io::sync::Arc;
use skeg_io::{Disk, File, LockError, OpenMode};

fn create(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Arc<dyn File> {
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    assert_eq!(file.write_at(bytes, 0).unwrap(), bytes.len());
    file
}

fn read(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    read_all(&*disk.open(path, OpenMode::Read).unwrap())
}

fn read_all(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0xaa; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.map(|_| ()).unwrap_err().kind()
}

fn opens_by_mode(disk: &dyn Disk, root: &Path) {
    let path = root.join("a");
    for mode in [OpenMode::Read, OpenMode::ReadWrite] {
        assert_eq!(kind(disk.open(&path, mode)), ErrorKind::NotFound);
    }
    create(disk, &path, b"abc");
    assert_eq!(kind(disk.open(&path, OpenMode::CreateNew)), ErrorKind::AlreadyExists);
    let writable = disk.open(&path, OpenMode::ReadWrite).unwrap();
    assert_eq!(read_all(&*writable), b"abc");
    assert_eq!(writable.write_at(b"X", 1).unwrap(), 1);
    let reader = disk.open(&path, OpenMode::Read).unwrap();
    assert_eq!(read_all(&*reader), b"aXc");
    assert!(reader.write_at(b"Y", 0).is_err());
    assert!(reader.set_len(0).is_err());
    assert!(reader.allocate(0, 1).is_err());
    assert_eq!(read(disk, &path), b"aXc");
}

fn refuses_directories_as_files(disk: &dyn Disk, root: &Path) {
    for mode in [OpenMode::Read, OpenMode::ReadWrite] {
        assert_eq!(kind(disk.open(root, mode)), ErrorKind::IsADirectory);
    }
    create(disk, &root.join("file"), b"");
    let below = root.join("file").join("x");
    assert_eq!(kind(disk.open(&below, OpenMode::CreateNew)), ErrorKind::NotADirectory);
    let missing = root.join("missing").join("x");
    assert_eq!(kind(disk.open(&missing, OpenMode::CreateNew)), ErrorKind::NotFound);
}

fn reads_end_at_the_length(disk: &dyn Disk, root: &Path) {
    let file = create(disk, &root.join("a"), b"0123456789");
    let mut bytes = [b'-'; 4];
    assert_eq!(file.read_at(&mut bytes, 8).unwrap(), 2);
    assert_eq!(&bytes, b"89--");
    assert_eq!(file.read_at(&mut bytes, 10).unwrap(), 0);
    assert_eq!(file.read_at(&mut bytes, 1 << 40).unwrap(), 0);
    assert_eq!(kind(file.read_exact_at(&mut bytes, 8)), ErrorKind::UnexpectedEof);
    assert_eq!(file.len().unwrap(), 10);
    assert!(!file.is_empty().unwrap());
}

fn resident_reads_give_what_reads_give(disk: &dyn Disk, root: &Path) {
    let file = create(disk, &root.join("a"), b"0123456789");
    let mut bytes = [b'-'; 4];
    // A hint, which may name what is not there.
    [(0, 10), (8, 1 << 40), (0, 0), (1 << 40, 1)]
        .into_iter()
        .for_each(|(offset, len)| file.will_read(offset, len));
    match file.read_resident_at(&mut bytes, 8) {
        Ok(count) => assert_eq!((count, &bytes), (2, b"89--")),
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
    }
}

fn writes_behind_the_end_leave_zeros(disk: &dyn Disk, root: &Path) {
    let file = create(disk, &root.join("a"), b"x");
    assert_eq!(file.write_at(b"y", 10_000).unwrap(), 1);
    let bytes = read_all(&*file);
    assert_eq!(bytes.len(), 10_001);
    assert_eq!((bytes[0], bytes[10_000]), (b'x', b'y'));
    assert!(bytes[1..10_000].iter().all(|&byte| byte == 0));
    assert_eq!(file.write_at(b"", 20_000).unwrap(), 0);
    assert_eq!(file.len().unwrap(), 10_001);
}

fn cut_bytes_never_come_back(disk: &dyn Disk, root: &Path) {
    let file = create(disk, &root.join("a"), &[7; 9000]);
    file.set_len(4100).unwrap();
    file.set_len(10_000).unwrap();
    let bytes = read_all(&*file);
    assert_eq!(bytes.len(), 10_000);
    assert!(bytes[..4100].iter().all(|&byte| byte == 7));
    assert!(bytes[4100..].iter().all(|&byte| byte == 0));
}

fn allocate_extends_and_keeps(disk: &dyn Disk, root: &Path) {
    let file = create(disk, &root.join("a"), b"content");
    file.allocate(0, 100_000).unwrap();
    let bytes = read_all(&*file);
    assert_eq!(bytes.len(), 100_000);
    assert_eq!(&bytes[..7], b"content");
    assert!(bytes[7..].iter().all(|&byte| byte == 0));
    file.allocate(10, 10).unwrap();
    file.allocate(0, 0).unwrap();
    file.allocate(1 << 40, 0).unwrap();
    assert_eq!(file.len().unwrap(), 100_000);
    file.allocate(100_000, 1).unwrap();
    assert_eq!(file.len().unwrap(), 100_001);
    assert!(file.allocate(u64::MAX, 2).is_err());
}

fn lists_sorted_names(disk: &dyn Disk, root: &Path) {
    for name in ["b", "a", "C", "10", "9"] {
        create(disk, &root.join(name), b"");
    }
    disk.create_dir(&root.join("dir")).unwrap();
    assert_eq!(disk.read_dir(root).unwrap(), ["10", "9", "C", "a", "b", "dir"]);
    assert_eq!(kind(disk.read_dir(&root.join("missing"))), ErrorKind::NotFound);
    assert_eq!(kind(disk.read_dir(&root.join("a"))), ErrorKind::NotADirectory);
}

fn creates_directories_with_those_above(disk: &dyn Disk, root: &Path) {
    let deep = root.join("x").join("y").join("z");
    disk.create_dir(&deep).unwrap();
    disk.create_dir(&deep).unwrap();
    assert!(disk.metadata(&deep).unwrap().is_dir);
    create(disk, &root.join("file"), b"");
    assert_eq!(kind(disk.create_dir(&root.join("file"))), ErrorKind::NotADirectory);
    assert_eq!(kind(disk.create_dir(&root.join("file").join("x"))), ErrorKind::NotADirectory);
}

fn renames_replace_files(disk: &dyn Disk, root: &Path) {
    let (a, b) = (root.join("a"), root.join("b"));
    create(disk, &a, b"new");
    let replaced = create(disk, &b, b"old");
    disk.rename(&a, &b).unwrap();
    assert_eq!(read(disk, &b), b"new");
    assert_eq!(read_all(&*replaced), b"old", "a handle follows the file, not the name");
    assert_eq!(kind(disk.rename(&a, &b)), ErrorKind::NotFound);
    disk.rename(&b, &b).unwrap();
    assert_eq!(disk.read_dir(root).unwrap(), ["b"]);
}

fn renames_directories(disk: &dyn Disk, root: &Path) {
    let (from, to) = (root.join("from"), root.join("to"));
    disk.create_dir(&from).unwrap();
    create(disk, &from.join("inside"), b"1");
    disk.rename(&from, &to).unwrap();
    assert_eq!(read(disk, &to.join("inside")), b"1");
    assert!(disk.rename(&to, &to.join("below itself")).is_err());
    create(disk, &root.join("file"), b"");
    assert_eq!(kind(disk.rename(&root.join("file"), &to)), ErrorKind::IsADirectory);
    assert_eq!(kind(disk.rename(&to, &root.join("file"))), ErrorKind::NotADirectory);
    disk.create_dir(&from).unwrap();
    assert_eq!(kind(disk.rename(&from, &to)), ErrorKind::DirectoryNotEmpty);
    disk.rename(&to, &from).unwrap();
    assert_eq!(disk.read_dir(root).unwrap(), ["file", "from"]);
}

fn links_give_a_second_name(disk: &dyn Disk, root: &Path) {
    let (a, b) = (root.join("a"), root.join("b"));
    let file = create(disk, &a, b"one file");
    disk.link(&a, &b).unwrap();
    assert_eq!(disk.identity(&a).unwrap(), disk.identity(&b).unwrap());
    file.write_at(b"ONE", 0).unwrap();
    assert_eq!(read(disk, &b), b"ONE file");
    assert_eq!(kind(disk.link(&a, &b)), ErrorKind::AlreadyExists);
    assert_eq!(kind(disk.link(&root.join("c"), &root.join("d"))), ErrorKind::NotFound);
    disk.remove(&a).unwrap();
    assert_eq!(read(disk, &b), b"ONE file", "until both are removed");
    disk.create_dir(&root.join("dir")).unwrap();
    assert!(disk.link(&root.join("dir"), &root.join("e")).is_err());
    assert_eq!(disk.read_dir(root).unwrap(), ["b", "dir"]);
}

fn removes_files_and_empty_directories(disk: &dyn Disk, root: &Path) {
    let (file, directory) = (root.join("file"), root.join("directory"));
    let open = create(disk, &file, b"still there");
    disk.create_dir(&directory).unwrap();
    create(disk, &directory.join("inside"), b"");
    assert_eq!(kind(disk.remove(&directory)), ErrorKind::DirectoryNotEmpty);
    disk.remove(&directory.join("inside")).unwrap();
    disk.remove(&directory).unwrap();
    disk.remove(&file).unwrap();
    assert_eq!(kind(disk.remove(&file)), ErrorKind::NotFound);
    assert!(disk.read_dir(root).unwrap().is_empty());
    open.write_at(b"S", 0).unwrap();
    assert_eq!(read_all(&*open), b"Still there");
}

fn syncs_files_and_directories(disk: &dyn Disk, root: &Path) {
    let file = create(disk, &root.join("a"), b"1");
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    disk.open(&root.join("a"), OpenMode::Read).unwrap().sync_data().unwrap();
    disk.sync_dir(root).unwrap();
    assert_eq!(kind(disk.sync_dir(&root.join("missing"))), ErrorKind::NotFound);
    assert_eq!(kind(disk.sync_dir(&root.join("a"))), ErrorKind::NotADirectory);
}

fn tells_length_kind_and_identity(disk: &dyn Disk, root: &Path) {
    create(disk, &root.join("a"), b"12345");
    create(disk, &root.join("b"), b"");
    let info = disk.metadata(&root.join("a")).unwrap();
    assert_eq!((info.len, info.is_dir), (5, false));
    assert!(disk.metadata(root).unwrap().is_dir);
    assert_eq!(kind(disk.metadata(&root.join("c"))), ErrorKind::NotFound);
    let a = disk.identity(&root.join("a")).unwrap();
    assert_ne!(a, disk.identity(&root.join("b")).unwrap());
    disk.rename(&root.join("a"), &root.join("c")).unwrap();
    assert_eq!(a, disk.identity(&root.join("c")).unwrap());
    assert_eq!(kind(disk.identity(&root.join("a"))), ErrorKind::NotFound);
}

fn locks_one_holder(disk: &dyn Disk, root: &Path) {
    let path = root.join("LOCK");
    let held = disk.lock(&path, "pid 17\n").unwrap();
    match disk.lock(&path, "pid 18\n") {
        Err(LockError::Held { content }) => assert_eq!(content, "pid 17\n"),
        other => panic!("expected to be refused, got {other:?}"),
    }
    assert_eq!(read(disk, &path), b"pid 17\n");
    drop(held);
    let held = disk.lock(&path, "pid 9\n").unwrap();
    assert_eq!(read(disk, &path), b"pid 9\n", "nothing of the longer content is left");
    let message = disk.lock(&path, "").unwrap_err().to_string();
    assert!(message.contains("pid 9"), "{message}");
    drop(held);
    assert!(matches!(disk.lock(&root.join("missing").join("LOCK"), ""), Err(LockError::Io(_))));
}

fn holds_keep_locks_away_and_write_nothing(disk: &dyn Disk, root: &Path) {
    let path = root.join("LOCK");
    assert!(disk.hold(&path).unwrap().is_none(), "there is nothing to hold");
    assert!(disk.read_dir(root).unwrap().is_empty(), "and nothing is created");
    create(disk, &path, b"stale");
    let (first, second) = (disk.hold(&path).unwrap(), disk.hold(&path).unwrap());
    drop(first);
    assert!(matches!(disk.lock(&path, "x"), Err(LockError::Held { .. })));
    drop(second);
    assert_eq!(read(disk, &path), b"stale");
    let locked = disk.lock(&path, "pid 3").unwrap();
    match disk.hold(&path) {
        Err(LockError::Held { content }) => assert_eq!(content, "pid 3"),
        other => panic!("expected to be refused, got {other:?}"),
    }
    drop(locked);
    assert!(disk.hold(&path).unwrap().is_some());
}

fn lock_files_without_holder_never_block(disk: &dyn Disk, root: &Path) {
    create(disk, &root.join("empty"), b"");
    create(disk, &root.join("stale"), b"pid 1\n");
    create(disk, &root.join("nonsense"), &[0xff; 5000]);
    for name in ["empty", "stale", "nonsense"] {
        let _held = disk.lock(&root.join(name), "pid 2\n").unwrap();
        assert_eq!(read(disk, &root.join(name)), b"pid 2\n");
        assert!(matches!(disk.lock(&root.join(name), ""), Err(LockError::Held { .. })));
    }
}

fn is_shared_between_threads(disk: &dyn Disk, root: &Path) {
    let file = create(disk, &root.join("a"), &[0; 8192]);
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let file = &file;
            scope.spawn(move || {
                for round in 0..32 {
                    let offset = u64::from(thread) * 2048 + round * 64;
                    assert_eq!(file.write_at(&[thread + 1; 64], offset).unwrap(), 64);
                    file.sync_data().unwrap();
                }
            });
        }
    });
    let bytes = read_all(&*file);
    for (thread, part) in bytes.chunks(2048).enumerate() {
        assert!(part.iter().all(|&byte| usize::from(byte) == thread + 1));
    }
}

macro_rules! suite {
    ($($test:ident)*) => {
        mod real {
            $(#[test] fn $test() {
                let root = tempfile::tempdir().unwrap();
                super::$test(&skeg_io::RealDisk::new(), root.path());
            })*
        }
        mod sim {
            $(#[test] fn $test() {
                let disk = skeg_io::sim::SimDisk::new(1);
                let root = std::path::Path::new("/data");
                skeg_io::Disk::create_dir(&disk, root).unwrap();
                super::$test(&disk, root);
            })*
        }
        mod recording_real {
            $(#[test] fn $test() {
                let root = tempfile::tempdir().unwrap();
                super::recorded(
                    &(skeg_io::sync::Arc::new(skeg_io::RealDisk::new()) as _), root.path(), super::$test,
                );
            })*
        }
        mod recording_sim {
            $(#[test] fn $test() {
                super::recorded(
                    &(skeg_io::sync::Arc::new(skeg_io::sim::SimDisk::new(2)) as _),
                    std::path::Path::new("/data"),
                    super::$test,
                );
            })*
        }
    };
}

suite! {
    opens_by_mode
    refuses_directories_as_files
    reads_end_at_the_length
    resident_reads_give_what_reads_give
    writes_behind_the_end_leave_zeros
    cut_bytes_never_come_back
    allocate_extends_and_keeps
    lists_sorted_names
    creates_directories_with_those_above
    renames_replace_files
    renames_directories
    links_give_a_second_name
    holds_keep_locks_away_and_write_nothing
    removes_files_and_empty_directories
    syncs_files_and_directories
    tells_length_kind_and_identity
    locks_one_holder
    lock_files_without_holder_never_block
    is_shared_between_threads
}

/// Runs a test behind the recorder; replaying the recording must lead to the same files.
fn recorded(inner: &Arc<dyn Disk>, root: &Path, test: fn(&dyn Disk, &Path)) {
    let disk = skeg_io::record::RecordingDisk::new(Arc::clone(inner), root).unwrap();
    test(&disk, root);
    let recording = disk.recording();
    let mut replay = skeg_io::record::Replay::new(&recording).unwrap();
    while replay.step().unwrap() {}
    assert_same(&**inner, replay.disk(), root);
}

fn assert_same(left: &dyn Disk, right: &dyn Disk, directory: &Path) {
    let names = left.read_dir(directory).unwrap();
    assert_eq!(names, right.read_dir(directory).unwrap());
    for name in names {
        let path = directory.join(name);
        if left.metadata(&path).unwrap().is_dir {
            assert_same(left, right, &path);
        } else {
            assert_eq!(read(left, &path), read(right, &path), "{}", path.display());
        }
    }
}
