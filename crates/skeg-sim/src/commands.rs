//! The commands themselves, as clients send them, run by their own code.
//!
//! What a command of keys has done is looked up in memory (`contents.rs`) and checked for what holds of all of them:
//! only keys that it names have changed, and none when it has failed. What a command of vectors does, the
//! model knows.
//!
//! May not know: what commands are to do.

mod table;

pub(crate) use table::{COMMANDS, OF_VECTORS};

use std::fmt;
use std::sync::LazyLock;

use skeg_commands::{Author, CommandError, Context, Direct, Origin, Session};
use skeg_engine::{Bound, Drain, Engine, EngineOptions, Epoch, Exec, Holder, Router, ShardList};
use skeg_io::sim::SimMachine;
use skeg_io::sync::Arc;
use skeg_proto::{ArgsBuf, Reply, Version};

use crate::contents::{Contents, strings};
use crate::figures::Figures;
use crate::op::{Answer, Observed, Op};
use crate::run::Runner;
use crate::state::{At, Change};

/// Of longer words only the length is shown.
const SHOWN_BYTES_MAX: usize = 40;

/// The words of a command.
pub(crate) type Words = Vec<Vec<u8>>;

/// One command, or several as a transaction.
#[derive(Clone)]
pub(crate) struct Commands {
    pub(crate) db: u8,
    pub(crate) lines: Vec<Words>,
    /// What commands of vectors do, as operations.
    pub(crate) meant: Vec<Op>,
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commands(db {}", self.db)?;
        for words in &self.lines {
            write!(f, ",")?;
            for word in words {
                match word.len() {
                    0..=SHOWN_BYTES_MAX => write!(f, " {}", word.escape_ascii())?,
                    bytes => write!(f, " <{bytes} bytes>")?,
                }
            }
        }
        write!(f, ")")
    }
}

/// As whom commands run.
pub(crate) fn author(engine: &Engine) -> Result<Author, String> {
    let context = Context::new(engine.clone(), Arc::new(()), &[]);
    let context = context.map_err(|error| error.to_string())?;
    let session = Session::new(&context, &context.new_lane(), Origin::default(), Arc::new(()));
    Ok(session.author())
}

impl Commands {
    fn direct(&self) -> Direct {
        let lines = self.lines.iter().map(|words| words.iter().collect::<ArgsBuf>());
        Direct::new(lines).unwrap_or_else(|error| panic!("{self:?} is no command: {error:?}"))
    }

    pub(crate) fn shards(&self, engine: &Engine) -> ShardList {
        self.direct().shards(engine)
    }

    pub(crate) fn bound(&self) -> Bound {
        self.direct().bound()
    }

    pub(crate) fn takes_memory(&self) -> bool {
        self.direct().may_grow()
    }

    /// The keys that it names; `None`: it finds others by itself, or makes keys of one database those of another.
    pub(crate) fn keys(&self) -> Option<Vec<Vec<u8>>> {
        let finds =
            |words: &Words| ["sort", "swapdb", "debug"].map(str::as_bytes).contains(&&*words[0]);
        let names_all = !self.lines.iter().any(finds);
        names_all.then(|| self.direct().keys().map(|(key, _)| key.to_vec()).collect())
    }

    /// The one key that a reply tells of, if it is one.
    pub(crate) fn key(&self) -> Option<At> {
        let direct = self.direct();
        let mut keys = direct.keys();
        match (keys.next(), keys.next()) {
            (Some((key, _)), None) if self.meant.is_empty() && self.lines.len() == 1 => {
                Some(At { db: self.db, key: key.to_vec() })
            }
            _ => None,
        }
    }

    /// The name of the first, as the table has it.
    fn name(&self) -> String {
        let word = |index: usize| String::from_utf8_lossy(&self.lines[0][index]).into_owned();
        if word(0) == "debug" { format!("debug|{}", word(1)) } else { word(0) }
    }

    /// Runs on shards that are held.
    pub(crate) fn run(&self, exec: &mut Exec<'_>, author: &Author) -> Observed {
        let before = strings(exec);
        let mut reply = Reply::new(Version::Resp3);
        if let Err(error) = self.direct().run(exec, author, self.db, &mut reply) {
            reply = Reply::new(Version::Resp3);
            error.write_to(&mut reply);
        }
        let contents = self.meant.is_empty().then(|| Contents::of(exec, &before));
        Observed { contents, ..Answer::Reply(reply.take()).into() }
    }
}

/// Whether a reply is an error.
pub(crate) fn is_error(reply: &[u8]) -> bool {
    reply.starts_with(b"-")
}

/// Whether a reply is an error that only a fault explains.
pub(crate) fn is_fault(reply: &[u8]) -> bool {
    let codes = ["NOSPACE", "MISCONF", "IOERR", "CORRUPT", "CLOSED", "READONLY", "TOOLARGE"];
    codes.iter().any(|code| reply.get(1..).is_some_and(|text| text.starts_with(code.as_bytes())))
}

impl Runner<'_> {
    /// What a command has changed, by what is there now.
    pub(crate) fn changed_by(
        &mut self,
        commands: &Commands,
        contents: &Contents,
        reply: &[u8],
        (epoch, now_ms): (Epoch, u64),
        router: Router,
    ) -> Result<Vec<Change>, String> {
        let direct = commands.direct();
        let keys = direct.keys().filter(|(_, may_change)| *may_change);
        let named: Vec<&[u8]> = keys.map(|(key, _)| key).collect();
        let mut changes = Vec::new();
        let mut has_changed = false;
        for (at, now) in contents.changes(&self.oracle.now, router)? {
            let deadline = self.oracle.now.entries.get(&at).and_then(|entry| entry.expire_at_ms);
            if let (None, Some(deadline)) = (&now, deadline) {
                // Others may have removed it: home threads just before, or somebody unseen, and perhaps the
                // clock was set back since.
                if deadline <= now_ms || self.oracle.is_unseen(&at, deadline) {
                    self.figures.expired += 1;
                    let gone = Change::Entry(at, None);
                    self.oracle.now.apply(&gone);
                    self.oracle.note(epoch.0, vec![gone])?;
                    continue;
                }
            }
            let is_named = direct.changes_all_keys() || named.contains(&at.key.as_slice());
            let has_failed = commands.lines.len() == 1 && is_error(reply);
            if !is_named || has_failed {
                let reply = reply.escape_ascii();
                return Err(format!("{commands:?}, replying {reply}, has made {at:?} {now:?}"));
            }
            has_changed = true;
            changes.push(Change::Entry(at, now));
        }
        if has_changed {
            self.count_change(commands);
        }
        changes.iter().for_each(|change| self.oracle.now.apply(change));
        Ok(changes)
    }

    /// What was removed by a command that is run again.
    pub(crate) fn lapsed_by(
        &mut self,
        contents: &Contents,
        at: (Epoch, u64),
        router: Router,
    ) -> Result<(), String> {
        let nobody = Commands { db: 0, lines: vec![vec![b"flushall".to_vec()]], meant: Vec::new() };
        self.changed_by(&nobody, contents, b"-", at, router).map(drop)
    }

    pub(crate) fn count_change(&mut self, commands: &Commands) {
        let name = match commands.lines.len() {
            1 => commands.name(),
            _ => "multi".to_owned(),
        };
        Figures::count(&mut self.figures.changed_by, name);
    }
}

/// What DUMP gives of a value of each kind.
pub(crate) static DUMPS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| dumps().unwrap_or_else(|error| panic!("values cannot be dumped: {error}")));

fn dumps() -> Result<Vec<Vec<u8>>, String> {
    let options = EngineOptions { home_threads: 0, ..EngineOptions::default() };
    let engine = Engine::open(&SimMachine::new(0).io(), None, &options);
    let engine = engine.map_err(|error| error.to_string())?;
    let author = author(&engine)?;
    let mut holder = Holder::new(&engine, Drain::Serve);
    let mut run = |line: &str| -> Result<Vec<u8>, String> {
        let direct = Direct::new([line.split(' ').collect::<ArgsBuf>()]);
        let direct = direct.map_err(|error| format!("{error:?}"))?;
        let shards = direct.shards(&engine);
        let mut reply = Reply::new(Version::Resp3);
        let is_held = holder.try_hold(&shards).map_err(|refusal| refusal.to_string())?;
        assert!(is_held, "nobody else is here");
        let ran =
            holder.run(&shards, direct.bound(), |exec| direct.run(exec, &author, 0, &mut reply));
        let (outcome, _) = ran.map_err(|refusal| refusal.to_string())?;
        outcome.map_err(|error: CommandError| format!("{error:?}"))?;
        Ok(reply.take())
    };
    let mut dumps = Vec::new();
    for line in [
        "set string of-some-length",
        "set number 17",
        "hset hash a 1 b 2 c 3",
        "rpush list a b c 4",
        "sadd set a b c",
        "zadd zset 1 a 2.5 b",
    ] {
        run(line)?;
        let key = line.split(' ').nth(1).unwrap_or_default();
        let reply = run(&format!("dump {key}"))?;
        let start = reply.windows(2).position(|pair| pair == b"\r\n").ok_or("no payload")? + 2;
        dumps.push(reply[start..reply.len() - 2].to_vec());
    }
    Ok(dumps)
}
