//! Tier `vm`: the web server in a virtual machine, and everything that an operator, a host or a share can do wrong.
//! After each test the server must still serve.

mod arguments;
mod clients;
mod demos;
mod direct;
mod elf;
mod files;
mod frames;
mod load;
mod objects;
mod programs;
mod share;
mod smp;
mod symbols;
mod wire;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::report::Report;
use crate::build::{self, App, Image};
use crate::demo::{WEB, wait_for_server};
use crate::project;
use crate::scratch::copy_files;
use crate::uio::Uio;
use crate::vm::{Options, Vm};

/// Where the server listens in the guest.
const PORT: u16 = 8080;

/// What all tests use.
pub struct World {
    /// The `uio` command.
    pub uio: Uio,
    /// The web server.
    pub web: Image,
}

impl World {
    /// A new directory to share, with the demo's files.
    pub fn share(&self, name: &str) -> Result<PathBuf> {
        let share = self.uio.dir(name)?;
        copy_files(&project::root()?.join(WEB).join("share"), &share)?;
        Ok(share)
    }

    /// The web server with options of one's own, once it listens.
    pub fn server(&self, options: &Options<'_>) -> Result<Vm<'_>> {
        let options = Options {
            image: match options.image.as_os_str().is_empty() {
                true => self.web.path.clone(),
                false => options.image.clone(),
            },
            publish: Some(PORT),
            ..options.clone()
        };
        let vm = options.start(&self.uio)?;
        wait_for_server(&vm)?;
        Ok(vm)
    }
}

/// The web server with its share.
pub struct Server<'w> {
    /// Where it runs.
    pub vm: Vm<'w>,
    /// The host's side of the share.
    pub share: PathBuf,
    /// What all tests use.
    pub world: &'w World,
}

impl<'w> Server<'w> {
    /// Starts it.
    pub fn start(world: &'w World, name: &str) -> Result<Self> {
        let share = world.share(name)?;
        let vm = world.server(&Options {
            name,
            share: Some(share.display().to_string()),
            ..Options::default()
        })?;
        Ok(Self { vm, share, world })
    }

    /// Runs a test on it, after which it must still serve.
    pub fn check(&self, report: &mut Report, name: &str, test: impl FnOnce(&Self) -> Result<()>) {
        report.check(name, || {
            test(self)?;
            serves(&self.vm).context("afterwards")
        });
    }
}

/// Whether application and overlay answer.
pub fn serves(vm: &Vm<'_>) -> Result<()> {
    let page = vm.get("/")?;
    ensure!(page.status == 200, "the server answers {}", page.head);
    let version = vm.json(&["version"])?;
    ensure!(
        version["type"] == "version",
        "the overlay answers {version}"
    );
    Ok(())
}

/// Runs all of them.
///
/// # Errors
/// When something cannot be built.
pub fn run(report: &mut Report) -> Result<()> {
    let uio = Uio::new(build::uio()?)?;
    let app = App {
        package: WEB,
        ..App::default()
    };
    let images = uio.dir("images")?;
    let web = app.build(uio.program())?.keep(&images, "web")?;
    let world = World { uio, web };

    let server = Server::start(&world, "web")?;
    frames::run(report, &server);
    clients::run(report, &server);
    arguments::run(report, &server);
    objects::run(report, &server);
    demos::run(report, &server);
    programs::run(report, &server);
    load::run(report, &server);
    report.check("the server ends on request after all that", || {
        server.vm.stop().map(|_| ())
    });
    symbols::run(report, &world);
    direct::run(report, &world);
    share::run(report, &world);
    files::run(report, &world);
    smp::run(report, &world);
    Ok(())
}
