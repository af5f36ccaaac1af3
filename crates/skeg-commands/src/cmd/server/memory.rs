//! MEMORY.

use skeg_engine::{Exec, ShardFigures};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::help;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "memory",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Server,
    since: "4.0.0",
    summary: "Looks at the use of memory",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const DOCTOR_SPEC: Spec = Spec {
    name: "memory|doctor",
    arity: 2,
    summary: "Says what is unusual about the use of memory",
    complexity: "O(1)",
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    run: Handler::AllShards(doctor),
    ..SPEC
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "memory|help",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    summary: "Lists the subcommands",
    complexity: "O(1)",
    run: Handler::Session(help),
    ..SPEC
};

pub(crate) const MALLOC_STATS_SPEC: Spec = Spec {
    name: "memory|malloc-stats",
    summary: "Would show figures of the allocator, which the system's does not give",
    run: Handler::Session(allocator),
    ..DOCTOR_SPEC
};

pub(crate) const PURGE_SPEC: Spec = Spec {
    name: "memory|purge",
    summary: "Does nothing: memory that is free goes back to the system by itself",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    run: Handler::Session(purge),
    ..DOCTOR_SPEC
};

pub(crate) const STATS_SPEC: Spec = Spec {
    name: "memory|stats",
    summary: "Returns figures of the use of memory",
    run: Handler::AllShards(stats),
    ..DOCTOR_SPEC
};

pub(crate) const USAGE_SPEC: Spec = Spec {
    name: "memory|usage",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::At(2, KeyFlags::RO),
    categories: &[Category::Read, Category::Slow],
    summary: "Returns the bytes of memory that a key and its value take",
    complexity: "O(1)",
    syntax: "key [SAMPLES count]",
    run: Handler::Keyed(usage),
    ..SPEC
};

fn usage(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let mut index = 3;
    while let Some(word) = args.try_get(index) {
        // Nothing is estimated, so that the count of samples makes no difference.
        let count = args.try_get(index + 1).filter(|_| parse::is_word(word, "SAMPLES"));
        if parse::int_arg(count.ok_or(CommandError::SYNTAX)?)? < 0 {
            return Err(CommandError::SYNTAX);
        }
        index += 2;
    }
    match exec.shard(args.get(2)).memory_of(cx.db(), args.get(2)) {
        Some(bytes) => reply.count(bytes),
        None => reply.null(),
    }
    Ok(())
}

fn figures(exec: &mut Exec<'_>) -> ShardFigures {
    let mut figures = ShardFigures::default();
    exec.shards().for_each(|shard| figures.add(&shard.figures()));
    figures
}

fn stats(exec: &mut Exec<'_>, cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let figures = figures(exec);
    let process = cx.context.host().process();
    let data = figures.memory_bytes + figures.vector_bytes;
    let keys: u64 = figures.keys.iter().sum();
    let resident = process.resident_bytes;
    let numbers = [
        ("peak.allocated", process.resident_peak_bytes),
        ("total.allocated", resident),
        ("startup.allocated", 0),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", cx.context.clients().memory_bytes()),
        ("cluster.links", 0),
        ("aof.buffer", cx.engine().log().map_or(0, |log| log.status().outstanding_bytes)),
        ("overhead.total", resident.saturating_sub(data)),
        ("keys.count", keys),
        ("keys.bytes-per-key", data / keys.max(1)),
        ("dataset.bytes", data),
    ];
    reply.map(numbers.len() + 2);
    for (name, number) in numbers {
        reply.bulk_str(name);
        reply.int(number as i64);
    }
    reply.bulk_str("dataset.percentage");
    reply.double(100.0 * data as f64 / resident.max(data).max(1) as f64);
    reply.bulk_str("fragmentation");
    reply.double(resident as f64 / data.max(1) as f64);
    Ok(())
}

/// Below this nothing is worth a remark.
const SMALL_BYTES: u64 = 5 << 20;

fn doctor(exec: &mut Exec<'_>, cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let figures = figures(exec);
    let data = figures.memory_bytes + figures.vector_bytes;
    let resident = cx.context.host().process().resident_bytes;
    let text = if data < SMALL_BYTES {
        "Hi Sam, this instance is empty or is using very little memory, my issue detector can't be \
         used in these conditions. Please, leave for your mission on Earth and fill it with some \
         data. The new Sam and I will be back to our programming as soon as I finished rebooting.\n"
    } else if resident > data * 2 {
        "Sam, the process takes more than twice the memory of its data: buffers of clients, or pages \
         that deleted keys have left.\n"
    } else {
        "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs \
         on this base.\n"
    };
    reply.verbatim(*b"txt", text);
    Ok(())
}

fn allocator(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.bulk_str("Stats not supported for the current allocator");
    Ok(())
}

fn purge(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.ok();
    Ok(())
}

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}
