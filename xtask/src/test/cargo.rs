//! Running cargo's own tests and counting what they say.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
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
    let sums = Arc::new(Mutex::new(Counts::default()));
    let adding = Arc::clone(&sums);
    let status = process::follow(cargo, LIMIT, move |line| {
        count(
            line,
            &mut adding.lock().unwrap_or_else(PoisonError::into_inner),
        );
        if !line.ends_with("... ok") && !line.is_empty() {
            println!("{line}");
        }
    })?;
    let counts = *sums.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((counts, status == 0))
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
