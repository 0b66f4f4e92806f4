//! Running cargo's own tests and counting what they say.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use uio_build::command::display;

use super::report::{Counts, Report};
use crate::process;

/// How long one cargo may take, compiling included.
pub const LIMIT: Duration = Duration::from_secs(45 * 60);

/// Runs `cargo test` and passes its output on, without the lines of tests that passed.
pub fn test(report: &mut Report, name: &str, mut cargo: Command) {
    println!("$ {}", display(&cargo));
    let counted = run(&mut cargo);
    match counted {
        Ok((counts, true)) if counts != Counts::default() => report.add(name, counts),
        // Nothing ran, or cargo failed before or besides the tests.
        Ok((counts, good)) => {
            report.add(name, counts);
            if counts.failed == 0 {
                report.check::<()>(name, || {
                    anyhow::bail!(
                        "`{}` {}",
                        display(&cargo),
                        if good { "ran no test" } else { "failed" }
                    )
                });
            }
        }
        Err(error) => {
            report.check::<()>(name, || Err(error));
        }
    }
}

fn run(cargo: &mut Command) -> Result<(Counts, bool)> {
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start `{}`", display(cargo)))?;
    let stdout = child.stdout.take();
    // Reads to the end of the output, which is the end of the tests.
    let reader = std::thread::spawn(move || {
        let mut counts = Counts::default();
        for line in stdout
            .into_iter()
            .flat_map(|out| BufReader::new(out).split(b'\n'))
        {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line);
            count(&line, &mut counts);
            if !line.ends_with("... ok") && !line.is_empty() {
                println!("{line}");
            }
        }
        counts
    });
    let Some(status) = process::wait(&mut child, LIMIT) else {
        let _ = child.kill();
        let _ = child.wait();
        anyhow::bail!("`{}` took more than {LIMIT:?}", display(cargo));
    };
    let counts = reader.join().unwrap_or_default();
    Ok((counts, status.success()))
}

/// Adds up a closing line: `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
fn count(line: &str, counts: &mut Counts) {
    let Some(result) = line.strip_prefix("test result: ") else {
        return;
    };
    let number = |what: &str| {
        result
            .split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
            .unwrap_or(0)
    };
    *counts += Counts {
        passed: number("passed"),
        failed: number("failed"),
        skipped: number("ignored"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.19s",
            "test result: FAILED. 4 passed; 5 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            count(line, &mut counts);
        }
        assert_eq!(counts.to_string(), "6 passed, 5 failed, 1 skipped");
    }
}
