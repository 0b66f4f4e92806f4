//! `cargo xtask test`: every tier of tests.

mod boot;
mod bpf;
mod cargo;
mod host;
mod kernel;
mod lint;
mod portability;
mod report;
mod safety;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use crate::demo;
use crate::setup;
use report::Report;

/// Target directory of host builds of packages outside the workspace.
const OUTSIDE: &str = "target/outside";

/// `cargo xtask test`
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// The tiers to run; all of them, if none is named.
    #[arg(value_enum)]
    tiers: Vec<Tier>,
    #[command(flatten)]
    safety: safety::Args,
    #[command(flatten)]
    bpf: bpf::Args,
}

/// A tier of tests, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tier {
    /// Format and clippy.
    Lint,
    /// Tests that need no guest.
    Host,
    /// The tour, as `cargo xtask demo` takes it.
    Demo,
    /// The web server under bad input, and the share through std::fs.
    Vm,
    /// Programs that do what they must not, with every isolation.
    Safety,
    /// eBPF programs and traces under load.
    Bpf,
    /// Boot loader and kernel features on many machines.
    Boot,
    /// The overlay's crates on another architecture.
    Portability,
    /// The patches one by one, and every feature of the kernel alone.
    Kernel,
}

impl Tier {
    /// Its name on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Host => "host",
            Self::Demo => "demo",
            Self::Vm => "vm",
            Self::Safety => "safety",
            Self::Bpf => "bpf",
            Self::Boot => "boot",
            Self::Portability => "portability",
            Self::Kernel => "kernel",
        }
    }

    fn run(self, report: &mut Report, args: &Args) -> Result<()> {
        match self {
            Self::Lint => lint::run(report),
            Self::Host => host::run(report),
            Self::Demo => {
                report.check("cargo xtask demo", || {
                    let code = demo::run()?;
                    anyhow::ensure!(code == ExitCode::SUCCESS, "not all steps held");
                    Ok(())
                });
                Ok(())
            }
            Self::Vm => vm::run(report),
            Self::Safety => safety::run(report, &args.safety),
            Self::Bpf => bpf::run(report, &args.bpf),
            Self::Boot => boot::run(report),
            Self::Portability => portability::run(report),
            Self::Kernel => kernel::run(report),
        }
    }
}

/// Sets up and runs tiers. The last line is `N passed, M failed, K skipped`.
///
/// # Errors
/// None of its own: what cannot be run counts as failed.
pub fn run(args: &Args) -> Result<ExitCode> {
    if let Err(code) = setup::ensure() {
        return Ok(code);
    }
    let mut report = Report::default();
    for &tier in Tier::value_variants() {
        if args.tiers.is_empty() || args.tiers.contains(&tier) {
            report.tier(tier.name(), |report| tier.run(report, args));
        }
    }
    Ok(match report.finish() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
