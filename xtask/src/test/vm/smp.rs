//! The web server on several processors.

use anyhow::{Result, ensure};

use super::super::report::Report;
use super::objects;
use super::{Server, World, clients, load, programs};
use crate::build::App;
use crate::demo::{WEB, sanity};
use crate::vm::Options;

/// Processors.
const PROCESSORS: u64 = 2;

/// Runs all of them.
pub fn run(report: &mut Report, world: &World) {
    let Some(server) = report.check("the server starts on two processors", || start(world)) else {
        return;
    };
    server.check(report, "both processors are there", |server| {
        let uptime = server.vm.json(&["uptime"])?;
        ensure!(uptime["cores"] == PROCESSORS, "uptime says {uptime}");
        let tasks = server.vm.json(&["ps"])?;
        let idle = tasks.as_array().map_or(0, |all| {
            all.iter()
                .filter(|task| task["name"] == "idle" || task["priority"] == 0)
                .count()
        });
        ensure!(idle as u64 == PROCESSORS, "{idle} idle tasks: {tasks}");
        sanity::log(&server.vm.json(&["log"])?)
    });
    objects::first(report, &server);
    clients::run(report, &server);
    programs::run(report, &server);
    load::run(report, &server);
    report.check("the server on two processors ends on request", || {
        server.vm.stop().map(|_| ())
    });
}

fn start(world: &World) -> Result<Server<'_>> {
    let app = App {
        package: WEB,
        features: &["smp"],
        ..App::default()
    };
    let images = world.uio.dir("images")?;
    let image = app.build(world.uio.program())?.keep(&images, "web-smp")?;
    let share = world.share("smp")?;
    let vm = world.server(&Options {
        name: "smp",
        image: image.path,
        share: Some(share.display().to_string()),
        run: vec!["--smp".into(), PROCESSORS.to_string()],
        ..Options::default()
    })?;
    Ok(Server { vm, share, world })
}
