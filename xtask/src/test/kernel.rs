//! Tier `kernel`: the patches, one by one, and every feature of the kernel alone.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::report::{Counts, Report};
use crate::process;

/// How long all those builds may take.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Runs `cargo xtask patches check` and takes over its counts.
///
/// # Errors
/// When this program cannot be started again.
pub fn run(report: &mut Report) -> Result<()> {
    println!("$ cargo xtask patches check");
    let program = std::env::current_exe().context("find this program")?;
    let mut check = Command::new(program);
    check.args(["patches", "check"]);
    let last = Arc::new(Mutex::new(String::new()));
    let noting = Arc::clone(&last);
    let status = process::follow(&mut check, LIMIT, move |line| {
        println!("{line}");
        *noting.lock().unwrap_or_else(PoisonError::into_inner) = line.to_owned();
    })?;
    let last = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match read(&last) {
        Some(counts) if (counts.failed == 0) == (status == 0) => report.add("patches", counts),
        _ => {
            report.check::<()>("patches", || {
                anyhow::bail!("status {status}, and the last line is `{last}`")
            });
        }
    }
    Ok(())
}

/// Reads `N passed, M failed`.
fn read(line: &str) -> Option<Counts> {
    let (passed, failed) = line.split_once(", ")?;
    Some(Counts {
        passed: passed.strip_suffix(" passed")?.parse().ok()?,
        failed: failed.strip_suffix(" failed")?.parse().ok()?,
        skipped: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_read() {
        let counts = read("40 passed, 2 failed").unwrap();
        assert_eq!((counts.passed, counts.failed), (40, 2));
        assert!(read("40 passed").is_none());
    }
}
