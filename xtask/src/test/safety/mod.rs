//! Tier `safety`: programs that do what they must not, with every isolation, while the web server serves.
//!
//! | module | part |
//! |---|---|
//! | `rows` | the rows of the matrix |
//! | `ending` | how a program can end |
//! | `run` | one run, and the memory before and after |
//! | `matrix` | all rows with one isolation, under load |
//! | `instructions` | privileged instructions, refused and granted |
//! | `beside` | programs that run beside each other |
//! | `loads` | loading and unloading, over and over |
//! | `wild` | jumps and calls by chance |
//! | `document` | `docs/safety.md` |

mod beside;
mod document;
mod ending;
mod instructions;
mod loads;
mod matrix;
mod rows;
mod run;
mod wild;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::report::Report;
use crate::build::{self, App, Image};
use crate::demo::{WEB, wait_for_server};
use crate::project;
use crate::scratch::copy_files;
use crate::uio::Uio;
use crate::vm::{Options, Vm};
use rows::{Backend, GROUPS};

pub use run::memory;

/// Where the programs are.
const PROGRAMS: &str = "demos/unsafe";

/// Where the server listens in the guest.
const PORT: u16 = 8080;

/// Options of this tier.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(id = "safety")]
pub struct Args {
    /// Tier `safety`: write `docs/safety.md` instead of comparing it.
    #[arg(long)]
    write: bool,
    /// Tier `safety`: how often to load and unload programs; every hundredth run crashes.
    #[arg(long, default_value_t = loads::LOADS, value_name = "N")]
    loads: u32,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            write: false,
            loads: loads::LOADS,
        }
    }
}

/// What all tests use.
struct World {
    uio: Uio,
    /// The web server.
    web: Image,
    /// The directory to share, with the programs.
    share: PathBuf,
}

/// Runs all of them.
///
/// # Errors
/// When something cannot be built.
pub fn run(report: &mut Report, args: &Args) -> Result<()> {
    let world = World::build()?;
    for backend in Backend::ALL {
        matrix::run(report, &world, backend);
    }
    instructions::run(report, &world);
    wild::run(report, &world);
    loads::run(report, &world, args.loads);
    report.check("docs/safety.md says the same", || {
        document::check(args.write)
    });
    smp(report, &world)
}

/// The rows that matter on two processors.
fn smp(report: &mut Report, world: &World) -> Result<()> {
    let app = App {
        package: WEB,
        features: &["smp"],
        ..App::default()
    };
    let images = world.uio.dir("images")?;
    let web = app.build(world.uio.program())?.keep(&images, "web-smp")?;
    matrix::short(report, world, &web);
    Ok(())
}

impl World {
    fn build() -> Result<Self> {
        let uio = Uio::new(build::uio()?)?;
        let app = App {
            package: WEB,
            ..App::default()
        };
        let images = uio.dir("images")?;
        let web = app.build(uio.program())?.keep(&images, "web")?;
        let share = uio.dir("share")?;
        let root = project::root()?;
        copy_files(&root.join(WEB).join("share"), &share)?;
        let world = Self { uio, web, share };
        let sources = root.join(PROGRAMS);
        let mut programs: Vec<&str> = GROUPS
            .iter()
            .flat_map(|group| group.rows)
            .map(rows::Row::program)
            .chain(["hello", "victim", "fuzz"])
            .collect();
        programs.sort_unstable();
        programs.dedup();
        for program in programs {
            let source = |extension| sources.join(format!("{program}.{extension}"));
            match source("rs") {
                rust if rust.exists() => world.compile_rust(&rust, program)?,
                _ => world.compile(&source("c"), program, &[])?,
            }
        }
        instructions::compile(&world, &sources.join("privileged.c"))?;
        Ok(world)
    }

    /// Compiles a program to the share.
    fn compile(&self, source: &Path, program: &str, flags: &[&str]) -> Result<()> {
        let source = source.display().to_string();
        let object = self.object(program);
        let mut args = vec!["cc", &source, "-o", &object];
        if !flags.is_empty() {
            args.push("--");
            args.extend(flags);
        }
        self.uio.run(&args)?.success()?;
        Ok(())
    }

    /// The same for a program in Rust.
    fn compile_rust(&self, source: &Path, program: &str) -> Result<()> {
        let source = source.display().to_string();
        let object = self.object(program);
        let target = self.uio.dir("rust")?.display().to_string();
        let args = ["cc", &source, "-o", &object, "--target-dir", &target];
        self.uio.run(&args)?.success()?;
        Ok(())
    }

    /// Where a program is on the host.
    fn object(&self, program: &str) -> String {
        let path = self.share.join(format!("{program}.o"));
        path.display().to_string()
    }

    /// The web server with an isolation, once it listens. `more` are further arguments of `uio run`.
    fn server(&self, image: &Image, backend: Backend, more: &[&str]) -> Result<Vm<'_>> {
        let mut run = vec!["--isolation", backend.name(), "--policy", "full"];
        run.extend(more);
        let vm = Options {
            name: backend.name(),
            image: image.path.clone(),
            share: Some(self.share.display().to_string()),
            publish: Some(PORT),
            run: run.into_iter().map(str::to_owned).collect(),
            ..Options::default()
        }
        .start(&self.uio)?;
        wait_for_server(&vm)?;
        Ok(vm)
    }
}
