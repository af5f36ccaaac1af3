//! A session over a store on disk.

use std::path::Path;

use skeg_commands::{Complete, Completion, Context, Flow, Origin, Session};
use skeg_engine::{Drain, Engine, EngineOptions, Holder, Level, SyncPolicy};
use skeg_io::Io;
use skeg_io::sync::{Arc, Condvar, Mutex};
use skeg_proto::{Reply, Version};

/// Waits for completions, as a transport's thread does.
#[derive(Default)]
pub(crate) struct Arrivals {
    pub(crate) queue: Mutex<Vec<Completion>>,
    pub(crate) changed: Condvar,
}

impl Complete for Arrivals {
    fn complete(&self, completion: Completion) {
        self.queue.lock().push(completion);
        self.changed.notify_all();
    }
}

/// A store on disk and one session of it.
pub(crate) struct Disk {
    pub(crate) engine: Engine,
    pub(crate) context: Arc<Context>,
    pub(crate) session: Session,
    arrivals: Arc<Arrivals>,
}

impl Disk {
    pub(crate) fn open(dir: &Path, sync: SyncPolicy) -> Self {
        Self::open_at(dir, sync, Level::Kernel)
    }

    pub(crate) fn open_at(dir: &Path, sync: SyncPolicy, level: Level) -> Self {
        let options = EngineOptions { shards: Some(16), sync, level, ..EngineOptions::default() };
        let engine = Engine::open(&Io::real(), Some(dir), &options).unwrap();
        let context = Context::new(engine.clone(), Arc::new(()), &[]).unwrap();
        let lane = context.new_lane();
        let session = Session::new(&context, &lane, Origin::default(), Arc::new(()));
        Self { engine, context, session, arrivals: Arc::default() }
    }

    pub(crate) fn call(&mut self, line: &str) -> (String, Flow) {
        let (reply, flow) = self.bytes(line);
        (String::from_utf8_lossy(&reply).into_owned(), flow)
    }

    /// As [`Disk::call`], with the bytes of the reply as they are.
    pub(crate) fn bytes(&mut self, line: &str) -> (Vec<u8>, Flow) {
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
        (reply.take(), flow)
    }

    pub(crate) fn close(self) {
        self.context.close();
        drop(self.session);
        self.engine.close().unwrap();
    }
}
