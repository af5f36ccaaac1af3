//! The `skeg` executable: all of it is in [`skeg_server::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(skeg_server::cli::run(std::env::args_os().skip(1)))
}
