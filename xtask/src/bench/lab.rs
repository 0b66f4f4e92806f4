//! What every measurement needs: images, plugin, a share, and how often to repeat.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use uio_build::{cc, symbols};

use super::counter::{self, Blocks, between};
use super::image::Image;
use super::session::{Answer, Session};
use super::stats::Series;
use super::vm::{Config, Vm};
use crate::scratch::Scratch;

/// Files in the directory that is listed.
pub const LISTED: usize = 23;

/// Pause before each command, the same everywhere: an idle emulator takes its time to wake.
pub const GAP: Duration = Duration::from_millis(10);

/// The programs that are loaded.
pub const PROGRAMS: [(&str, &str); 3] = [
    ("empty", include_str!("programs/empty.c")),
    ("hello", include_str!("programs/hello.c")),
    ("tables", include_str!("programs/tables.c")),
];

/// How programs can be isolated.
pub const BACKENDS: [&str; 3] = ["pku", "pks", "none"];

/// Does `work` for each isolation; an error tells under which.
///
/// # Errors
/// Those of `work`.
pub fn each_backend(work: &mut dyn FnMut(&'static str) -> Result<()>) -> Result<()> {
    BACKENDS.into_iter().try_for_each(|backend| {
        work(backend).with_context(|| format!("with programs isolated by `{backend}`"))
    })
}

/// Images, plugin, share and repetitions.
pub struct Lab {
    dir: Scratch,
    /// The image with the overlay.
    pub with: Image,
    /// The image without, if it was asked for.
    pub without: Option<Image>,
    /// The image with the overlay and without `uio-mpk`, if it was asked for.
    keyless: Option<Image>,
    /// The boot loader.
    pub loader: PathBuf,
    plugin: PathBuf,
    /// How often each thing is measured.
    pub repetitions: usize,
}

/// One measured command.
pub struct Measured {
    /// What it answered.
    pub answer: Answer,
    /// Guest instructions from before it was sent until the guest was at rest again.
    pub instructions: f64,
}

/// Many measured commands.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// Guest instructions of each.
    pub instructions: Series,
    /// Microseconds from command to exit frame, of each.
    pub micros: Series,
}

impl Costs {
    /// Adds one.
    pub fn push(&mut self, measured: &Measured) {
        self.instructions.push(measured.instructions);
        self.micros.push(micros(measured.answer.took));
    }
}

/// Microseconds of a duration.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

impl Lab {
    /// Gets everything ready.
    ///
    /// # Errors
    /// When an image cannot be read, or the plugin or a program not be compiled.
    pub fn new(
        with: &Path,
        without: Option<&Path>,
        keyless: Option<&Path>,
        loader: &Path,
        repetitions: usize,
    ) -> Result<Self> {
        let dir = Scratch::new("bench")?;
        let open = |path, name| Image::open(path, dir.path(), name);
        let lab = Self {
            with: open(with, "with.hermit")?,
            without: without
                .map(|path| open(path, "without.hermit"))
                .transpose()?,
            keyless: keyless
                .map(|path| open(path, "keyless.hermit"))
                .transpose()?,
            loader: loader.to_owned(),
            plugin: counter::build(dir.path())?,
            repetitions,
            dir,
        };
        lab.fill_share()?;
        Ok(lab)
    }

    /// The directory that guests share.
    pub fn share(&self) -> PathBuf {
        self.dir.path().join("share")
    }

    fn fill_share(&self) -> Result<()> {
        let share = self.share();
        let listed = share.join("listed");
        std::fs::create_dir_all(&listed)?;
        for number in 0..LISTED {
            std::fs::write(
                listed.join(format!("file-{number:02}.txt")),
                "x".repeat(number),
            )?;
        }
        symbols::write(&self.with.unstripped, &share.join(".uio/symbols"))?;
        for (name, source) in PROGRAMS {
            self.compile(name, source)?;
        }
        Ok(())
    }

    /// Compiles a program in C to `name.o` on the share.
    ///
    /// # Errors
    /// Says what the compiler said.
    pub fn compile(&self, name: &str, source: &str) -> Result<()> {
        let file = self.dir.path().join(format!("{name}.c"));
        std::fs::write(&file, source)?;
        let object = self.share().join(format!("{name}.o"));
        cc::compile(&[file], &object, &cc::Options::default())
            .with_context(|| format!("compiling the program `{name}`"))?;
        Ok(())
    }

    /// The image without the overlay.
    ///
    /// # Errors
    /// When there is none.
    pub fn without(&self) -> Result<&Image> {
        self.without.as_ref().context(
            "an image without `uio` is needed: `uio build demos/web --no-default-features \
             --target-dir target/guest-plain`, or name one with --plain",
        )
    }

    /// The image with the overlay and without `uio-mpk`.
    ///
    /// # Errors
    /// When there is none.
    pub fn keyless(&self) -> Result<&Image> {
        self.keyless.as_ref().context(
            "an image with `uio` and without `uio-mpk` is needed: `uio build demos/web \
             --no-default-features --features uio --target-dir target/guest-plain`, or name one \
             with --keyless",
        )
    }

    /// Starts a VM with console and share, in which programs are isolated by `backend`.
    ///
    /// # Errors
    /// When it does not boot.
    pub fn isolated(&self, image: &Image, backend: &str) -> Result<Vm> {
        Vm::start(&Config {
            options: &[format!("uio.isolation={backend}")],
            ..self.config(image, Some(&self.share()))
        })
    }

    /// Starts a VM with console and share.
    ///
    /// # Errors
    /// When it does not boot.
    pub fn attached(&self, environment: &[String]) -> Result<Vm> {
        Vm::start(&Config {
            environment,
            ..self.config(&self.with, Some(&self.share()))
        })
    }

    /// How to start a VM: with the console and this share, or with neither.
    pub fn config<'a>(&'a self, image: &'a Image, share: Option<&'a Path>) -> Config<'a> {
        Config {
            loader: &self.loader,
            image: &image.bootable,
            plugin: &self.plugin,
            marks: &[],
            console: share.is_some(),
            share,
            deterministic: false,
            environment: &[],
            options: &[],
        }
    }
}

/// Measures one command that must succeed: at rest before and after, with a pause of [`GAP`] before.
///
/// # Errors
/// When the session ends, the command fails or the guest finds no rest.
pub fn measure(vm: &Vm, session: &mut Session, command: &str) -> Result<Measured> {
    sleep(GAP);
    let before = vm.rest()?;
    let answer = session.run(command)?;
    let after = vm.rest()?;
    Ok(Measured {
        answer,
        instructions: (after - before) as f64,
    })
}

/// Measures a command many times.
///
/// # Errors
/// As [`measure`].
pub fn costs(vm: &Vm, session: &mut Session, command: &str, repetitions: usize) -> Result<Costs> {
    let mut costs = Costs::default();
    for _ in 0..repetitions {
        costs.push(&measure(vm, session, command)?);
    }
    Ok(costs)
}

/// The blocks that `work` executed, until the guest is at rest again.
///
/// # Errors
/// Those of `work`, and when the guest finds no rest.
pub fn profiled(vm: &Vm, work: &mut dyn FnMut() -> Result<()>) -> Result<Blocks> {
    vm.rest()?;
    let before = vm.counter.blocks()?;
    work()?;
    vm.rest()?;
    Ok(between(&before, &vm.counter.blocks()?))
}
