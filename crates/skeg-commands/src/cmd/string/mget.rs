//! MGET.

use skeg_engine::Exec;
use skeg_engine::{ReadError, Refusal};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "mget",
    arity: -2,
    flags: Flags::READ_FAST,
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RO.with(KeyFlags::ACCESS) },
    categories: &[Category::Read, Category::String, Category::Fast],
    group: Group::String,
    since: "1.0.0",
    summary: "Returns the string values of several keys",
    complexity: "O(N) for N keys",
    syntax: "key [key ...]",
    tips: &["request_policy:multi_shard"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.array(args.len() - 1);
    for key in args.iter().skip(1) {
        // A key that holds something else is null, no error.
        match exec.shard(key).read_string(cx.db(), key) {
            Ok(value) => value::reply_optional(reply, value),
            Err(ReadError::WrongType(_)) => reply.null(),
            // All that has to be read from the disk is asked for before any of it is waited for.
            Err(ReadError::Away) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if exec.must_wait() { Err(Refusal::Wait.into()) } else { Ok(()) }
}
