//! SKEG.VINDEX.CREATE.

use skeg_engine::{Engine, Exec, PARTS_MAX, ShardList};
use skeg_proto::{Args, Reply};
use skeg_vector::{IndexOptions, Metric, Tier};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vindex.create",
    arity: -4,
    flags: Flags::GROW,
    keys: Keys::One(KeyFlags::OW.with(KeyFlags::INSERT)),
    categories: &[Category::Write, Category::Slow, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Creates a vector index; one with the same options may be there already",
    complexity: "O(1)",
    syntax: "name dim [<F32 | INT8 | BINARY | PQ | TQ1 | TQ2 | TQ4>] <AUTO | FLAT | DISK | EPHEMERAL> [METRIC <COSINE | IP | L2 | EUCLIDEAN>] [IDS <STRING | U64>] [PARTITIONS n] [MAXMEMORY bytes]",
    tips: &[],
    bound: BoundRule::GrowBy(bytes),
    run: Handler::Indexed(run, shards),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let Asked { options, memory_max, parts } = asked(args)?;
    exec.index_create(args.get(1), options, memory_max, parts)?;
    reply.ok();
    Ok(())
}

/// The shards of the parts that it is to have; those of one that is there, if it is misused.
fn shards(engine: &Engine, args: Args<'_>) -> ShardList {
    engine.index_shards(args.get(1), asked(args).map_or(1, |asked| asked.parts))
}

/// Each part has an effect.
fn bytes(args: Args<'_>) -> u64 {
    vector::effects_bytes(args, asked(args).map_or(1, |asked| asked.parts.into()))
}

/// What is asked for.
struct Asked {
    options: IndexOptions,
    /// Bytes of memory that the index may take.
    memory_max: Option<u64>,
    parts: u16,
}

fn asked(args: Args<'_>) -> Result<Asked, CommandError> {
    let dim = parse::integer(args.get(2)).and_then(|dim| u32::try_from(dim).ok());
    let dim = dim.ok_or(CommandError::constant("ERR dim must be a number from 1 to 65536"))?;
    let mut options = IndexOptions::new(dim, Metric::Cosine);
    let (mut memory_max, mut parts) = (None, 1);
    let mut index = 3;
    if let Ok(tier) = word(args.get(3)).parse::<Tier>() {
        options.tier = tier;
        index = 4;
    }
    let backend = args.try_get(index).ok_or(CommandError::SYNTAX)?;
    options.backend = word(backend).parse().map_err(vector::refused)?;
    index += 1;
    while let Some(name) = args.try_get(index) {
        let value = args.try_get(index + 1);
        if parse::is_word(name, "ATTR") || parse::is_word(name, "EPHEMERAL") {
            let name = word(name).to_ascii_uppercase();
            return Err(CommandError::owned(format!("ERR {name} is not supported yet")));
        }
        let value = value.ok_or(CommandError::SYNTAX)?;
        if parse::is_word(name, "METRIC") {
            options.metric = match parse::is_word(value, "L2") {
                true => Metric::Euclidean,
                false => word(value).parse().map_err(vector::refused)?,
            };
        } else if parse::is_word(name, "IDS") {
            options.ids = word(value).parse().map_err(vector::refused)?;
        } else if parse::is_word(name, "PARTITIONS") {
            let count = parse::integer(value).and_then(|count| u16::try_from(count).ok());
            let count = count.filter(|count| (1..=PARTS_MAX).contains(count));
            parts = count
                .ok_or(CommandError::constant("ERR PARTITIONS must be a number from 1 to 256"))?;
        } else if parse::is_word(name, "MAXMEMORY") {
            let bytes = parse::integer(value).and_then(|bytes| u64::try_from(bytes).ok());
            let bytes = bytes.ok_or(CommandError::constant(
                "ERR MAXMEMORY must be a number of bytes, 0 for no limit",
            ))?;
            memory_max = Some(bytes).filter(|bytes| *bytes > 0);
        } else {
            return Err(CommandError::SYNTAX);
        }
        index += 2;
    }
    if memory_max.is_some_and(|bytes| bytes < u64::from(parts)) {
        return Err(CommandError::constant("ERR MAXMEMORY must be a byte for each part at least"));
    }
    Ok(Asked { options, memory_max, parts })
}

fn word(text: &[u8]) -> String {
    parse::quoted(text, 32)
}
