//! The way of a program into the image and back, and of the kernel into a program and back.

use std::collections::HashMap;
use std::fmt::Write;

use anyhow::Result;

use super::counter::{Block, Blocks};
use super::lab::{Lab, each_backend, measure, micros, profiled};
use super::report::{Figure, Goal};
use super::session::Session;
use super::stats::Series;
use super::vm::Vm;

/// The program that crosses, by the letter of the crossing and their number.
const CROSSINGS: &str = include_str!("programs/crossings.c");

/// Crossings of the two runs whose difference counts.
const FEW: [u32; 2] = [200, 1_200];

/// Crossings of the two runs whose difference is timed.
const MANY: [u32; 2] = [10_000, 60_000];

/// Constructors of the two programs whose difference counts.
const CONSTRUCTORS: [u32; 2] = [0, 200];

/// How much less often than in each repetition a block may seem to be executed, because the shorter run had more of it.
const SLACK: f64 = 0.1;

/// What gate and call may take, in instructions.
const LIMIT: f64 = 60.0;

/// The letter of a call without the gate.
const DIRECT: char = 'd';

/// Crossings: letter, key, words, and goal.
const KINDS: [(char, &str, &str, Goal); 4] = [
    (
        DIRECT,
        "gate.direct",
        "direct call of a function of the image",
        Goal::None,
    ),
    (
        'g',
        "gate.call",
        "the same function through the gate",
        Goal::AtMost(LIMIT),
    ),
    (
        'w',
        "gate.write",
        "8 bytes written through the gate",
        Goal::None,
    ),
    (
        'c',
        "gate.clock",
        "call of the interface, `uio_clock_us`",
        Goal::None,
    ),
];

/// Crossings under each isolation.
///
/// # Errors
/// When a guest does not do as it should.
pub fn figures(lab: &Lab) -> Result<Vec<Figure>> {
    lab.compile("crossings", CROSSINGS)?;
    for count in CONSTRUCTORS {
        lab.compile(&constructed(count), &constructors(count))?;
    }
    let mut figures = Vec::new();
    each_backend(&mut |backend| {
        let vm = lab.isolated(&lab.with, backend)?;
        let mut bench = Bench {
            session: vm.attach()?,
            vm: &vm,
            repetitions: lab.repetitions,
        };
        let (empty, empty_time) = (bench.counted('n')?, bench.timed('n')?);
        for (kind, key, words, goal) in KINDS {
            let words = format!("{words}, `{backend}`");
            let key = format!("{key}.{backend}");
            let counted = bench.counted(kind)?.above(empty.median());
            figures.push(Figure::new(&key, &words, "instructions", counted).goal(goal));
            // A direct call is too short to be timed like this.
            if kind != DIRECT {
                let timed = bench.timed(kind)?.above(empty_time.median());
                figures.push(Figure::new(&format!("{key}.time"), &words, "ns", timed));
            }
        }
        figures.push(Figure::new(
            &format!("domain.enter.{backend}"),
            &format!("into a program and back (a constructor), `{backend}`"),
            "instructions",
            bench.entered()?,
        ));
        Ok(())
    })?;
    Ok(figures)
}

/// A guest to measure in.
struct Bench<'a> {
    session: Session,
    vm: &'a Vm,
    repetitions: usize,
}

impl Bench<'_> {
    /// Instructions of a crossing and of the loop around it.
    fn counted(&mut self, kind: char) -> Result<Series> {
        let [few, more] = FEW.map(|count| format!("crossings.o {kind} {count}"));
        self.instructions(&few, &more, FEW[1] - FEW[0])
    }

    /// Instructions of a constructor.
    fn entered(&mut self) -> Result<Series> {
        let [few, more] = CONSTRUCTORS.map(|count| format!("{}.o", constructed(count)));
        self.instructions(&few, &more, CONSTRUCTORS[1] - CONSTRUCTORS[0])
    }

    /// Instructions that `more` takes above `few` for each of so many repetitions.
    fn instructions(&mut self, few: &str, more: &str, repetitions: u32) -> Result<Series> {
        let commands = [few, more].map(|program| self.command(program));
        // What is only done once is done now.
        for command in &commands {
            self.session.run(command)?;
        }
        let mut series = Series::new();
        for _ in 0..self.repetitions {
            let [few, more] = [&commands[0], &commands[1]]
                .map(|command| profiled(self.vm, &mut || self.session.run(command).map(drop)));
            series.push(of_each(&few?, &more?, repetitions));
        }
        Ok(series)
    }

    /// Nanoseconds of a crossing and of the loop around it.
    fn timed(&mut self, kind: char) -> Result<Series> {
        let commands = MANY.map(|count| self.command(&format!("crossings.o {kind} {count}")));
        let mut series = Series::new();
        for _ in 0..self.repetitions {
            let [few, more] = [&commands[0], &commands[1]]
                .map(|command| measure(self.vm, &mut self.session, command));
            let took = micros(more?.answer.took) - micros(few?.answer.took);
            series.push(took * 1e3 / f64::from(MANY[1] - MANY[0]));
        }
        Ok(series)
    }

    fn command(&self, program: &str) -> String {
        format!("run {}/{program}", self.session.hello.share)
    }
}

/// Instructions of one of so many repetitions that one run has more than another. A block counts as often as it is
/// executed in each repetition: what the timer does now and then is no part of them.
fn of_each(few: &Blocks, more: &Blocks, repetitions: u32) -> f64 {
    let mut blocks: HashMap<Block, i64> = HashMap::new();
    for (table, sign) in [(more, 1), (few, -1)] {
        for (&block, &executed) in table {
            *blocks.entry(block).or_default() += sign * executed as i64;
        }
    }
    blocks
        .into_iter()
        .map(|((_, instructions), executed)| {
            let instructions = instructions.max(1) as f64;
            let times = executed as f64 / instructions / f64::from(repetitions);
            (times + SLACK).floor().max(0.0) * instructions
        })
        .sum()
}

/// Name of the program with so many constructors.
fn constructed(count: u32) -> String {
    format!("constructors-{count}")
}

/// A program with so many constructors that do nothing.
fn constructors(count: u32) -> String {
    let mut text = String::from("int main(void) { return 0; }\n");
    for number in 0..count {
        let _ = writeln!(
            text,
            "__attribute__((constructor)) static void c{number}(void) {{ __asm__ volatile(\"\"); }}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_now_and_then_is_no_part_of_each() {
        let few = Blocks::from([((1, 5), 5 * 200), ((2, 9), 9 * 3), ((4, 7), 7 * 90)]);
        // The first block once and the third twice in each repetition; the others now and then.
        let more = Blocks::from([
            ((1, 5), 5 * 1_201),
            ((2, 9), 9 * 803),
            ((3, 4), 4 * 1_998),
            ((4, 7), 7 * 10),
        ]);
        assert_eq!(of_each(&few, &more, 1_000), 5.0 + 2.0 * 4.0);
    }

    #[test]
    fn programs_have_as_many_constructors_as_they_say() {
        let text = constructors(3);
        assert_eq!(text.matches("constructor))").count(), 3);
        assert_eq!(constructors(0).lines().count(), 1);
    }
}
