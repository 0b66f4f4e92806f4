//! What the tasks need of a machine: what `uio doctor` looks at, and programs of the tests.

use std::path::Path;

use uio_cli::cmd::doctor::{State, findings};

/// Something that is missing.
#[derive(Clone, Debug)]
pub struct Need {
    /// What it is.
    pub what: String,
    /// Why it is missing, or what it is for.
    pub reason: String,
    /// What a person can do about it.
    pub mend: Option<String>,
    /// The Debian packages that bring it.
    pub packages: &'static [&'static str],
}

/// A program that the tasks start.
struct Program {
    name: &'static str,
    purpose: &'static str,
    packages: &'static [&'static str],
}

/// Programs that `uio` itself does without.
const PROGRAMS: [Program; 6] = [
    Program {
        name: "curl",
        purpose: "fetches pages in the demo",
        packages: &["curl", "ca-certificates"],
    },
    Program {
        name: "wrk",
        purpose: "puts load on the web server",
        packages: &["wrk"],
    },
    Program {
        name: "as",
        purpose: "assembles the boot code of further processors",
        packages: &["binutils"],
    },
    Program {
        name: "git",
        purpose: "keeps the kernel patches as commits",
        packages: &["git"],
    },
    Program {
        name: "clang",
        purpose: "compiles eBPF programs",
        packages: &["clang"],
    },
    Program {
        name: "diod",
        purpose: "serves 9P to the tests of uio-9p",
        packages: &["diod"],
    },
];

/// Everything that is missing on this machine.
pub fn missing() -> Vec<Need> {
    let of_uio = findings()
        .into_iter()
        .filter(|finding| finding.state == State::Missing)
        .map(|finding| Need {
            what: finding.what.to_owned(),
            reason: finding.found,
            mend: finding.mend,
            packages: finding.packages,
        });
    let of_tests = PROGRAMS
        .iter()
        .filter(|program| !is_there(program.name))
        .map(|program| Need {
            what: program.name.to_owned(),
            reason: format!("is not installed; it {}", program.purpose),
            mend: None,
            packages: program.packages,
        });
    of_uio.chain(of_tests).collect()
}

/// Whether a program is in one of the directories of `PATH`, or in those of the system's own programs.
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(|dir| Path::new(dir).to_owned());
    std::env::split_paths(&path)
        .chain(system)
        .any(|dir| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_in_the_path() {
        assert!(is_there("sh"));
        assert!(!is_there("no-such-program-anywhere"));
    }
}
