//! What the tests say: a line for each, the runner's own closing lines, and the sums.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Why this machine cannot run a test. As an error, it makes the test skipped, not failed.
#[derive(Clone, Debug)]
pub struct Skip(pub String);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skip {}

/// The error that skips a test.
pub fn skip<T>(reason: impl Into<String>) -> Result<T> {
    Err(Skip(reason.into()).into())
}

/// Counts of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that held.
    pub passed: usize,
    /// Those that did not.
    pub failed: usize,
    /// Those that this machine cannot run.
    pub skipped: usize,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Prints and counts tests.
#[derive(Debug, Default)]
pub struct Report {
    counts: Counts,
    /// Names of what failed.
    failures: Vec<String>,
    /// Counts and times of the tiers that are through.
    tiers: Vec<(&'static str, Counts, Duration)>,
}

impl Report {
    /// Runs one test. Gives its value if it passed.
    pub fn check<T>(&mut self, name: &str, test: impl FnOnce() -> Result<T>) -> Option<T> {
        let begun = Instant::now();
        let result = test();
        let took = begun.elapsed().as_secs_f32();
        match result {
            Ok(value) => {
                println!("ok       {name} ({took:.1} s)");
                self.counts.passed += 1;
                Some(value)
            }
            Err(error) => {
                if let Some(Skip(reason)) = error.downcast_ref() {
                    println!("skipped  {name}: {reason}");
                    self.counts.skipped += 1;
                } else {
                    println!("FAILED   {name} ({took:.1} s): {error:#}");
                    self.counts.failed += 1;
                    self.failures.push(name.to_owned());
                }
                None
            }
        }
    }

    /// Adds what another runner counted.
    pub fn add(&mut self, name: &str, counts: Counts) {
        if counts.failed > 0 {
            self.failures.push(name.to_owned());
        }
        self.counts += counts;
    }

    /// Runs a tier.
    pub fn tier(&mut self, name: &'static str, run: impl FnOnce(&mut Self) -> Result<()>) {
        println!("\n== {name}");
        let before = std::mem::take(&mut self.counts);
        let begun = Instant::now();
        if let Err(error) = run(self) {
            println!("FAILED   {name}: {error:#}");
            self.add(
                name,
                Counts {
                    failed: 1,
                    ..Counts::default()
                },
            );
        }
        let counts = std::mem::replace(&mut self.counts, before);
        self.tiers.push((name, counts, begun.elapsed()));
        self.counts += counts;
    }

    /// Prints the sums; the last line alone says whether all is well. Returns whether it is.
    pub fn finish(&self) -> bool {
        println!("\n== sums");
        for (name, counts, took) in &self.tiers {
            println!("{name:<12} {counts}, {:.0} s", took.as_secs_f32());
        }
        for name in &self.failures {
            println!("FAILED   {name}");
        }
        println!("{}", self.counts);
        self.counts.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_is_counted_in_its_column() {
        let mut report = Report::default();
        report.tier("first", |report| {
            assert_eq!(report.check("good", || Ok(7)), Some(7));
            assert_eq!(report.check::<()>("bad", || anyhow::bail!("why")), None);
            let none = report.check::<()>("later", || {
                skip::<()>("no machine").map_err(|e| e.context("x"))
            });
            assert_eq!(none, None);
            Ok(())
        });
        report.tier("second", |_| anyhow::bail!("cannot start"));
        assert_eq!(report.counts.to_string(), "1 passed, 2 failed, 1 skipped");
        assert_eq!(report.failures, ["bad", "second"]);
        assert!(!report.finish());
        assert!(Report::default().finish());
    }
}
