//! Steps of the tour: each is announced, shows what it does, and holds or does not.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

/// Most lines of an output that are shown.
const SHOWN: usize = 14;

/// Prints and counts steps.
#[derive(Debug, Default)]
pub struct Stage {
    steps: usize,
    failed: Vec<(usize, String)>,
}

impl Stage {
    /// Takes one step. Gives its value if it held.
    pub fn step<T>(&mut self, title: &str, take: impl FnOnce(&mut Show) -> Result<T>) -> Option<T> {
        self.steps += 1;
        println!("{:>2}. {title}", self.steps);
        let begun = Instant::now();
        let result = take(&mut Show);
        let took = begun.elapsed().as_secs_f32();
        match result {
            Ok(value) => {
                println!("    held ({took:.2} s)\n");
                Some(value)
            }
            Err(error) => {
                println!("    DID NOT HOLD ({took:.2} s): {error:#}\n");
                self.failed.push((self.steps, title.to_owned()));
                None
            }
        }
    }

    /// Prints the verdict; gives the exit status.
    pub fn finish(&self) -> ExitCode {
        if self.failed.is_empty() && self.steps > 0 {
            println!("All {} steps held.", self.steps);
            return ExitCode::SUCCESS;
        }
        println!("{}", verdict(self.steps, &self.failed));
        ExitCode::FAILURE
    }
}

/// The last line when not all steps held.
fn verdict(steps: usize, failed: &[(usize, String)]) -> String {
    let list: Vec<String> = failed
        .iter()
        .map(|(number, title)| format!("{number} ({})", title.trim_end_matches('.')))
        .collect();
    format!(
        "{} of {steps} steps did not hold: {}.",
        failed.len(),
        list.join(", ")
    )
}

/// Shows what a step does.
#[derive(Debug)]
pub struct Show;

impl Show {
    /// A command line as a user would type it.
    pub fn command(&self, line: &str) {
        println!("    $ {line}");
    }

    /// What a command printed, cut where it is long.
    pub fn output(&self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        for line in shortened(&lines) {
            println!("    | {line}");
        }
    }

    /// A remark.
    pub fn remark(&self, text: &str) {
        println!("    {text}");
    }
}

/// The lines, or the first and last of them around a remark, none of them too long.
fn shortened(lines: &[&str]) -> Vec<String> {
    let cut = |line: &&str| {
        let mut short: String = line.chars().take(110).collect();
        if short.len() < line.len() {
            short.push('…');
        }
        short
    };
    if lines.len() <= SHOWN {
        return lines.iter().map(cut).collect();
    }
    let (head, tail) = (SHOWN / 2, SHOWN / 2 - 1);
    let left_out = lines.len() - head - tail;
    let mut short: Vec<String> = lines[..head].iter().map(cut).collect();
    short.push(format!("… {left_out} lines …"));
    short.extend(lines[lines.len() - tail..].iter().map(cut));
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_outputs_are_cut_in_the_middle() {
        let numbers: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let lines: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let short = shortened(&lines);
        assert_eq!(short.len(), SHOWN);
        assert_eq!((short[0].as_str(), short[SHOWN - 1].as_str()), ("0", "39"));
        assert!(short.contains(&"… 27 lines …".to_owned()));
        assert_eq!(shortened(&lines[..14]).len(), 14);
    }

    #[test]
    fn a_step_that_fails_is_named_at_the_end() {
        let mut stage = Stage::default();
        assert_eq!(stage.step("One.", |_| Ok(1)), Some(1));
        assert_eq!(stage.step::<()>("Two.", |_| anyhow::bail!("no")), None);
        assert_eq!(
            verdict(stage.steps, &stage.failed),
            "1 of 2 steps did not hold: 2 (Two)."
        );
        assert_eq!(stage.finish(), ExitCode::FAILURE);
        assert_eq!(Stage::default().finish(), ExitCode::FAILURE);
    }
}
