//! Interrupts and switches of tasks, with `uio-mpk` and without, before a program ran and after.
//!
//! The round trip of `exit 0` has an interrupt of the console and two switches: to the overlay's task and back. Once a
//! program ran, every interrupt comes by the gate.

use anyhow::{Result, ensure};

use super::image::Image;
use super::lab::{Costs, Lab, costs, each_backend, profiled};
use super::profile::by_function;
use super::report::Figure;
use super::session::Session;
use super::stats::Series;
use super::vm::Vm;

/// The command of the round trip.
const COMMAND: &str = "exit 0";

/// The function that changes stacks.
const SWITCH: &str = "switch::switch_to_task";

/// What a switch is made of.
const PARTS: [&str; 4] = [
    SWITCH,
    "switch::switch_to_fpu_owner",
    "PerCoreScheduler>::scheduler",
    "set_current_kernel_stack",
];

/// Round trips and switches of each image under each isolation that it has.
///
/// # Errors
/// When there is no image without `uio-mpk`, or a guest does not do as it should.
pub fn figures(lab: &Lab) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let without = Side::measure(lab, lab.keyless()?, "none")?;
    let base = without.after.instructions.median();
    without.tell(&mut figures, "without", "without `uio-mpk`");
    each_backend(&mut |backend| {
        let side = Side::measure(lab, &lab.with, backend)?;
        let more = side.after.instructions.above(base);
        side.tell(&mut figures, backend, &format!("`{backend}`"));
        figures.push(Figure::new(
            &format!("switch.more.{backend}"),
            &format!("the same after a program ran, more by `uio-mpk`, `{backend}`"),
            "instructions",
            more,
        ));
        Ok(())
    })?;
    Ok(figures)
}

/// What was measured of an image under an isolation.
struct Side {
    /// Round trips before a program ran.
    before: Costs,
    /// Round trips after a program ran.
    after: Costs,
    /// Instructions of a switch, after a program ran.
    switch: Series,
}

impl Side {
    fn measure(lab: &Lab, image: &Image, backend: &str) -> Result<Self> {
        let vm = lab.isolated(image, backend)?;
        let mut session = vm.attach()?;
        session.run(COMMAND)?;
        let before = costs(&vm, &mut session, COMMAND, lab.repetitions)?;
        let share = session.hello.share.clone();
        session.run(&format!("run {share}/empty.o"))?;
        let after = costs(&vm, &mut session, COMMAND, lab.repetitions)?;
        let mut switch = Series::new();
        for _ in 0..lab.repetitions {
            switch.push(switches(&vm, image, &mut session)?);
        }
        Ok(Self {
            before,
            after,
            switch,
        })
    }

    fn tell(self, figures: &mut Vec<Figure>, key: &str, words: &str) {
        let figure = |kind: &str, what: &str, unit, results| {
            Figure::new(
                &format!("switch.{kind}.{key}"),
                &format!("{what}, {words}"),
                unit,
                results,
            )
        };
        let trip = "interrupt and two switches (`exit 0`)";
        figures.extend([
            figure(
                "before",
                &format!("{trip}, before a program ran"),
                "instructions",
                self.before.instructions,
            ),
            figure(
                "after",
                &format!("{trip}, after a program ran"),
                "instructions",
                self.after.instructions,
            ),
            figure(
                "time",
                &format!("{trip}, after a program ran"),
                "µs",
                self.after.micros,
            ),
            figure(
                "task",
                "of that, a switch of tasks",
                "instructions",
                self.switch,
            ),
        ]);
    }
}

/// Instructions of a switch, of those in a round trip.
fn switches(vm: &Vm, image: &Image, session: &mut Session) -> Result<f64> {
    let blocks = profiled(vm, &mut || session.run(COMMAND).map(drop))?;
    let lines = by_function(image, &blocks, 1);
    let calls: f64 = lines
        .iter()
        .filter(|line| line.function.contains(SWITCH))
        .map(|line| line.calls)
        .sum();
    ensure!(
        calls >= 1.0,
        "no task was switched to: is `{SWITCH}` still the function's name?"
    );
    let parts = lines
        .iter()
        .filter(|line| PARTS.iter().any(|part| line.function.contains(part)));
    Ok(parts.map(|line| line.instructions).sum::<f64>() / calls)
}
