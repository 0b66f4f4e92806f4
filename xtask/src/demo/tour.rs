//! The tour: a web server is started, looked into, changed, and ended; most of it twice, the second time under load.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::rounds;
use super::stage::{Show, Stage};
use crate::build::Image;
use crate::load::{Load, Report};
use crate::process::{Output, eventually, run};
use crate::project;
use crate::scratch::copy_files;
use crate::uio::{Uio, typed};
use crate::vm::{Options, Vm};

/// The virtual machine's name.
pub const NAME: &str = "web";
/// Its memory, in MiB.
pub const MEMORY_MIB: u64 = 128;
/// Seconds that wrk may run at most.
const LOAD_SECONDS: u32 = 300;
/// Connections of wrk.
const LOAD_CONNECTIONS: u32 = 4;

/// What all steps use.
pub struct Tour<'u> {
    /// The running server.
    pub vm: Vm<'u>,
    /// When it was started.
    pub begun: Instant,
    /// The host's side of the share.
    pub share: PathBuf,
    /// How often curl asked for which path.
    pub asked: RefCell<BTreeMap<String, u64>>,
}

impl Tour<'_> {
    /// Runs a command in the guest, shows both, and gives what it printed.
    pub fn exec(&self, show: &Show, argv: &[&str]) -> Result<String> {
        let args = self.vm.exec_args(argv);
        show.command(&typed(&args));
        let output = self.vm.exec(argv)?;
        shown(show, &output);
        Ok(output.success()?.text())
    }

    /// Fetches a page with curl and shows the command; gives the page.
    pub fn curl(&self, show: &Show, path: &str) -> Result<String> {
        let url = format!("http://127.0.0.1:{}{path}", self.vm.port()?);
        show.command(&format!("curl {url}"));
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "30",
            &url,
        ]);
        let page = run(&mut curl, Duration::from_secs(40))?.success()?;
        *self.asked.borrow_mut().entry(path.to_owned()).or_default() += 1;
        Ok(page.text())
    }

    /// How often curl asked for `path`.
    pub fn asked_for(&self, path: &str) -> u64 {
        self.asked.borrow().get(path).copied().unwrap_or_default()
    }

    /// How often curl asked for anything.
    pub fn asked_in_all(&self) -> u64 {
        self.asked.borrow().values().sum()
    }
}

/// Shows both outputs of a command.
pub fn shown(show: &Show, output: &Output) {
    show.output(&output.text());
    show.output(&output.complaint());
}

/// Walks through all steps.
pub fn walk(stage: &mut Stage, uio: &Uio, image: &Image) {
    let Some(tour) = stage.step(
        "Boot the web server, with a share and a published port.",
        |show| boot(show, uio, image),
    ) else {
        return;
    };
    rounds::walk(stage, &tour, &rounds::QUIET);
    let load = stage.step(
        "Put the server under load; all of it again meanwhile.",
        |show| begin_load(show, &tour),
    );
    if let Some(load) = load {
        rounds::walk(stage, &tour, &rounds::LOADED);
        stage.step("No request failed under that load.", |show| {
            end_load(show, load)
        });
    }
    stage.step("Stop the server; no VM is left.", |show| {
        stop(show, uio, tour)
    });
}

fn boot<'u>(show: &Show, uio: &'u Uio, image: &Image) -> Result<Tour<'u>> {
    let share = uio.dir("share")?;
    copy_files(&project::root()?.join(super::WEB).join("share"), &share)?;
    let options = Options {
        name: NAME,
        image: image.path.clone(),
        share: Some(share.display().to_string()),
        publish: Some(8080),
        ..Options::default()
    };
    let begun = Instant::now();
    let vm = options.start(uio)?;
    let args = options.arguments(vm.port().ok());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    show.command(&typed(&args));
    shown(show, &vm.started);
    show.remark(&format!(
        "the overlay answered {:.2} s after the start",
        vm.started.took.as_secs_f32()
    ));
    // The overlay is there before the application.
    show.command(&typed(&["logs", NAME]));
    let line = wait_for_server(&vm)?;
    show.output(&line);
    Ok(Tour {
        vm,
        begun,
        share,
        asked: RefCell::default(),
    })
}

/// Waits until the server listens; gives the line in which it says so.
pub fn wait_for_server(vm: &Vm<'_>) -> Result<String> {
    eventually(Duration::from_secs(30), || {
        let log = vm.log();
        let line = log.lines().find(|line| line.starts_with("web: listening"));
        line.map(str::to_owned)
            .with_context(|| format!("the server does not listen; its log:\n{log}"))
    })
}

fn begin_load(show: &Show, tour: &Tour<'_>) -> Result<Load> {
    let load = Load::start(tour.vm.port()?, "/", LOAD_CONNECTIONS, LOAD_SECONDS)?;
    show.command(&format!("{} &", load.line()));
    // The load is on when the server has answered others than curl.
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let status = tour.vm.get("/status")?.text();
        *tour
            .asked
            .borrow_mut()
            .entry("/status".to_owned())
            .or_default() += 1;
        let requests = serde_json::from_str::<serde_json::Value>(&status)?["requests"]
            .as_u64()
            .context("the status names no `requests`")?;
        if requests > tour.asked_in_all() + 100 {
            return Ok(load);
        }
        ensure!(Instant::now() < until, "no load arrives: {status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn end_load(show: &Show, load: Load) -> Result<()> {
    let Report {
        requests,
        rate,
        failed,
        ..
    } = load.finish()?;
    show.remark(&format!(
        "{requests} requests, {rate:.0} a second, {failed} failed"
    ));
    ensure!(failed == 0, "{failed} requests failed");
    Ok(())
}

fn stop(show: &Show, uio: &Uio, tour: Tour<'_>) -> Result<()> {
    show.command(&typed(&["stop", NAME]));
    let output = tour.vm.stop()?;
    shown(show, &output);
    show.command(&typed(&["list"]));
    shown(show, &uio.run(&["list"])?);
    let list = uio.json(&["list"])?;
    ensure!(
        list.as_array().is_some_and(Vec::is_empty),
        "`uio list` is not empty: {list}"
    );
    Ok(())
}
