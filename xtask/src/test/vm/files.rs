//! `std::fs` of an application on the share: demos/fs does it, the host compares.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::report::Report;
use super::World;
use crate::build::{App, Image};
use crate::process;

/// How long the exercise may take.
const LIMIT: Duration = Duration::from_secs(180);

/// Runs all of them.
pub fn run(report: &mut Report, world: &World) {
    let built = report.check("demos/fs builds", || {
        let app = App {
            package: "demos/fs",
            ..App::default()
        };
        app.build(world.uio.program())
    });
    let Some(image) = built else { return };
    let Some(output) = report.check("demos/fs runs to its end", || exercise(world, &image)) else {
        return;
    };
    for (good, name) in cases(&output) {
        report.check(&format!("std::fs on the share: {name}"), || {
            ensure!(good, "see above");
            Ok(())
        });
    }
    report.check("the host sees what std::fs did", || compare(world));
}

/// Runs the application; gives what it printed.
fn exercise(world: &World, image: &Image) -> Result<String> {
    let share = world.uio.dir("fs")?;
    let image = image.path.display().to_string();
    let share = share.display().to_string();
    let args = [
        "run", &image, "--name", "fs", "--share", &share, "--", "/uio",
    ];
    let output = process::run(&mut world.uio.command(&args), LIMIT)?;
    let text = output.text();
    let plan = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("1..")?.parse().ok());
    let plan: usize = plan.with_context(|| format!("no plan in its output: {text}"))?;
    let found = cases(&text).count();
    ensure!(found == plan, "{found} of {plan} cases were run: {text}");
    Ok(text)
}

/// The results in TAP: whether they are good, and their names.
fn cases(text: &str) -> impl Iterator<Item = (bool, String)> {
    text.lines().filter_map(|line| {
        let (good, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("ok ")?),
        };
        let (_, name) = rest.split_once(" - ")?;
        Some((good, name.trim_end().to_owned()))
    })
}

/// Looks at what the application left.
fn compare(world: &World) -> Result<()> {
    let kept = world.uio.dir("fs")?.join("kept");
    let pattern = std::fs::read(kept.join("pattern"))?;
    let expected: Vec<u8> = (0..1usize << 20).map(|i| (i * 7 % 251) as u8).collect();
    ensure!(pattern == expected, "the pattern differs");
    for number in 0..200 {
        let text = std::fs::read_to_string(kept.join(format!("many/{number:03}")))?;
        ensure!(text == number.to_string(), "file {number} contains {text}");
    }
    let entries = std::fs::read_dir(kept.join("many"))?.count();
    ensure!(entries == 201, "{entries} entries, 201 were made");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::cases;

    #[test]
    fn results_are_read_from_among_the_kernels_lines() {
        let text = "[0][INFO] Hermit\r\nok 1 - one thing\r\nnot ok 2 - other: why\n1..2\n";
        let all: Vec<_> = cases(text).collect();
        assert_eq!(
            all,
            [
                (true, "one thing".to_owned()),
                (false, "other: why".to_owned())
            ]
        );
    }
}
