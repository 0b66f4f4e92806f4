//! Installing Debian packages.

use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

use super::needs::is_there;

/// The package manager.
const APT: &str = "apt-get";

/// Installs packages, after having said which. Its output passes through.
///
/// # Errors
/// When this is no Debian, this user may not install, or apt reports failure.
pub fn install(packages: &[&str]) -> Result<()> {
    ensure!(is_there(APT), "there is no {APT}; this is no Debian");
    let prefix = prefix()?;
    println!(
        "Installing by {}{APT}: {}",
        if prefix.is_empty() { "" } else { "sudo " },
        packages.join(" ")
    );
    if apt(prefix, packages) {
        return Ok(());
    }
    // The lists of packages are absent or outdated.
    let mut update = command(prefix);
    update.arg("update");
    if update.status().is_ok_and(|status| status.success()) && apt(prefix, packages) {
        return Ok(());
    }
    bail!("{APT} reported failure")
}

/// What goes before the command: nothing for root, sudo where it asks for no password.
fn prefix() -> Result<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        return Ok(&[]);
    }
    let sudo = Command::new("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ensure!(
        sudo.is_ok_and(|status| status.success()),
        "this user is not root, and `sudo -n` does not work"
    );
    Ok(&["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"])
}

fn command(prefix: &[&str]) -> Command {
    let mut words = prefix.iter().copied().chain([APT]);
    let mut command = Command::new(words.next().unwrap_or(APT));
    command
        .args(words)
        .args(["--quiet", "--yes"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command
}

fn apt(prefix: &[&str], packages: &[&str]) -> bool {
    let mut install = command(prefix);
    install
        .args(["install", "--no-install-recommends"])
        .args(packages);
    install.status().is_ok_and(|status| status.success())
}
