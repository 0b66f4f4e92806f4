//! A symbol index that is missing, damaged, or of another build. The guest reads the index once, so each gets a server of its
//! own.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::super::report::Report;
use super::arguments::refused;
use super::objects::{SOURCE, compile};
use super::{Server, World};
use crate::build::App;
use crate::process::Output;
use crate::vm::Options;

/// A symbol that every image has.
const SYMBOL: &str = "web_requests";

/// What is wrong with an index.
#[derive(Clone, Copy)]
enum Damage {
    /// It is not there.
    Missing,
    /// Only its first bytes are there, as a share of the whole.
    Cut(f64),
    /// It is something else.
    Text,
    /// It belongs to another image.
    OtherBuild,
}

/// Name, damage, and what must be said of it.
const DAMAGES: [(&str, Damage, &str); 6] = [
    ("no symbol index", Damage::Missing, "no symbol index"),
    ("an empty symbol index", Damage::Cut(0.0), ""),
    (
        "a symbol index of few bytes",
        Damage::Cut(0.0001),
        "damaged",
    ),
    ("half a symbol index", Damage::Cut(0.5), "damaged"),
    ("a text file as symbol index", Damage::Text, "damaged"),
    (
        "a symbol index of another build",
        Damage::OtherBuild,
        "of build",
    ),
];

/// Runs all of them.
pub fn run(report: &mut Report, world: &World) {
    let Some((right, other)) = report.check("the right symbol index serves", || {
        let server = Server::start(world, "symbols-right")?;
        let app = App {
            package: "demos/fs",
            ..App::default()
        };
        let other = app.build(world.uio.program())?;
        Ok((
            server.vm.ok(&["sym", SYMBOL])?,
            std::fs::read(other.symbols)?,
        ))
    }) else {
        return;
    };
    for (name, damage, words) in DAMAGES {
        let Some(server) = report.check(&format!("the server starts with {name}"), || {
            start(world, damage, &other)
        }) else {
            continue;
        };
        server.check(report, &format!("{name} gives no wrong answer"), |server| {
            let answer = server.vm.exec(&["sym", SYMBOL])?;
            let program = {
                compile(server, "good", SOURCE)?;
                server.vm.exec(&["run", "/uio/good.o"])?
            };
            if let Damage::Cut(share) = damage
                && share > 0.1
            {
                // What is there has its checksums, and serves.
                return partly(&answer, &program, &right, words);
            }
            refused(server, &["sym", SYMBOL], 1, words)?;
            ensure!(
                program.status == 126 && program.stdout.is_empty(),
                "a program ran with such an index: status {}, {}",
                program.status,
                program.text()
            );
            Ok(())
        });
    }
}

/// Either a right answer or a refusal.
fn partly(answer: &Output, program: &Output, right: &str, words: &str) -> Result<()> {
    for output in [answer, program] {
        let refused = output.status != 0 && output.complaint().contains(words);
        ensure!(
            refused || output.status == 0,
            "status {}: {}",
            output.status,
            output.complaint()
        );
    }
    ensure!(
        answer.status != 0 || answer.text() == right,
        "a wrong answer: {}",
        answer.text()
    );
    Ok(())
}

/// Starts the server with a damaged index on its share: `uio run` copies an index only for an image that has one beside it.
fn start<'w>(world: &'w World, damage: Damage, other: &[u8]) -> Result<Server<'w>> {
    let share = world.share("symbols")?;
    let path = index(&share)?;
    let good = std::fs::read(&world.web.symbols)?;
    match damage {
        // One may be left of the server before.
        Damage::Missing => drop(std::fs::remove_file(&path)),
        Damage::Cut(part) => {
            let len = (good.len() as f64 * part) as usize;
            std::fs::write(&path, good.get(..len).unwrap_or_default())?;
        }
        Damage::Text => std::fs::write(&path, b"no index\n".repeat(1000))?,
        Damage::OtherBuild => std::fs::write(&path, other)?,
    }
    let alone = world.uio.dir("alone")?.join("web.hermit");
    std::fs::copy(&world.web.path, &alone)?;
    let vm = world.server(&Options {
        name: "symbols",
        image: alone,
        share: Some(share.display().to_string()),
        ..Options::default()
    })?;
    Ok(Server { vm, share, world })
}

/// Where the guest reads the index, on the host.
fn index(share: &Path) -> Result<PathBuf> {
    let dir = share.join(".uio");
    std::fs::create_dir_all(&dir)?;
    Ok(dir.join("symbols"))
}
