//! Loading and running programs.

use anyhow::Result;

use super::lab::{Costs, Lab, PROGRAMS, each_backend, measure};
use super::report::{Figure, Goal};
use super::stats::Series;

/// What a program's first run may take, and one with the program in its cache: what was promised, else less than the
/// original takes.
fn goals(name: &str) -> [Goal; 2] {
    match name {
        "empty" => [Goal::Original(44_500.0), Goal::AtMost(4_500.0)],
        "hello" => [Goal::Original(424_000.0), Goal::Original(10_600.0)],
        _ => [Goal::AtMost(100_000.0), Goal::Original(12_400.0)],
    }
}

/// First and further runs of each program under each isolation.
///
/// # Errors
/// When a guest does not do as it should.
pub fn figures(lab: &Lab) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    each_backend(&mut |backend| {
        let vm = lab.isolated(&lab.with, backend)?;
        let mut session = vm.attach()?;
        session.run("ps")?;
        let share = session.hello.share.clone();
        for (name, _) in PROGRAMS {
            let run = format!("run {share}/{name}.o");
            let unload = format!("unload {share}/{name}.o");
            let bytes = std::fs::metadata(lab.share().join(format!("{name}.o")))?.len();
            // The first of all opens the symbol index and starts a worker as well.
            let very_first = measure(&vm, &mut session, &run)?;
            let (mut first, mut cached) = (Costs::default(), Costs::default());
            for _ in 0..lab.repetitions {
                session.run(&unload)?;
                first.push(&measure(&vm, &mut session, &run)?);
                cached.push(&measure(&vm, &mut session, &run)?);
            }
            let [first_goal, cached_goal] = goals(name);
            let figure = |when: &str, words: &str, unit, results| {
                Figure::new(
                    &format!("program.{name}.{when}.{backend}"),
                    &format!("load and run `{name}` ({bytes} B), {words}, `{backend}`"),
                    unit,
                    results,
                )
            };
            let once = Series::once(very_first.instructions);
            figures.extend([
                figure("life", "first in the guest's life", "instructions", once),
                figure("first", "loaded", "instructions", first.instructions).goal(first_goal),
                figure("cached", "cached", "instructions", cached.instructions).goal(cached_goal),
                figure("first.time", "loaded", "µs", first.micros),
                figure("cached.time", "cached", "µs", cached.micros),
            ]);
        }
        Ok(())
    })?;
    Ok(figures)
}
