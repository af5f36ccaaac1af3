//! GETBIT.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use super::bits;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "getbit",
    arity: 3,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Bitmap, Category::Fast],
    group: Group::Bitmap,
    since: "2.2.0",
    summary: "Returns a bit of a string",
    complexity: "O(1)",
    syntax: "key offset",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let offset = bits::offset_arg(args.get(2), cx.context.config().bulk_bytes_max())?;
    let key = args.get(1);
    let value = exec.shard(key).read_string(cx.db(), key)?;
    let bit = value.is_some_and(|value| value::with_bytes(value, |bytes| bits::bit(bytes, offset)));
    reply.int(i64::from(bit));
    Ok(())
}
