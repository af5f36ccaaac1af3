//! One engine for each data directory in a process, shared by main thread and workers.
//!
//! Invariants: a directory is known by device and inode, whatever path leads to it; an engine is
//! closed by whoever gives up the last lease, and nobody opens it again before that has ended;
//! opening and closing block, so the JavaScript thread leaves them to helper threads (but for the
//! end of an environment, which has to wait for its threads).
//! May not know: JavaScript.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use skeg_commands::Context;
use skeg_engine::{Engine, EngineError, EngineOptions};
use skeg_io::Io;
use skeg_io::sync::{Arc, Condvar, Mutex};

use crate::error::Failure;

/// What is to be opened.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A data directory.
    Directory(PathBuf),
    /// A database in memory that others find under its name.
    Named(String),
    /// A database in memory for this handle alone.
    Private,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Directory(u64, u64),
    Named(String),
}

enum Entry {
    /// Somebody opens or closes it: wait.
    Busy,
    Open {
        shared: Shared,
        leases: usize,
    },
}

/// An engine, and what the sessions on it share.
#[derive(Clone, Debug)]
struct Shared {
    engine: Engine,
    context: Arc<Context>,
}

impl Shared {
    fn open(dir: Option<&Path>, options: &EngineOptions) -> Result<Self, Failure> {
        let engine = Engine::open(io(), dir, options)?;
        let context = Context::new(engine.clone(), Arc::new(()), &[]).map_err(|error| {
            // Nothing has been done on it yet that its closing could lose.
            let _ = engine.close();
            Failure::new("ERR_INVALID_ARGUMENT", error.to_string())
        })?;
        Ok(Self { engine, context })
    }

    fn close(&self) -> Result<(), EngineError> {
        self.context.close();
        self.engine.close()
    }
}

#[derive(Default)]
struct Registry {
    entries: Mutex<HashMap<Key, Entry>>,
    changed: Condvar,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);
static IO: LazyLock<Io> = LazyLock::new(Io::real);

/// The machine.
pub(crate) fn io() -> &'static Io {
    &IO
}

/// The right to use an engine. The last one to go closes it, which blocks.
#[derive(Debug)]
pub(crate) struct Lease {
    shared: Shared,
    /// `None`: the engine is this lease's alone.
    key: Option<Key>,
    given_up: bool,
}

impl Lease {
    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// What the sessions on it share.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.shared.context
    }

    /// Gives up the lease, and reports what closing the engine did if it was the last.
    pub(crate) fn close(mut self) -> Result<(), EngineError> {
        self.give_up()
    }

    fn give_up(&mut self) -> Result<(), EngineError> {
        if std::mem::replace(&mut self.given_up, true) {
            return Ok(());
        }
        let Some(key) = &self.key else { return self.shared.close() };
        {
            let mut entries = REGISTRY.entries.lock();
            let Some(Entry::Open { leases, .. }) = entries.get_mut(key) else {
                unreachable!("a leased engine is registered")
            };
            *leases -= 1;
            if *leases > 0 {
                return Ok(());
            }
            entries.insert(key.clone(), Entry::Busy);
        }
        let _turn = Turn(key);
        self.shared.close()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What is reported here has nobody to go to: the environment ended without closing.
        let _ = self.give_up();
    }
}

/// Opens a database, or joins those who have it open. Blocks.
pub(crate) fn open(target: Target, options: &EngineOptions) -> Result<Lease, Failure> {
    let (key, dir) = match target {
        Target::Private => {
            let shared = Shared::open(None, options)?;
            return Ok(Lease { shared, key: None, given_up: false });
        }
        Target::Named(name) => (Key::Named(name), None),
        Target::Directory(dir) => (identify(&dir, options)?, Some(dir)),
    };
    if let Some(shared) = join(&key, options)? {
        return Ok(Lease { shared, key: Some(key), given_up: false });
    }
    let turn = Turn(&key);
    let shared = Shared::open(dir.as_deref(), options)?;
    let entry = Entry::Open { shared: shared.clone(), leases: 1 };
    REGISTRY.entries.lock().insert(key.clone(), entry);
    drop(turn);
    Ok(Lease { shared, key: Some(key), given_up: false })
}

/// The turn of whoever opens or closes a database: others wait until it is dropped.
struct Turn<'a>(&'a Key);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut entries = REGISTRY.entries.lock();
        if matches!(entries.get(self.0), Some(Entry::Busy)) {
            entries.remove(self.0);
        }
        drop(entries);
        REGISTRY.changed.notify_all();
    }
}

/// The identity of a data directory, which is created if it may be.
fn identify(dir: &Path, options: &EngineOptions) -> Result<Key, Failure> {
    let failed = |error: std::io::Error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => "ERR_NOT_FOUND",
            std::io::ErrorKind::NotADirectory => "ERR_INVALID_ARGUMENT",
            std::io::ErrorKind::StorageFull => "ERR_NO_SPACE",
            _ => "ERR_IO",
        };
        Failure::new(code, format!("{}: {error}", dir.display()))
    };
    let disk = &io().disk;
    if options.create_if_missing && !options.read_only {
        disk.create_dir(dir).map_err(failed)?;
    }
    let (device, inode) = disk.identity(dir).map_err(failed)?;
    Ok(Key::Directory(device, inode))
}

/// The engine, if it is open; `None` when the caller is the one to open it.
fn join(key: &Key, options: &EngineOptions) -> Result<Option<Shared>, Failure> {
    let mut entries = REGISTRY.entries.lock();
    loop {
        match entries.get_mut(key) {
            None => {
                entries.insert(key.clone(), Entry::Busy);
                return Ok(None);
            }
            Some(Entry::Busy) => entries = REGISTRY.changed.wait(entries),
            Some(Entry::Open { shared, leases }) => {
                if let Some(option) = difference(&shared.engine, options) {
                    return Err(Failure::new(
                        "ERR_INVALID_ARGUMENT",
                        format!("the store is open already, with another `{option}`"),
                    ));
                }
                *leases += 1;
                return Ok(Some(shared.clone()));
            }
        }
    }
}

/// The first option that an open engine has otherwise.
fn difference(engine: &Engine, asked: &EngineOptions) -> Option<&'static str> {
    let has = engine.options();
    // As they were when it was opened: CONFIG SET may have changed them since.
    let (limit, asked_limit) = (&has.memory_limit, &asked.memory_limit);
    let differences = [
        ("shards", asked.shards.is_some_and(|shards| shards != engine.shards())),
        ("durability", asked.level != has.level || asked.sync != has.sync),
        ("snapshotEvery", asked.save_points != has.save_points),
        ("keepSnapshots", asked.keep_snapshots != has.keep_snapshots),
        ("inlineMax", asked.inline_max != has.inline_max),
        ("cache", asked.cache_bytes != has.cache_bytes),
        ("maxMemory", asked_limit.max_bytes != limit.max_bytes),
        ("eviction", asked_limit.policy != limit.policy),
        ("groupDepth or groupDelimiter", asked_limit.grouping != limit.grouping),
        ("readOnly", asked.read_only != has.read_only),
    ];
    differences.into_iter().find(|(_, differs)| *differs).map(|(option, _)| option)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Result<Lease, Failure> {
        open(Target::Named(name.into()), &EngineOptions::default())
    }

    #[test]
    fn the_last_lease_closes_the_engine() {
        let (one, two) = (named("leases").expect("opens"), named("leases").expect("joins"));
        let engine = one.engine().clone();
        drop(one);
        assert!(
            skeg_engine::Holder::new(&engine, skeg_engine::Drain::WakeOnly)
                .try_hold_one(skeg_engine::ShardId(0))
                .is_ok()
        );
        two.close().expect("closes");
        assert!(
            skeg_engine::Holder::new(&engine, skeg_engine::Drain::WakeOnly)
                .try_hold_one(skeg_engine::ShardId(0))
                .is_err()
        );
    }

    #[test]
    fn other_options_are_an_error() {
        let _open = named("options").expect("opens");
        let options = EngineOptions { shards: Some(4), ..EngineOptions::default() };
        let refused = open(Target::Named("options".into()), &options).expect_err("differs");
        assert_eq!(refused.code, "ERR_INVALID_ARGUMENT");
    }

    #[test]
    fn threads_open_and_close_one_database() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    for _ in 0..50 {
                        named("shared").expect("opens").close().expect("closes");
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        assert!(!REGISTRY.entries.lock().contains_key(&Key::Named("shared".into())));
    }
}
