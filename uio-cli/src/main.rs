//! The `uio` command.

use std::process::ExitCode;

use clap::Parser;
use uio_cli::cli::Cli;
use uio_cli::cmd::dispatch;
use uio_cli::render::{Format, complain};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = cli.output;
    match dispatch(cli) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            let words = match format {
                Format::Text => format!("uio: {e}"),
                Format::Json => e.to_string(),
            };
            let _ = complain(&mut std::io::stderr(), format, &words);
            ExitCode::from(e.exit_code())
        }
    }
}
