//! `uio shell`: commands in a guest, one after the other.

use std::io::{self, BufRead, IsTerminal, Read};
use std::os::unix::net::UnixStream;

use reedline::Signal;

use super::exec::{How, INTERRUPTED, execute, exit_code};
use super::symbols::HostSymbols;
use super::{ANSWER_TIME, guest_commands};
use crate::cli::ShellArgs;
use crate::client::Client;
use crate::client::drive::{Drive, Input, Stdin};
use crate::entry::{Entry, Registry};
use crate::error::{Error, Result, exit};
use crate::render::{Format, complain};
use crate::shell::{Completer, editor};
use crate::signals;

/// A shell at work.
struct Shell {
    vm: Entry,
    client: Client,
    symbols: HostSymbols,
    interrupts: UnixStream,
    how: How,
    status: u8,
}

/// What comes after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Line,
    Leave,
}

/// Runs commands until the end of the input or `exit`; the exit code is that of the last command.
///
/// # Errors
/// [`Error::NoVm`] and its kin, [`Error::VmEnded`], [`Error::NoAnswer`].
pub fn run(args: &ShellArgs, format: Format) -> Result<u8> {
    let vm = Registry::open()?.find(args.name.as_deref())?;
    let mut client = Client::connect(&vm, ANSWER_TIME)?;
    if let Some(policy) = args.session.policy {
        client.session().lower(policy.into());
    }
    let symbols = HostSymbols::new(vm.symbols.clone(), &client.guest().build_id);
    let mut shell = Shell {
        vm,
        client,
        symbols,
        interrupts: signals::interrupts()?,
        how: How {
            format,
            verbose: args.session.verbose,
        },
        status: exit::OK,
    };
    if io::stdin().is_terminal() {
        shell.interactive()?;
    } else {
        shell.script(&mut io::stdin().lock())?;
    }
    Ok(shell.status)
}

impl Shell {
    fn interactive(&mut self) -> Result<()> {
        let guest = self.client.guest();
        eprintln!(
            "{}: Hermit {} ({}), overlay {}; `help` lists commands, Ctrl-D leaves",
            self.vm.name, guest.kernel, guest.arch, guest.overlay
        );
        let completer = Completer::new(&self.vm, guest);
        let (mut editor, prompt) = editor(&self.vm.name, completer)?;
        loop {
            let line = match editor.read_line(&prompt) {
                Ok(Signal::Success(line)) => line,
                Ok(Signal::CtrlD) => return Ok(()),
                Ok(_) => continue,
                Err(e) => return Err(Error::io("read the terminal", e)),
            };
            if self.line(&line, true)? == Next::Leave {
                return Ok(());
            }
        }
    }

    fn script(&mut self, input: &mut dyn BufRead) -> Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            match input.read_line(&mut line) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(e) => return Err(Error::io("read standard input", e)),
            }
            if self.line(&line, false)? == Next::Leave {
                return Ok(());
            }
        }
    }

    /// Does what a line says. Only what ends the shell is an error.
    fn line(&mut self, line: &str, reads_terminal: bool) -> Result<Next> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Next::Line);
        }
        let Ok(words) = shell_words::split(line) else {
            self.complain("a quote is not closed");
            self.status = exit::USAGE;
            return Ok(Next::Line);
        };
        match words.first().map(String::as_str) {
            None => Ok(Next::Line),
            Some("exit" | "quit") => Ok(self.leave(&words)),
            Some(name) => {
                if let Some(known) = guest_commands::find(name)
                    && words.get(1).is_some_and(|word| word == "--help")
                {
                    super::print(&format!("usage: {}\n{}\n", known.usage, known.help))?;
                    return Ok(Next::Line);
                }
                self.command(words, reads_terminal)
            }
        }
    }

    fn leave(&mut self, words: &[String]) -> Next {
        match words.get(1).map(|word| word.parse::<i32>()) {
            None => Next::Leave,
            Some(Ok(status)) => {
                self.status = (status & 0xff) as u8;
                Next::Leave
            }
            Some(Err(_)) => {
                self.complain("exit: the status is no number");
                self.status = exit::USAGE;
                Next::Line
            }
        }
    }

    fn command(&mut self, words: Vec<String>, reads_terminal: bool) -> Result<Next> {
        let argv: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
        self.forget_interrupts();
        let mut stdin = Stdin;
        let with = Drive {
            stdin: reads_terminal.then_some(&mut stdin as &mut dyn Input),
            interrupts: Some(&mut self.interrupts),
            timeout: None,
        };
        match execute(&mut self.client, &argv, with, self.how, &self.symbols) {
            Ok(ending) => {
                self.status = exit_code(ending);
                if self.status == INTERRUPTED {
                    eprintln!();
                }
            }
            Err(e @ Error::Usage(_)) => {
                self.complain(&e.to_string());
                self.status = e.exit_code();
            }
            // The session is over, the VM may not be.
            Err(e @ (Error::Closed(_) | Error::Protocol(_))) => {
                self.complain(&e.to_string());
                self.status = e.exit_code();
                let policy = self.client.session().policy();
                self.client = Client::connect(&self.vm, ANSWER_TIME)?;
                self.client.session().lower(policy);
            }
            Err(e) => return Err(e),
        }
        Ok(Next::Line)
    }

    /// A Ctrl-C that came too late for its command is not for the next one.
    fn forget_interrupts(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.interrupts.read(&mut bytes), Ok(count) if count > 0) {}
    }

    fn complain(&self, words: &str) {
        let _ = complain(&mut io::stderr(), self.how.format, &format!("uio: {words}"));
    }
}
