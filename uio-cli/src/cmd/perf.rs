//! `uio perf`: where a running guest spends its time.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::trace::{Subject, folded, pause, shown};
use super::with_output;
use crate::error::{Error, Result};
use crate::render::Format;
use crate::signals;
use crate::trace::programs;
use crate::trace::tracer::Tracer;

/// `uio perf`
#[derive(Debug, Args)]
pub struct PerfArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PerfCommand,
}

/// The subcommands of `uio perf`.
#[derive(Debug, Subcommand)]
pub enum PerfCommand {
    /// Sample what runs, by the timer of core 0.
    Record(RecordArgs),
}

/// `uio perf record`
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The VM; not needed when exactly one runs.
    #[arg(value_name = "NAME")]
    pub vm: Option<String>,
    /// Samples a second.
    #[arg(short = 'F', long, value_name = "HZ", default_value_t = 499,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub frequency: u32,
    /// Ends after that many seconds; else with Ctrl-C.
    #[arg(long, value_name = "SECONDS", value_parser = crate::cli::parse_seconds)]
    pub duration: Option<Duration>,
    /// Writes a flame graph (SVG) to this file.
    #[arg(long, value_name = "FILE")]
    pub flame: Option<PathBuf>,
}

/// Does what is asked.
///
/// # Errors
/// As [`super::trace::run`].
pub fn run(args: &PerfArgs, format: Format) -> Result<u8> {
    match &args.command {
        PerfCommand::Record(args) => record(args, format),
    }
}

fn record(args: &RecordArgs, format: Format) -> Result<u8> {
    let mut subject = Subject::open(args.vm.as_deref())?;
    let mut interrupts = signals::interrupts()?;
    let bundle = programs::sampler(&format!("perf-{}", std::process::id()));
    let mut tracer = Tracer::load(&mut subject.client, &bundle, false)?;
    tracer.every(&format!("{}hz", args.frequency))?;
    if format == Format::Text {
        eprintln!("sampling {} times a second; Ctrl-C ends it", args.frequency);
    }
    pause(args.duration, &mut interrupts)?;
    let (counts, stacks) = (tracer.counts()?, tracer.stacks()?);
    tracer.end()?;
    let all = folded(&subject.functions, subject.base, &counts, &stacks);
    let (text, value) = shown(&all, args.flame.as_deref(), "where the time goes")?;
    with_output(format, |output| {
        let done = match format {
            Format::Json => writeln!(output.out, "{value}"),
            Format::Text => write!(output.out, "{text}"),
        };
        done.map_err(|e| Error::io("write to standard output", e))
    })?;
    Ok(0)
}
