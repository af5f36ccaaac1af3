//! Append-only files: commands one after the other; in Redis 7 several files that a manifest names.
//!
//! Invariant: what Redis would not load is not handed out: a command or transaction that is torn at the
//! end of the last file is left out, anything else that is no command is damage.
//! May not know: what commands do.

use std::io::Read;
use std::path::{Path, PathBuf};

use skeg_proto::{Args, Parsed, Parser};

use super::source::{CHUNK_BYTES, Piece, Sink, Tell, refused};
use crate::cli::tools::trouble::{Trouble, damaged, unusable};

/// The files of a log, in order: those that the manifest in its directory names.
pub(super) fn parts(dir: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let names = dir.read_dir().map_err(|error| unusable(dir, &error))?;
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|it| it == "manifest");
    let manifests: Vec<_> = names.flatten().map(|it| it.path()).filter(is_manifest).collect();
    let [manifest] = manifests.as_slice() else {
        let count = manifests.len();
        return Err(damaged(dir, format!("{count} files *.manifest are in it, expected one")));
    };
    let text = std::fs::read_to_string(manifest).map_err(|error| unusable(manifest, &error))?;
    let names = read_manifest(&text).ok_or_else(|| {
        damaged(
            manifest,
            "expected lines `file NAME seq NUMBER type b, i or h`, with one b at most",
        )
    })?;
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

/// The names in a manifest: the base first, then what came after it in order; history is left out.
fn read_manifest(text: &str) -> Option<Vec<String>> {
    let (mut base, mut later) = (None, Vec::new());
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words = skeg_proto::split_line(line.as_bytes()).ok()?;
        let words = words.as_args();
        let words: Option<Vec<&str>> =
            words.iter().map(|word| std::str::from_utf8(word).ok()).collect();
        let words = words?;
        let field = |name| {
            let at = words.iter().step_by(2).position(|word| *word == name)?;
            words.get(2 * at + 1).copied()
        };
        let (file, number) = (field("file")?, field("seq")?.parse::<u64>().ok()?);
        // A name, never a way out of the directory.
        if file.contains('/') || matches!(file, "" | "." | "..") {
            return None;
        }
        match field("type")? {
            "b" if base.is_none() => base = Some(file.to_owned()),
            "i" => later.push((number, file.to_owned())),
            "h" => {}
            _ => return None,
        }
    }
    later.sort_unstable();
    Some(base.into_iter().chain(later.into_iter().map(|(_, file)| file)).collect())
}

/// One file.
#[derive(Debug)]
pub(super) struct Log<'a> {
    pub(super) path: &'a Path,
    /// Whether its end may be torn.
    pub(super) is_last: bool,
}

impl Log<'_> {
    /// Hands out the commands from an offset on; where it ended, and how many bytes before that are no
    /// whole command or transaction.
    pub(super) fn commands(
        &self,
        input: &mut dyn Read,
        mut offset: u64,
        tell: &Tell<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(u64, u64), Trouble> {
        let (mut parser, mut bytes) = (Parser::default(), Vec::new());
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut transaction = Transaction::default();
        loop {
            let mut at = 0;
            // Whether an unfinished piece at the front is a remark.
            let mut remark = false;
            while let Some(first) = bytes.get(at) {
                let here = offset + at as u64;
                if *first == b'#' {
                    // `#TS:...`: when the next command was given.
                    let end = bytes[at..].iter().position(|byte| *byte == b'\n');
                    remark = end.is_none();
                    let Some(end) = end else { break };
                    at += end + 1;
                    continue;
                }
                if *first != b'*' {
                    let found = (*first as char).escape_debug();
                    let problem = format!("at offset {here}: '{found}' where a command begins");
                    return Err(damaged(self.path, problem));
                }
                match parser.next(&bytes[at..]) {
                    Ok(Parsed::Command { args, consumed }) => {
                        transaction.note(args, here);
                        sink(Piece::Command(args))
                            .map_err(|problem| refused(self.path, here, &problem))?;
                        at += consumed;
                    }
                    Ok(Parsed::Partial { consumed: 0, .. }) => break,
                    Ok(Parsed::Partial { consumed, .. }) => at += consumed,
                    Err(error) => {
                        return Err(damaged(self.path, format!("at offset {here}: {error}")));
                    }
                }
            }
            bytes.drain(..at);
            offset += at as u64;
            tell(offset)?;
            match input.read(&mut chunk) {
                Ok(0) => {
                    let end = offset + bytes.len() as u64;
                    let whole = if remark { end } else { offset };
                    return self.end(end, transaction.began.unwrap_or(whole), transaction, sink);
                }
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unusable(self.path, &error)),
            }
        }
    }

    fn end(
        &self,
        end: u64,
        whole: u64,
        transaction: Transaction,
        sink: &mut Sink<'_>,
    ) -> Result<(u64, u64), Trouble> {
        let torn = end - whole;
        if torn > 0 && !self.is_last {
            let problem =
                format!("at offset {whole}: {torn} bytes at the end are no whole command");
            return Err(damaged(self.path, problem));
        }
        if transaction.began.is_some() {
            sink(Piece::Abandon).map_err(|problem| refused(self.path, whole, &problem))?;
        }
        Ok((end, torn))
    }
}

/// The transaction that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Transaction {
    /// Where it began.
    began: Option<u64>,
}

impl Transaction {
    fn note(&mut self, args: Args<'_>, offset: u64) {
        let name = args.get(0);
        if name.eq_ignore_ascii_case(b"multi") {
            self.began = Some(offset);
        } else if name.eq_ignore_ascii_case(b"exec") || name.eq_ignore_ascii_case(b"discard") {
            self.began = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_name_the_base_and_what_came_later() {
        let text = "file a.2.incr.aof seq 2 type i\nfile \"a b.rdb\" seq 1 type b\n\
                    # remark\nfile old seq 1 type h\nfile a.1.incr.aof seq 1 type i startoffset 3\n";
        let names = ["a b.rdb", "a.1.incr.aof", "a.2.incr.aof"];
        assert_eq!(read_manifest(text).unwrap(), names);
        let two = "file a seq 1 type b\nfile b seq 2 type b";
        for text in ["file a", "file a seq x type b", "file ../a seq 1 type b", two] {
            assert_eq!(read_manifest(text), None, "{text}");
        }
    }

    /// Bytes that come a few at a time.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(into.len()).min(7);
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// What is handed out, and how many bytes are torn.
    fn read(bytes: &[u8], is_last: bool) -> Result<(Vec<String>, u64), String> {
        let log = Log { path: Path::new("log"), is_last };
        let mut pieces = Vec::new();
        let read = log.commands(&mut Slowly(bytes), 0, &|_| Ok(()), &mut |piece| {
            pieces.push(match piece {
                Piece::Command(args) => args
                    .iter()
                    .map(|word| String::from_utf8_lossy(word).into_owned() + " ")
                    .collect(),
                _ => "abandon".into(),
            });
            Ok(())
        });
        match read {
            Ok((end, torn)) => {
                assert_eq!(end, bytes.len() as u64);
                Ok((pieces, torn))
            }
            Err(Trouble::Coded(code, message)) => Err(format!("{code}: {message}")),
            Err(_) => panic!("another kind of trouble"),
        }
    }

    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
    const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

    #[test]
    fn an_end_is_torn_in_a_command_or_a_transaction_and_only_in_the_last_file() {
        let whole = [b"#TS:1700000000\r\n#TS:1700000001\r\n", SET, MULTI, SET, EXEC].concat();
        let (pieces, torn) = read(&whole, false).unwrap();
        assert_eq!((pieces.len(), torn), (4, 0));
        let (marks, first) = (32, 32 + SET.len());
        for cut in 0..whole.len() {
            let (pieces, torn) = read(&whole[..cut], true).unwrap();
            let kept = cut as u64 - torn;
            let expected = if cut < marks {
                cut
            } else if cut < first {
                marks
            } else {
                first
            };
            assert_eq!(kept, expected as u64, "cut at {cut}");
            let abandoned = cut >= first + MULTI.len();
            assert_eq!(pieces.last().is_some_and(|it| it == "abandon"), abandoned, "cut at {cut}");
            assert_eq!(read(&whole[..cut], false).is_err(), torn > 0, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_command_is_damage() {
        for (bytes, problem) in [
            (&b"SET a 1\r\n"[..], "offset 27: 'S' where a command begins"),
            (b"\0\0\0\0", "offset 27: '\\0' where"),
            (b"*1\r\n+OK\r\n", "offset 27: "),
            (b"*99999999\r\n", "offset 27: "),
        ] {
            let error = read(&[SET, bytes].concat(), true).unwrap_err();
            assert!(
                error.starts_with("ERR_CORRUPT: log: at ") && error.contains(problem),
                "{error}"
            );
        }
        // What is only claimed takes no memory.
        let claimed = [SET, b"*2\r\n$3\r\nGET\r\n$536870912\r\nab"].concat();
        assert_eq!(read(&claimed, true).unwrap().1, 27);
    }
}
