//! The simulated disk under a scheduler that tries interleavings: `cargo test -p skeg-io --features
//! shuttle --test shuttle_disk`.
#![cfg(feature = "shuttle")]
#![allow(clippy::unwrap_used)]

use std::path::Path;

use skeg_io::sim::{CrashPolicy, SimDisk, SimRng};
use skeg_io::sync::atomic::{AtomicU64, Ordering};
use skeg_io::sync::{Arc, thread};
use skeg_io::{Disk, OpenMode};

#[test]
fn shuttle_disk_syncs_at_least_what_was_written_before() {
    shuttle::check_random(
        || {
            let disk = SimDisk::new(1);
            let path = Path::new("/file");
            disk.import(path, b"").unwrap();
            let file = disk.open(path, OpenMode::ReadWrite).unwrap();
            let written = Arc::new(AtomicU64::new(0));
            let (writer, count) = (Arc::clone(&file), Arc::clone(&written));
            let writing = thread::spawn(move || {
                for offset in 0..3 {
                    writer.write_at(b"x", offset).unwrap();
                    count.store(offset + 1, Ordering::SeqCst);
                }
            });
            let before = written.load(Ordering::SeqCst);
            file.sync_data().unwrap();
            let found = disk.after_power_loss(&mut SimRng::new(1), CrashPolicy::DropAll);
            assert!(found.contents(path).unwrap().len() as u64 >= before);
            writing.join().unwrap();
        },
        1_000,
    );
}
