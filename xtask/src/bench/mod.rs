//! `cargo xtask bench`: measures what the overlay costs.
//!
//! Guests run under QEMU's software emulation with one vCPU and 512 MiB, and a plugin counts the instructions that
//! they execute. A command is sent when everything before it was drained and the guest is at rest, after the same pause
//! each time, and counts until the guest is at rest again.

mod boot;
mod console;
mod counter;
mod image;
mod lab;
mod profile;
mod program;
mod report;
mod session;
mod size;
mod stats;
mod vm;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use lab::Lab;
use report::Figure;

/// Measure size, boot, console, files and programs, and hold them against their goals.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to measure; everything when nothing is named.
    #[command(subcommand)]
    what: Option<What>,
    /// The unstripped image with the overlay.
    #[arg(long, global = true, value_name = "PATH")]
    image: Option<PathBuf>,
    /// The unstripped image without the overlay.
    #[arg(long, global = true, value_name = "PATH")]
    plain: Option<PathBuf>,
    /// The boot loader.
    #[arg(long, global = true, value_name = "PATH")]
    loader: Option<PathBuf>,
    /// How often to measure each thing.
    #[arg(long, global = true, default_value_t = 21, value_name = "N")]
    repeat: usize,
    /// Measure less often: for a look, not for the record.
    #[arg(long, global = true)]
    quick: bool,
    /// How to print the figures.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// A table.
    Text,
    /// An array of objects.
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
    },
    /// From the kernel's entry to the application's main.
    Boot,
    /// The round trip of an empty command.
    Console,
    /// Listing 23 files on the share.
    Ls,
    /// Looking symbols up.
    Symbols,
    /// Loading and running programs.
    Program,
    /// Memory that the overlay holds.
    Memory,
    /// Where the instructions of a command go, by function.
    Profile {
        /// The command; `{share}` stands for the share's mount point.
        #[arg(required = true, trailing_var_arg = true)]
        command: Vec<String>,
        /// A command to run before each repetition, uncounted.
        #[arg(long)]
        before: Option<String>,
        /// How many functions to print.
        #[arg(long, default_value_t = 40)]
        lines: usize,
    },
}

/// Runs the measurements. A missed goal makes a failing exit code.
///
/// # Errors
/// Says what is missing, or what a guest did not do.
pub fn run(args: &Args) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let lab = lab(args, &root)?;
    if let Some(What::Profile {
        command,
        before,
        lines,
    }) = &args.what
    {
        return profile(args, &lab, &command.join(" "), before.as_deref(), *lines);
    }
    if let Some(What::Size { symbols: Some(count) }) = args.what {
        return sizes(args, &lab, count);
    }
    let figures = match &args.what {
        Some(what) => measure(what, &lab)?,
        None => {
            let mut figures = Vec::new();
            for what in [
                What::Size { symbols: None },
                What::Boot,
                What::Console,
                What::Ls,
                What::Symbols,
                What::Program,
                What::Memory,
            ] {
                figures.extend(measure(&what, &lab)?);
            }
            figures
        }
    };
    match args.output {
        Output::Text => print!("{}", report::table(&figures)),
        Output::Json => println!("{:#}", report::json(&figures)),
    }
    let missed = figures.iter().any(|figure| figure.held() == Some(false));
    Ok(ExitCode::from(u8::from(missed)))
}

fn measure(what: &What, lab: &Lab) -> Result<Vec<Figure>> {
    match what {
        What::Size { .. } => size::figures(lab),
        What::Boot => boot::figures(lab),
        What::Console => console::idle(lab),
        What::Ls => console::ls(lab),
        What::Symbols => console::symbols(lab),
        What::Program => program::figures(lab),
        What::Memory => console::memory(lab),
        What::Profile { .. } => Ok(Vec::new()),
    }
}

fn lab(args: &Args, root: &Path) -> Result<Lab> {
    let image = |given: &Option<PathBuf>, dir: &str| {
        let built = root.join(format!("target/{dir}/x86_64-unknown-hermit/release/web"));
        given.clone().unwrap_or(built)
    };
    let with = image(&args.image, "guest");
    ensure!(
        with.is_file(),
        "{} is not there; `uio build demos/web --target-dir target/guest`, or name an image with --image",
        with.display()
    );
    let plain = image(&args.plain, "guest-plain");
    let loader = args.loader.clone().unwrap_or_else(|| {
        root.join("uio-loader/target/x86_64-unknown-none/release/uio-loader")
    });
    let repetitions = if args.quick {
        args.repeat.min(5)
    } else {
        args.repeat
    };
    Lab::new(
        &with,
        plain.is_file().then_some(plain.as_path()),
        &loader,
        repetitions,
    )
    .context("getting ready to measure")
}

fn profile(
    args: &Args,
    lab: &Lab,
    command: &str,
    before: Option<&str>,
    limit: usize,
) -> Result<ExitCode> {
    let vm = lab.attached(&[])?;
    let mut session = vm.attach()?;
    let share = session.hello.share.clone();
    let [command, before] =
        [command, before.unwrap_or_default()].map(|text| text.replace("{share}", &share));
    session.run(&command)?;
    let mut blocks = counter::Blocks::new();
    for _ in 0..lab.repetitions {
        if !before.is_empty() {
            session.run(&before)?;
        }
        let executed = lab::profiled(&vm, &mut || session.run(&command).map(drop))?;
        for (block, count) in executed {
            *blocks.entry(block).or_default() += count;
        }
    }
    let lines = profile::by_function(&lab.with, &blocks, lab.repetitions as u64);
    match args.output {
        Output::Text => print!("{}", profile::text(&lines, limit)),
        Output::Json => println!("{:#}", json!({ "command": command, "functions": profile::json(&lines) })),
    }
    Ok(ExitCode::SUCCESS)
}

fn sizes(args: &Args, lab: &Lab, count: usize) -> Result<ExitCode> {
    let more = size::by_symbol(lab)?;
    let most = more.iter().take(count);
    let least = more[count.min(more.len())..].iter().rev().take(count).rev();
    let lines: Vec<_> = most.chain(least).collect();
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
