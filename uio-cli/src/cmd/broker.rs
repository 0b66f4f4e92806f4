//! Serving a VM: in the foreground of `uio run`, or in the background.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_send_buffer_size;
use serde_json::json;

use super::list;
use super::run::Plan;
use crate::broker::fresh::Shared;
use crate::broker::mux::CONSOLE_BUFFER;
use crate::broker::serial::Log;
use crate::broker::server::{Ended, Observer, Server, Vm};
use crate::cli::BrokerArgs;
use crate::client::GuestInfo;
use crate::entry::{Claim, Entry, Registry};
use crate::error::{Error, Result, exit};
use crate::render::Format;
use crate::signals;
use crate::vmm::{qemu, spawn};

/// Pieces of output that may wait for a slow terminal; more are left out (the log has them).
const ECHO_QUEUE: usize = 256;

/// Serves a VM in the background, as `uio run --detach` has set it up: standard input is the
/// entry's lock, standard output and error are the serial log.
///
/// # Errors
/// See [`serve`].
pub fn run(args: &BrokerArgs) -> Result<u8> {
    let config = args.dir.join("config.json");
    let text = fs::read(&config).map_err(|e| Error::path("read", &config, e))?;
    let plan: Plan = serde_json::from_slice(&text)
        .map_err(|e| Error::path("read", &config, io::Error::from(e)))?;
    let lock = rustix::stdio::stdin()
        .try_clone_to_owned()
        .map_err(|e| Error::io("keep the lock", e))?;
    // Away from the terminal that started it, and from its signals.
    let _ = rustix::process::setsid();
    std::env::set_current_dir("/").map_err(|e| Error::io("change to /", e))?;
    let registry = Registry::open()?;
    let claim = Claim {
        name: plan.name.clone(),
        dir: args.dir.clone(),
        lock: File::from(lock),
    };
    let log = Log::append(&plan.log)?;
    let ended = serve(&registry, &claim, &plan, log, &mut Silent);
    registry.release(claim);
    ended.map(exit_code)
}

/// Serves a VM until it ends, its serial line on standard output. Its exit code is 0 when the
/// application ended with success.
///
/// # Errors
/// See [`serve`].
pub fn in_foreground(registry: &Registry, claim: Claim, plan: &Plan, format: Format) -> Result<u8> {
    let log = match Log::create(&plan.log) {
        Ok(log) => log,
        Err(e) => {
            registry.release(claim);
            return Err(e);
        }
    };
    let mut echo = Echo::new(format);
    let ended = serve(registry, &claim, plan, log, &mut echo);
    registry.release(claim);
    if let Ok(ended) = &ended {
        echo.ended(ended);
    }
    echo.finish();
    ended.map(exit_code)
}

/// What `uio run` ends with: 0 when the guest ended with success or was stopped, 1 when it ended
/// with failure, 4 when the monitor ended otherwise.
fn exit_code(ended: Ended) -> u8 {
    match ended.status.code() {
        _ if ended.stopped => exit::OK,
        Some(qemu::EXIT_SUCCESS) => exit::OK,
        Some(qemu::EXIT_FAILURE) => exit::FAILURE,
        _ => exit::NO_ANSWER,
    }
}

/// Starts the monitor and serves its clients until it ends.
///
/// # Errors
/// [`Error::StartFailed`] when it cannot be started, [`Error::Io`]
pub fn serve(
    registry: &Registry,
    claim: &Claim,
    plan: &Plan,
    mut log: Log,
    observer: &mut dyn Watcher,
) -> Result<Ended> {
    let listener = listen(&plan.socket)?;
    let signals = signals::endings()?;
    let vm = match start(plan) {
        Ok(vm) => vm,
        Err(e) => {
            let _ = log.note(&e.to_string());
            return Err(e);
        }
    };
    let entry = plan.entry(vm.child.id());
    registry.write(claim, &entry)?;
    observer.started(&entry);
    let mut keeper = Keeper {
        registry,
        claim,
        entry,
        watcher: observer,
    };
    Server::new(vm, listener, signals, log, &mut keeper)?.run()
}

/// Keeps the VM's entry up to date.
struct Keeper<'a> {
    registry: &'a Registry,
    claim: &'a Claim,
    entry: Entry,
    watcher: &'a mut dyn Watcher,
}

impl Observer for Keeper<'_> {
    fn serial(&mut self, bytes: &[u8]) {
        self.watcher.serial(bytes);
    }

    fn diagnostics(&mut self, bytes: &[u8]) {
        self.watcher.diagnostics(bytes);
    }

    fn ready(&mut self, guest: &GuestInfo) {
        self.entry.isolation = Some(guest.isolation.clone());
        self.entry.policy = Some(guest.policy.clone());
        // Without it, `uio list` tells less.
        let _ = self.registry.write(self.claim, &self.entry);
        self.watcher.ready(guest);
    }
}

/// What watches a VM from its start on.
pub trait Watcher: Observer {
    /// The monitor runs, and clients can connect.
    fn started(&mut self, entry: &Entry);
}

/// Listens at `path`, which is in a private directory, with mode 0600.
fn listen(path: &Path) -> Result<UnixListener> {
    let listener = UnixListener::bind(path).map_err(|e| Error::path("listen at", path, e))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|e| Error::path("make private", path, e))?;
    Ok(listener)
}

fn start(plan: &Plan) -> Result<Vm> {
    let fail = |e| Error::io("make the console's socket", e);
    let (ours, theirs) = UnixStream::pair().map_err(fail)?;
    // What does not fit there would be lost.
    set_socket_send_buffer_size(&theirs, CONSOLE_BUFFER).map_err(|e| fail(e.into()))?;
    // Only the monitor's end is passed on when it is started.
    fcntl_setfd(&theirs, FdFlags::empty()).map_err(|e| fail(e.into()))?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&theirs.as_fd());
    let share = match &plan.qemu.share {
        Some(share) => Some(Shared::open(&share.path)?),
        None => None,
    };
    let program = &plan.qemu.program;
    let child = spawn::spawn(program, &plan.qemu.arguments(fd)?, &plan.directory).map_err(|e| {
        let mend = match e.kind() {
            io::ErrorKind::NotFound => "; install it (Debian: `apt install qemu-system-x86`)",
            _ => "",
        };
        Error::StartFailed(format!("cannot start {}: {e}{mend}", program.display()))
    })?;
    Ok(Vm {
        child,
        console: ours,
        share,
    })
}

/// Nobody watches.
struct Silent;

impl Observer for Silent {
    fn serial(&mut self, _: &[u8]) {}
    fn diagnostics(&mut self, _: &[u8]) {}
    fn ready(&mut self, _: &GuestInfo) {}
}

impl Watcher for Silent {
    fn started(&mut self, _: &Entry) {}
}

/// Shows what happens on standard output, by a thread of its own: a terminal that is held up does
/// not hold up the VM's clients.
struct Echo {
    format: Format,
    queue: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
}

impl Echo {
    fn new(format: Format) -> Self {
        let (queue, pieces) = sync_channel::<Vec<u8>>(ECHO_QUEUE);
        let writer = thread::spawn(move || {
            let mut out = io::stdout();
            for piece in pieces {
                // Without a reader the VM goes on, as it does without a terminal.
                let _ = out.write_all(&piece).and_then(|()| out.flush());
            }
        });
        Self {
            format,
            queue: Some(queue),
            writer: Some(writer),
        }
    }

    fn put(&self, bytes: Vec<u8>) {
        if let Some(queue) = &self.queue {
            let _ = queue.try_send(bytes);
        }
    }

    fn event(&self, event: &serde_json::Value) {
        self.put(format!("{event}\n").into_bytes());
    }

    fn ended(&self, ended: &Ended) {
        if self.format == Format::Json {
            self.event(&json!({
                "event": "ended",
                "success": exit_code(*ended) == exit::OK,
                "stopped": ended.stopped,
                "monitor_status": ended.status.code(),
            }));
        }
    }

    fn finish(mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Observer for Echo {
    fn serial(&mut self, bytes: &[u8]) {
        match self.format {
            Format::Text => self.put(bytes.to_vec()),
            Format::Json => self.event(&json!({
                "event": "serial",
                "text": String::from_utf8_lossy(bytes),
            })),
        }
    }

    fn diagnostics(&mut self, bytes: &[u8]) {
        let _ = io::stderr().write_all(bytes);
    }

    fn ready(&mut self, guest: &GuestInfo) {
        let GuestInfo {
            isolation, policy, ..
        } = guest;
        match self.format {
            Format::Text => eprintln!(
                "uio: the overlay answers; programs: isolation {isolation}, policy {policy}"
            ),
            Format::Json => self.event(&json!({
                "event": "ready",
                "isolation": isolation,
                "policy": policy,
            })),
        }
    }
}

impl Watcher for Echo {
    fn started(&mut self, entry: &Entry) {
        match self.format {
            Format::Text => eprintln!(
                "uio: {} runs ({}, {}); Ctrl-C stops it",
                entry.name, entry.vmm, entry.accel
            ),
            Format::Json => {
                self.event(&json!({ "event": "started", "vm": list::json_of(entry) }));
            }
        }
    }
}
