//! `cargo xtask setup`: finds what is missing and installs it.

mod apt;
mod needs;

use std::process::ExitCode;

use anyhow::Result;

pub use needs::{Need, is_there};

/// Exit status when something is missing and cannot be installed from here.
pub const INCOMPLETE: u8 = 2;

/// Finds what is missing, installs it, and says so.
///
/// # Errors
/// None of its own: what cannot be installed is printed, and gives the exit status [`INCOMPLETE`].
pub fn run() -> Result<ExitCode> {
    Ok(match ensure() {
        Ok(()) => {
            println!("everything that is needed is there");
            ExitCode::SUCCESS
        }
        Err(code) => code,
    })
}

/// Makes sure that everything is there; silent if it is.
///
/// # Errors
/// The exit status for the program, after having printed what is missing and how to get it.
pub fn ensure() -> Result<(), ExitCode> {
    let missing = needs::missing();
    if missing.is_empty() {
        return Ok(());
    }
    println!("This machine lacks:");
    print_list(&missing);
    let packages = packages(&missing);
    if !packages.is_empty() {
        match apt::install(&packages) {
            Ok(()) => {}
            Err(reason) => println!("They cannot be installed from here: {reason}"),
        }
    }
    let missing = needs::missing();
    if missing.is_empty() {
        println!("Installed.");
        return Ok(());
    }
    println!("Still missing:");
    print_list(&missing);
    let packages = self::packages(&missing);
    if !packages.is_empty() {
        println!(
            "As root, run: apt-get update && apt-get install {}",
            packages.join(" ")
        );
    }
    Err(ExitCode::from(INCOMPLETE))
}

fn print_list(needs: &[Need]) {
    for need in needs {
        println!(
            "  {:<10} {}",
            need.what,
            need.reason.replace('\n', "\n             ")
        );
        match (&need.mend, need.packages) {
            (_, [_, ..]) => println!("             packages: {}", need.packages.join(" ")),
            (Some(mend), []) => println!("             mend: {mend}"),
            (None, []) => {}
        }
    }
}

/// The packages of all needs, each once.
fn packages(needs: &[Need]) -> Vec<&'static str> {
    let mut all: Vec<&str> = needs
        .iter()
        .flat_map(|need| need.packages)
        .copied()
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_once() {
        let need = |packages| Need {
            what: "thing".into(),
            reason: String::new(),
            mend: None,
            packages,
        };
        let all = packages(&[need(&["b", "a"]), need(&[]), need(&["b"])]);
        assert_eq!(all, ["a", "b"]);
    }
}
