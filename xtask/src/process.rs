//! Running programs with a time limit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use uio_build::command::display;

use crate::cleanup;

/// How often to look whether a program has ended.
const PERIOD: Duration = Duration::from_millis(2);

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit status; 128 and the signal's number when a signal ended it.
    pub status: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: Vec<u8>,
    /// How long it took.
    pub took: Duration,
    /// Its command line.
    pub line: String,
}

impl Output {
    /// What it printed, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it complained about, as text.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_owned()
    }

    /// Itself, if the exit status is 0.
    ///
    /// # Errors
    /// Otherwise, with what the program said.
    pub fn success(self) -> Result<Self> {
        if self.status == 0 {
            return Ok(self);
        }
        let mut said = self.complaint();
        if said.is_empty() {
            said = self.text();
        }
        bail!("`{}` ended with status {}: {said}", self.line, self.status)
    }
}

/// Runs a program with an empty standard input to its end and captures both of its outputs.
///
/// # Errors
/// When it cannot be started, or has not ended after `limit`; it is killed then.
pub fn run(command: &mut Command, limit: Duration) -> Result<Output> {
    run_on(command, Stdio::null(), limit)
}

/// As [`run`], with a standard input.
///
/// # Errors
/// Those of [`run`].
pub fn run_on(command: &mut Command, input: Stdio, limit: Duration) -> Result<Output> {
    let line = display(command);
    Running::start_on(command, input)?.finish(limit, line)
}

/// Runs a program to its end and hands each line of its standard output to `each`, on another thread, as it comes. Its
/// standard error passes through. Returns its status.
///
/// # Errors
/// When it cannot be started, or has not ended after `limit`; it is killed then.
pub fn follow(
    command: &mut Command,
    limit: Duration,
    mut each: impl FnMut(&str) + Send + 'static,
) -> Result<i32> {
    let line = display(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start `{line}`"))?;
    let stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        let lines = stdout
            .into_iter()
            .flat_map(|out| BufReader::new(out).split(b'\n'));
        for line in lines.map_while(Result::ok) {
            each(&String::from_utf8_lossy(&line));
        }
    });
    cleanup::kill_at_end(child.id());
    let status = wait(&mut child, limit);
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    cleanup::forget(child.id());
    let Some(status) = status else {
        bail!(
            "`{line}` did not end within {} s and was killed",
            limit.as_secs()
        );
    };
    reader.join().map_err(|_| anyhow!("the reader panicked"))?;
    Ok(code(status))
}

/// A program whose outputs are being captured. It is killed when it goes out of scope, or the task is interrupted.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    begun: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        cleanup::forget(self.child.id());
    }
}

impl Running {
    /// Starts a program with an empty standard input.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::start_on(command, Stdio::null())
    }

    fn start_on(command: &mut Command, input: Stdio) -> Result<Self> {
        let begun = Instant::now();
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start `{}`", display(command)))?;
        cleanup::kill_at_end(child.id());
        let stdout = Some(reader(child.stdout.take()));
        let stderr = Some(reader(child.stderr.take()));
        Ok(Self {
            child,
            stdout,
            stderr,
            begun,
        })
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        // The child has not been waited for, so its number is still its own.
        if let Some(pid) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has not ended after `limit`; it is killed then.
    pub fn finish(mut self, limit: Duration, line: String) -> Result<Output> {
        let Some(status) = wait(&mut self.child, limit) else {
            bail!(
                "`{line}` did not end within {} s and was killed",
                limit.as_secs_f32()
            );
        };
        let read = |reader: Option<JoinHandle<Vec<u8>>>| {
            reader
                .and_then(|reader| reader.join().ok())
                .unwrap_or_default()
        };
        Ok(Output {
            status: code(status),
            stdout: read(self.stdout.take()),
            stderr: read(self.stderr.take()),
            took: self.begun.elapsed(),
            line,
        })
    }
}

/// Waits for a child's end.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => thread::sleep(PERIOD),
            _ => return None,
        }
    }
}

/// The exit status, as a shell would give it.
pub fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => -1,
    }
}

/// Repeats `attempt` until it gives a value.
///
/// # Errors
/// The last attempt's, when `limit` has passed.
pub fn eventually<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let until = Instant::now() + limit;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= until => {
                return Err(error.context(format!("not within {} s", limit.as_secs_f32())));
            }
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn reader(from: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(mut from) = from {
            // What was read until then is kept.
            let _ = from.read_to_end(&mut all);
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn outputs_and_status_are_kept_apart() {
        let output = run(
            &mut shell("echo out; echo err >&2; exit 3"),
            Duration::from_secs(10),
        )
        .unwrap();
        assert_eq!((output.status, output.text().as_str()), (3, "out\n"));
        assert_eq!(output.complaint(), "err");
        let error = output.success().unwrap_err().to_string();
        assert!(
            error.contains("status 3") && error.contains("err"),
            "{error}"
        );
    }

    #[test]
    fn what_does_not_end_is_killed() {
        let begun = Instant::now();
        let error = run(&mut shell("exec sleep 60"), Duration::from_millis(100)).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!(error.to_string().contains("was killed"), "{error}");
    }

    #[test]
    fn lines_are_handed_over_as_they_come() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let send = move |line: &str| sender.send(line.to_owned()).unwrap();
        let status = follow(
            &mut shell("echo a; echo b; exit 4"),
            Duration::from_secs(10),
            send,
        )
        .unwrap();
        assert_eq!(status, 4);
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["a", "b"]);
        let begun = Instant::now();
        assert!(
            follow(
                &mut shell("exec sleep 60"),
                Duration::from_millis(100),
                |_| {}
            )
            .is_err()
        );
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_signal_shows_in_the_status() {
        let output = run(&mut shell("kill -KILL $$"), Duration::from_secs(10)).unwrap();
        assert_eq!(output.status, 128 + 9);
    }

    #[test]
    fn attempts_end() {
        let mut left = 3;
        let value = eventually(Duration::from_secs(10), || {
            left -= 1;
            anyhow::ensure!(left == 0, "not yet");
            Ok(7)
        });
        assert_eq!(value.unwrap(), 7);
        let never = eventually::<()>(Duration::ZERO, || bail!("never"));
        assert!(format!("{:#}", never.unwrap_err()).contains("never"));
    }
}
