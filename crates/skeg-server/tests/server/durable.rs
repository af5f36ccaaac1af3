//! Replies and the log: what waits for the disk, what does not, and what a failed disk leaves.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use skeg_engine::{Engine, EngineOptions, Level};
use skeg_io::{DirLock, Disk, File, FileInfo, Io, LockError, OpenMode};
use skeg_proto::client::Value;
use skeg_server::Server;

use crate::common::{Client, Served, bulk, command, local, ok};

const WELL: u8 = 0;
/// A sync takes until this ends.
const STUCK: u8 = 1;
/// A sync fails.
const BROKEN: u8 = 2;

/// The real disk, whose syncs can be held up or fail.
#[derive(Debug)]
struct Wayward {
    disk: Arc<dyn Disk>,
    mood: Arc<AtomicU8>,
}

#[derive(Debug)]
struct WaywardFile {
    file: Arc<dyn File>,
    mood: Arc<AtomicU8>,
}

impl WaywardFile {
    fn sync(&self) -> io::Result<()> {
        while self.mood.load(Ordering::SeqCst) == STUCK {
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.mood.load(Ordering::SeqCst) == BROKEN {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }
}

impl Disk for Wayward {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, mode)?;
        Ok(Arc::new(WaywardFile { file, mood: Arc::clone(&self.mood) }))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        self.disk.read_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }
    fn metadata(&self, path: &Path) -> io::Result<FileInfo> {
        self.disk.metadata(path)
    }
    fn lock(&self, path: &Path, content: &str) -> Result<Box<dyn DirLock>, LockError> {
        self.disk.lock(path, content)
    }
    fn hold(&self, path: &Path) -> Result<Option<Box<dyn DirLock>>, LockError> {
        self.disk.hold(path)
    }
    fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.disk.identity(path)
    }
    fn available(&self, path: &Path) -> io::Result<u64> {
        self.disk.available(path)
    }
}

impl File for WaywardFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }
    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.allocate(offset, len)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

/// A store that acknowledges at the level of the disk, and the mood of that disk.
fn serve(directory: &Path) -> (Served, Arc<AtomicU8>) {
    let mood = Arc::new(AtomicU8::new(WELL));
    let mut io = Io::real();
    io.disk = Arc::new(Wayward { disk: Arc::clone(&io.disk), mood: Arc::clone(&mood) });
    let options = EngineOptions { level: Level::Disk, ..EngineOptions::default() };
    let engine = Engine::open(&io, Some(directory), &options).unwrap();
    let server = Server::start(&engine, &local()).unwrap();
    (Served { server, engine }, mood)
}

/// Whether a reply is there within a moment.
fn has_reply(client: &mut Client) -> bool {
    client.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let seen = client.stream.peek(&mut [0]).is_ok();
    client.stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    seen
}

#[test]
fn while_the_disk_is_slow_only_what_depends_on_it_waits() {
    let directory = tempfile::tempdir().unwrap();
    let (served, mood) = serve(directory.path());
    let mut writer = served.connect();
    let mut reader = served.connect();
    let mut curious = served.connect();
    assert_eq!(writer.call(&["MSET", "old", "value", "key", "before"]), ok());
    mood.store(STUCK, Ordering::SeqCst);
    writer.send(&command(&["SET", "key", "after"]));
    writer.send(&command(&["GET", "old"]));
    assert!(!has_reply(&mut writer), "acknowledged before it is on the disk");
    // Nobody is shown what a crash could take back; whatever is safe is answered at once.
    curious.send(&command(&["GET", "key"]));
    assert!(!has_reply(&mut curious));
    let start = Instant::now();
    assert_eq!(reader.call(&["GET", "old"]), bulk("value"));
    assert!(start.elapsed() < Duration::from_millis(500));
    mood.store(WELL, Ordering::SeqCst);
    assert_eq!(writer.receive(), ok());
    assert_eq!(writer.receive(), bulk("value"));
    assert_eq!(curious.receive(), bulk("after"));
    served.close();
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_reads_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (served, mood) = serve(directory.path());
    let mut client = served.connect();
    assert_eq!(client.call(&["SET", "old", "value"]), ok());
    mood.store(BROKEN, Ordering::SeqCst);
    for args in [&["SET", "key", "value"][..], &["PING"], &["GET", "key"], &["INCR", "n"]] {
        client.send(&command(args));
    }
    let unknown = |reply: Value| match reply {
        Value::Error(text) => assert!(text.starts_with("ERR_OUTCOME_UNKNOWN "), "{text}"),
        other => panic!("{other:?} is no error"),
    };
    unknown(client.receive());
    assert_eq!(client.receive(), Value::Simple("PONG".into()));
    // Read before the failure was known, or after: never as if it were safe.
    for _ in 0..2 {
        assert!(client.receive().is_error());
    }
    assert_eq!(client.call(&["GET", "old"]), bulk("value"));
    assert!(client.call(&["SET", "key", "again"]).is_error());
    drop(client);
    drop(served.server);
    assert!(served.engine.close().is_err());
}

#[test]
fn messages_wait_for_what_their_publisher_has_written() {
    let directory = tempfile::tempdir().unwrap();
    let (served, mood) = serve(directory.path());
    let (mut writer, mut other) = (served.connect(), served.connect());
    let (mut listener, mut elsewhere) = (served.connect(), served.connect());
    assert_eq!(other.call(&["CONFIG", "SET", "notify-keyspace-events", "E$"]), ok());
    for channel in ["changes", "__keyevent@0__:set"] {
        assert!(!listener.call(&["SUBSCRIBE", channel]).is_error());
    }
    assert!(!elsewhere.call(&["SUBSCRIBE", "other"]).is_error());
    let message =
        |channel: &str, text: &str| Value::Array(vec![bulk("message"), bulk(channel), bulk(text)]);
    mood.store(STUCK, Ordering::SeqCst);
    writer.send(&[command(&["SET", "k", "v"]), command(&["PUBLISH", "changes", "k"])].concat());
    assert!(!has_reply(&mut listener), "heard of what a crash could take back");
    assert_eq!(other.call(&["PUBLISH", "other", "free"]), Value::Int(1));
    assert_eq!(elsewhere.receive(), message("other", "free"));
    mood.store(WELL, Ordering::SeqCst);
    assert_eq!(listener.receive(), message("__keyevent@0__:set", "k"));
    assert_eq!(listener.receive(), message("changes", "k"));
    // What is never safe is never heard of, and replies stay in step.
    mood.store(BROKEN, Ordering::SeqCst);
    assert_eq!(writer.receive(), ok());
    assert_eq!(writer.receive(), Value::Int(1));
    assert!(writer.call(&["SET", "k", "w"]).is_error());
    assert_eq!(listener.call(&["PING"]), Value::Array(vec![bulk("pong"), bulk("")]));
    drop((writer, other, listener, elsewhere));
    drop(served.server);
    assert!(served.engine.close().is_err());
}
