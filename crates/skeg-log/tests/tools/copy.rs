//! Copies of a closed database.

use std::path::Path;

use skeg_io::Disk;
use skeg_io::sim::{CrashPolicy, Damage};
use skeg_log::{CopyOptions, ErrorKind, Log, Offline};

use crate::common::Collect;
use crate::{LINKED, segment_ends, subject, tiny_options};

#[test]
fn a_copy_is_a_database_of_its_own() {
    let subject = subject(30, 2000);
    let io = subject.io();
    for (target, link) in [("/copy/linked", true), ("/copy/plain", false)] {
        let offline = subject.offline();
        let target = Path::new(target);
        let options = CopyOptions { link, update: false };
        let copied = offline.copy_to(target, options, &mut || Box::new(())).unwrap();
        assert_eq!((copied.linked > 0, copied.reused), (link, 0));
        let again = offline.copy_to(target, options, &mut || Box::new(()));
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Caller, "it is not empty");
        let update = CopyOptions { link, update: true };
        let again = offline.copy_to(target, update, &mut || Box::new(())).unwrap();
        assert_eq!(again.reused, copied.files, "nothing is copied twice");
    }
    assert_eq!(subject.opens_as_prefix(), subject.history.len() as u64);
    for target in ["/copy/linked", "/copy/plain"] {
        let mut replayed = Collect::default();
        Log::open(&io, Path::new(target), &tiny_options(), &mut replayed).unwrap();
        assert_eq!(replayed.records, subject.history);
    }
    let file = segment_ends(&subject)[0].0.clone();
    subject.harness.machine.disk.damage(&file, &Damage::Zero { offset: 100, len: 50 }).unwrap();
    let copied = subject.offline().copy_to(Path::new("/bad"), LINKED, &mut || Box::new(()));
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::Corrupt, "damage is not copied");
    assert!(subject.harness.machine.disk.metadata(Path::new("/bad")).is_err());
}

/// A copy struck anywhere is a whole database or none that opens.
#[test]
fn a_copy_may_be_struck_at_every_operation() {
    let mut subject = subject(8, 2000);
    let target = Path::new("/copy/db");
    for change in 1.. {
        subject.heal();
        let disk = subject.harness.machine.disk.clone();
        disk.stop_at(disk.changes() + change);
        let done = subject.offline().copy_to(target, LINKED, &mut || Box::new(())).is_ok();
        subject.harness.machine.crash(CrashPolicy::AnySubset);
        let checked = Offline::open(&subject.io(), target).and_then(|copy| copy.check(&mut ()));
        match checked {
            Ok(report) if report.is_sound() => {
                assert_eq!(report.records, subject.history.len() as u64, "struck at {change}");
            }
            Ok(_) | Err(_) => assert!(!done, "struck at {change}"),
        }
        assert!(subject.check().unwrap().is_sound(), "the source is as it was");
        if done {
            return;
        }
    }
}
