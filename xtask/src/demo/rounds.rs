//! What an operator does with a running server: the steps that are taken idle and under load.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::sanity;
use super::stage::{Show, Stage};
use super::tour::{MEMORY_MIB, NAME, Tour, shown};
use crate::process::eventually;
use crate::uio::typed;

/// Where the server logs requests.
const ACCESS_LOG: &str = "/var/log/access.log";
/// Where it logs what became of configurations.
const ERROR_LOG: &str = "/var/log/error.log";
/// The setting that the tour changes.
const GREETING: &str = "greeting = ";
/// How long the server has to take a new configuration.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);

/// One round.
pub struct Round {
    /// Whether others than curl ask the server.
    loaded: bool,
    /// A page that only curl asks for in this round.
    page: &'static str,
    /// What the page contains.
    contains: &'static str,
    /// What the operator makes the server say.
    greeting: &'static str,
}

/// The first round.
pub const QUIET: Round = Round {
    loaded: false,
    page: "/",
    contains: "Hello from a unikernel that you can look into.",
    greeting: "Good morning from the operator.",
};

/// The second round, while wrk asks for `/`.
pub const LOADED: Round = Round {
    loaded: true,
    page: "/motd",
    contains: "All is quiet.",
    greeting: "Good evening from a busy server.",
};

/// Takes all steps of a round.
pub fn walk(stage: &mut Stage, tour: &Tour<'_>, round: &Round) {
    let step = |title: &str| match round.loaded {
        false => format!("{title}."),
        true => format!("{title}, under load."),
    };
    stage.step(&step("Fetch a page through the published port"), |show| {
        fetch(show, tour, round)
    });
    stage.step(
        &step("See the request in the log that is in the guest's memory only"),
        |show| access_log(show, tour, round),
    );
    stage.step(
        &step("Look at tasks, memory, the kernel's log and the clock"),
        |show| look(show, tour),
    );
    stage.step(
        &step("Change the configuration while the server runs"),
        |show| reload(show, tour, round),
    );
    stage.step(
        &step("A mistake in the configuration leaves the old one in force"),
        |show| refuse(show, tour, round),
    );
    stage.step(
        &step("Run a C program inside: it reads the server's counter and calls its functions"),
        |show| program(show, tour, round),
    );
    stage.step(
        &step("Save the log from the guest's memory to the share"),
        |show| save(show, tour, round),
    );
}

fn fetch(show: &Show, tour: &Tour<'_>, round: &Round) -> Result<()> {
    let page = tour.curl(show, round.page)?;
    show.output(&page);
    ensure!(
        page.contains(round.contains),
        "the page does not say `{}`",
        round.contains
    );
    Ok(())
}

fn access_log(show: &Show, tour: &Tour<'_>, round: &Round) -> Result<()> {
    let log = tour.exec(show, &["cat", ACCESS_LOG])?;
    let wanted = format!("\"GET {} HTTP/1.1\" 200 ", round.page);
    let line = log.lines().rfind(|line| line.contains(&wanted));
    let line = line.with_context(|| format!("no line has `{wanted}`"))?;
    if round.loaded {
        show.remark(&format!("curl's request: {line}"));
    }
    Ok(())
}

fn look(show: &Show, tour: &Tour<'_>) -> Result<()> {
    for command in ["ps", "free", "uptime"] {
        tour.exec(show, &[command])?;
    }
    tour.exec(show, &["log", "-n", "5"])?;
    sanity::tasks(&tour.vm.json(&["ps"])?, "web")?;
    sanity::memory(&tour.vm.json(&["free"])?, MEMORY_MIB)?;
    sanity::log(&tour.vm.json(&["log"])?)?;
    sanity::uptime(&tour.vm.json(&["uptime"])?, tour.begun.elapsed(), 1)
}

/// Gives the configuration's greeting another value, as an editor would.
fn edit(show: &Show, tour: &Tour<'_>, value: &str) -> Result<()> {
    let path = tour.share.join("web.toml");
    let old = std::fs::read_to_string(&path)?;
    let mut new = String::new();
    for line in old.lines() {
        new.push_str(if line.starts_with(GREETING) {
            value
        } else {
            line
        });
        new.push('\n');
    }
    ensure!(new != old, "{} has no `{GREETING}`", path.display());
    show.command(&format!("sed -i 's/^greeting.*/{value}/' web.toml"));
    std::fs::write(&path, new).with_context(|| format!("write {}", path.display()))
}

fn reload(show: &Show, tour: &Tour<'_>, round: &Round) -> Result<()> {
    let before = tour.vm.ok(&["cat", ERROR_LOG])?;
    edit(show, tour, &format!("{GREETING}\"{}\"", round.greeting))?;
    tour.exec(show, &["kill", "HUP"])?;
    told(show, tour, &before, " notice: ")?;
    let page = tour.curl(show, "/")?;
    let line = page.lines().find(|line| line.contains(round.greeting));
    let line = line.with_context(|| format!("the page does not say `{}`", round.greeting))?;
    show.output(line.trim());
    Ok(())
}

/// Waits until the server has told in its error log what became of a configuration, which it reads on a thread of its own.
fn told(show: &Show, tour: &Tour<'_>, before: &str, level: &str) -> Result<()> {
    let line = eventually(RELOAD_LIMIT, || {
        let log = tour.vm.ok(&["cat", ERROR_LOG])?;
        let new = log.strip_prefix(before).unwrap_or(&log);
        let line = new.lines().find(|line| line.contains(level));
        line.map(str::to_owned)
            .context("the error log says nothing of it")
    })?;
    show.command(&typed(&tour.vm.exec_args(&["cat", ERROR_LOG])));
    show.output(&line);
    Ok(())
}

fn refuse(show: &Show, tour: &Tour<'_>, round: &Round) -> Result<()> {
    let before = tour.vm.ok(&["cat", ERROR_LOG])?;
    edit(show, tour, "greeting = \"no end")?;
    tour.exec(show, &["kill", "HUP"])?;
    told(show, tour, &before, " error: ")?;
    let page = tour.curl(show, "/")?;
    ensure!(
        page.contains(round.greeting),
        "the configuration before the mistake is not in force any more"
    );
    edit(show, tour, &format!("{GREETING}\"{}\"", round.greeting))?;
    Ok(())
}

fn program(show: &Show, tour: &Tour<'_>, round: &Round) -> Result<()> {
    let source = tour.share.join("requests.c").display().to_string();
    let object = tour.share.join("requests.o").display().to_string();
    let args = ["cc", &source, "-o", &object];
    show.command(&typed(&args));
    let compiled = tour.vm.uio().run(&args)?;
    shown(show, &compiled);
    compiled.success()?;
    let text = tour.exec(show, &["run", "/uio/requests.o", round.page])?;
    let counts = Counts::parse(&text, round.page)?;
    let of_page = tour.asked_for(round.page);
    ensure!(
        counts.of_page == of_page,
        "the program counts {} requests for {}, curl made {of_page}",
        counts.of_page,
        round.page
    );
    let in_all = tour.asked_in_all();
    let fits = if round.loaded {
        counts.in_all >= in_all
    } else {
        counts.in_all == in_all
    };
    ensure!(
        fits,
        "the program counts {} requests, curl made {in_all}",
        counts.in_all
    );
    show.remark(&format!(
        "curl asked for {} {of_page} times, and {in_all} times in all",
        round.page
    ));
    Ok(())
}

/// What `requests.c` prints.
struct Counts {
    in_all: u64,
    of_page: u64,
}

impl Counts {
    fn parse(text: &str, page: &str) -> Result<Self> {
        let in_all = text
            .lines()
            .find_map(|line| line.strip_prefix("requests: "))
            .context("the program printed no `requests:`")?;
        let of_page = text
            .lines()
            .find_map(|line| line.strip_suffix(page)?.strip_suffix("  "))
            .with_context(|| format!("the program printed no line for {page}"))?;
        let status = text.lines().find(|line| line.starts_with("status: up "));
        status.context("the server's own status line is missing")?;
        Ok(Self {
            in_all: in_all.trim().parse()?,
            of_page: of_page.trim().parse()?,
        })
    }
}

fn save(show: &Show, tour: &Tour<'_>, round: &Round) -> Result<()> {
    const SAVED: &str = "/uio/access.log";
    tour.exec(show, &["cp", ACCESS_LOG, SAVED])?;
    let path = tour.share.join("access.log");
    show.command(&format!("wc -c {}", path.display()));
    let host = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    show.output(&host.len().to_string());
    // Under load the original grows on; the copy does not.
    let original = if round.loaded { SAVED } else { ACCESS_LOG };
    let guest = tour.vm.exec(&["cat", original])?.success()?.stdout;
    ensure!(!host.is_empty(), "the saved log is empty");
    ensure!(
        host == guest,
        "the host reads {} bytes, `uio exec {NAME} -- cat {original}` {} bytes, and not the same",
        host.len(),
        guest.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_what_the_program_prints() {
        let text =
            "requests: 12\n       3  /\n       4  /motd\nstatus: up 2 s, 12 requests, 9 bytes\n";
        let counts = Counts::parse(text, "/motd").unwrap();
        assert_eq!((counts.in_all, counts.of_page), (12, 4));
        assert_eq!(Counts::parse(text, "/").unwrap().of_page, 3);
        assert!(Counts::parse(text, "/about").is_err());
        assert!(Counts::parse("requests: 12\n       3  /\n", "/").is_err());
    }
}
