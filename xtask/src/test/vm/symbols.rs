//! A symbol index that is missing, damaged, or of another build.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::super::report::Report;
use super::Server;
use super::arguments::refused;

/// A symbol that every image has.
const SYMBOL: &str = "web_requests";

/// Where the guest reads the index, on the host.
fn index(server: &Server<'_>) -> PathBuf {
    server.share.join(".uio/symbols")
}

/// Replaces the index for the time of a test.
fn with_index(server: &Server<'_>, bytes: Option<&[u8]>, words: &str) -> Result<()> {
    let path = index(server);
    let result = match bytes {
        Some(bytes) => std::fs::write(&path, bytes),
        None => std::fs::remove_file(&path),
    };
    result.with_context(|| format!("change {}", path.display()))?;
    let outcome = refused(server, &["sym", SYMBOL], 1, words);
    // A program that was never loaded needs the index as well.
    let program = server.vm.exec(&["unload", "--all"]).and_then(|_| {
        let output = server.vm.exec(&["run", "/uio/good.o"])?;
        ensure!(
            output.status == 126,
            "a program ran with such an index: status {}",
            output.status
        );
        Ok(())
    });
    std::fs::copy(&server.world.web.symbols, &path)?;
    outcome.and(program)
}

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    let Some(good) = report.check("the symbol index is on the share", || {
        server.vm.ok(&["sym", SYMBOL])?;
        Ok(std::fs::read(index(server))?)
    }) else {
        return;
    };
    server.check(report, "without a symbol index", |server| {
        with_index(server, None, "no symbol index")
    });
    server.check(
        report,
        "a symbol index of another build is refused",
        |server| {
            let id = hex(&server.world.web.build_id)?;
            let at = good
                .windows(id.len())
                .position(|window| window == id)
                .context("the index does not contain its build id")?;
            let mut other = good.clone();
            other[at] ^= 0xff;
            with_index(server, Some(&other), "of build")
        },
    );
    for (name, len) in [
        ("an empty", 0),
        ("a cut", good.len() / 2),
        ("a nearly empty", 7),
    ] {
        server.check(
            report,
            &format!("{name} symbol index is refused"),
            |server| with_index(server, good.get(..len), ""),
        );
    }
    server.check(report, "symbols are found again after that", |server| {
        server.vm.ok(&["sym", SYMBOL])?;
        server.vm.ok(&["run", "/uio/good.o"]).map(|_| ())
    });
    server.check(report, "an unknown symbol is named", |server| {
        refused(server, &["sym", "web_reqests"], 1, "web_reqests")
    });
}

/// Bytes of a number in hexadecimal.
fn hex(text: &str) -> Result<Vec<u8>> {
    (0..text.len() / 2)
        .map(|at| {
            let digits = text.get(2 * at..2 * at + 2).context("odd digits")?;
            Ok(u8::from_str_radix(digits, 16)?)
        })
        .collect()
}
