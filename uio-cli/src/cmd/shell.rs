//! `uio shell`: commands in a guest, one after the other. With a `&` at its end a line runs in the
//! background: its number is told, `jobs` lists it, `kill %N` ends it, `fg %N` waits for it (Ctrl-C
//! then ends it), `wait` waits for all. Its standard input is at its end. Leaving ends what still
//! runs, and warns once.

mod jobs;

use std::io::{self, BufRead, IsTerminal, Read};
use std::os::unix::net::UnixStream;

use reedline::Signal;

use super::bpf::guest::{Asked, perform, prepare};
use super::exec::{How, INTERRUPTED, execute, exit_code};
use super::symbols::HostSymbols;
use super::{ANSWER_TIME, guest_commands};
use crate::cli::ShellArgs;
use crate::client::Client;
use crate::client::drive::{Drive, Ending, Input, Stdin};
use crate::entry::{Entry, Registry};
use crate::error::{Error, Result, exit};
use crate::render::{Format, complain};
use crate::shell::{Completer, Screen, editor};
use crate::signals;
use jobs::{Jobs, Origin};

/// A shell at work.
struct Shell {
    vm: Entry,
    client: Client,
    symbols: HostSymbols,
    interrupts: UnixStream,
    how: How,
    screen: Screen,
    jobs: Jobs,
    /// The operator was told that leaving ends jobs.
    warned: bool,
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
        screen: Screen::default(),
        jobs: Jobs::default(),
        warned: false,
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
        let (mut editor, prompt, lines) = editor(&self.vm.name, completer)?;
        loop {
            self.screen.edit(Some(lines.clone()));
            let read = editor.read_line(&prompt);
            self.screen.edit(None);
            let next = match read {
                Ok(Signal::Success(line)) => self.line(&line, true)?,
                Ok(Signal::CtrlD) => Next::Leave,
                Ok(_) => continue,
                Err(e) => return Err(Error::io("read the terminal", e)),
            };
            if next == Next::Leave && self.may_leave() {
                return Ok(());
            }
            self.warned = next == Next::Leave;
        }
    }

    fn script(&mut self, input: &mut dyn BufRead) -> Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            match input.read_line(&mut line) {
                Ok(0) => {
                    self.may_leave();
                    return Ok(());
                }
                Ok(_) => {}
                Err(e) => return Err(Error::io("read standard input", e)),
            }
            if self.line(&line, false)? == Next::Leave {
                self.may_leave();
                return Ok(());
            }
        }
    }

    /// Whether the shell may be left: no job runs, or the operator was warned.
    fn may_leave(&mut self) -> bool {
        let running = self.jobs.running();
        if running == 0 || self.warned {
            return true;
        }
        let jobs = if running == 1 { "job runs" } else { "jobs run" };
        self.complain(&format!(
            "{running} {jobs} and will be ended by leaving; `wait` waits"
        ));
        false
    }

    /// Does what a line says. Only what ends the shell is an error.
    fn line(&mut self, line: &str, reads_terminal: bool) -> Result<Next> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Next::Line);
        }
        let (line, background) = match line.strip_suffix('&') {
            Some(rest) if !rest.ends_with('\\') => (rest, true),
            _ => (line, false),
        };
        let Ok(words) = shell_words::split(line) else {
            self.complain("a quote is not closed");
            self.status = exit::USAGE;
            return Ok(Next::Line);
        };
        match words.first().map(String::as_str) {
            None => Ok(Next::Line),
            Some("exit" | "quit" | "fg" | "wait") if background => {
                self.complain("this command has no background");
                self.status = exit::USAGE;
                Ok(Next::Line)
            }
            Some("exit" | "quit") => Ok(self.leave(&words)),
            Some("fg") => Ok(self.foreground(&words)),
            Some("wait") => Ok(self.wait()),
            Some(name) => {
                if let Some(known) = guest_commands::find(name)
                    && words.get(1).is_some_and(|word| word == "--help")
                {
                    super::print(&format!("usage: {}\n{}\n", known.usage, known.help))?;
                    return Ok(Next::Line);
                }
                match background {
                    true => self.background(words),
                    false => self.command(words, reads_terminal),
                }
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

    fn background(&mut self, words: Vec<String>) -> Result<Next> {
        let origin = Origin {
            vm: self.vm.clone(),
            policy: self.client.session().policy(),
            how: self.how,
            screen: self.screen.clone(),
        };
        let argv = words.into_iter().map(String::into_bytes).collect();
        self.jobs.start(&origin, argv)?;
        self.status = exit::OK;
        Ok(Next::Line)
    }

    /// `fg [%N]`
    fn foreground(&mut self, words: &[String]) -> Next {
        self.forget_interrupts();
        let number = words
            .get(1)
            .map(|word| word.trim_start_matches('%').parse::<u32>());
        let status = match number.transpose() {
            Ok(number) => self.jobs.foreground(number, &mut self.interrupts),
            Err(_) => None,
        };
        self.status = status.unwrap_or_else(|| {
            self.complain("fg: no such job of this shell");
            exit::FAILURE
        });
        Next::Line
    }

    fn wait(&mut self) -> Next {
        self.forget_interrupts();
        self.status = match self.jobs.wait(&mut self.interrupts) {
            true => exit::OK,
            false => INTERRUPTED,
        };
        Next::Line
    }

    fn command(&mut self, words: Vec<String>, reads_terminal: bool) -> Result<Next> {
        self.forget_interrupts();
        if words.first().is_some_and(|name| name == "bpf") {
            let ended = self.bpf(&words, reads_terminal);
            return self.ended(ended);
        }
        let argv: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
        let mut stdin = Stdin;
        let with = Drive {
            stdin: reads_terminal.then_some(&mut stdin as &mut dyn Input),
            interrupts: Some(&mut self.interrupts),
            timeout: None,
            announce: false,
        };
        let ended = execute(&mut self.client, &argv, with, self.how, &self.symbols);
        self.ended(ended)
    }

    /// `bpf …`: objects, patterns and typed values are translated first.
    fn bpf(&mut self, words: &[String], reads_terminal: bool) -> Result<Ending> {
        let mut asked = Asked {
            client: &mut self.client,
            vm: &self.vm,
            symbols: &self.symbols,
            format: self.how.format,
        };
        let mut requests = prepare(&mut asked, words).map_err(|e| match e {
            // A file that cannot be read is no reason to leave.
            Error::Io { .. } => Error::Failed(e.to_string()),
            e => e,
        })?;
        for request in &mut requests {
            request.may_read(reads_terminal);
        }
        perform(&mut asked, &requests, Some(&mut self.interrupts), self.how)
    }

    /// Takes note of how a command ended. Only what ends the shell is an error.
    fn ended(&mut self, ended: Result<Ending>) -> Result<Next> {
        match ended {
            Ok(ending) => {
                self.status = exit_code(ending);
                if self.status == INTERRUPTED {
                    eprintln!();
                }
            }
            Err(e @ (Error::Usage(_) | Error::Failed(_))) => {
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
