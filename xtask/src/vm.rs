//! A virtual machine for the time of a test: started with `uio run --detach`, stopped when it goes out of scope.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cleanup;
use crate::http::{self, Response};
use crate::process::Output;
use crate::uio::Uio;

/// How to start a virtual machine.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// Its name.
    pub name: &'a str,
    /// The image.
    pub image: PathBuf,
    /// The directory to share, as `uio run --share` takes it.
    pub share: Option<String>,
    /// Port of the guest that gets a free port of this machine.
    pub publish: Option<u16>,
    /// More arguments of `uio run`.
    pub run: Vec<String>,
    /// Arguments of the application.
    pub args: Vec<String>,
}

impl Options<'_> {
    /// The arguments of `uio` that start it, with a port of this machine.
    pub fn arguments(&self, port: Option<u16>) -> Vec<String> {
        let mut args = vec!["run".to_owned(), self.image.display().to_string()];
        args.extend(["--name".to_owned(), self.name.to_owned()]);
        if let Some(share) = &self.share {
            args.extend(["--share".to_owned(), share.clone()]);
        }
        if let (Some(host), Some(guest)) = (port, self.publish) {
            args.extend(["--publish".to_owned(), format!("{host}:{guest}")]);
        }
        args.extend(self.run.iter().cloned());
        args.push("--detach".to_owned());
        if !self.args.is_empty() {
            args.push("--".to_owned());
            args.extend(self.args.iter().cloned());
        }
        args
    }

    /// Starts it and waits until the overlay has answered.
    ///
    /// # Errors
    /// When it does not start or does not answer.
    pub fn start<'u>(&self, uio: &'u Uio) -> Result<Vm<'u>> {
        let port = self.publish.map(|_| http::free_port()).transpose()?;
        let args = self.arguments(port);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let started = uio.run(&args)?.success()?;
        Vm::attach(uio, self.name, started)
    }
}

/// A running virtual machine.
#[derive(Debug)]
pub struct Vm<'u> {
    uio: &'u Uio,
    /// Its name.
    pub name: String,
    /// The port of this machine that leads to the guest's.
    port: Option<u16>,
    /// Its entry, as `uio list --output json` gives it.
    pub entry: Value,
    /// How it was started.
    pub started: Output,
    /// Whether it may still run.
    alive: bool,
}

impl<'u> Vm<'u> {
    fn attach(uio: &'u Uio, name: &str, started: Output) -> Result<Self> {
        let list = uio.json(&["list"])?;
        let entry = list
            .as_array()
            .and_then(|all| all.iter().find(|entry| entry["name"] == name))
            .with_context(|| format!("`uio list` has no {name}: {list}"))?
            .clone();
        let port = entry["published"][0]["host"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        let vm = Self {
            uio,
            name: name.to_owned(),
            port,
            entry,
            started,
            alive: true,
        };
        cleanup::kill_at_end(vm.broker()?);
        Ok(vm)
    }

    /// Process of its broker.
    fn broker(&self) -> Result<u32> {
        let pid = self.entry["broker_pid"].as_u64();
        pid.and_then(|pid| u32::try_from(pid).ok())
            .context("the entry names no broker")
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        PathBuf::from(self.entry["socket"].as_str().unwrap_or_default())
    }

    /// Its serial log so far.
    pub fn log(&self) -> String {
        let path = Path::new(self.entry["log"].as_str().unwrap_or_default());
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    }

    /// The port of this machine that leads to the guest's.
    ///
    /// # Errors
    /// When none was published.
    pub fn port(&self) -> Result<u16> {
        self.port.context("no port of the guest is published")
    }

    /// Gets a document from the guest's server.
    ///
    /// # Errors
    /// When there is no whole answer in time.
    pub fn get(&self, path: &str) -> Result<Response> {
        http::get(self.port()?, path)
    }

    /// The arguments of `uio` for a command in the guest.
    pub fn exec_args<'a>(&'a self, argv: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["exec", self.name.as_str(), "--"];
        args.extend(argv);
        args
    }

    /// Runs a command in the guest, whatever its status.
    ///
    /// # Errors
    /// When `uio` does not start, or does not end in time.
    pub fn exec(&self, argv: &[&str]) -> Result<Output> {
        self.uio.run(&self.exec_args(argv))
    }

    /// Runs a command in the guest, which must succeed; gives what it printed.
    ///
    /// # Errors
    /// When it does not.
    pub fn ok(&self, argv: &[&str]) -> Result<String> {
        Ok(self.exec(argv)?.success()?.text())
    }

    /// Runs a command in the guest, which must succeed; gives its records.
    ///
    /// # Errors
    /// When it does not, or prints no JSON.
    pub fn json(&self, argv: &[&str]) -> Result<Value> {
        self.uio.json(&self.exec_args(argv))
    }

    /// The `uio` command that it was started with.
    pub fn uio(&self) -> &'u Uio {
        self.uio
    }

    /// Ends it with `uio stop` and checks that it has gone.
    ///
    /// # Errors
    /// When it has not.
    pub fn stop(mut self) -> Result<Output> {
        let stopped = self.uio.run(&["stop", &self.name])?.success()?;
        let list = self.uio.json(&["list"])?;
        let gone = list
            .as_array()
            .is_some_and(|all| all.iter().all(|entry| entry["name"] != *self.name));
        ensure!(gone, "{} is still in the list: {list}", self.name);
        self.settle();
        Ok(stopped)
    }

    /// Notes that it has ended.
    fn settle(&mut self) {
        self.alive = false;
        if let Ok(pid) = self.broker() {
            cleanup::forget(pid);
        }
    }
}

impl Drop for Vm<'_> {
    fn drop(&mut self) {
        if self.alive {
            // Already gone is as good as stopped.
            let _ = self.uio.run(&["stop", &self.name, "--timeout", "0"]);
            self.settle();
        }
    }
}
