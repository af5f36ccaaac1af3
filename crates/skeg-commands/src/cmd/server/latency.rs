//! LATENCY.
//!
//! Histograms show the calls that were timed: all of them while `latency-tracking` or the monitor is
//! on, otherwise a sample (`timing.rs`).

use std::fmt::Write;

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::help;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};
use crate::table::{self, CommandId};

pub(crate) const SPEC: Spec = Spec {
    name: "latency",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Server,
    since: "2.8.13",
    summary: "Shows what took long",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const DOCTOR_SPEC: Spec = Spec {
    name: "latency|doctor",
    arity: 2,
    flags: Flags::ADMIN.with(Flags::SERVICE),
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    summary: "Describes the events that took long",
    complexity: "O(N) for N samples",
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    run: Handler::Session(doctor),
    ..SPEC
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "latency|help",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    summary: "Lists the subcommands",
    complexity: "O(1)",
    run: Handler::Session(help),
    ..SPEC
};

pub(crate) const HISTOGRAM_SPEC: Spec = Spec {
    name: "latency|histogram",
    arity: -2,
    since: "7.0.0",
    summary: "Returns how many calls of commands took how long",
    complexity: "O(N) for N commands",
    syntax: "[command [command ...]]",
    run: Handler::Session(histogram),
    ..DOCTOR_SPEC
};

pub(crate) const HISTORY_SPEC: Spec = Spec {
    name: "latency|history",
    arity: 3,
    summary: "Returns the samples of an event",
    complexity: "O(1)",
    syntax: "event",
    run: Handler::Session(history),
    ..DOCTOR_SPEC
};

pub(crate) const LATEST_SPEC: Spec = Spec {
    name: "latency|latest",
    summary: "Returns the latest sample of every event",
    complexity: "O(1)",
    run: Handler::Session(latest),
    ..DOCTOR_SPEC
};

pub(crate) const RESET_SPEC: Spec = Spec {
    name: "latency|reset",
    arity: -2,
    summary: "Forgets the samples of events, or of all",
    complexity: "O(1)",
    syntax: "[event [event ...]]",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Handler::Session(reset),
    ..DOCTOR_SPEC
};

fn latest(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let events = cx.context.timing().latency.all();
    reply.array(events.len());
    for (event, series) in events {
        let (at_s, spent_ms) = series.samples.back().map_or((0, 0), |it| (it.at_s, it.spent_ms));
        reply.array(4);
        reply.bulk_str(event);
        [at_s, spent_ms, series.max_ms].into_iter().for_each(|number| reply.int(number as i64));
    }
    Ok(())
}

fn history(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let series = cx.context.timing().latency.of(args.get(2));
    reply.array(series.samples.len());
    for sample in series.samples {
        reply.array(2);
        reply.int(sample.at_s as i64);
        reply.int(sample.spent_ms as i64);
    }
    Ok(())
}

fn reset(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let monitor = &cx.context.timing().latency;
    let count = match args.len() {
        2 => monitor.reset_all(),
        _ => args.iter().skip(2).filter(|event| monitor.reset(event)).count(),
    };
    reply.count(count);
    Ok(())
}

fn doctor(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let timing = cx.context.timing();
    let events = timing.latency.all();
    let mut text = String::new();
    if timing.latency_threshold_ms() == 0 {
        text.push_str(
            "I'm sorry, Dave, I can't do that. Latency monitoring is disabled: set \
             latency-monitor-threshold to a number of milliseconds first.\n",
        );
    } else if events.is_empty() {
        text.push_str("Dave, no latency spike was observed since the monitor was last reset.\n");
    } else {
        text.push_str("Dave, I have observed latency spikes:\n\n");
        for (place, (event, series)) in events.iter().enumerate() {
            let count = series.samples.len() as u64;
            let sum: u64 = series.samples.iter().map(|sample| sample.spent_ms).sum();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{}. {event}: {count} latency spikes (average {} ms, worst all time {} ms).",
                place + 1,
                sum / count.max(1),
                series.max_ms,
            );
        }
        text.push_str("\nSLOWLOG GET shows the commands, LATENCY HISTORY the times.\n");
    }
    reply.verbatim(*b"txt", &text);
    Ok(())
}

/// The commands meant by a name: a container stands for its subcommands too.
fn named(name: &[u8]) -> Vec<CommandId> {
    let Some(id) = table::find(name) else { return Vec::new() };
    std::iter::once(id).chain(table::subcommands(id.spec())).collect()
}

fn histogram(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let ids: Vec<CommandId> = match args.len() {
        2 => table::ids().collect(),
        _ => args.iter().skip(2).flat_map(named).collect(),
    };
    let timed = ids.into_iter().map(|id| (id, cx.context.lanes().histogram(id)));
    let timed: Vec<_> = timed.filter(|(_, buckets)| buckets.iter().any(|it| *it > 0)).collect();
    reply.map(timed.len());
    for (id, buckets) in timed {
        reply.bulk_str(id.spec().name);
        reply.map(2);
        reply.bulk_str("calls");
        reply.int(buckets.iter().sum::<u64>() as i64);
        reply.bulk_str("histogram_usec");
        let shown: Vec<_> = buckets.iter().enumerate().filter(|(_, count)| **count > 0).collect();
        reply.map(shown.len());
        let mut sum = 0;
        for (power, count) in shown {
            sum += count;
            reply.int(1 << power);
            reply.int(sum as i64);
        }
    }
    Ok(())
}

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}
