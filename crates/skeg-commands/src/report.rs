//! The sections of INFO, in Redis's names for the figures that skeg has.
//!
//! A figure that would be made up is left out; one that is always the same because skeg has no such
//! thing (replicas, forks) is there when clients look for it.

use std::fmt::Write;

use skeg_engine::{Health, ShardFigures, Topic};

use crate::config::POLICIES;
use crate::context::Context;
use crate::host::ProcessFigures;
use crate::table;

/// The version of Redis whose commands these are.
pub(crate) const REDIS_VERSION: &str = "7.0.15";

/// A section and when it is shown.
struct Section {
    name: &'static str,
    /// Whether INFO without arguments shows it.
    default: bool,
    write: fn(&mut Report<'_>),
}

const fn section(name: &'static str, default: bool, write: fn(&mut Report<'_>)) -> Section {
    Section { name, default, write }
}

const SECTIONS: &[Section] = &[
    section("server", true, server),
    section("clients", true, clients),
    section("memory", true, memory),
    section("persistence", true, persistence),
    section("stats", true, stats),
    section("replication", true, replication),
    section("cpu", true, cpu),
    section("commandstats", false, command_stats),
    section("cluster", true, cluster),
    section("keyspace", true, keyspace),
];

/// What the sections are made of.
struct Report<'a> {
    context: &'a Context,
    figures: ShardFigures,
    process: ProcessFigures,
    text: String,
}

impl Report<'_> {
    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{name}:{value}\r\n");
    }

    /// The figure, and once more for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.line(name, bytes);
        self.line(&format!("{name}_human"), human(bytes));
    }
}

/// The text of INFO. `wanted` are names of sections; none: the usual ones; `all` and `everything`:
/// all of them.
pub(crate) fn info(context: &Context, figures: ShardFigures, wanted: &[&[u8]]) -> String {
    let asked = |name: &str| wanted.iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let all = asked("all") || asked("everything");
    let usual = wanted.is_empty() || asked("default");
    let process = context.host().process();
    let mut report = Report { context, figures, process, text: String::new() };
    for Section { name, default, write } in SECTIONS {
        if !(all || usual && *default || asked(name)) {
            continue;
        }
        if !report.text.is_empty() {
            report.text.push_str("\r\n");
        }
        let mut title = name.to_string();
        title[..1].make_ascii_uppercase();
        let title = if title == "Cpu" { "CPU" } else { &title };
        let _ = write!(report.text, "# {title}\r\n");
        write(&mut report);
    }
    report.text
}

fn uptime_s(context: &Context) -> u64 {
    let since = context.started().monotonic_ns;
    context.clock().monotonic_ns().saturating_sub(since) / 1_000_000_000
}

fn server(report: &mut Report<'_>) {
    let context = report.context;
    let started = context.started();
    let uptime_s = uptime_s(context);
    let process = report.process.clone();
    report.line("redis_version", REDIS_VERSION);
    report.line("skeg_version", env!("CARGO_PKG_VERSION"));
    report.line("redis_mode", "standalone");
    report.line("os", process.system);
    report.line("arch_bits", usize::BITS);
    report.line("multiplexing_api", process.multiplexing);
    report.line("process_id", std::process::id());
    report.line("run_id", &started.run_id);
    report.line("tcp_port", context.config().get("port").unwrap_or_default());
    report.line("server_time_usec", context.engine().now_ms() * 1_000);
    report.line("uptime_in_seconds", uptime_s);
    report.line("uptime_in_days", uptime_s / 86_400);
    report.line("executable", process.executable);
    report.line("config_file", process.config_file);
    report.line("shards", context.engine().shards());
}

fn clients(report: &mut Report<'_>) {
    let context = report.context;
    report.line("connected_clients", context.clients().connected());
    report.line("maxclients", context.config().clients_max());
    report.line("blocked_clients", context.clients().blocked());
    report.line("pubsub_clients", context.clients().subscribed());
}

fn memory(report: &mut Report<'_>) {
    let max = report.context.engine().memory_limit().max_bytes;
    let allocated = report.figures.memory_bytes + report.figures.vector_bytes;
    let used = allocated - report.figures.free_bytes;
    let process = report.process.clone();
    report.bytes("used_memory", used);
    report.line("used_memory_allocated", allocated);
    report.bytes("used_memory_rss", process.resident_bytes);
    report.line("used_memory_rss_peak", process.resident_peak_bytes);
    report.bytes("used_memory_dataset", used);
    report.bytes("used_memory_vectors", report.figures.vector_bytes);
    report.bytes("total_system_memory", process.machine_bytes);
    report.bytes("maxmemory", max);
    let policy = report.context.engine().memory_limit().policy;
    report.line("maxmemory_policy", POLICIES[policy as usize]);
    let ratio = process.resident_bytes as f64 / used.max(1) as f64;
    report.line("mem_fragmentation_ratio", format_args!("{ratio:.2}"));
    report.line("mem_allocator", "libc");
}

fn persistence(report: &mut Report<'_>) {
    let engine = report.context.engine();
    report.line("loading", 0);
    report.line("async_loading", 0);
    let snapshot = engine.snapshot_status();
    let seconds = |ms: u64| i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    // Two names of the same: a snapshot is also what makes the log before it superfluous.
    let (running, scheduled) = (u8::from(snapshot.running), u8::from(snapshot.scheduled));
    let outcome = if snapshot.last_error.is_some() { "err" } else { "ok" };
    report.line("rdb_changes_since_last_save", snapshot.changes);
    report.line("rdb_bgsave_in_progress", running);
    report.line("rdb_bgsave_scheduled", scheduled);
    report.line("rdb_last_save_time", snapshot.last_ms / 1_000);
    report.line("rdb_last_bgsave_status", outcome);
    let last_s = snapshot.last_duration_ms.map_or(-1, seconds);
    report.line("rdb_last_bgsave_time_sec", last_s);
    let running_ms = engine.now_ms().saturating_sub(snapshot.started_ms);
    let running_s = if snapshot.running { seconds(running_ms) } else { -1 };
    report.line("rdb_current_bgsave_time_sec", running_s);
    report.line("rdb_saves", snapshot.published);
    report.line("snapshot_entries", if snapshot.running { snapshot.entries } else { 0 });
    report.line("snapshot_bytes", if snapshot.running { snapshot.bytes } else { 0 });
    report.line("snapshot_last_bytes", snapshot.last.map_or(0, |last| last.bytes));
    report.line("snapshot_longest_hold_usec", snapshot.longest_hold_ns / 1_000);
    report.line("snapshot_last_error", snapshot.last_error.unwrap_or_default());
    let status = engine.log().map(|log| log.status()).unwrap_or_default();
    report.line("snapshots_kept", status.snapshots);
    report.line("snapshots_given_up", status.snapshots_given_up);
    report.line("snapshots_damaged", engine.recovered().damaged_snapshots.len());
    report.line("log_bytes_behind_snapshot", snapshot.behind_bytes);
    let values = engine.value_figures();
    report.line("value_cache_bytes", values.cache.bytes);
    report.line("value_cache_max_bytes", values.cache.bytes_max);
    report.line("value_cache_values", values.cache.values);
    report.line("value_cache_hits", values.cache.hits);
    report.line("value_cache_misses", values.cache.misses);
    report.line("value_cache_evicted", values.cache.evicted);
    report.line("value_reads_resident", values.resident_reads);
    report.line("value_reads_disk", values.reads);
    report.line("value_reads_failed", values.failed);
    report.line("value_bytes_restated", values.restated_bytes);
    report.line("aof_enabled", u8::from(engine.log().is_some()));
    report.line("aof_rewrite_in_progress", running);
    report.line("aof_rewrite_scheduled", scheduled);
    report.line("aof_last_rewrite_time_sec", last_s);
    report.line("aof_current_rewrite_time_sec", running_s);
    report.line("aof_last_bgrewrite_status", outcome);
    let Some(log) = engine.log() else {
        report.line("aof_last_write_status", "ok");
        return;
    };
    let status = log.status();
    let healthy = status.health == Health::Healthy;
    report.line("aof_last_write_status", if healthy { "ok" } else { "err" });
    report.line("aof_current_size", status.bytes);
    report.line("aof_buffer_length", status.outstanding_bytes);
    report.line("log_health", format!("{:?}", status.health).to_lowercase());
    report.line("log_reason", status.reason.unwrap_or_default());
    report.line("log_segments", status.segments);
    report.line("log_bytes_kept_for_values", status.kept_bytes);
    report.line("log_epoch_last", status.last.0);
    report.line("log_epoch_written", status.written.0);
    report.line("log_epoch_durable", status.durable.0);
    report.line("log_unsynced_bytes", status.unsynced_bytes);
    report.line("log_blocks_written", status.blocks_written);
    report.line("log_fsyncs", status.fsyncs);
    report.line("log_last_fsync_usec", status.last_fsync_ns / 1_000);
}

fn stats(report: &mut Report<'_>) {
    let context = report.context;
    let network = context.host().network();
    let (calls, errors) = context.lanes().totals();
    let counters = report.figures.counters;
    report.line("total_connections_received", network.connections);
    report.line("total_commands_processed", calls);
    report.line("total_net_input_bytes", network.input_bytes);
    report.line("total_net_output_bytes", network.output_bytes);
    report.line("rejected_connections", network.rejected);
    report.line("expired_keys", counters.expired);
    report.line("evicted_keys", counters.evicted);
    report.line("keyspace_hits", counters.hits);
    report.line("keyspace_misses", counters.misses);
    let pubsub = context.engine().pubsub();
    report.line("pubsub_channels", pubsub.count(Topic::Channel));
    report.line("pubsub_patterns", pubsub.count(Topic::Pattern));
    report.line("pubsubshard_channels", pubsub.count(Topic::ShardChannel));
    report.line("latest_fork_usec", 0);
    report.line("total_forks", 0);
    report.line("total_error_replies", errors);
    report.line("total_reads_processed", network.reads);
    report.line("total_writes_processed", network.writes);
    report.line("queued_commands", context.engine().queued());
}

fn replication(report: &mut Report<'_>) {
    report.line("role", "master");
    report.line("connected_slaves", 0);
    report.line("master_failover_state", "no-failover");
    report.line("master_replid", report.context.started().run_id.clone());
    report.line("master_repl_offset", 0);
    report.line("repl_backlog_active", 0);
}

fn cpu(report: &mut Report<'_>) {
    let (system_s, user_s) = (report.process.cpu_system_s, report.process.cpu_user_s);
    report.line("used_cpu_sys", format_args!("{system_s:.6}"));
    report.line("used_cpu_user", format_args!("{user_s:.6}"));
}

fn command_stats(report: &mut Report<'_>) {
    for id in table::ids() {
        let figures = report.context.lanes().figures(id);
        if figures.calls + figures.rejected == 0 {
            continue;
        }
        let each_us = figures.busy_us as f64 / figures.calls.max(1) as f64;
        report.line(
            &format!("cmdstat_{}", id.spec().name),
            format_args!(
                "calls={},usec={},usec_per_call={each_us:.2},rejected_calls={},failed_calls={}",
                figures.calls, figures.busy_us, figures.rejected, figures.failed
            ),
        );
    }
}

fn cluster(report: &mut Report<'_>) {
    report.line("cluster_enabled", 0);
}

fn keyspace(report: &mut Report<'_>) {
    let figures = std::mem::take(&mut report.figures);
    for (db, (keys, expiring)) in figures.keys.iter().zip(&figures.expiring).enumerate() {
        if *keys > 0 {
            report
                .line(&format!("db{db}"), format_args!("keys={keys},expires={expiring},avg_ttl=0"));
        }
    }
    report.figures = figures;
}

/// Bytes in the unit that fits, as Redis writes them.
fn human(bytes: u64) -> String {
    let value = bytes as f64;
    let units = [(1_u64 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, letter)) => format!("{:.2}{letter}", value / unit as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1_023), "1023B");
        assert_eq!(human(1_536), "1.50K");
        assert_eq!(human(3 << 30), "3.00G");
    }
}
