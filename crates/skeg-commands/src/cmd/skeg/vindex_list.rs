//! SKEG.VINDEX.LIST and SKEG.VINDEX.INFO.

use skeg_engine::{Exec, IndexInfo, Shard, put_together};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

pub(crate) const INFO_SPEC: Spec = Spec {
    name: "skeg.vindex.info",
    arity: 2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::Fast, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Describes a vector index",
    complexity: "O(1)",
    syntax: "name",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Indexed(info, vector::shards_of_all),
};

pub(crate) const LIST_SPEC: Spec = Spec {
    name: "skeg.vindex.list",
    arity: 1,
    flags: Flags::READONLY,
    keys: Keys::None,
    categories: &[Category::Read, Category::Slow, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Describes every vector index",
    complexity: "O(N) for N indexes",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::AllShards(list),
};

fn info(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    write(reply, &exec.index_info(args.get(1))?);
    Ok(())
}

fn list(exec: &mut Exec<'_>, _: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let all = put_together(exec.shards().flat_map(Shard::index_list).collect());
    reply.array(all.len());
    all.iter().for_each(|index| write(reply, index));
    Ok(())
}

fn write(reply: &mut Reply, index: &IndexInfo) {
    let options = &index.options;
    let figures = &index.figures;
    let progress = index.progress.unwrap_or_default();
    reply.map(19);
    reply.bulk_str("name");
    reply.bulk(&index.name);
    for (field, value) in [
        ("dim", i64::from(options.dim)),
        ("partitions", index.partitions().into()),
        ("vectors", figures.vectors as i64),
        ("memory_bytes", figures.memory_bytes as i64),
        ("max_memory_bytes", index.memory_max.unwrap_or(0) as i64),
        ("disk_bytes", figures.file_bytes as i64),
        ("segments", figures.segments as i64),
        ("delta_vectors", figures.delta_vectors as i64),
        ("dead_rows", figures.dead as i64),
        ("built_rows", progress.written as i64),
        ("rows_to_build", progress.rows as i64),
        ("linked_rows", progress.linked.unwrap_or(0) as i64),
        ("rows_to_link", progress.linked.map_or(0, |_| progress.rows) as i64),
    ] {
        reply.bulk_str(field);
        reply.int(value);
    }
    for (field, word) in [
        ("kind", options.tier.name()),
        ("backend", options.backend.name()),
        ("metric", options.metric.name()),
        ("ids", options.ids.name()),
        ("state", index.state.name()),
    ] {
        reply.bulk_str(field);
        reply.bulk_str(word);
    }
}
