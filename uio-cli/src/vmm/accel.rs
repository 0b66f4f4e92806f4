//! Which accelerator a machine can use.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What the operator asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// KVM where it can work, else TCG.
    #[default]
    Auto,
    /// KVM, whatever it takes.
    Kvm,
    /// Software emulation.
    Tcg,
}

/// What a VM runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// The processor's virtualisation, through /dev/kvm.
    Kvm,
    /// QEMU's software emulation.
    Tcg,
}

impl Accel {
    /// As QEMU's `-accel` and the entry call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

/// Why KVM cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KvmProblem {
    /// The processor has no virtualisation, or a host above hides it.
    #[error(
        "/proc/cpuinfo lists neither `svm` nor `vmx`: the processor's virtualisation is switched \
         off in the firmware, or this machine is itself a guest without nested virtualisation"
    )]
    NoProcessorSupport,
    /// There is no such device.
    #[error("/dev/kvm does not exist: load the module `kvm_intel` or `kvm_amd`")]
    NoDevice,
    /// It may not be opened.
    #[error("/dev/kvm cannot be opened: {0}; add the user to the group `kvm` and log in again")]
    NotOpenable(io::Error),
}

/// Whether KVM can work here: the processor has `svm` or `vmx`, and /dev/kvm opens for reading and
/// writing. Both are needed: inside software-virtualised guests /dev/kvm may open and then fail at
/// the first instruction it cannot emulate.
///
/// # Errors
/// [`KvmProblem`] says why it cannot.
pub fn kvm_usable() -> Result<(), KvmProblem> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    check(&cpuinfo, Path::new("/dev/kvm"))
}

fn check(cpuinfo: &str, device: &Path) -> Result<(), KvmProblem> {
    if !has_virtualisation(cpuinfo) {
        return Err(KvmProblem::NoProcessorSupport);
    }
    match OpenOptions::new().read(true).write(true).open(device) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(KvmProblem::NoDevice),
        Err(e) => Err(KvmProblem::NotOpenable(e)),
    }
}

fn has_virtualisation(cpuinfo: &str) -> bool {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(key, _)| key.trim() == "flags")
        .any(|(_, flags)| {
            flags
                .split_whitespace()
                .any(|flag| matches!(flag, "svm" | "vmx"))
        })
}

/// The accelerator to take.
#[must_use]
pub fn choose(wanted: Wanted) -> Accel {
    match wanted {
        Wanted::Kvm => Accel::Kvm,
        Wanted::Tcg => Accel::Tcg,
        Wanted::Auto if kvm_usable().is_ok() => Accel::Kvm,
        Wanted::Auto => Accel::Tcg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    const AMD: &str = "processor\t: 0\nflags\t\t: fpu vme svm sse2\nbugs\t: none\n";
    const INTEL: &str = "processor\t: 0\nflags\t\t: fpu vmx\n";
    const NESTED: &str =
        "processor\t: 0\nmodel name\t: svm vmx\nflags\t\t: fpu svme vmxx\nvmx flags\t: ept vmx\n";

    #[test]
    fn kvm_needs_the_flag_and_the_device() {
        let temp = TempDir::new();
        let device = temp.path().join("kvm");
        assert!(matches!(check(AMD, &device), Err(KvmProblem::NoDevice)));
        fs::write(&device, b"").unwrap();
        assert!(check(AMD, &device).is_ok());
        assert!(check(INTEL, &device).is_ok());
        for without in [NESTED, "", "flags"] {
            assert!(matches!(
                check(without, &device),
                Err(KvmProblem::NoProcessorSupport)
            ));
        }
    }

    #[test]
    fn a_device_that_does_not_open_is_no_device() {
        let temp = TempDir::new();
        assert!(matches!(
            check(AMD, temp.path()),
            Err(KvmProblem::NotOpenable(_))
        ));
    }

    #[test]
    fn the_operators_word_goes() {
        assert_eq!(choose(Wanted::Kvm), Accel::Kvm);
        assert_eq!(choose(Wanted::Tcg), Accel::Tcg);
    }
}
