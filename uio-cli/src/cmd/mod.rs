//! The commands of `uio`, one a file.

pub mod bpf;
pub mod broker;
pub mod build;
pub mod cc;
pub mod doctor;
pub mod exec;
pub mod guest_commands;
pub mod list;
pub mod loader;
pub mod logs;
pub mod new_program;
pub mod perf;
pub mod progress;
pub mod run;
pub mod shell;
pub mod stop;
pub mod symbols;
pub mod trace;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use rustix::termios;

use crate::cli::{Cli, Command};
use crate::error::{Error, Result};
use crate::render::{Format, Output};

/// How long the overlay of a running VM has to answer a hello.
pub const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Does what the command line asks; returns the exit code.
///
/// # Errors
/// See [`Error`]; its [`Error::exit_code`] is the exit code then.
pub fn dispatch(cli: Cli) -> Result<u8> {
    let format = cli.output;
    match cli.command {
        Command::Run(args) => run::run(args, format),
        Command::List => list::run(format),
        Command::Logs(args) => logs::run(&args, format),
        Command::Stop(args) => stop::run(&args, format),
        Command::Exec(args) => exec::run(args, format),
        Command::Shell(args) => shell::run(&args, format),
        Command::Build(args) => build::run(args, format),
        Command::Cc(args) => cc::run(args, format),
        Command::NewProgram(args) => new_program::run(&args, format),
        Command::Bpf(args) => bpf::run(args, format),
        Command::Trace(args) => trace::run(&args, format),
        Command::Perf(args) => perf::run(&args, format),
        Command::Doctor => doctor::run(format),
        Command::Broker(args) => broker::run(&args),
    }
}

/// Calls `with` with this process's standard output and error.
pub(crate) fn with_output<T>(format: Format, with: impl FnOnce(&mut Output<'_>) -> T) -> T {
    let colour = io::stdout().is_terminal()
        && format == Format::Text
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = termios::tcgetwinsize(io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|&width| width > 0);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut err = io::stderr().lock();
    with(&mut Output {
        out: &mut out,
        err: &mut err,
        format,
        colour,
        width,
    })
}

/// Writes one JSON document to standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::io("encode JSON", io::Error::from(e)))?;
    print(&format!("{text}\n"))
}

/// Writes text to standard output. A reader that has gone is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("write to standard output", e))
        }
        _ => Ok(()),
    }
}
