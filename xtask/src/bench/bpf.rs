//! The engines of `uio-bpf` beside those of rbpf: the same programs, in turns, on this machine.
//!
//! The crate `uio-bpf-bench` runs them: what is compared is built as releases are, which this program is not.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::report::{Figure, Goal};
use super::stats::Series;
use crate::{process, project};

/// The engines: what each is called, its peer, and how many times as fast as that it is to be.
const ENGINES: [(&str, &str, f64); 2] = [
    ("interpreter", "rbpf.interpreter", 3.0),
    ("jit", "rbpf.jit", 0.9),
];

/// How long building and running may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Nanoseconds of a program's runs, by engine.
type Times = BTreeMap<String, Series>;

/// How many times as fast as its peer each engine is, program by program.
///
/// # Errors
/// When the programs cannot be built, or the engines do not agree about them.
pub fn figures(repeat: usize) -> Result<Vec<Figure>> {
    let mut cargo = project::host_cargo()?;
    cargo.args(["run", "--quiet", "--release", "--package", "uio-bpf-bench"]);
    let output = process::run(cargo.arg("--").arg(repeat.to_string()), LIMIT)?.success()?;
    let programs: Vec<Value> =
        serde_json::from_slice(&output.stdout).context("what uio-bpf-bench printed")?;
    let mut figures = Vec::new();
    for program in &programs {
        let text = |field: &str| program[field].as_str().unwrap_or_default().to_owned();
        let times = times(&program["nanoseconds"]);
        figures.extend(of_program(&text("name"), &text("what"), &times));
    }
    Ok(figures)
}

fn times(value: &Value) -> Times {
    let engines = value.as_object().into_iter().flatten();
    engines
        .map(|(engine, times)| {
            let times = times.as_array().into_iter().flatten();
            (engine.clone(), times.filter_map(Value::as_f64).collect())
        })
        .collect()
}

/// The figures of one program: microseconds, and how they compare with the peer's of the same turn.
fn of_program(name: &str, what: &str, times: &Times) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (engine, peer, goal) in ENGINES {
        let (Some(ours), Some(theirs)) = (times.get(engine), times.get(peer)) else {
            continue;
        };
        let key = format!("bpf.{engine}.{name}");
        let took = format!("eBPF, {engine}: {what}");
        figures.push(Figure::new(&key, &took, "µs", ours.scaled(1e-3)));
        let faster = Figure::new(
            &format!("{key}.rbpf"),
            "  times as fast as rbpf 0.4.1",
            "times",
            theirs.times_each(ours),
        );
        figures.push(faster.goal(Goal::AtLeast(goal)));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_held_against_their_peers_of_the_same_turn() {
        let value = serde_json::json!({
            "interpreter": [1000, 2000],
            "rbpf.interpreter": [4000, 7000],
            "jit": [500],
        });
        let figures = of_program("alu", "arithmetic", &times(&value));
        let [took, faster] = figures.as_slice() else {
            panic!("{figures:?}");
        };
        assert_eq!(took.results, [1.0, 2.0].into_iter().collect::<Series>());
        assert_eq!(faster.results, [4.0, 3.5].into_iter().collect::<Series>());
        assert_eq!(
            (faster.key.as_str(), faster.held()),
            ("bpf.interpreter.alu.rbpf", Some(true))
        );
    }
}
