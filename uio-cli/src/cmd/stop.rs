//! `uio stop`: ends a VM, politely first.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{print, print_json};
use crate::cli::StopArgs;
use crate::client::Client;
use crate::entry::{Entry, Registry};
use crate::error::{Error, Result, exit};
use crate::render::Format;

/// How long the overlay has to answer before the VM is stopped without asking it.
const ASK_TIME: Duration = Duration::from_secs(2);

/// How long the broker has to end its VM: it asks with SIGTERM and kills 3 s later.
const BROKER_TIME: Duration = Duration::from_secs(8);

/// How often to look whether the VM has gone.
const PERIOD: Duration = Duration::from_millis(20);

/// How a VM was brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The application handled SIGTERM and ended.
    Application,
    /// The broker ended the virtual machine monitor.
    Broker,
    /// The broker was killed, and the monitor with it.
    Killed,
}

/// Ends a VM and waits until it has gone.
///
/// # Errors
/// [`Error::NoVm`] and its kin; [`Error::Failed`] when it would not go.
pub fn run(args: &StopArgs, format: Format) -> Result<u8> {
    let registry = Registry::open()?;
    let entry = registry.find(args.name.as_deref())?;
    let how = stop(&registry, &entry, args.timeout)?;
    match format {
        Format::Text => print(&format!("{} has ended{}\n", entry.name, words(how)))?,
        Format::Json => print_json(&json!({
            "name": entry.name,
            "how": match how {
                How::Application => "application",
                How::Broker => "broker",
                How::Killed => "killed",
            },
        }))?,
    }
    Ok(exit::OK)
}

fn words(how: How) -> &'static str {
    match how {
        How::Application => " by itself",
        How::Broker => "",
        How::Killed => "; it had to be killed",
    }
}

fn stop(registry: &Registry, entry: &Entry, timeout: Duration) -> Result<How> {
    if !timeout.is_zero() && ask(entry) && gone(registry, &entry.name, timeout) {
        return Ok(How::Application);
    }
    signal(entry.broker_pid, Signal::TERM);
    if gone(registry, &entry.name, BROKER_TIME) {
        return Ok(How::Broker);
    }
    signal(entry.broker_pid, Signal::KILL);
    if gone(registry, &entry.name, BROKER_TIME) {
        return Ok(How::Killed);
    }
    Err(Error::Failed(format!(
        "process {} of {} does not end, not even by SIGKILL; is its disk or network file system \
         stuck?",
        entry.broker_pid, entry.name
    )))
}

/// Asks the application to end; returns whether it said that it would.
fn ask(entry: &Entry) -> bool {
    Client::connect(entry, ASK_TIME)
        .and_then(|mut client| client.run_within(&["kill", "TERM"], Some(ASK_TIME)))
        .is_ok_and(|answer| answer.status == 0)
}

fn gone(registry: &Registry, name: &str, timeout: Duration) -> bool {
    let until = Instant::now() + timeout;
    loop {
        if !registry.is_alive(name) {
            // Removes what a killed broker left.
            let _ = registry.list();
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(PERIOD);
    }
}

fn signal(pid: u32, signal: Signal) {
    // The entry's lock is held, so the process that wrote its number into it lives.
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
