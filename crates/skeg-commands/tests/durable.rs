//! Sessions over a store on disk: what is there after a reopen, and WAITAOF.
#![allow(clippy::unwrap_used, reason = "a store that cannot be opened fails its test")]

mod support;

use std::time::{Duration, Instant};

use skeg_commands::{Flow, Origin, Session};
use skeg_engine::{Level, SyncPolicy};
use skeg_io::sync::Arc;
use support::disk::Disk;

#[test]
fn what_commands_did_is_there_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let script = [
        "SET a 1",
        "INCRBY a 41",
        "INCRBYFLOAT f 0.1",
        "INCRBYFLOAT f 0.2",
        "MSET x 1 y 2 z 3",
        "APPEND x 23",
        "SETRANGE y 3 q",
        "SET t v EX 100000",
        "GETEX t PERSIST",
        "SET d v PXAT 33177117420123",
        "RENAME z zz",
        "COPY a b DB 2",
        "DEL nothing x2",
        "SET gone v",
        "GETDEL gone",
        "MULTI",
        "SET m1 1",
        "SET m2 2",
        "EXEC",
        "SELECT 3",
        "SET other v",
        "SWAPDB 3 4",
        "SELECT 0",
        r#"SKEG.VINDEX.CREATE docs 1 flat METRIC l2"#,
        r#"SKEG.VSET docs id "\x00\x00\x80\x3f""#,
        "SKEG.CAS a 42 43",
    ];
    let questions = [
        "GET a",
        "GET f",
        "MGET x y zz z",
        "TTL t",
        "PEXPIRETIME d",
        "EXISTS gone",
        "MGET m1 m2",
        "DBSIZE",
        "SKEG.VGET docs id",
        "SELECT 2",
        "GET b",
        "SELECT 4",
        "GET other",
        "SELECT 0",
    ];
    let mut disk = Disk::open(dir.path(), SyncPolicy::EverySecond);
    for line in script {
        let (reply, _) = disk.call(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
    let before: Vec<String> = questions.iter().map(|line| disk.call(line).0).collect();
    disk.close();
    let mut disk = Disk::open(dir.path(), SyncPolicy::EverySecond);
    let after: Vec<String> = questions.iter().map(|line| disk.call(line).0).collect();
    assert_eq!(before, after);
    disk.close();
}

/// A wrong bound shows as bytes that were written beyond what was reserved.
#[test]
fn what_commands_write_was_reserved() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    let long = "k".repeat(5_000);
    let index = "i".repeat(900);
    let row = r#""\x00\x00\x80\x3f""#;
    let ids: Vec<String> = (0..40).map(|id| format!("id{id} {row}")).collect();
    let many: Vec<String> = (0..200).map(|key| format!("{long}{key} v")).collect();
    let names: Vec<String> = (0..200).map(|key| format!("{long}{key}")).collect();
    let mut script: Vec<String> = vec![
        format!("SET {long} {long} PX 1"),
        format!("SET {long} v GET PX 1"),
        format!("SETEX {long} 100 v"),
        format!("GETEX {long} EX 5"),
        format!("EXPIRE {long} 100"),
        format!("PERSIST {long}"),
        format!("APPEND {long} {long}"),
        format!("SETRANGE {long} 100000 x"),
        format!("GETSET {long} 1"),
        format!("INCR {long}"),
        format!("INCRBYFLOAT {long} 1e4931"),
        format!("SKEG.CAS {long} 2 3"),
        format!("GETDEL {long}"),
        format!("MSET {}", many.join(" ")),
        format!("DEL {}", names.join(" ")),
        format!("SKEG.VINDEX.CREATE {index} 1 flat METRIC l2"),
        format!("SKEG.VSET {index} id {row}"),
        format!("SKEG.VMSET {index} 40 {}", ids.join(" ")),
        format!("SKEG.VDEL {index} {}", (0..40).map(|id| format!("id{id} ")).collect::<String>()),
        format!("SKEG.VINDEX.DROP {index}"),
        "SKEG.VINDEX.CREATE parts 1 disk METRIC l2 PARTITIONS 16".into(),
        format!("SKEG.VMSET parts 40 {}", ids.join(" ")),
        format!("SKEG.VDEL parts {}", (0..40).map(|id| format!("id{id} ")).collect::<String>()),
        "SKEG.VINDEX.DROP parts".into(),
        "MULTI".into(),
        "SKEG.VINDEX.CREATE parts 1 flat METRIC l2 PARTITIONS 16".into(),
        format!("SKEG.VMSET parts 40 {}", ids.join(" ")),
        "SKEG.VINDEX.DROP parts".into(),
        format!("SET {long} {long}"),
        format!("APPEND {long} {long}"),
        format!("RENAME {long} to"),
        "COPY to b DB 3".into(),
        format!("COPY b {long}"),
        "MOVE to 9".into(),
        "FLUSHALL".into(),
        "EXEC".into(),
    ];
    for db in 0..16 {
        script.extend([format!("SELECT {db}"), "SET x 1".into(), "SET y{x} 1".into()]);
        script.extend((0..30).map(|key| format!("SET s{key} 1")));
    }
    script.extend(["SWAPDB 0 1".into(), "FLUSHDB".into(), "FLUSHALL".into()]);
    for line in script {
        disk.call(&line);
        std::thread::sleep(Duration::from_micros(200));
        let status = disk.engine.log().unwrap().status();
        assert_eq!(status.overdrawn_bytes, 0, "{}", &line[..line.len().min(60)]);
    }
    disk.close();
}

/// A collection with a deadline in the place of another is its key's removal, its elements and its deadline: each names
/// the key.
#[test]
fn the_space_of_collections_that_replace_others_under_long_keys_was_reserved() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    disk.call("SADD k x");
    let (reply, _) = disk.bytes("DUMP k");
    let payload = reply.splitn(2, |byte| *byte == b'\n').nth(1).unwrap();
    let dump = payload.strip_suffix(b"\r\n").unwrap().escape_ascii();
    for number in 0..4 {
        let long = format!("{number}{}", "k".repeat(2_000));
        for line in [
            format!("SADD {long} y"),
            format!("RESTORE {long} 100000 \"{dump}\" REPLACE"),
            "EXPIRE k 1000".into(),
            format!("COPY k {long} REPLACE"),
            format!("RENAME k {long}"),
            "SADD k x".into(),
        ] {
            let (reply, _) = disk.call(&line);
            let line = &line[..line.len().min(20)];
            assert!(!reply.starts_with('-'), "{line}: {reply}");
            assert_eq!(disk.engine.log().unwrap().status().overdrawn_bytes, 0, "{line}");
        }
    }
    disk.close();
}

/// Commands on lists and sorted sets, with keys, items and members of all lengths, on one shard and on
/// several.
fn script_of_lists_and_sorted_sets() -> Vec<String> {
    let key = "k".repeat(3_000);
    let to = "t".repeat(2_000);
    let items: Vec<String> =
        (0..120).map(|at| "x".repeat(at * at % 700) + &at.to_string()).collect();
    let same = ["same", "other"].repeat(60).join(" ");
    let pairs: Vec<String> =
        items.iter().enumerate().map(|(at, item)| format!("{} {item}", at / 3)).collect();
    let equal: Vec<String> = items.iter().map(|item| format!("0 {item}")).collect();
    let (items, pairs, equal) = (items.join(" "), pairs.join(" "), equal.join(" "));
    let members: String =
        pairs.split(' ').skip(1).step_by(2).take(20).collect::<Vec<_>>().join(" ");
    let filled = format!("ZADD {key} {pairs}");
    let mut script = Vec::new();
    let mut add = |lines: &[&str]| script.extend(lines.iter().map(|line| (*line).to_owned()));
    add(&[&format!("RPUSH {key} {items}"), &format!("LPUSH {key} 1 2 3 4 5 6 7 8 9")]);
    for line in [
        format!("LPUSHX {key} {items}"),
        format!("RPUSH {to} {same}"),
        format!("LREM {to} 0 same"),
        format!("RPUSH {to} {same}"),
        format!("LREM {to} -7 same"),
        format!("LSET {key} 5 {to}"),
        format!("LINSERT {key} AFTER 5 {to}"),
        format!("LMOVE {key} {to} LEFT RIGHT"),
        format!("LMOVE {key} {key} LEFT RIGHT"),
        format!("LMOVE {key} {key} LEFT LEFT"),
        format!("RPOPLPUSH {to} {key}"),
        format!("LPOP {key} 20"),
        format!("RPOP {key}"),
        format!("LMPOP 2 none {key} RIGHT COUNT 10"),
        format!("LTRIM {key} 10 -10"),
        format!("SORT {key} ALPHA LIMIT 0 90 STORE sorted"),
        format!("SORT {key} BY w_* GET # GET w_* STORE {to}"),
        format!("DEL {key} {to}"),
    ] {
        add(&[&line]);
    }
    for line in [
        "ZADD z 1 a".to_owned(),
        format!("ZINCRBY {key} 1.5 new"),
        format!("ZADD {key} XX CH {pairs}"),
        format!("ZRANGESTORE {to} {key} 10 -10"),
        format!("ZRANGESTORE byscore {key} 5 (20 BYSCORE LIMIT 3 30"),
        format!("ZREM {to} {members}"),
        format!("ZUNIONSTORE union 2 {key} {to} WEIGHTS 2 -1"),
        format!("ZINTERSTORE inter 2 {key} {to} AGGREGATE MIN"),
        format!("ZDIFFSTORE diff 2 {key} {to}"),
        format!("ZPOPMIN {key} 7"),
        format!("ZPOPMAX {key}"),
        format!("ZMPOP 2 none {key} MAX COUNT 9"),
        format!("ZREMRANGEBYRANK {key} 1 20"),
        format!("ZREMRANGEBYSCORE {key} 10 30"),
        format!("ZADD lex {equal}"),
        "ZREMRANGEBYLEX lex [x (xxx".to_owned(),
        "ZPOPMIN byscore 1000".to_owned(),
    ] {
        add(&[&filled, &line]);
    }
    add(&["MULTI", &filled, &format!("ZPOPMIN {key} 50"), &format!("ZRANGESTORE m {key} 0 -1")]);
    add(&[&format!("LPUSH l {key} {to}"), "LMOVE l l2 LEFT RIGHT", "LREM l 0 none", "EXEC"]);
    script
}

#[test]
fn lists_and_sorted_sets_are_there_after_a_reopen_and_were_reserved() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    let script = script_of_lists_and_sorted_sets();
    for line in &script {
        let (reply, _) = disk.call(line);
        let line = format!("{}...", &line[..line.len().min(60)]);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
        assert_eq!(disk.engine.log().unwrap().status().overdrawn_bytes, 0, "{line}");
    }
    let mut keys: Vec<&str> =
        script.iter().flat_map(|line| line.split(' ').skip(1).take(2)).collect();
    keys.sort_unstable();
    keys.dedup();
    let state = |disk: &mut Disk| {
        let lines = keys.iter().flat_map(|key| {
            [format!("LRANGE {key} 0 -1"), format!("ZRANGE {key} 0 -1 WITHSCORES")]
        });
        let mut replies: Vec<String> = lines.map(|line| disk.call(&line).0).collect();
        replies.push(disk.call("DBSIZE").0);
        replies
    };
    let before = state(&mut disk);
    disk.close();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    assert_eq!(before, state(&mut disk));
    disk.close();
}

#[test]
fn a_reply_names_the_epoch_it_waits_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    let (_, flow) = disk.call("SET a 1");
    let Flow::Done(receipt) = flow else { panic!("{flow:?}") };
    assert!(receipt.written.0 > 0);
    let log = Arc::clone(disk.engine.log().unwrap());
    log.wait(Level::Kernel, receipt.written).unwrap();
    assert!(disk.session.may_leave(&receipt));
    disk.session.set_level(Level::Disk);
    assert_eq!(disk.session.level(), Level::Disk);
    log.wait(Level::Disk, receipt.written).unwrap();
    assert!(disk.session.may_leave(&receipt));
    let (_, flow) = disk.call("PING");
    let Flow::Done(receipt) = flow else { panic!("{flow:?}") };
    assert_eq!((receipt.written.0, receipt.seen.0), (0, 0));
    disk.close();
}

/// What a crash could take back is not shown: neither by an error nor by a command that finds nothing
/// left to do.
#[test]
fn errors_and_flushes_wait_for_what_they_show() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open_at(dir.path(), SyncPolicy::Never, Level::Disk);
    let lane = disk.context.new_lane();
    let origin = Origin::default();
    let mut other = Session::new(&disk.context, &lane, origin, Arc::new(()));
    for (change, question, reply) in [
        ("DEL a", "RENAME a b", "-ERR no such key\r\n"),
        ("SET a text", "INCR a", "-ERR value is not an integer or out of range\r\n"),
        ("DEL a", "FLUSHDB", "+OK\r\n"),
        ("SET a 1", "SKEG.CAS a 2 3", "-CASMISMATCH the key holds another value\r\n"),
        ("GETDEL a", "FLUSHALL", "+OK\r\n"),
    ] {
        disk.call("SET a 1");
        disk.engine
            .log()
            .unwrap()
            .wait(Level::Disk, disk.engine.log().unwrap().last_epoch())
            .unwrap();
        let (_, flow) = disk.call(change);
        let Flow::Done(changed) = flow else { panic!("{flow:?}") };
        let own = std::mem::replace(&mut disk.session, other);
        let (said, flow) = disk.call(question);
        let Flow::Done(shown) = flow else { panic!("{flow:?}") };
        assert_eq!(said, reply);
        assert!(shown.seen >= changed.written, "{question} shows what {change} did");
        other = std::mem::replace(&mut disk.session, own);
    }
    drop(other);
    disk.close();
}

#[test]
fn waitaof_waits_for_the_disk_or_for_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    assert_eq!(disk.call("WAITAOF 1 0 0").0, "*2\r\n:1\r\n:0\r\n", "nothing was written");
    disk.call("SET a 1");
    assert_eq!(disk.call("WAITAOF 1 0 0").0, "*2\r\n:1\r\n:0\r\n");
    let log = disk.engine.log().unwrap();
    assert_eq!(log.reached(Level::Disk), log.last_epoch());
    disk.call("SET a 2");
    let asked = Instant::now();
    assert_eq!(disk.call("WAITAOF 1 1 80").0, "*2\r\n:1\r\n:0\r\n");
    assert!(asked.elapsed() >= Duration::from_millis(80), "there is no replica to wait for");
    disk.close();
}

#[test]
fn what_waits_is_let_go_when_the_context_closes() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    disk.call("SET a 1");
    let context = Arc::clone(&disk.context);
    let closer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        context.close();
    });
    assert_eq!(disk.call("WAITAOF 0 1 0").0, "*2\r\n:1\r\n:0\r\n");
    closer.join().unwrap();
    assert!(disk.call("WAITAOF 0 1 0").0.starts_with("-CLOSED"));
    disk.close();
}

#[test]
fn save_answers_when_the_snapshot_has_what_was_written_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    disk.call("BGSAVE");
    disk.call("SET a 1");
    assert_eq!(disk.call("SAVE").0, "+OK\r\n", "behind the one that may be under way");
    let status = disk.engine.snapshot_status();
    assert_eq!((status.changes, status.running), (0, false));
    let saves = format!("rdb_saves:{}\r\n", status.last.unwrap().id);
    assert!(disk.call("INFO persistence").0.contains(&saves));
    let saved_s: u64 = disk.call("LASTSAVE").0[1..].trim_end().parse().unwrap();
    assert_eq!(saved_s, status.last_ms / 1_000);
    disk.close();
    let disk = Disk::open(dir.path(), SyncPolicy::Never);
    assert_eq!(disk.engine.recovered().snapshot_entries, 1);
    disk.close();
}

#[test]
fn save_points_are_set_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    assert_eq!(disk.call("CONFIG GET save").0, "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    assert!(disk.call("CONFIG SET save '300'").0.ends_with("Invalid save parameters\r\n"));
    assert_eq!(disk.call("CONFIG SET save '300 1000 60  5'").0, "+OK\r\n");
    assert!(disk.call("CONFIG GET save").0.ends_with("\r\n300 1000 60 5\r\n"));
    let points = disk.engine.save_points();
    assert_eq!(points.iter().map(|point| point.after_ms).collect::<Vec<_>>(), [300_000, 60_000]);
    assert_eq!(disk.call("CONFIG SET save ''").0, "+OK\r\n");
    assert!(disk.engine.save_points().is_empty());
    disk.close();
}

#[test]
fn bgsave_takes_a_snapshot_and_info_tells_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    disk.call("SET a 1");
    assert!(disk.call("BGSAVE LATER").0.starts_with("-ERR syntax"));
    assert!(disk.call("INFO persistence").0.contains("snapshot_last_bytes:0\r\n"));
    assert_eq!(disk.call("BGSAVE").0, "+Background saving started\r\n");
    let again = disk.call("BGREWRITEAOF").0;
    assert!(again.starts_with("+Background append only file rewriting"), "{again}");
    while disk.engine.snapshot_status().running {
        std::thread::yield_now();
    }
    let info = disk.call("INFO persistence").0;
    assert!(info.contains("rdb_bgsave_in_progress:0\r\n"), "{info}");
    assert!(info.contains("rdb_last_bgsave_status:ok\r\n"), "{info}");
    assert!(info.contains("rdb_changes_since_last_save:0\r\n"), "{info}");
    assert!(!info.contains("snapshot_last_bytes:0\r\n"), "{info}");
    disk.close();
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    assert_eq!(disk.engine.recovered().snapshot_entries, 1);
    assert_eq!(disk.call("GET a").0, "$1\r\n1\r\n");
    disk.close();
}

/// Longer than what is read without waiting.
const LARGE: usize = 100_000;

/// What a client reads of a string.
fn bulk(value: &str) -> String {
    format!("${}\r\n{value}\r\n", value.len())
}

#[test]
fn large_strings_are_read_by_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let large = |letter: &str| letter.repeat(LARGE);
    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    for key in ["a", "b", "c", "d", "e", "f"] {
        disk.call(&format!("SET {key} {}", large(key)));
    }
    disk.call("RPUSH list a b c");
    disk.call("SELECT 1");
    disk.call(&format!("SET other {}", large("o")));
    disk.close();

    let mut disk = Disk::open(dir.path(), SyncPolicy::Never);
    let reads = |disk: &Disk| disk.engine.value_figures().reads;
    let mut ask = |line: &str, expected: &str| {
        let (reply, flow) = disk.call(line);
        assert!(matches!(flow, Flow::Done(_)), "{line}");
        assert!(
            reply == expected,
            "{line}: {} bytes, {}",
            reply.len(),
            &reply[..reply.len().min(80)]
        );
        reads(&disk)
    };
    // What needs no value reads none.
    ask("STRLEN a", ":100000\r\n");
    ask("OBJECT ENCODING a", "$3\r\nraw\r\n");
    ask("EXISTS a b nothing", ":2\r\n");
    ask("RENAME f {f}g", "+OK\r\n");
    assert_eq!(ask("TYPE {f}g", "+string\r\n"), 0);
    // All that a command or a transaction needs is read before it runs again.
    let three = ["a", "b", "c"].map(|key| bulk(&large(key))).concat();
    assert_eq!(
        ask("MGET a b list nothing c", &{
            let [a, b, c] = ["a", "b", "c"].map(|key| bulk(&large(key)));
            format!("*5\r\n{a}{b}$-1\r\n$-1\r\n{c}")
        }),
        3
    );
    ask("SORT list ALPHA GET *", &format!("*3\r\n{three}"));
    ask("MULTI", "+OK\r\n");
    for line in [
        "SET a short",
        "GET a",
        "GETRANGE d 0 2",
        "APPEND e tail",
        "GET {f}g",
        "SELECT 1",
        "GET other",
    ] {
        ask(line, "+QUEUED\r\n");
    }
    let (g, other) = (bulk(&large("f")), bulk(&large("o")));
    let expected = format!("*7\r\n+OK\r\n$5\r\nshort\r\n$3\r\nddd\r\n:100004\r\n{g}+OK\r\n{other}");
    ask("EXEC", &expected);
    ask("SELECT 0", "+OK\r\n");
    ask("INCR b", "-ERR value is not an integer or out of range\r\n");
    ask("GETSET b new", &bulk(&large("b")));
    ask("GETDEL c", &bulk(&large("c")));
    ask("SET d 1 GET", &bulk(&large("d")));
    ask(
        "LCS e e LEN",
        "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n",
    );
    disk.close();
}
