//! The command line: many seeds, one seed, for a number or for hours.
//!
//! May not know: what a seed does.
#![forbid(unsafe_code)]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lexopt::prelude::{Long, Short, ValueExt};
use skeg_sim::{Figures, Flaw, Outcome, Plan, Themes, Violation, run, shrink};

const HELP: &str = "\
skeg-sim: crashes and faults over the whole store, on a simulated machine, from seeds

Usage: cargo run --release -p skeg-sim -- [options]

Options:
  --seeds <n>       How many seeds (default 1,000)
  --from <n>        The first seed (default 1)
  --hours <h>       Go on for so many hours instead of a number of seeds
  --power           Power losses only, without faults but short writes and interruptions
  --snapshots       Power losses and kills without faults, mostly in the middle of snapshots
  --vectors         The same in the middle of making segments of vectors
  --backups         The same in the middle of backups
  --memory          Power losses and kills without faults, while memory is short
  --seed <n>        Play one seed; when it fails, cut it down and show what happens in it
  --jobs <n>        Seeds played at the same time (default: the processors)
  --json            The closing figures as JSON, on standard output
  -h, --help        Show this help

Every seed makes a database with random options, changes it in every way the engine knows over several
connections, lets the disk fail, loses the power or kills the process in the middle of any operation
(also of recovery), opens it again, and compares what is there with a sequential model.

Exit codes: 0 all seeds passed, 1 a seed failed (how to reproduce it is shown), 2 misused.
";

struct Options {
    from: u64,
    seeds: u64,
    hours: Option<f64>,
    themes: Themes,
    one: Option<u64>,
    jobs: usize,
    json: bool,
}

fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        from: 1,
        seeds: 1_000,
        hours: None,
        themes: Themes::All,
        one: None,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        json: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seeds") => options.seeds = parser.value()?.parse()?,
            Long("from") => options.from = parser.value()?.parse()?,
            Long("hours") => options.hours = Some(parser.value()?.parse()?),
            Long("power") => options.themes = Themes::PowerLoss,
            Long("snapshots") => options.themes = Themes::Snapshots,
            Long("vectors") => options.themes = Themes::Vectors,
            Long("backups") => options.themes = Themes::Backups,
            Long("memory") => options.themes = Themes::Memory,
            Long("seed") => options.one = Some(parser.value()?.parse()?),
            Long("jobs") => options.jobs = parser.value()?.parse::<usize>()?.max(1),
            Long("json") => options.json = true,
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    match parse() {
        Ok(None) => {
            say(HELP.trim_end());
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => {
            let passed = match options.one {
                Some(seed) => play_one(seed, &options),
                None => play_many(&options),
            };
            if passed { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            note(&format!("skeg-sim: {error}\nsee --help\n"));
            ExitCode::from(2)
        }
    }
}

/// Standard output; nobody is left to tell when it is closed.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Standard error, as it is: for progress and failures.
fn note(text: &str) {
    let _ = write!(std::io::stderr(), "{text}");
}

fn play_one(seed: u64, options: &Options) -> bool {
    let plan = Plan::new(seed, options.themes);
    let outcome = run(&plan, Flaw::None);
    let Some(violation) = outcome.violation else {
        say(&format!("seed {seed} passed, digest {:016x}: {}", outcome.digest, outcome.figures));
        return true;
    };
    explain(&plan, &violation);
    false
}

/// What failed, cut down as far as it goes.
fn explain(plan: &Plan, violation: &Violation) {
    note(&format!("{violation}\ncutting {} steps down ...\n", plan.steps()));
    let small = shrink(plan, Flaw::None);
    if let Some(violation) = run(&small, Flaw::None).violation {
        note(&format!("{violation}\nleft of it, {} steps:\n{}", small.steps(), small.describe()));
    }
}

fn play_many(options: &Options) -> bool {
    let start = Instant::now();
    let end = options.hours.map(|hours| start + Duration::from_secs_f64(hours * 3_600.0));
    let next = AtomicU64::new(options.from);
    let done = AtomicU64::new(0);
    let failed: Mutex<Option<Violation>> = Mutex::new(None);
    let totals: Mutex<Figures> = Mutex::default();
    let is_over = |seed: u64| {
        failed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
            || end.map_or(seed >= options.from + options.seeds, |end| Instant::now() >= end)
    };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if is_over(seed) {
                        break;
                    }
                    let Outcome { figures, violation, .. } =
                        run(&Plan::new(seed, options.themes), Flaw::None);
                    totals.lock().unwrap_or_else(PoisonError::into_inner).add(&figures);
                    done.fetch_add(1, Ordering::Relaxed);
                    if let Some(violation) = violation {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.get_or_insert(violation);
                    }
                }
            });
        }
        scope.spawn(|| {
            let interactive = std::io::stderr().is_terminal();
            let mut ticks = 0_u32;
            while !is_over(next.load(Ordering::Relaxed)) {
                std::thread::sleep(Duration::from_millis(100));
                ticks += 1;
                if ticks.is_multiple_of(if interactive { 10 } else { 300 }) {
                    progress(options, done.load(Ordering::Relaxed), start);
                }
            }
        });
    });
    let done = done.into_inner();
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    let seconds = start.elapsed().as_secs_f64();
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if options.json {
        say(&format!(
            "{{\n  \"seeds\": {done},\n  \"from\": {},\n  \"seconds\": {seconds:.1},",
            options.from
        ));
        say(&format!(
            "  \"failed\": {},\n  \"figures\": {}\n}}",
            u8::from(failed.is_some()),
            totals.to_json(2)
        ));
    } else if failed.is_none() {
        say(&format!("{done} seeds passed in {seconds:.1} s: {totals}"));
    }
    let Some(violation) = failed else { return true };
    let power = match options.themes {
        Themes::All => "",
        Themes::PowerLoss => " --power",
        Themes::Snapshots => " --snapshots",
        Themes::Vectors => " --vectors",
        Themes::Backups => " --backups",
        Themes::Memory => " --memory",
    };
    let seed = violation.seed;
    note(&format!("FAILED: {violation}\n"));
    note(&format!("reproduce: cargo run --release -p skeg-sim -- --seed {seed}{power}\n"));
    false
}

fn progress(options: &Options, done: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let of = match options.hours {
        Some(hours) => format!("{done} seeds, {:.0} of {:.0} s", seconds, hours * 3_600.0),
        None => format!("{done} of {} seeds", options.seeds),
    };
    let end = if std::io::stderr().is_terminal() { '\r' } else { '\n' };
    note(&format!("{of}, {:.0} a second {end}", done as f64 / seconds));
}
