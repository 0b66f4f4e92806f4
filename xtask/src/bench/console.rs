//! Figures of the console: round trips of an empty command, `ls`, symbol lookup, memory.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::counter::between;
use super::lab::{Costs, GAP, LISTED, Lab, costs, measure, micros};
use super::profile::of_overlay;
use super::report::{Figure, Goal};
use super::session::{Answer, Session};
use super::stats::Series;
use crate::load::Load;
use crate::uio::Uio;
use crate::vm::Options;

/// Connections that wrk keeps open.
const CONNECTIONS: u32 = 8;

/// How long wrk runs before anything is measured.
const WARM: Duration = Duration::from_millis(500);

/// The original's console round trip, in guest instructions.
const ORIGINAL_CONSOLE: f64 = 2_407.0;

/// The original's `ls` of 23 entries, in guest instructions.
const ORIGINAL_LS: f64 = 155_700.0;

/// What the original takes to load its table of symbols, in guest instructions.
const ORIGINAL_SYMBOLS: f64 = 5_790_000.0;

/// What the original's table of symbols takes of the heap, in bytes.
const ORIGINAL_HEAP: f64 = 225_280.0;

/// Round trips while nothing else happens.
///
/// # Errors
/// When the guest does not do as it should.
pub fn idle(lab: &Lab) -> Result<Vec<Figure>> {
    let vm = lab.attached(&[])?;
    let mut session = vm.attach()?;
    // The first command in a guest's life sets up what it needs.
    session.run("exit 0")?;
    let exit = costs(&vm, &mut session, "exit 0", lab.repetitions)?;
    let version = costs(&vm, &mut session, "version", lab.repetitions)?;
    Ok(vec![
        Figure::new(
            "console.idle",
            "console round trip, `exit 0`, idle",
            "instructions",
            exit.instructions,
        )
        .goal(Goal::Original(ORIGINAL_CONSOLE)),
        Figure::new(
            "console.idle.time",
            "console round trip, `exit 0`, idle",
            "µs",
            exit.micros,
        ),
        Figure::new(
            "console.version",
            "console round trip, `version`, idle",
            "instructions",
            version.instructions,
        ),
    ])
}

/// Round trips while wrk keeps the web server busy. The guest finds no rest, so that only the instructions of the
/// overlay's own code can be told from the server's.
///
/// # Errors
/// When the guest does not do as it should.
pub fn loaded(lab: &Lab) -> Result<Vec<Figure>> {
    let vm = lab.attached(&[])?;
    let mut session = vm.attach()?;
    session.run("exit 0")?;
    let limit = 60 + lab.repetitions as u32;
    let load = Load::start(vm.port, "/", CONNECTIONS, limit)?;
    sleep(WARM);
    let before = vm.counter.blocks()?;
    let mut micros_of = Series::new();
    for _ in 0..lab.repetitions {
        sleep(GAP);
        micros_of.push(micros(session.run("exit 0")?.took));
    }
    let executed = between(&before, &vm.counter.blocks()?);
    let report = load.finish()?;
    ensure!(report.failed == 0, "{} requests failed", report.failed);
    let own = of_overlay(&lab.with, &executed) as f64 / lab.repetitions as f64;
    Ok(vec![
        Figure::new(
            "console.loaded.time",
            "console round trip, `exit 0`, under wrk",
            "µs",
            micros_of,
        ),
        Figure::new(
            "console.loaded.own",
            "the same: instructions of the overlay's own code (mean)",
            "instructions",
            Series::once(own),
        ),
    ])
}

/// Round trips through `uio run`'s broker.
///
/// # Errors
/// When the VM does not start or the guest does not do as it should.
pub fn broker(lab: &Lab, uio: PathBuf) -> Result<Vec<Figure>> {
    let uio = Uio::new(uio)?;
    let options = Options {
        name: "bench",
        image: lab.with.bootable.clone(),
        share: Some(lab.share().display().to_string()),
        run: ["--memory", "512M", "--accel", "tcg"]
            .map(str::to_owned)
            .to_vec(),
        // Without a network the web server ends.
        publish: Some(8080),
        ..Options::default()
    };
    let vm = options.start(&uio)?;
    let mut session = Session::open(&vm.socket())?;
    session.run("exit 0")?;
    let mut micros_of = Series::new();
    for _ in 0..lab.repetitions {
        sleep(GAP);
        micros_of.push(micros(session.run("exit 0")?.took));
    }
    Ok(vec![Figure::new(
        "console.broker.time",
        "console round trip, `exit 0`, idle, through the broker",
        "µs",
        micros_of,
    )])
}

/// `ls` of a directory of 23 files.
///
/// # Errors
/// When the guest does not do as it should.
pub fn ls(lab: &Lab) -> Result<Vec<Figure>> {
    let vm = lab.attached(&[])?;
    let mut session = vm.attach()?;
    let command = format!("ls {}/listed", session.hello.share);
    let listed = session.run(&command)?;
    ensure!(
        listed.records as usize == LISTED,
        "`{command}` lists {} entries, not {LISTED}",
        listed.records
    );
    let costs = costs(&vm, &mut session, &command, lab.repetitions)?;
    Ok(vec![
        Figure::new(
            "ls.share",
            "`ls` of 23 files on the share",
            "instructions",
            costs.instructions,
        )
        .goal(Goal::Original(ORIGINAL_LS)),
        Figure::new(
            "ls.share.time",
            "`ls` of 23 files on the share",
            "µs",
            costs.micros,
        ),
    ])
}

/// Looking a symbol up: the first time in a guest's life, and again.
///
/// # Errors
/// When the guest does not do as it should.
pub fn symbols(lab: &Lab) -> Result<Vec<Figure>> {
    let mut first = Series::new();
    let mut heap = Series::new();
    let mut again = Costs::default();
    for _ in 0..3 {
        let vm = lab.attached(&[])?;
        let mut session = vm.attach()?;
        // The first command of a worker is not the index's doing.
        session.run("ps")?;
        let before = used(&mut session)?;
        first.push(measure(&vm, &mut session, "sym main")?.instructions);
        heap.push(used(&mut session)? - before);
        for _ in 0..lab.repetitions.div_ceil(3) {
            again.push(&measure(&vm, &mut session, "sym main")?);
        }
    }
    Ok(vec![
        Figure::new(
            "symbols.first",
            "symbol lookup, the guest's first",
            "instructions",
            first,
        )
        .goal(Goal::Original(ORIGINAL_SYMBOLS)),
        Figure::new(
            "symbols.again",
            "symbol lookup, again",
            "instructions",
            again.instructions,
        ),
        Figure::new("symbols.time", "symbol lookup, again", "µs", again.micros),
        Figure::new("symbols.heap", "heap that lookups keep", "bytes", heap)
            .goal(Goal::Original(ORIGINAL_HEAP)),
    ])
}

/// Heap in use, in bytes.
fn used(session: &mut Session) -> Result<f64> {
    let memory = session.run("free")?.memory;
    Ok(memory.context("`free` sent no record")?.heap_used as f64)
}

/// Memory that the overlay holds.
///
/// # Errors
/// When the guest does not do as it should.
pub fn memory(lab: &Lab) -> Result<Vec<Figure>> {
    let vm = lab.attached(&[])?;
    let mut session = vm.attach()?;
    let told = |answer: Answer| answer.memory.context("`free` sent no record");
    let idle = told(session.run("free")?)?;
    let share = session.hello.share.clone();
    for command in [
        format!("ls {share}/listed"),
        "sym main".to_owned(),
        format!("run {share}/tables.o"),
        format!("cat {share}/.uio/symbols"),
    ] {
        session.run(&command)?;
    }
    let used = told(session.run("free")?)?;
    session.run("unload --all")?;
    let unloaded = told(session.run("free")?)?;
    let once = |key, what, bytes: u64| Figure::new(key, what, "bytes", Series::once(bytes as f64));
    Ok(vec![
        once("memory.idle", "overlay's memory, idle", idle.overlay),
        once("memory.used", "overlay's memory, after use", used.overlay),
        once(
            "memory.programs",
            "loaded programs' memory (one of 4 kB)",
            used.programs,
        ),
        once(
            "memory.unloaded",
            "loaded programs' memory, unloaded",
            unloaded.programs,
        )
        .goal(Goal::AtMost(0.0)),
        Figure::new(
            "memory.heap",
            "heap in use after use, above idle",
            "bytes",
            Series::once(used.heap_used as f64 - idle.heap_used as f64),
        )
        .goal(Goal::Original(ORIGINAL_HEAP)),
    ])
}
