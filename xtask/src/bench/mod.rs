//! `cargo xtask bench`: measures what the overlay costs.
//!
//! Guests run under QEMU's software emulation with one vCPU and 512 MiB, and a plugin counts the instructions that
//! they execute. A command is sent when everything before it was drained and the guest is at rest, after the same pause
//! each time, and counts until the guest is at rest again: what the guest does between its answer and its sleep is part
//! of the figure.

mod beside;
mod boot;
mod bpf;
mod console;
mod counter;
mod files;
mod gates;
mod http;
mod image;
mod lab;
mod links;
mod profile;
mod program;
mod report;
mod session;
mod size;
mod specification;
mod stats;
mod switches;
mod vm;
mod watchdog;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::build::{self, App};
use crate::{project, setup};
use lab::Lab;
use report::Figure;

/// The application that is measured.
const WEB: &str = "demos/web";

/// Where the images with less are built, so that they do not take the place of the one that is measured.
const PLAIN_TARGET: &str = "target/guest-plain";

/// Measure size, boot, requests, console, files and programs, and hold them against their goals.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to measure; everything when nothing is named.
    #[command(subcommand)]
    what: Option<What>,
    /// The unstripped image with the overlay; demos/web is built when none is named.
    #[arg(long, global = true, value_name = "PATH")]
    image: Option<PathBuf>,
    /// The unstripped image without the overlay; demos/web is built when none is named.
    #[arg(long, global = true, value_name = "PATH")]
    plain: Option<PathBuf>,
    /// The unstripped image with the overlay and without `uio-mpk`; demos/web is built when none is named.
    #[arg(long, global = true, value_name = "PATH")]
    keyless: Option<PathBuf>,
    /// The boot loader.
    #[arg(long, global = true, value_name = "PATH")]
    loader: Option<PathBuf>,
    /// The `uio` command; built when none is named.
    #[arg(long, global = true, value_name = "PATH")]
    uio: Option<PathBuf>,
    /// How often to measure each thing.
    #[arg(long, global = true, default_value_t = 21, value_name = "N")]
    repeat: usize,
    /// Measure less often: for a look, not for the record.
    #[arg(long, global = true)]
    quick: bool,
    /// Write the table into SPECIFICATION.md; only when everything is measured.
    #[arg(long)]
    write: bool,
    /// How to print the figures.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Args {
    /// How often to measure each thing.
    fn repeat(&self) -> usize {
        let most = if self.quick { 5 } else { usize::MAX };
        self.repeat.clamp(1, most)
    }

    /// The `uio` command, built if need be.
    fn uio(&self) -> Result<PathBuf> {
        match &self.uio {
            Some(path) => Ok(path.clone()),
            None => build::uio(),
        }
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// A table.
    Text,
    /// An object with the figures and what they were measured on.
    Json,
}

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
enum What {
    /// The stripped image, and what the overlay adds to it by part and section.
    Size {
        /// Print what each function and variable adds or saves, this many of each.
        #[arg(long, value_name = "N")]
        symbols: Option<usize>,
        /// Print what each module of the overlay takes.
        #[arg(long, conflicts_with = "symbols")]
        modules: bool,
    },
    /// From the kernel's entry to the application's main.
    Boot,
    /// Requests to the web server, while the overlay sleeps.
    Http,
    /// The round trip of an empty command: idle, under wrk, and through the broker.
    Console,
    /// Listing 23 files on the share.
    Ls,
    /// Reading and writing a long file on the share.
    Files,
    /// Looking symbols up, and linking programs against them.
    Symbols,
    /// Loading and running programs.
    Program,
    /// Gates, and domains entered and left.
    Gates,
    /// The watch over programs.
    Watchdog,
    /// Interrupts and switches of tasks, with and without `uio-mpk`.
    Switches,
    /// Requests to the web server, while a program runs beside it.
    Beside,
    /// The engines of eBPF beside those of rbpf, on this machine.
    Bpf,
    /// Memory that the overlay holds.
    Memory,
    /// Where instructions go, by function.
    Profile(profile::Args),
}

impl What {
    /// Everything that has figures.
    const ALL: [Self; 14] = [
        Self::Size {
            symbols: None,
            modules: false,
        },
        Self::Boot,
        Self::Http,
        Self::Console,
        Self::Ls,
        Self::Symbols,
        Self::Program,
        Self::Gates,
        Self::Watchdog,
        Self::Switches,
        Self::Files,
        Self::Memory,
        Self::Beside,
        Self::Bpf,
    ];

    /// Whether an image without the overlay is needed.
    fn compares(&self) -> bool {
        match self {
            Self::Size { .. } | Self::Boot | Self::Http => true,
            Self::Profile(wanted) => wanted.without,
            _ => false,
        }
    }

    /// Whether an image without `uio-mpk` is needed.
    fn compares_keys(&self) -> bool {
        matches!(self, Self::Size { .. } | Self::Switches)
    }

    fn figures(&self, lab: &Lab, args: &Args) -> Result<Vec<Figure>> {
        match self {
            Self::Size { .. } => size::figures(lab),
            Self::Boot => boot::figures(lab),
            Self::Http => http::figures(lab, Duration::from_secs(if args.quick { 1 } else { 2 })),
            Self::Console => {
                let mut figures = console::idle(lab)?;
                figures.extend(console::loaded(lab)?);
                figures.extend(console::broker(lab, args.uio()?)?);
                Ok(figures)
            }
            Self::Ls => console::ls(lab),
            Self::Files => files::figures(lab),
            Self::Symbols => {
                let mut figures = console::symbols(lab)?;
                figures.extend(links::figures(lab)?);
                Ok(figures)
            }
            Self::Program => program::figures(lab),
            Self::Gates => gates::figures(lab),
            Self::Watchdog => watchdog::figures(lab),
            Self::Switches => switches::figures(lab),
            Self::Beside => {
                beside::figures(lab, Duration::from_secs(if args.quick { 1 } else { 2 }))
            }
            Self::Bpf => bpf::figures(args.repeat()),
            Self::Memory => console::memory(lab),
            Self::Profile(_) => Ok(Vec::new()),
        }
    }
}

/// Runs the measurements. A missed goal makes a failing exit code.
///
/// # Errors
/// Says what is missing, or what a guest did not do.
pub fn run(args: &Args) -> Result<ExitCode> {
    ensure!(
        !args.write || args.what.is_none() && !args.quick,
        "--write is for the whole set of figures: name none, and leave --quick away"
    );
    if let Err(code) = setup::ensure() {
        return Ok(code);
    }
    if args.what == Some(What::Bpf) {
        // Needs no guest.
        return tell(args, &bpf::figures(args.repeat())?);
    }
    let lab = lab(args)?;
    match &args.what {
        Some(What::Profile(wanted)) => {
            let lines = wanted.measure(&lab)?;
            match args.output {
                Output::Text => print!("{}", profile::text(&lines, wanted.lines)),
                Output::Json => println!("{:#}", profile::json(&lines)),
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(What::Size {
            symbols: Some(count),
            ..
        }) => {
            let more = size::by_symbol(&lab)?;
            let (most, rest) = more.split_at((*count).min(more.len()));
            let least = &rest[rest.len().saturating_sub(*count)..];
            sizes(args, &[most, least].concat())
        }
        Some(What::Size { modules: true, .. }) => sizes(args, &size::by_module(&lab)?),
        Some(what) => tell(args, &what.figures(&lab, args)?),
        None => {
            let mut figures = Vec::new();
            for what in What::ALL {
                eprintln!("measuring: {what:?}");
                figures.extend(what.figures(&lab, args)?);
            }
            if args.write {
                specification::write(&project::root()?, &figures)?;
            }
            tell(args, &figures)
        }
    }
}

fn tell(args: &Args, figures: &[Figure]) -> Result<ExitCode> {
    match args.output {
        Output::Text => print!("{}", report::table(figures)),
        Output::Json => println!(
            "{:#}",
            json!({
                "conditions": {
                    "emulator": vm::version()?,
                    "memory_mib": vm::MEMORY_MIB,
                    "vcpus": 1,
                },
                "figures": report::json(figures),
            })
        ),
    }
    let missed = figures.iter().any(|figure| figure.held() == Some(false));
    Ok(ExitCode::from(u8::from(missed)))
}

fn lab(args: &Args) -> Result<Lab> {
    let root = project::root()?;
    let compares = args.what.as_ref().is_none_or(What::compares);
    let with = match &args.image {
        Some(path) => path.clone(),
        None => {
            let app = App {
                package: WEB,
                ..App::default()
            };
            app.build(&args.uio()?)?.unstripped
        }
    };
    let without = match &args.plain {
        Some(path) => Some(path.clone()),
        None if compares => Some(less(&args.uio()?, &root, "without", &[])?),
        None => None,
    };
    let compares_keys = args.what.as_ref().is_none_or(What::compares_keys);
    let keyless = match &args.keyless {
        Some(path) => Some(path.clone()),
        None if compares_keys => Some(less(&args.uio()?, &root, "keyless", &["uio"])?),
        None => None,
    };
    let built = "uio-loader/target/x86_64-unknown-none/release/uio-loader";
    let loader = args.loader.clone().unwrap_or_else(|| root.join(built));
    Lab::new(
        &with,
        without.as_deref(),
        keyless.as_deref(),
        &loader,
        args.repeat(),
    )
    .context("getting ready to measure")
}

/// Builds an image with these features alone, and keeps it under a name of its own.
fn less(uio: &Path, root: &Path, name: &str, features: &[&str]) -> Result<PathBuf> {
    let target = root.join(PLAIN_TARGET);
    let mut build = std::process::Command::new(uio);
    build
        .current_dir(root)
        .args(["build", WEB, "--no-default-features", "--target-dir"])
        .arg(&target)
        .args(["--locked", "--output", "json"]);
    if !features.is_empty() {
        build.arg("--features").arg(features.join(","));
    }
    let built = build::finish(&mut build)?.unstripped;
    // The next build takes its place.
    let kept = target.join(format!("bench-{name}"));
    std::fs::copy(&built, &kept).with_context(|| format!("copy {}", built.display()))?;
    Ok(kept)
}

fn sizes(args: &Args, lines: &[(String, f64)]) -> Result<ExitCode> {
    match args.output {
        Output::Json => println!("{:#}", json!(lines)),
        Output::Text => {
            for (path, bytes) in lines {
                println!("{:>10}  {path}", stats::number(*bytes));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
