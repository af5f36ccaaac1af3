//! LOLWUT.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lolwut",
    arity: -1,
    flags: Flags::READONLY.with(Flags::FAST),
    keys: Keys::None,
    categories: &[Category::Read, Category::Fast],
    group: Group::Server,
    since: "5.0.0",
    summary: "Draws a keg, and shows the version",
    complexity: "O(1)",
    syntax: "[VERSION version]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

const KEG: &str = r"
    .-----------.
   (=============)
   |  s  k  e  g |
   |=============|
   |             |
   (=============)
    '-----------'
";

fn run(_: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if args.len() >= 3 && parse::is_word(args.get(1), "VERSION") {
        parse::integer(args.get(2))
            .ok_or(CommandError::constant("ERR value is not an integer or out of range"))?;
    }
    let text = format!("{KEG}\nskeg ver. {}\n", env!("CARGO_PKG_VERSION"));
    reply.verbatim(*b"txt", &text);
    Ok(())
}
