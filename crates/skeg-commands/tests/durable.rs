//! Sessions over a store on disk: what is there after a reopen, and WAITAOF.
#![allow(clippy::unwrap_used, reason = "a store that cannot be opened fails its test")]

mod support;

use std::time::{Duration, Instant};

use skeg_commands::{Complete, Completion, Context, Flow, Origin, Session};
use skeg_engine::{Drain, Engine, EngineOptions, Holder, Level, SyncPolicy};
use skeg_io::Io;
use skeg_io::sync::{Arc, Condvar, Mutex};
use skeg_proto::{Reply, Version};

/// Waits for completions, as a transport's thread does.
#[derive(Default)]
struct Arrivals {
    queue: Mutex<Vec<Completion>>,
    changed: Condvar,
}

impl Complete for Arrivals {
    fn complete(&self, completion: Completion) {
        self.queue.lock().push(completion);
        self.changed.notify_all();
    }
}

struct Disk {
    engine: Engine,
    context: Arc<Context>,
    session: Session,
    arrivals: Arc<Arrivals>,
}

impl Disk {
    fn open(dir: &std::path::Path, sync: SyncPolicy) -> Self {
        let options = EngineOptions { shards: Some(4), sync, ..EngineOptions::default() };
        let engine = Engine::open(&Io::real(), Some(dir), &options).unwrap();
        let context = Context::new(engine.clone(), Arc::new(()), &[]).unwrap();
        let lane = context.new_lane();
        let session = Session::new(&context, &lane, Origin::default(), Arc::new(()));
        Self { engine, context, session, arrivals: Arc::default() }
    }

    fn call(&mut self, line: &str) -> (String, Flow) {
        let args = skeg_proto::split_line(line.as_bytes()).unwrap();
        let complete = Arc::clone(&self.arrivals) as Arc<dyn Complete>;
        let mut reply = Reply::new(Version::Resp2);
        let mut holder = Holder::new(&self.engine, Drain::Serve);
        let mut flow = self.session.execute(&mut holder, &args.as_args(), &mut reply, &complete);
        holder.release();
        if matches!(flow, Flow::Pending) {
            let mut queue = self.arrivals.queue.lock();
            while queue.is_empty() {
                queue = self.arrivals.changed.wait(queue);
            }
            let completion = queue.pop().unwrap();
            drop(queue);
            flow = self.session.resume(&mut holder, completion, &mut reply);
        }
        (String::from_utf8_lossy(reply.as_bytes()).into_owned(), flow)
    }

    fn close(self) {
        self.context.close();
        drop(self.session);
        self.engine.close().unwrap();
    }
}

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
        "MULTI".into(),
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
