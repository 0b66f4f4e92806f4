//! Commands that are no commands, and arguments that are too many or too long.

use anyhow::{Result, ensure};
use uio_console::argv::{MAX_ARG, MAX_ARGS};

use super::super::report::Report;
use super::Server;

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    server.check(
        report,
        "an unknown command is named, with status 127",
        |server| refused(server, &["no-such-command"], 127, "no such command"),
    );
    server.check(report, "too many arguments are refused", |server| {
        let argv = vec!["ls"; MAX_ARGS + 1];
        refused(server, &argv, 2, &MAX_ARGS.to_string())
    });
    server.check(
        report,
        "as many arguments as are allowed are taken",
        |server| {
            let argv = [vec!["ls"], vec!["/uio/web.toml"; MAX_ARGS - 1]].concat();
            server.vm.ok(&argv).map(|_| ())
        },
    );
    server.check(
        report,
        "an argument that is too long is refused",
        |server| {
            refused(
                server,
                &["cat", &"x".repeat(MAX_ARG + 1)],
                2,
                &MAX_ARG.to_string(),
            )
        },
    );
    server.check(
        report,
        "a command line that fits no frame is refused",
        |server| {
            let long = "x".repeat(MAX_ARG);
            let argv = [vec!["cat"], vec![long.as_str(); 8]].concat();
            let output = server.vm.exec(&argv)?;
            ensure!(
                output.status == 2,
                "status {}: {}",
                output.status,
                output.complaint()
            );
            ensure!(!output.complaint().is_empty(), "without a word");
            Ok(())
        },
    );
    server.check(
        report,
        "a path that is too long is the file system's error",
        |server| {
            let path = format!("/uio/{}", "x".repeat(300));
            refused(server, &["cat", &path], 1, "too long")
        },
    );
    server.check(
        report,
        "wrong options and numbers are usage errors",
        |server| {
            refused(server, &["ls", "--no-such-option"], 2, "no such option")?;
            refused(
                server,
                &["hexdump", "-n", "many", "/uio/web.toml"],
                2,
                "no number",
            )?;
            refused(server, &["kill"], 2, "argument is missing")?;
            refused(server, &["kill", "NOSUCH"], 2, "no signal")?;
            refused(server, &["peek", "0xffffffffffff0000"], 1, "not mapped")
        },
    );
}

/// Runs a command that must end with `status` and complain with certain words.
pub fn refused(server: &Server<'_>, argv: &[&str], status: i32, words: &str) -> Result<()> {
    let output = server.vm.exec(argv)?;
    let complaint = output.complaint();
    ensure!(
        output.status == status,
        "status {}, not {status}: {complaint}",
        output.status
    );
    ensure!(
        complaint.to_lowercase().contains(&words.to_lowercase()),
        "it does not say `{words}`: {complaint}"
    );
    Ok(())
}
