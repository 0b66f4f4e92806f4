//! Shares that are read-only, full, or not there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::report::{Report, skip};
use super::arguments::refused;
use super::{Server, World};
use crate::cleanup;
use crate::process::run as run_program;
use crate::vm::Options;

/// Bytes of the small file system.
const SMALL: usize = 4 << 20;

/// Runs all of them.
pub fn run(report: &mut Report, world: &World) {
    if let Some(server) = report.check("the server starts without a share", || without(world)) {
        server.check(report, "without a share, commands say so", |server| {
            for argv in [
                &["ls", "/uio"][..],
                &["cat", "/uio/x"],
                &["cp", "/var/log/error.log", "/uio/x"],
            ] {
                refused(server, argv, 1, "no share is attached")?;
            }
            refused(server, &["run", "/uio/x.o"], 126, "no share is attached")?;
            server.vm.ok(&["cat", "/var/log/error.log"]).map(|_| ())
        });
    }
    if let Some(server) = report.check("the server starts on a share that is read-only", || {
        read_only(world)
    }) {
        server.check(
            report,
            "a read-only share is read and not written",
            |server| {
                server.vm.ok(&["cat", "/uio/web.toml"])?;
                let before = std::fs::read(server.share.join("web.toml"))?;
                for argv in [
                    &["cp", "/var/log/error.log", "/uio/copy"][..],
                    &["cp", "/var/log/error.log", "/uio/web.toml"],
                    &["rm", "/uio/web.toml"],
                    &["mkdir", "/uio/new"],
                    &["mv", "/uio/web.toml", "/uio/old"],
                ] {
                    refused(server, argv, 1, "read-only")?;
                }
                ensure!(
                    std::fs::read(server.share.join("web.toml"))? == before,
                    "it was written"
                );
                Ok(())
            },
        );
    }
    let Some((server, _mount)) =
        report.check("the server starts on a small share", || small(world))
    else {
        return;
    };
    server.check(
        report,
        "a full share takes no more, until there is room again",
        full,
    );
    server.check(
        report,
        "a share may go read-only while it is in use",
        goes_read_only,
    );
}

fn without(world: &World) -> Result<Server<'_>> {
    let vm = world.server(&Options {
        name: "without",
        ..Options::default()
    })?;
    let share = PathBuf::new();
    Ok(Server { vm, share, world })
}

fn read_only(world: &World) -> Result<Server<'_>> {
    let share = world.share("read-only")?;
    let vm = world.server(&Options {
        name: "read-only",
        share: Some(format!("{}:ro", share.display())),
        ..Options::default()
    })?;
    Ok(Server { vm, share, world })
}

/// A mounted file system; unmounted when it goes out of scope.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        cleanup::unmount(&self.0);
    }
}

fn mount(options: &str, path: &Path) -> Result<()> {
    let mut mount = Command::new("mount");
    mount
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(path);
    run_program(&mut mount, Duration::from_secs(20))?
        .success()
        .map(|_| ())
}

/// The server on a file system that is full soon.
fn small(world: &World) -> Result<(Server<'_>, Mount)> {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can mount a small file system");
    }
    let path = world.uio.dir("small")?;
    if let Err(error) = mount(&format!("size={SMALL}"), &path) {
        return skip(format!("no file system can be mounted here: {error}"));
    }
    cleanup::unmount_at_end(&path);
    let mount = Mount(path);
    Ok((Server::start(world, "small")?, mount))
}

fn full(server: &Server<'_>) -> Result<()> {
    let filler = server.share.join("filler");
    std::fs::write(&filler, vec![1; SMALL / 2])?;
    // Larger than what is left, and made by the guest itself.
    let output = server.vm.exec(&["cp", "/uio/filler", "/uio/more"])?;
    let complaint = output.complaint();
    ensure!(
        output.status == 1 && complaint.contains("No space left"),
        "status {}: {complaint}",
        output.status
    );
    refused(
        server,
        &["cp", "/uio/web.toml", "/uio/web.copy"],
        1,
        "No space left",
    )?;
    server.vm.ok(&["cat", "/uio/web.toml"])?;
    server.vm.ok(&["rm", "/uio/filler"])?;
    server.vm.ok(&["cp", "/uio/web.toml", "/uio/web.copy"])?;
    let [one, two] = ["web.toml", "web.copy"].map(|name| std::fs::read(server.share.join(name)));
    ensure!(one? == two?, "the copy differs");
    Ok(())
}

fn goes_read_only(server: &Server<'_>) -> Result<()> {
    mount("remount,ro", &server.share).context("remount")?;
    let refused = refused(
        server,
        &["cp", "/var/log/error.log", "/uio/log"],
        1,
        "read-only",
    )
    .and_then(|()| server.vm.ok(&["cat", "/uio/web.toml"]).map(|_| ()));
    mount("remount,rw", &server.share).context("remount")?;
    refused?;
    server
        .vm
        .ok(&["cp", "/var/log/error.log", "/uio/log"])
        .map(|_| ())
}
