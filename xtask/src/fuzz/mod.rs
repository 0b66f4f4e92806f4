//! `cargo xtask fuzz`: runs the fuzz targets of the project.
//!
//! A target is a binary of a package `*/fuzz`, in the layout of cargo-fuzz. It is built here with the compiler that is
//! there, whichever it is: cargo-fuzz and a nightly compiler are needed for the address sanitizer alone, which code
//! without `unsafe` has no use for.

mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::project;
use target::Target;

/// Fuzz targets, each for so many minutes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The target (`object`), or the targets of a crate (`uio-core`), or one of both names (`uio-core/object`); all of
    /// them when none is named.
    target: Option<String>,
    /// Minutes for each target.
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    minutes: f64,
    /// Try this input alone, for one target.
    #[arg(long, value_name = "PATH", requires = "target")]
    input: Option<PathBuf>,
    /// Only print the names of the targets.
    #[arg(long)]
    list: bool,
    /// Afterwards, put the inputs that reach what no other does into the corpus that is kept with the sources.
    #[arg(long)]
    keep: bool,
}

/// Fuzzes. An input that breaks a contract makes a failing exit code.
///
/// # Errors
/// When there is no such target, or one cannot be built.
pub fn run(args: &Args) -> Result<ExitCode> {
    ensure!(
        args.minutes.is_finite() && args.minutes > 0.0,
        "--minutes takes a number above 0"
    );
    let root = project::root()?;
    let targets = chosen(target::all(&root)?, args.target.as_deref())?;
    if args.list {
        for target in &targets {
            println!("{}", target.name());
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(input) = &args.input {
        return one(&targets, input);
    }
    let time = Duration::from_secs_f64(args.minutes * 60.0);
    let mut broken = 0;
    for target in &targets {
        println!("{}: {} minutes", target.name(), args.minutes);
        let program = target.build()?;
        match target.fuzz(&program, time)? {
            Ok(inputs) => println!(
                "{}: {inputs} inputs, and each kept the contract",
                target.name()
            ),
            Err(why) => {
                broken += 1;
                println!("{}: {why}", target.name());
            }
        }
        if args.keep {
            let files = target.keep(&program)?;
            println!(
                "{}: {files} files in {}",
                target.name(),
                target.kept().display()
            );
        }
    }
    Ok(ExitCode::from(u8::from(broken != 0)))
}

/// The targets that a name means.
fn chosen(all: Vec<Target>, name: Option<&str>) -> Result<Vec<Target>> {
    let Some(name) = name else {
        ensure!(!all.is_empty(), "no package `*/fuzz` has a target");
        return Ok(all);
    };
    let (chosen, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|target| {
        [&target.package, &target.binary, &target.name()].contains(&&name.to_owned())
    });
    if chosen.is_empty() {
        let names: Vec<_> = others.iter().map(Target::name).collect();
        bail!(
            "there is no fuzz target `{name}`; there are {}",
            names.join(", ")
        );
    }
    Ok(chosen)
}

/// Tries one input.
fn one(targets: &[Target], input: &Path) -> Result<ExitCode> {
    let [target] = targets else {
        bail!("--input is for one target; name it with its crate, as --list does");
    };
    let program = target.build()?;
    let said = target.one(&program, input)?;
    println!("{said}");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(package: &str, binary: &str) -> Target {
        Target {
            root: PathBuf::new(),
            package: package.to_owned(),
            binary: binary.to_owned(),
        }
    }

    #[test]
    fn targets_are_chosen_by_any_name() {
        let all = || vec![target("a", "x"), target("a", "y"), target("b", "x")];
        let names = |name| -> Vec<String> {
            chosen(all(), name)
                .unwrap()
                .iter()
                .map(Target::name)
                .collect()
        };
        assert_eq!(names(None), ["a/x", "a/y", "b/x"]);
        assert_eq!(names(Some("a")), ["a/x", "a/y"]);
        assert_eq!(names(Some("x")), ["a/x", "b/x"]);
        assert_eq!(names(Some("a/y")), ["a/y"]);
        let error = chosen(all(), Some("z")).unwrap_err().to_string();
        assert!(error.contains("a/x, a/y, b/x"), "{error}");
    }

    #[test]
    fn the_projects_targets_are_found() {
        let names: Vec<_> = target::all(&project::root().unwrap())
            .unwrap()
            .iter()
            .map(Target::name)
            .collect();
        for name in ["uio-9p/replies", "uio-core/object", "uio-core/structured"] {
            assert!(names.iter().any(|found| found == name), "{names:?}");
        }
    }
}
