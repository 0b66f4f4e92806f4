//! The `uio` command, with directories of its own for sockets and logs: VMs of the user are not seen and not touched.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{Output, run};
use crate::scratch::Scratch;

/// How long a command of `uio` may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The `uio` command.
#[derive(Debug)]
pub struct Uio {
    program: PathBuf,
    scratch: Scratch,
}

impl Uio {
    /// Takes the built command at `program`.
    ///
    /// # Errors
    /// When its directories cannot be made.
    pub fn new(program: PathBuf) -> Result<Self> {
        let scratch = Scratch::new("x")?;
        scratch.dir("run")?;
        scratch.dir("state")?;
        Ok(Self { program, scratch })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A directory that goes away with this value, for shares and the like.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn dir(&self, name: &str) -> Result<PathBuf> {
        self.scratch.dir(name)
    }

    /// The command with arguments, ready to run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .current_dir(self.scratch.path())
            .env("XDG_RUNTIME_DIR", self.scratch.path().join("run"))
            .env("XDG_STATE_HOME", self.scratch.path().join("state"));
        command
    }

    /// Runs it with arguments, whatever its exit status.
    ///
    /// # Errors
    /// When it does not start, or does not end in time.
    pub fn run(&self, args: &[&str]) -> Result<Output> {
        run(&mut self.command(args), LIMIT)
    }

    /// Runs it with arguments and `--output json`; it must succeed.
    ///
    /// # Errors
    /// When it does not, or does not print JSON.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let mut command = self.command(&["--output", "json"]);
        command.args(args);
        let output = run(&mut command, LIMIT)?.success()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`{}` printed no JSON: {}", output.line, output.text()))
    }
}

/// What a user would type for these arguments of `uio`.
pub fn typed(args: &[&str]) -> String {
    let mut line = String::from("uio");
    for arg in args {
        line.push(' ');
        let plain = !arg.is_empty()
            && arg
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./:=,%+@".contains(c));
        if plain {
            line.push_str(arg);
        } else {
            line.push_str(&format!("'{}'", arg.replace('\'', r"'\''")));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_quoted_where_a_shell_needs_it() {
        assert_eq!(
            typed(&["exec", "web", "--", "cat", "/a b", "it's", ""]),
            r"uio exec web -- cat '/a b' 'it'\''s' ''"
        );
    }
}
