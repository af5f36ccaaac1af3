//! The settings of CONFIG: one declarative table, validated, most of them taking effect at once.
//!
//! Invariant: CONFIG SET changes all settings it names or none.
//!
//! May not know: sockets; a transport reads the figures it needs through [`Config`].

mod notify;
pub(crate) mod save;
mod settings;
mod value;

use skeg_engine::{EvictionPolicy, Grouping, MemoryLimit, NotifyClass, SavePoint};
use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicU64, Ordering};

pub(crate) use crate::config::settings::POLICIES;
use crate::config::settings::{Change, Live, SETTINGS, Setting};
use crate::config::value::{OutputLimit, Value};
use crate::glob::{self, Case};
use crate::parse;

/// The settings and their values.
#[derive(Debug)]
pub struct Config {
    live: Live,
    /// Beside [`SETTINGS`], as CONFIG GET shows them; an alias has none.
    values: Mutex<Vec<String>>,
}

/// Which transactions of clients run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransactionMode {
    /// None: MULTI is refused.
    Disabled,
    /// Those whose keys, watched ones included, are on one shard.
    ShardLocal,
    /// All.
    CrossShard,
}

/// Why a setting was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// There is no setting of this name.
    Unknown(String),
    /// The value is refused, or the setting cannot be changed any more.
    Refused {
        /// The setting.
        name: String,
        /// Why.
        reason: String,
    },
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            Self::Refused { name, reason } => {
                write!(f, "CONFIG SET failed (possibly related to argument '{name}') - {reason}")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// Whether settings are changed before the server starts, or by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Starting,
    Running,
}

fn place_of(name: &[u8]) -> Option<usize> {
    SETTINGS.iter().position(|setting| parse::is_word(name, setting.name))
}

/// Where the value of a setting is kept: an alias has the place of what it stands for.
fn home_of(place: usize) -> usize {
    match SETTINGS[place].alias_of {
        Some(name) => place_of(name.as_bytes()).expect("an alias names a setting"),
        None => place,
    }
}

impl Config {
    /// Every setting at its default.
    pub(crate) fn new() -> Self {
        let values = SETTINGS.iter().map(|setting| setting.default.to_owned()).collect();
        let config = Self { live: Live::default(), values: Mutex::new(values) };
        for setting in SETTINGS.iter().filter(|setting| setting.alias_of.is_none()) {
            let value = setting.kind.read(setting.default.as_bytes());
            config.apply(setting, &value.expect("a default is a value"));
        }
        config
    }

    /// Changes settings before anybody is served, also those that are fixed later.
    pub(crate) fn start_with(&self, pairs: &[(&[u8], &[u8])]) -> Result<(), ConfigError> {
        self.change(pairs, When::Starting)
    }

    /// Changes all of these settings, or none.
    pub(crate) fn set(&self, pairs: &[(&[u8], &[u8])]) -> Result<(), ConfigError> {
        self.change(pairs, When::Running)
    }

    fn change(&self, pairs: &[(&[u8], &[u8])], when: When) -> Result<(), ConfigError> {
        let shown = |name: &[u8]| parse::quoted(name, 128);
        let refused =
            |name: &[u8], reason: String| ConfigError::Refused { name: shown(name), reason };
        let mut changes: Vec<(usize, &[u8])> = Vec::with_capacity(pairs.len());
        for &(name, value) in pairs {
            let place = place_of(name).ok_or_else(|| ConfigError::Unknown(shown(name)))?;
            let home = home_of(place);
            // What it is already may be said again.
            let is_same = || self.get(SETTINGS[home].name).is_some_and(|it| it.as_bytes() == value);
            if when == When::Running && matches!(SETTINGS[home].change, Change::Fixed) && !is_same()
            {
                return Err(refused(name, "can't set immutable config".into()));
            }
            if changes.iter().any(|(other, _)| *other == home) {
                return Err(refused(name, "duplicate parameter".into()));
            }
            changes.push((home, value));
        }
        let mut values = self.values.lock();
        let mut accepted: Vec<(usize, Value)> = Vec::with_capacity(changes.len());
        for (place, text) in changes {
            let setting = &SETTINGS[place];
            let refused = |reason| refused(setting.name.as_bytes(), reason);
            let mut value = setting.kind.read(text).map_err(refused)?;
            if matches!(setting.change, Change::LiveOutputLimits) {
                let mut limits = limits_of(&values[place]);
                value::read_output_limits(&value.text, &mut limits).map_err(refused)?;
                value.text = value::show_output_limits(&limits);
            }
            accepted.push((place, value));
        }
        for (place, value) in accepted {
            self.apply(&SETTINGS[place], &value);
            values[place] = value.text;
        }
        Ok(())
    }

    fn apply(&self, setting: &Setting, value: &Value) {
        match setting.change {
            Change::Live(cell) => cell(&self.live).store(value.number, Ordering::Relaxed),
            Change::LiveOutputLimits => {
                let [normal, _, pubsub] = limits_of(&value.text);
                self.live.pubsub_hard_bytes.store(pubsub.hard_bytes, Ordering::Relaxed);
                self.live.pubsub_soft_bytes.store(pubsub.soft_bytes, Ordering::Relaxed);
                self.live.pubsub_soft_s.store(pubsub.soft_s, Ordering::Relaxed);
                self.live.output_hard_bytes.store(normal.hard_bytes, Ordering::Relaxed);
                self.live.output_soft_bytes.store(normal.soft_bytes, Ordering::Relaxed);
                self.live.output_soft_s.store(normal.soft_s, Ordering::Relaxed);
            }
            Change::Remembered | Change::Fixed => {}
        }
    }

    /// The settings that fit any of the patterns, with their values, each once. One that is named
    /// without a pattern is called what it was called here, as in Redis.
    pub(crate) fn matching(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let values = self.values.lock();
        let name_of = |place: usize| {
            let name = SETTINGS[place].name;
            let fits = |pattern: &&&[u8]| glob::matches(pattern, name.as_bytes(), Case::Ignore);
            let pattern = patterns.iter().find(fits)?;
            let is_pattern = pattern.iter().any(|byte| b"[*?\\".contains(byte));
            Some(if is_pattern { name.to_owned() } else { parse::quoted(pattern, 64) })
        };
        (0..SETTINGS.len())
            .filter_map(|place| Some((name_of(place)?, values[home_of(place)].clone())))
            .collect()
    }

    /// The value of a setting, as CONFIG GET shows it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let place = place_of(name.as_bytes())?;
        Some(self.values.lock()[home_of(place)].clone())
    }

    /// The value of a setting that is a number.
    pub(crate) fn signed(&self, name: &str) -> i64 {
        self.get(name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// The events that become messages.
    pub(crate) fn notifications(&self) -> NotifyClass {
        let text = self.get("notify-keyspace-events").unwrap_or_default();
        notify::read(text.as_bytes()).unwrap_or_default()
    }

    /// The points at which snapshots are taken by themselves.
    pub(crate) fn save_points(&self) -> Vec<SavePoint> {
        self.get("save").and_then(|text| save::read(&text)).unwrap_or_default()
    }

    fn read(cell: &AtomicU64) -> u64 {
        cell.load(Ordering::Relaxed)
    }

    /// Which transactions run.
    pub(crate) fn transactions(&self) -> TransactionMode {
        match Self::read(&self.live.transactions) {
            0 => TransactionMode::Disabled,
            1 => TransactionMode::ShardLocal,
            _ => TransactionMode::CrossShard,
        }
    }

    /// Connections that are served at once.
    #[must_use]
    pub fn clients_max(&self) -> u64 {
        Self::read(&self.live.clients_max)
    }

    /// Seconds after which an idle connection is closed; 0: never.
    #[must_use]
    pub fn idle_timeout_s(&self) -> u64 {
        Self::read(&self.live.idle_timeout_s)
    }

    /// Seconds between the probes of an idle TCP connection; 0: none.
    #[must_use]
    pub fn keepalive_s(&self) -> u64 {
        Self::read(&self.live.keepalive_s)
    }

    /// Bytes that keys, values and vectors may take; 0: no limit.
    #[must_use]
    pub fn memory_max(&self) -> u64 {
        Self::read(&self.live.memory_max)
    }

    /// How much memory the data may take, and what goes when it takes more.
    pub(crate) fn memory_limit(&self) -> MemoryLimit {
        let named = self.get("maxmemory-policy").unwrap_or_default();
        let place = POLICIES.iter().position(|policy| *policy == named);
        MemoryLimit {
            max_bytes: self.memory_max(),
            policy: place.map_or(EvictionPolicy::None, |place| EvictionPolicy::ALL[place]),
            samples: self.signed("maxmemory-samples").unsigned_abs() as usize,
            grouping: self.grouping(),
        }
    }

    /// Which keys go together, where groups go.
    fn grouping(&self) -> Grouping {
        let delimiter = self.get("maxmemory-group-delimiter").unwrap_or_default();
        Grouping {
            delimiter: delimiter.bytes().next().unwrap_or(Grouping::default().delimiter),
            depth: self.signed("maxmemory-group-depth").unsigned_abs() as u8,
        }
    }

    /// Longest argument, and longest value, in bytes.
    #[must_use]
    pub fn bulk_bytes_max(&self) -> u64 {
        Self::read(&self.live.bulk_bytes_max)
    }

    /// Bytes of one command as it is sent.
    #[must_use]
    pub fn query_bytes_max(&self) -> u64 {
        Self::read(&self.live.query_bytes_max)
    }

    /// Bytes of unsent replies at which a client is closed at once; 0: no limit.
    #[must_use]
    pub fn output_hard_bytes(&self) -> u64 {
        Self::read(&self.live.output_hard_bytes)
    }

    /// Bytes of unsent replies at which a client is closed after [`Config::output_soft_s`]; 0: no limit.
    #[must_use]
    pub fn output_soft_bytes(&self) -> u64 {
        Self::read(&self.live.output_soft_bytes)
    }

    /// Seconds that a client may stay above [`Config::output_soft_bytes`].
    #[must_use]
    pub fn output_soft_s(&self) -> u64 {
        Self::read(&self.live.output_soft_s)
    }

    /// The three limits of output for clients that subscribe: bytes at which one is closed at once,
    /// bytes at which it is closed after a time (0: no limit), and that time in seconds.
    #[must_use]
    pub fn pubsub_output_limits(&self) -> (u64, u64, u64) {
        let live = &self.live;
        let [hard, soft, seconds] =
            [&live.pubsub_hard_bytes, &live.pubsub_soft_bytes, &live.pubsub_soft_s];
        (Self::read(hard), Self::read(soft), Self::read(seconds))
    }
}

/// The limits in a text that was accepted or is the default.
fn limits_of(text: &str) -> [OutputLimit; 3] {
    let mut limits = [OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_s: 0 }; 3];
    value::read_output_limits(text, &mut limits).expect("a stored value is well formed");
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(config: &Config, pairs: &[(&str, &str)]) -> Result<(), String> {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        config.set(&pairs).map_err(|error| error.to_string())
    }

    #[test]
    fn the_table_is_sorted_and_its_aliases_lead_somewhere() {
        assert!(SETTINGS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for place in 0..SETTINGS.len() {
            assert!(SETTINGS[home_of(place)].alias_of.is_none());
        }
    }

    #[test]
    fn a_change_takes_effect_whole_or_not_at_all() {
        let config = Config::new();
        assert_eq!(config.clients_max(), 10_000);
        set(&config, &[("maxclients", "50"), ("MaxMemory", "1kb")]).unwrap();
        assert_eq!((config.clients_max(), config.memory_max()), (50, 1_024));
        let error = set(&config, &[("maxclients", "60"), ("timeout", "soon")]).unwrap_err();
        assert_eq!(
            error,
            "CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be \
             parsed into an integer"
        );
        assert_eq!(config.clients_max(), 50);
    }

    #[test]
    fn what_is_fixed_unknown_or_named_twice_is_refused() {
        let config = Config::new();
        let refused = |pairs: &[(&str, &str)]| set(&config, pairs).unwrap_err();
        assert!(refused(&[("port", "1")]).ends_with("can't set immutable config"));
        assert!(refused(&[("nothing", "1")]).starts_with("Unknown option"));
        let twice = [("hash-max-ziplist-value", "1"), ("hash-max-listpack-value", "2")];
        assert!(refused(&twice).ends_with("duplicate parameter"));
        config.start_with(&[(b"port", b"6379")]).unwrap();
        set(&config, &[("port", "6379")]).unwrap();
        assert_eq!(config.get("port").unwrap(), "6379");
    }

    #[test]
    fn an_alias_shows_what_its_setting_has() {
        let config = Config::new();
        set(&config, &[("list-max-ziplist-size", "-1")]).unwrap();
        let found = config.matching(&[b"list-max-*", b"LIST-max-listpack-size"]);
        assert_eq!(
            found,
            [
                ("list-max-listpack-size".to_owned(), "-1".to_owned()),
                ("list-max-ziplist-size".to_owned(), "-1".to_owned())
            ]
        );
    }

    #[test]
    fn output_limits_of_normal_clients_take_effect() {
        let config = Config::new();
        set(&config, &[("client-output-buffer-limit", "normal 1mb 2kb 5")]).unwrap();
        assert_eq!(config.output_hard_bytes(), 1 << 20);
        assert_eq!((config.output_soft_bytes(), config.output_soft_s()), (2_048, 5));
        assert!(config.get("client-output-buffer-limit").unwrap().contains("pubsub 33554432"));
    }
}
