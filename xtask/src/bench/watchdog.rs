//! What it costs that programs are watched: looks at one that computes, and the watch over a short run.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::counter::{Blocks, between};
use super::image::Image;
use super::lab::{Lab, each_backend, profiled};
use super::profile::{Line, by_function};
use super::report::Figure;
use super::stats::Series;

/// The program that computes without end.
const SPIN: &str = include_str!("programs/spin.c");

/// How long the program is looked at in each repetition.
const WINDOW: Duration = Duration::from_millis(200);

/// The handler of the timer while programs run.
const TIMER: &str = "uio::timer::timer";

/// Functions that are there for the watch alone, and what they set the timer with.
const WATCH: [&str; 4] = [
    "program::watch::",
    "uio::timer::",
    "apic::set_oneshot_timer",
    "uio_set_",
];

/// Looks and runs under each isolation.
///
/// # Errors
/// When a guest does not do as it should.
pub fn figures(lab: &Lab) -> Result<Vec<Figure>> {
    lab.compile("spin", SPIN)?;
    let mut figures = Vec::new();
    each_backend(&mut |backend| {
        let vm = lab.isolated(&lab.with, backend)?;
        let mut session = vm.attach()?;
        let share = session.hello.share.clone();
        let run = format!("run {share}/empty.o");
        session.run(&run)?;
        let mut watched = Series::new();
        for _ in 0..lab.repetitions {
            let blocks = profiled(&vm, &mut || session.run(&run).map(drop))?;
            watched.push(of(&by_function(&lab.with, &blocks, 1), &WATCH));
        }
        let spin = session.start(&format!("run --timeout none {share}/spin.o"))?;
        sleep(WINDOW);
        let mut looks = Looks::default();
        for _ in 0..lab.repetitions {
            let before = vm.counter.blocks()?;
            sleep(WINDOW);
            looks.push(&lab.with, &between(&before, &vm.counter.blocks()?))?;
        }
        session.interrupt(spin)?;
        let figure = |key: &str, words: &str, unit, results| {
            Figure::new(
                &format!("watchdog.{key}.{backend}"),
                &format!("{words}, `{backend}`"),
                unit,
                results,
            )
        };
        let look = "a look at a program that computes, with its interrupt";
        let share = "the same: of what the guest executes meanwhile";
        let run = "of a cached run of `empty`: functions of the watch and the timer";
        figures.extend([
            figure("look", look, "instructions", looks.instructions),
            figure("share", share, "%", looks.percent),
            figure("run", run, "instructions", watched),
        ]);
        Ok(())
    })?;
    Ok(figures)
}

/// Looks at a program that computes.
#[derive(Default)]
struct Looks {
    /// Instructions of each.
    instructions: Series,
    /// Their part of all instructions, in per cent.
    percent: Series,
}

impl Looks {
    /// Adds what was executed while the program computed: all that is code of the image is not the program's.
    fn push(&mut self, image: &Image, blocks: &Blocks) -> Result<()> {
        let lines = by_function(image, blocks, 1);
        let calls: f64 = lines
            .iter()
            .filter(|line| line.function.contains(TIMER))
            .map(|line| line.calls)
            .sum();
        ensure!(
            calls >= 1.0,
            "no timer interrupted the program: is `{TIMER}` still the handler's name?"
        );
        let all: f64 = lines.iter().map(|line| line.instructions).sum();
        let outside = "outside the image";
        let looks: f64 = lines
            .iter()
            .filter(|line| line.owner != outside)
            .map(|line| line.instructions)
            .sum();
        self.instructions.push(looks / calls);
        self.percent.push(100.0 * looks / all);
        Ok(())
    }
}

/// Instructions of the functions whose path has one of these names in it.
fn of(lines: &[Line], names: &[&str]) -> f64 {
    lines
        .iter()
        .filter(|line| names.iter().any(|name| line.function.contains(name)))
        .map(|line| line.instructions)
        .sum()
}
