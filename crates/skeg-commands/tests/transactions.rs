//! EXEC over a store on disk: what it reads from there, and the log space that it reserves.
#![allow(clippy::unwrap_used, reason = "a store that cannot be opened fails its test")]

mod support;

use skeg_engine::SyncPolicy;
use support::disk::Disk;

/// Longer than what is read without waiting.
const LARGE: usize = 100_000;
/// Longer than what is read as one.
const IN_PARTS: usize = 600_000;

/// A store to which commands were given, opened again: long strings are in the log only.
fn after(dir: &std::path::Path, lines: &[&str]) -> Disk {
    let mut disk = Disk::open(dir, SyncPolicy::Never);
    for line in lines {
        let (reply, _) = disk.call(line);
        assert!(!reply.starts_with('-'), "{}: {reply}", &line[..line.len().min(60)]);
    }
    disk.close();
    Disk::open(dir, SyncPolicy::Never)
}

/// What EXEC replies to these commands.
fn exec(disk: &mut Disk, lines: &[&str]) -> String {
    disk.call("MULTI");
    for line in lines {
        assert_eq!(disk.call(line).0, "+QUEUED\r\n", "{line:.60}");
    }
    disk.call("EXEC").0
}

#[test]
fn a_transaction_reads_a_range_of_a_value_in_parts_after_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = after(dir.path(), &[&format!("SET big {}", "b".repeat(IN_PARTS))]);
    let reply = exec(&mut disk, &["SET x 1", "GETRANGE big 0 2", "MGET x"]);
    assert_eq!(reply, "*3\r\n+OK\r\n$3\r\nbbb\r\n*1\r\n$1\r\n1\r\n");
    disk.close();
}

#[test]
fn a_transaction_finds_what_it_reads_where_swaps_and_selections_will_have_put_it() {
    let dir = tempfile::tempdir().unwrap();
    let value = |letter: &str| letter.repeat(LARGE);
    let mut disk = after(
        dir.path(),
        &[
            "SELECT 1",
            &format!("SET k {}", value("1")),
            "SELECT 2",
            &format!("SET k {}", value("2")),
        ],
    );
    let lines = ["SET x 1", "SWAPDB 0 1", "GET k", "SWAPDB 2 1", "SELECT 1", "GET k"];
    let reply = exec(&mut disk, &lines);
    let bulk = |letter| format!("${LARGE}\r\n{}\r\n", value(letter));
    let (one, two) = (bulk("1"), bulk("2"));
    assert!(reply == format!("*6\r\n+OK\r\n+OK\r\n{one}+OK\r\n+OK\r\n{two}"), "{reply:.200}");
    assert_eq!(disk.engine.value_figures().reads, 2, "of each database what is needed of it");
    disk.close();
}

#[test]
fn a_transaction_sorts_by_and_gets_strings_on_disk_after_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let weights: Vec<String> =
        ["c", "b", "a"].iter().map(|it| format!("SET w_{it} {}", it.repeat(LARGE))).collect();
    let lines: Vec<&str> = weights.iter().map(String::as_str).chain(["RPUSH l c a b"]).collect();
    let mut disk = after(dir.path(), &lines);
    let sort = "SORT l BY w_* ALPHA LIMIT 0 1 GET # GET w_*";
    let reply = exec(&mut disk, &["SET x 1", sort, "MGET x"]);
    let expected = format!(
        "*3\r\n+OK\r\n*2\r\n$1\r\na\r\n${LARGE}\r\n{}\r\n*1\r\n$1\r\n1\r\n",
        "a".repeat(LARGE)
    );
    assert!(reply == expected, "{reply:.200}");
    disk.close();
}

#[test]
fn a_command_of_a_transaction_that_cannot_wait_any_more_fails_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = after(dir.path(), &[&format!("SET big {}", "b".repeat(LARGE))]);
    // Which string is read depends on what the transaction does.
    let lines = ["RPUSH l big", "SORT l ALPHA GET *", "MGET l", "BITOP NOT d l2"];
    let reply = exec(&mut disk, &lines);
    let (before, behind) = ("*4\r\n:1\r\n-BUSY", "\r\n*1\r\n$-1\r\n:0\r\n");
    assert!(reply.starts_with(before) && reply.ends_with(behind), "{reply}");
    disk.close();
}

/// What commands write that know it only when they run is reserved before the first change: later they could not
/// wait for it.
#[test]
fn a_transaction_has_the_log_space_of_every_command_before_it_changes_anything() {
    let (bits, key) = ("SETBIT a 8388607 1", "k".repeat(60_000));
    let members: String = (0..12).map(|at| format!("{at}{} ", "m".repeat(80_000))).collect();
    let (push, add) = (format!("RPUSH l {members}"), format!("SADD s {members}"));
    let weights: String = (0..12).map(|at| format!("w_{at} {} ", "w".repeat(75_000))).collect();
    let set = format!("SET x {}", "x".repeat(500_000));
    let (weights, short) = (format!("MSET {weights}"), "RPUSH l 0 1 2 3 4 5 6 7 8 9 10 11");
    let fields = format!("BITFIELD {key} {}", "SET u8 0 1 SET u8 0 2 ".repeat(12));
    for (before, command, reply) in [
        (&[bits, "SETBIT b 8388606 1"][..], "BITOP OR d a b", ":1048576\r\n"),
        (&[], &fields, "*24\r\n"),
        (&[&push], "SORT l ALPHA STORE d", ":12\r\n"),
        (&[&weights, short], "SORT l GET w_* LIMIT 0 11 STORE d", ":11\r\n"),
        (&[&add], "SPOP s 11", "*11\r\n"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
        before.iter().for_each(|line| drop(disk.call(line)));
        let replies = exec(&mut disk, &[&set, command]);
        let command = &command[..command.len().min(20)];
        assert!(replies.starts_with(&format!("*2\r\n+OK\r\n{reply}")), "{command}: {replies:.80}");
        assert_eq!(disk.engine.log().unwrap().status().overdrawn_bytes, 0, "{command}");
        disk.close();
    }
}
