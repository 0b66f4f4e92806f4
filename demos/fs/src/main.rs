//! Exercises a directory through `std::fs` and prints the results as TAP.

#[cfg(target_os = "hermit")]
use hermit as _;

use std::path::PathBuf;
use std::process::ExitCode;

use fs::{CASES, Directory};

/// Where the share is mounted.
const SHARE: &str = "/uio";

fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_else(|| SHARE.into());
    let directory = match Directory::new(PathBuf::from(path)) {
        Ok(directory) => directory,
        Err(error) => {
            println!("Bail out! {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut good = true;
    for (number, (name, case)) in CASES.iter().enumerate() {
        match case(&directory) {
            Ok(()) => println!("ok {} - {name}", number + 1),
            Err(reason) => {
                good = false;
                println!("not ok {} - {name}: {reason}", number + 1);
            }
        }
    }
    println!("1..{}", CASES.len());
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
