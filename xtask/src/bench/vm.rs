//! A VM to measure: QEMU with one vCPU and 512 MiB, the counting plugin, and sockets of its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use uio_cli::broker::fresh::Shared;

use super::counter::Counter;
use super::session::Session;
use crate::cleanup;
use crate::http::free_port;
use crate::scratch::Scratch;

/// How long a guest may take to boot.
const BOOT_LIMIT: Duration = Duration::from_secs(60);

/// Memory of the guests, in MiB.
pub const MEMORY_MIB: u32 = 512;

/// The emulator.
const QEMU: &str = "qemu-system-x86_64";

/// The emulator's version, as it tells it.
///
/// # Errors
/// When it does not start.
pub fn version() -> Result<String> {
    let mut qemu = Command::new(QEMU);
    let said = uio_build::command::capture_stdout(qemu.arg("--version"))?;
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// The line that the application prints when it serves.
const SERVES: &str = "listening on port";

/// What to run.
pub struct Config<'a> {
    /// The boot loader.
    pub loader: &'a Path,
    /// The image.
    pub image: &'a Path,
    /// The counting plugin.
    pub plugin: &'a Path,
    /// Addresses whose first execution is noted.
    pub marks: &'a [u64],
    /// Whether there is a console for the overlay.
    pub console: bool,
    /// The directory to share, if one is.
    pub share: Option<&'a Path>,
    /// Whether the guest's clock counts its instructions instead of the host's time, so that what waits for a time to
    /// pass repeats. Each takes 1,024 ns: waiting is then little of what is counted.
    pub deterministic: bool,
    /// `KEY=VALUE` for the guest's environment.
    pub environment: &'a [String],
    /// Options of the overlay, as `uio.isolation=pku`.
    pub options: &'a [String],
}

/// A running VM. It ends when dropped.
pub struct Vm {
    // Before the directory: what is dropped first ends first.
    _qemu: Qemu,
    dir: Scratch,
    share: Option<PathBuf>,
    /// The port of the host that leads to the guest's web server.
    pub port: u16,
    /// The VM's counts.
    pub counter: Counter,
}

impl Vm {
    /// Starts a VM, and returns once its application serves.
    ///
    /// # Errors
    /// When QEMU does not start, or the guest does not boot; with its last words.
    pub fn start(config: &Config<'_>) -> Result<Self> {
        let dir = Scratch::new("bench-vm")?;
        let port = free_port()?;
        let log = fs::File::create(dir.path().join("qemu.log"))?;
        let child = Command::new(QEMU)
            .args(arguments(config, dir.path(), port))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("qemu-system-x86_64 does not start; `apt install qemu-system-x86`")?;
        cleanup::kill_at_end(child.id());
        let mut qemu = Qemu(child);
        let counter = Counter::open(&dir.path().join("counts"), Duration::from_secs(10))
            .with_context(|| last_words(dir.path()))?;
        let start = Instant::now();
        while !fs::read(dir.path().join("serial.log"))
            .is_ok_and(|serial| String::from_utf8_lossy(&serial).contains(SERVES))
        {
            if qemu.ended() || start.elapsed() > BOOT_LIMIT {
                bail!("the guest does not boot\n{}", last_words(dir.path()));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(Self {
            _qemu: qemu,
            dir,
            share: config.share.map(Path::to_owned),
            port,
            counter,
        })
    }

    /// Attaches to the VM's console, which serves one at a time.
    ///
    /// # Errors
    /// When the overlay does not answer.
    pub fn attach(&self) -> Result<Session> {
        let mut session = Session::open(&self.dir.path().join("uio.sock"))?;
        if let Some(share) = &self.share {
            session.watch(Shared::open(share)?);
        }
        Ok(session)
    }

    /// Waits until the guest has been at rest for a while, and returns its count then.
    ///
    /// # Errors
    /// When it finds no rest.
    pub fn rest(&self) -> Result<u64> {
        self.counter
            .settled(Duration::from_millis(4), Duration::from_secs(10))
    }
}

/// A process of QEMU, which ends when dropped.
struct Qemu(Child);

impl Qemu {
    fn ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
        cleanup::forget(self.0.id());
    }
}

fn last_words(dir: &Path) -> String {
    ["qemu.log", "serial.log"]
        .map(|name| {
            let bytes = fs::read(dir.join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            format!(
                "{name}:\n{}",
                lines[lines.len().saturating_sub(12)..].join("\n")
            )
        })
        .join("\n")
}

/// QEMU's arguments. A notification of a virtio device is served on the vCPU's own thread
/// (`ioeventfd=off`), so that counts repeat; `-freq` spares the kernel its calibration, whose length
/// depends on the host's speed.
fn arguments(config: &Config<'_>, dir: &Path, port: u16) -> Vec<OsString> {
    let virtio = "disable-legacy=on,ioeventfd=off";
    let mut args: Vec<OsString> = Vec::new();
    let mut pair = |option: &str, value: OsString| args.extend([option.into(), value]);
    let file = |before: &str, path: PathBuf, after: &str| {
        // A comma ends a value in QEMU's options, unless it is doubled.
        let path = path.to_string_lossy().replace(',', ",,");
        OsString::from(format!("{before}{path}{after}"))
    };
    pair("-accel", "tcg".into());
    pair("-cpu", "max".into());
    if config.deterministic {
        pair("-icount", "shift=10,sleep=off".into());
    }
    pair("-smp", "1".into());
    pair("-m", format!("{MEMORY_MIB}M").into());
    pair("-display", "none".into());
    pair("-vga", "none".into());
    pair("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04".into());
    pair("-serial", file("file:", dir.join("serial.log"), ""));
    if config.console {
        pair(
            "-device",
            format!("virtio-serial-pci,max_ports=1,{virtio}").into(),
        );
        pair(
            "-chardev",
            file(
                "socket,id=uio,path=",
                dir.join("uio.sock"),
                ",server=on,wait=off",
            ),
        );
        pair("-device", "virtconsole,chardev=uio".into());
    }
    if let Some(share) = config.share {
        pair(
            "-fsdev",
            file(
                "local,id=share,path=",
                share.to_owned(),
                ",security_model=none",
            ),
        );
        pair(
            "-device",
            format!("virtio-9p-pci,fsdev=share,mount_tag=uio,{virtio}").into(),
        );
    }
    pair(
        "-netdev",
        format!("user,id=net,net=10.0.5.0/24,host=10.0.5.1,dns=10.0.5.2,dhcpstart=10.0.5.3,hostfwd=tcp:127.0.0.1:{port}-10.0.5.3:8080").into(),
    );
    pair(
        "-device",
        format!("virtio-net-pci,netdev=net,{virtio}").into(),
    );
    let marks: String = config
        .marks
        .iter()
        .map(|mark| format!(",mark={mark:#x}"))
        .collect();
    pair(
        "-plugin",
        file(
            "",
            config.plugin.to_owned(),
            &format!(",to={}{marks}", dir.join("counts").display()),
        ),
    );
    pair("-kernel", config.loader.into());
    pair("-initrd", file("", config.image.to_owned(), ""));
    let environment: String = config
        .environment
        .iter()
        .map(|variable| format!("env={variable} "))
        .collect();
    let options = config.options.join(" ");
    pair(
        "-append",
        format!("{options} {environment}-freq 1000 --").into(),
    );
    args.extend(["-nodefaults", "-no-user-config", "-no-reboot"].map(OsString::from));
    args
}
