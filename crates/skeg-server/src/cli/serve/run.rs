//! Opens, serves, stops.
//!
//! Order of a start: settings are checked, the database is opened, the sockets are bound, the ready
//! line is printed. Order of a stop: the server finishes, then the database is closed. A process
//! that is killed in between loses nothing but the wait.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use skeg_engine::{
    Bound, Drain, Engine, EngineOptions, EvictionPolicy, Grouping, Holder, Level, MemoryLimit,
    Refusal, SavePoint, ShardId, SyncPolicy,
};
use skeg_io::Io;

use super::banner::{Facts, banner, ready_line};
use crate::cli::progress::Progress;
use crate::cli::signals::SignalWatch;
use crate::cli::{Failure, help};
use crate::config::{Durability, Eviction, LogLevel, ServeOptions, SyncTiming};
use crate::{Server, ServerHandle, ServerOptions};

/// Serves until a signal or the SHUTDOWN command ends it.
pub(super) fn serve(options: &ServeOptions) -> Result<(), Failure> {
    let started = Instant::now();
    let progress = (!options.quiet).then(|| Progress::new("loading"));
    let show = |done, total| {
        if let Some(bar) = &progress {
            bar.tell(done, total);
        }
    };
    let data = options.data.as_deref();
    let engine = Engine::open_with(&Io::real(), data, &engine_options(options), &show)
        .map_err(|error| Failure::failed(format!("cannot open the database: {error}")))?;
    drop(progress);
    let recovery = started.elapsed();
    let result = serve_engine(&engine, options, recovery);
    let closed = engine
        .close()
        .map_err(|error| Failure::failed(format!("cannot close the database: {error}")));
    result.and(closed)?;
    let end = if options.data.is_some() { "stopped; everything is on disk" } else { "stopped" };
    tell(options, LogLevel::Info, end);
    Ok(())
}

fn serve_engine(
    engine: &Engine,
    options: &ServeOptions,
    recovery: std::time::Duration,
) -> Result<(), Failure> {
    let keys = count_keys(engine).map_err(Failure::failed)?;
    let server_options = server_options(options);
    let server = Server::start(engine, &server_options).map_err(Failure::failed)?;
    let signals = watch_signals(server.handle(), options.clone())?;
    let recovered = engine.recovered();
    let socket = server.unix_socket().map(|path| path.display().to_string());
    let facts = Facts {
        addresses: server.addresses().iter().map(ToString::to_string).chain(socket).collect(),
        pid: std::process::id(),
        shards: engine.shards(),
        threads_max: server_options.threads_max,
        keys,
        recovered_bytes: recovered.bytes,
        recovery,
        created: recovered.created,
        directory: server_options.directory.as_ref().map(|path| path.display().to_string()),
    };
    announce(&facts, options);
    if let Some(before) = recovered.resharded_from {
        let text =
            format!("the database was dealt out from {before} to {} shards", engine.shards());
        tell(options, LogLevel::Info, &text);
    }
    for damage in &recovered.damaged_snapshots {
        let text = format!(
            "the snapshot {} is damaged at offset {}: an older one was loaded, with all of the log behind it",
            damage.file.display(),
            damage.offset
        );
        tell(options, LogLevel::Warn, &text);
    }
    if recovered.cut_bytes > 0 {
        let cut = recovered.cut_bytes;
        tell(
            options,
            LogLevel::Warn,
            &format!("a crash had torn the log: {cut} unfinished bytes were cut"),
        );
    }
    if options.hosts.iter().any(|host| !host.is_loopback()) {
        let text = "other machines can reach this server, and it has no password";
        tell(options, LogLevel::Warn, text);
    }
    server.wait();
    signals.end();
    Ok(())
}

fn engine_options(options: &ServeOptions) -> EngineOptions {
    EngineOptions {
        shards: options.shards,
        level: match options.durability {
            Durability::Memory => Level::Memory,
            Durability::Kernel => Level::Kernel,
            Durability::Disk => Level::Disk,
        },
        sync: match options.sync {
            SyncTiming::Never => SyncPolicy::Never,
            SyncTiming::EverySecond => SyncPolicy::EverySecond,
            SyncTiming::Always => SyncPolicy::Always,
        },
        segment_bytes: options.segment_bytes,
        inline_max: options.inline_max,
        keep_snapshots: options.keep_snapshots,
        cache_bytes: options.cache_bytes,
        memory_limit: MemoryLimit {
            max_bytes: options.memory_max_bytes,
            policy: match options.eviction {
                Eviction::None => EvictionPolicy::None,
                Eviction::AllLru => EvictionPolicy::AllLru,
                Eviction::AllLfu => EvictionPolicy::AllLfu,
                Eviction::AllRandom => EvictionPolicy::AllRandom,
                Eviction::VolatileLru => EvictionPolicy::VolatileLru,
                Eviction::VolatileLfu => EvictionPolicy::VolatileLfu,
                Eviction::VolatileRandom => EvictionPolicy::VolatileRandom,
                Eviction::VolatileTtl => EvictionPolicy::VolatileTtl,
                Eviction::AllGroupLru => EvictionPolicy::AllGroupLru,
            },
            grouping: Grouping { delimiter: options.group_delimiter, depth: options.group_depth },
            ..MemoryLimit::default()
        },
        save_points: options
            .save_points
            .iter()
            .map(|(after, changes)| SavePoint {
                after_ms: after.as_millis() as u64,
                changes: *changes,
            })
            .collect(),
        ..EngineOptions::default()
    }
}

fn server_options(options: &ServeOptions) -> ServerOptions {
    ServerOptions {
        addresses: options.addresses(),
        unix_socket: options.unix_socket.clone(),
        threads_max: options.threads.unwrap_or_else(ServerOptions::default_threads),
        clients_max: options.connections_max,
        idle_timeout: options.idle_timeout,
        tcp_keepalive: options.tcp_keepalive,
        bulk_bytes_max: options.value_bytes_max,
        output_bytes_max: options.output_bytes_max,
        shutdown_timeout: options.shutdown_timeout,
        clients_may_stop: true,
        clients_may_debug: options.debug_command,
        transactions: options.transactions,
        config_file: options.config_file.as_deref().map(absolute),
        directory: options.data.as_deref().map(absolute),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

/// Keys in all databases. Nobody is served yet, so a latch is taken for microseconds at most.
fn count_keys(engine: &Engine) -> Result<u64, Refusal> {
    let mut holder = Holder::new(engine, Drain::Serve);
    let mut keys = 0;
    for id in (0..engine.shards()).map(ShardId) {
        while !holder.try_hold_one(id)? {
            std::thread::yield_now();
        }
        let (figures, _) = holder.run_one(id, Bound::READ, |exec| exec.shard_at(id).figures())?;
        keys += figures.keys.iter().sum::<u64>();
        holder.release();
    }
    Ok(keys)
}

/// A server does not stop because nobody reads what it prints.
fn announce(facts: &Facts, options: &ServeOptions) {
    let mut out = std::io::stdout().lock();
    if out.is_terminal() && !options.quiet {
        let colours = help::colours(&out);
        let _ = out.write_all(banner(facts, options, colours).as_bytes());
    }
    let _ = out.write_all(ready_line(facts).as_bytes());
    let _ = out.flush();
}

/// Prints a message for operators, if they want to know.
pub(super) fn tell(options: &ServeOptions, level: LogLevel, text: &str) {
    let least = if options.quiet { LogLevel::Warn } else { options.log_level };
    if level <= least.min(options.log_level) {
        let warning = if level == LogLevel::Warn { "warning: " } else { "" };
        let _ = writeln!(std::io::stderr(), "skeg: {warning}{text}");
    }
}

/// The first signal stops the server in order, a second one ends the process.
fn watch_signals(server: ServerHandle, options: ServeOptions) -> Result<SignalWatch, Failure> {
    SignalWatch::start(move |signal| {
        if server.is_stopping() {
            signal_hook::low_level::exit(1);
        }
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
        tell(&options, LogLevel::Info, &format!("{name}: stopping; once more exits at once"));
        server.stop();
    })
}
