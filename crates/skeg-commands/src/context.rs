//! What all sessions of one store share.

use skeg_engine::{Engine, Level, SyncPolicy};
use skeg_io::Clock;
use skeg_io::sync::Arc;

use crate::clients::{Client, ClientRegistry};
use crate::config::{Config, ConfigError, POLICIES, save};
use crate::host::Host;
use crate::pause::Pause;
use crate::stats::{Lane, Lanes};
use crate::timing::Timing;
use crate::wait::Waiters;

/// The surroundings of sessions: the engine, the settings, the clients, the counts.
pub struct Context {
    engine: Engine,
    config: Config,
    clients: ClientRegistry,
    lanes: Lanes,
    host: Arc<dyn Host>,
    waiters: Waiters,
    pause: Pause,
    timing: Timing,
    started: Started,
}

/// When and as what the server started.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub(crate) monotonic_ns: u64,
    /// 40 random hexadecimal digits.
    pub(crate) run_id: String,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Context {
    /// Surroundings for sessions on `engine`. `settings` are names and values as CONFIG knows them,
    /// also of those that cannot be changed later (`port`, `dir`).
    ///
    /// # Errors
    /// [`ConfigError`] for a setting that is unknown or out of its range.
    pub fn new(
        engine: Engine,
        host: Arc<dyn Host>,
        settings: &[(&str, &str)],
    ) -> Result<Arc<Self>, ConfigError> {
        let config = Config::new();
        let shards = engine.shards().to_string();
        let save = save::show(&engine.save_points());
        let limit = engine.memory_limit();
        let (max_bytes, samples) = (limit.max_bytes.to_string(), limit.samples.to_string());
        let (delimiter, depth) =
            (char::from(limit.grouping.delimiter).to_string(), limit.grouping.depth.to_string());
        let facts = [
            ("appendonly", if engine.log().is_some() { "yes" } else { "no" }),
            ("appendfsync", fsync_policy(&engine)),
            ("shards", shards.as_str()),
            ("save", save.as_str()),
            ("maxmemory", max_bytes.as_str()),
            ("maxmemory-group-delimiter", delimiter.as_str()),
            ("maxmemory-group-depth", depth.as_str()),
            ("maxmemory-policy", POLICIES[limit.policy as usize]),
            ("maxmemory-samples", samples.as_str()),
        ];
        let pairs: Vec<(&[u8], &[u8])> = facts
            .iter()
            .chain(settings)
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        config.start_with(&pairs)?;
        let io = engine.io();
        let started = Started { monotonic_ns: io.clock.monotonic_ns(), run_id: run_id(&engine) };
        let waiters = Waiters::new(&engine);
        let context = Self {
            engine,
            config,
            clients: ClientRegistry::default(),
            lanes: Lanes::default(),
            host,
            waiters,
            pause: Pause::default(),
            timing: Timing::default(),
            started,
        };
        context.follow_settings();
        Ok(Arc::new(context))
    }

    /// The engine that commands run on.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The connected clients.
    #[must_use]
    pub fn clients(&self) -> &ClientRegistry {
        &self.clients
    }

    /// Counters for one more thread that serves sessions.
    #[must_use]
    pub fn new_lane(&self) -> Arc<Lane> {
        self.lanes.add()
    }

    /// Ends what waits in the background and joins its thread. Whoever serves calls it before the
    /// engine is closed.
    pub fn close(&self) {
        self.pause.end(&self.engine);
        self.waiters.close();
    }

    /// Puts changed settings into effect that are not read where they are used.
    pub(crate) fn follow_settings(&self) {
        self.timing.follow(&self.config);
    }

    /// Shows a client every command from now on.
    pub(crate) fn start_to_monitor(&self, client: &Arc<Client>) {
        if !client.note_monitoring(true) {
            self.timing.monitors.change(|all| all.push(Arc::clone(client)));
            self.timing.follow(&self.config);
        }
    }

    /// Shows it no more.
    pub(crate) fn stop_to_monitor(&self, client: &Client) {
        if client.note_monitoring(false) {
            self.timing.monitors.change(|all| all.retain(|it| it.id() != client.id()));
            self.timing.follow(&self.config);
        }
    }

    /// When the pause of clients ends, by the monotonic clock in milliseconds; `None`: there is none,
    /// and whoever waits for its end may go on.
    #[must_use]
    pub fn paused_until_ms(&self) -> Option<u64> {
        self.pause.current(&self.engine).map(|(_, until_ms)| until_ms)
    }

    pub(crate) fn pause(&self) -> &Pause {
        &self.pause
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    pub(crate) fn host(&self) -> &dyn Host {
        &*self.host
    }

    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    pub(crate) fn started(&self) -> &Started {
        &self.started
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.engine.io().clock
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Not joined: the last handle may be dropped by that very thread.
        self.waiters.end();
    }
}

/// The engine's level and policy in Redis's words.
fn fsync_policy(engine: &Engine) -> &'static str {
    let options = engine.options();
    match (options.level, options.sync) {
        (Level::Disk, _) | (_, SyncPolicy::Always) => "always",
        (_, SyncPolicy::EverySecond) => "everysec",
        (_, SyncPolicy::Never) => "no",
    }
}

fn run_id(engine: &Engine) -> String {
    let mut bytes = [0_u8; 20];
    engine.io().entropy.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
