//! DEBUG PROTOCOL: a reply of every type, for the authors of clients.

use skeg_proto::{Args, Reply, Version};

use crate::cmd::server::debug;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{Handler, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "debug|protocol",
    arity: 3,
    summary: "Replies with a value of a type",
    syntax: "<STRING | INTEGER | DOUBLE | BIGNUM | NULL | ARRAY | SET | MAP | ATTRIB | PUSH | VERBATIM | TRUE | FALSE>",
    run: Handler::Session(run),
    ..debug::CHANGE_REPL_ID_SPEC
};

#[expect(clippy::approx_constant, reason = "it is the number that Redis replies with")]
fn run(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    debug::check(cx)?;
    let is_modern = cx.state.version == Version::Resp3;
    match args.get(2).to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk_str("Hello World"),
        b"integer" => reply.int(12_345),
        b"double" => reply.double(3.141),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.int(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.int(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.int(number);
                reply.bool(number == 1);
            }
        }
        b"attrib" => {
            // Nothing else replies with attributes, so there is no method for them.
            if is_modern {
                reply.raw(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
            }
            reply.bulk_str("Some real reply following the attribute");
        }
        b"push" if is_modern => {
            reply.push(2);
            reply.bulk_str("server-cpu-usage");
            reply.int(42);
            reply.bulk_str("Some real reply following the push reply");
        }
        b"push" => {
            return Err(CommandError::constant("ERR RESP2 is not supported by this command"));
        }
        b"verbatim" => reply.verbatim(*b"txt", "This is a verbatim\nstring"),
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        _ => {
            return Err(CommandError::constant(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|\
                 double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}
