//! `uio exec`: one command in a guest.

use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::symbols::HostSymbols;
use super::{ANSWER_TIME, with_output};
use crate::cli::ExecArgs;
use crate::client::Client;
use crate::client::drive::{Drive, Ending, Input, Stdin, drive};
use crate::client::recording::{Recorder, replay};
use crate::entry::Registry;
use crate::error::{Error, Result};
use crate::render::{Format, Renderer};
use crate::signals;

/// Exit status of a command whose time was up, as `timeout(1)` has it.
pub const TIMED_OUT: u8 = 124;

/// Exit status of an interrupted command: 128 + SIGINT.
pub const INTERRUPTED: u8 = 130;

/// How an answer is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Text or JSON.
    pub(crate) format: Format,
    /// Registers after a fault.
    pub(crate) verbose: bool,
}

/// Runs the command; its exit status is the exit code.
///
/// # Errors
/// [`Error::NoVm`] and its kin, [`Error::VmEnded`], [`Error::NoAnswer`].
pub fn run(args: ExecArgs, format: Format) -> Result<u8> {
    let (mut client, index) = match &args.replay {
        Some(path) => (replayed(path)?, None),
        None => {
            let entry = Registry::open()?.find(args.name.as_deref())?;
            (Client::connect(&entry, ANSWER_TIME)?, entry.symbols)
        }
    };
    let symbols = HostSymbols::new(index, &client.guest().build_id);
    if let Some(path) = &args.record {
        client.record(Recorder::create(path)?);
    }
    let argv: Vec<Vec<u8>> = args.argv.into_iter().map(OsStringExt::into_vec).collect();
    let mut interrupts = signals::interrupts()?;
    let mut stdin = Stdin;
    let forward = args.replay.is_none() && (args.interactive || !io::stdin().is_terminal());
    let with = Drive {
        stdin: forward.then_some(&mut stdin as &mut dyn Input),
        interrupts: Some(&mut interrupts),
        timeout: args.timeout,
        announce: false,
    };
    if let Some(policy) = args.session.policy {
        client.session().lower(policy.into());
    }
    let how = How {
        format,
        verbose: args.session.verbose,
    };
    let ending = execute(&mut client, &argv, with, how, &symbols)?;
    Ok(exit_code(ending))
}

/// Runs a command and prints its answer.
///
/// # Errors
/// See [`drive`].
pub(crate) fn execute(
    client: &mut Client,
    argv: &[Vec<u8>],
    with: Drive<'_>,
    how: How,
    symbols: &HostSymbols,
) -> Result<Ending> {
    let near = |name: &[u8]| symbols.near(name);
    let named = |offset| symbols.name(offset);
    let isolation = client.guest().isolation.clone();
    with_output(how.format, |output| {
        let mut renderer = Renderer::new(output, argv);
        renderer.near_matches(&near);
        renderer.names(&named);
        renderer.isolation(&isolation);
        renderer.verbose(how.verbose);
        let ending = drive(client, argv, with, &mut |message| {
            renderer.message(message);
            !renderer.is_broken()
        });
        let status = match &ending {
            Ok(Ending::Status(status)) => *status,
            _ => 1,
        };
        match renderer.finish(status) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::io("write to standard output", e))
            }
            _ => ending,
        }
    })
}

/// The exit code of `uio` for a command that ended so.
#[must_use]
pub fn exit_code(ending: Ending) -> u8 {
    match ending {
        // As a parent process would see it.
        Ending::Status(status) => (status & 0xff) as u8,
        Ending::Interrupted(_) => INTERRUPTED,
        Ending::TimedOut => TIMED_OUT,
    }
}

fn replayed(path: &Path) -> Result<Client> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::path("read", path, e))?;
    Client::over(&path.display().to_string(), replay(&text)?, ANSWER_TIME)
}
