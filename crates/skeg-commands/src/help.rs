//! The HELP subcommands: what the table knows of a container's subcommands.

use skeg_proto::Reply;

use crate::error::CommandError;
use crate::spec::Spec;
use crate::table;

/// The error for a wrong number of arguments.
pub(crate) fn wrong_arity(spec: &Spec) -> CommandError {
    CommandError::owned(format!("ERR wrong number of arguments for '{}' command", spec.name))
}

/// Replies with the lines that HELP of `container` shows, in the form that Redis's help has.
pub(crate) fn write(reply: &mut Reply, container: &'static Spec) {
    let name = container.name.to_uppercase();
    let mut lines =
        vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    for spec in table::subcommands(container).map(table::CommandId::spec) {
        let word = spec.last_word().to_uppercase();
        let gap = if spec.syntax.is_empty() { "" } else { " " };
        lines.push(format!("{word}{gap}{}", spec.syntax));
        lines.push(format!("    {}.", spec.summary));
    }
    reply.array(lines.len());
    lines.iter().for_each(|line| reply.simple(line));
}
