//! Distributions as people read them: one line a range, with a bar.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The widest bar.
const BAR: usize = 40;

/// A distribution of durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Nanoseconds of a step; 0 where steps are powers of two.
    pub width: u64,
    /// How many calls took a duration in each step.
    pub counts: BTreeMap<u64, u64>,
}

impl Histogram {
    /// The durations in a step: from, and up to but not including, in nanoseconds.
    #[must_use]
    pub fn range(&self, step: u64) -> (u64, u64) {
        if self.width != 0 {
            let from = step.saturating_mul(self.width);
            return (from, from.saturating_add(self.width));
        }
        let power = |exponent: u64| 1_u64.checked_shl(exponent as u32).unwrap_or(u64::MAX);
        match step {
            0 => (0, 1),
            _ => (power(step - 1), power(step)),
        }
    }

    /// All calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// An upper bound of the duration that so many percent of the calls keep, in nanoseconds.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.total() * percent).div_ceil(100);
        let mut seen = 0;
        for (&step, &count) in &self.counts {
            seen += count;
            if seen >= wanted {
                return self.range(step).1;
            }
        }
        0
    }

    /// One line a step, from the first that has calls to the last.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut text = String::new();
        let most = self.counts.values().copied().max().unwrap_or(0).max(1);
        let (Some(first), Some(last)) = (
            self.counts.keys().next().copied(),
            self.counts.keys().next_back().copied(),
        ) else {
            return text;
        };
        // A step far away would make a line for each in between.
        let all = last - first < 64;
        let steps: Vec<u64> = if all {
            (first..=last).collect()
        } else {
            self.counts.keys().copied().collect()
        };
        for step in steps {
            let count = self.counts.get(&step).copied().unwrap_or(0);
            let (from, to) = self.range(step);
            let bar = "#".repeat((count as usize * BAR).div_ceil(most as usize));
            let range = format!("[{}, {})", duration(from), duration(to));
            let _ = writeln!(text, "{range:>24} {count:>10} |{bar:<BAR$}|");
        }
        text
    }
}

/// Nanoseconds as people read them.
#[must_use]
pub fn duration(ns: u64) -> String {
    let scaled = |by: u64, unit: &str| match ns % by {
        0 => format!("{} {unit}", ns / by),
        _ => format!("{:.2} {unit}", ns as f64 / by as f64),
    };
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => scaled(1_000, "µs"),
        1_000_000..1_000_000_000 => scaled(1_000_000, "ms"),
        _ => scaled(1_000_000_000, "s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_powers_of_two_or_as_wide_as_asked() {
        let log = Histogram::default();
        assert_eq!(
            [0, 1, 2, 11].map(|step| log.range(step)),
            [(0, 1), (1, 2), (2, 4), (1024, 2048)]
        );
        assert_eq!(log.range(64).1, u64::MAX);
        let linear = Histogram {
            width: 500,
            ..Histogram::default()
        };
        assert_eq!(linear.range(3), (1500, 2000));
    }

    #[test]
    fn lines_leave_no_step_out_between_the_first_and_the_last() {
        let histogram = Histogram {
            width: 0,
            counts: BTreeMap::from([(10, 40), (12, 10)]),
        };
        let bars = |count: usize| format!("|{:<40}|", "#".repeat(count));
        let expected = format!(
            "       [512 ns, 1.02 µs)         40 {}\n      [1.02 µs, 2.05 µs)          0 {}\n      [2.05 µs, 4.10 µs)         10 {}\n",
            bars(40),
            bars(0),
            bars(10)
        );
        assert_eq!(histogram.lines(), expected);
        assert_eq!(histogram.percentile(50), 1024);
        assert_eq!(histogram.percentile(99), 4096);
    }
}
