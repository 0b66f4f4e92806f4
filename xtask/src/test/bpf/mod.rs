//! Tier `bpf`: eBPF and traces in a guest, while the web server serves. No request may fail, and the server and the overlay must
//! answer after each test.
//!
//! | module | part |
//! |---|---|
//! | `trace` | `uio trace` and `uio perf` |
//! | `programs` | programs that observe, and programs on request |
//! | `probes` | programs that decide about requests |
//! | `cycles` | attaching and detaching, over and over |
//! | `refused` | programs that do what they must not |

mod cycles;
mod probes;
mod programs;
mod refused;
mod trace;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::report::Report;
use super::vm::serves;
use crate::build;
use crate::demo::{WEB, wait_for_server};
use crate::load::Load;
use crate::process::Output;
use crate::project;
use crate::scratch::copy_files;
use crate::uio::Uio;
use crate::vm::{Options, Vm};

/// Where the programs are.
const PROGRAMS: &str = "demos/bpf";

/// Where those are that do what they must not.
const UNSAFE: &str = "demos/bpf/unsafe";

/// Target directory of the image: functions with sites are built with other flags, so are std and kernel.
const TARGET: &str = "target/guest-trace";

/// Where the server listens in the guest.
const PORT: u16 = 8080;

/// Name of the VM.
const NAME: &str = "bpf";

/// Once a request: as often as the server is asked.
const REQUEST: &str = "web::conn::Conn::request";

/// Connections of the load.
const CONNECTIONS: u32 = 4;

/// Seconds for which a load goes on at most; it is ended when the test is through.
const LOAD_SECONDS: u32 = 900;

/// Options of this tier.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "bpf")]
pub struct Args {
    /// Tier `bpf`: how often to attach and detach.
    #[arg(long, default_value_t = cycles::CYCLES, value_name = "N")]
    cycles: u32,
    /// Tier `bpf`: an image of demos/web with `uio-trace` that is built already, with its index beside it.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            cycles: cycles::CYCLES,
            image: None,
        }
    }
}

/// The guest, and the objects on the host.
struct Server<'u> {
    vm: Vm<'u>,
    objects: PathBuf,
}

/// Runs all of them.
///
/// # Errors
/// When something cannot be built, or the server does not start.
pub fn run(report: &mut Report, args: &Args) -> Result<()> {
    let uio = Uio::new(build::uio()?)?;
    let image = match &args.image {
        Some(image) => image
            .canonicalize()
            .with_context(|| image.display().to_string())?,
        None => image(uio.program())?,
    };
    let server = Server::start(&uio, image)?;
    trace::run(report, &server);
    programs::run(report, &server);
    probes::run(report, &server);
    refused::run(report, &server);
    cycles::run(report, &server, args.cycles);
    report.check("the server ends on request after all that", || {
        server.vm.stop().map(|_| ())
    });
    Ok(())
}

/// Builds the web server with sites in its functions.
fn image(uio: &Path) -> Result<PathBuf> {
    let root = project::root()?;
    let mut build = Command::new(uio);
    build
        .current_dir(&root)
        .args(["build", WEB, "--features", "uio-trace", "--target-dir"])
        .arg(root.join(TARGET))
        .args(["--locked", "--output", "json"]);
    Ok(build::finish(&mut build)?.path)
}

impl<'u> Server<'u> {
    fn start(uio: &'u Uio, image: PathBuf) -> Result<Self> {
        let objects = uio.dir("objects")?;
        let root = project::root()?;
        for directory in [PROGRAMS, UNSAFE] {
            compile(uio, &root.join(directory), &objects)?;
        }
        // A copy, because the client writes there.
        let share = uio.dir("share")?;
        copy_files(&root.join(WEB).join("share"), &share)?;
        let vm = Options {
            name: NAME,
            image,
            share: Some(share.display().to_string()),
            publish: Some(PORT),
            run: ["--policy", "full"].map(str::to_owned).into(),
            ..Options::default()
        }
        .start(uio)?;
        wait_for_server(&vm)?;
        Ok(Self { vm, objects })
    }

    /// Runs a test, after which the server must still serve and no program may be left.
    fn check(&self, report: &mut Report, name: &str, test: impl FnOnce(&Self) -> Result<()>) {
        report.check(name, || {
            test(self)?;
            serves(&self.vm).context("afterwards")?;
            let left = self.bpf(&["list"])?;
            ensure!(
                left.as_array().is_some_and(Vec::is_empty),
                "programs are left: {left}"
            );
            Ok(())
        });
    }

    /// The same under load, of which no request may fail.
    fn under_load(&self, report: &mut Report, name: &str, test: impl FnOnce(&Self) -> Result<()>) {
        self.check(report, name, |server| {
            let load = Load::start(server.vm.port()?, "/", CONNECTIONS, LOAD_SECONDS)?;
            test(server)?;
            let done = load.finish()?;
            ensure!(
                done.failed == 0 && done.requests > u64::from(CONNECTIONS),
                "{} of {} requests failed",
                done.failed,
                done.requests
            );
            Ok(())
        });
    }

    /// Asks the server for a document so many times.
    fn ask(&self, path: &str, times: usize) -> Result<()> {
        for _ in 0..times {
            let answer = self.vm.get(path)?;
            ensure!(answer.status == 200, "{path} is answered {}", answer.head);
        }
        Ok(())
    }

    /// The object of a program.
    fn object(&self, program: &str) -> String {
        let path = self.objects.join(format!("{program}.o"));
        path.display().to_string()
    }

    /// What a command of `uio bpf` gives, which must succeed.
    fn bpf(&self, args: &[&str]) -> Result<Value> {
        let mut all = vec!["bpf"];
        all.extend(args);
        self.vm.uio().json(&all)
    }

    /// What comes of a command of `uio bpf`, which must succeed.
    fn bpf_ok(&self, args: &[&str]) -> Result<()> {
        self.bpf_any(args)?.success().map(|_| ())
    }

    /// What comes of a command of `uio bpf`, whatever its status.
    fn bpf_any(&self, args: &[&str]) -> Result<Output> {
        let mut all = vec!["--output", "json", "bpf"];
        all.extend(args);
        self.vm.uio().run(&all)
    }

    /// Loads an object, does something with it, and unloads it, whatever came of it.
    fn with(
        &self,
        object: &str,
        jit: bool,
        program: &str,
        test: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let path = self.object(object);
        let mut load = vec!["load", path.as_str()];
        load.extend(jit.then_some("--jit"));
        self.bpf_ok(&load)?;
        let result = test();
        let unloaded = self.bpf_ok(&["unload", "--force", program]);
        result.and(unloaded)
    }
}

/// Compiles all programs of a directory.
fn compile(uio: &Uio, directory: &Path, objects: &Path) -> Result<()> {
    let entries =
        std::fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))?;
    for entry in entries {
        let source = entry?.path();
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        if let Some(program) = name.strip_suffix(".bpf.c") {
            let object = objects.join(format!("{program}.o")).display().to_string();
            uio.run(&["cc", &source.display().to_string(), "-o", &object])?
                .success()?;
        }
    }
    Ok(())
}
