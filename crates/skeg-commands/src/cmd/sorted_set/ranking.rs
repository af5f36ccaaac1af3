//! What ZRANK and ZREVRANK share.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::help;
use crate::parse;
use crate::spec::Outcome;

/// Replies with the rank of a member, and with its score if that is asked for.
pub(super) fn rank(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    reverse: bool,
    reply: &mut Reply,
) -> Outcome {
    if args.len() > 4 {
        return Err(help::wrong_arity(cx.spec));
    }
    let with_score = match args.try_get(3) {
        None => false,
        Some(word) if parse::is_word(word, "WITHSCORE") => true,
        Some(_) => return Err(CommandError::SYNTAX),
    };
    let key = args.get(1);
    let set = exec.shard(key).read_sorted_set(cx.db(), key)?;
    let found = set.and_then(|set| {
        let (rank, score) = set.rank(args.get(2))?;
        Some((if reverse { set.len() - 1 - rank } else { rank }, score))
    });
    match (found, with_score) {
        (None, false) => reply.null(),
        (None, true) => reply.null_array(),
        (Some((rank, _)), false) => reply.count(rank),
        (Some((rank, score)), true) => {
            reply.array(2);
            reply.count(rank);
            reply.double(score);
        }
    }
    Ok(())
}
