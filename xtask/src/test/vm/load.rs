//! The overlay at work while the server is: neither fails.

use std::thread;

use anyhow::{Result, anyhow, ensure};

use super::super::report::Report;
use super::Server;
use super::objects::compile;
use crate::load::Load;

/// Rounds of commands that each client runs.
const ROUNDS: usize = 15;

/// A program that touches the server's variables and functions.
const COUNT: &str = "
#include <uio.h>
extern unsigned long web_requests;
unsigned long web_requests_of(const char *path);
int main(void) {
    /* Of requests that are answered meanwhile, some count in one and not yet in the other. */
    unsigned long of_page = web_requests_of(\"/\");
    return web_requests + 64 < of_page;
}
";

/// Runs all of them.
pub fn run(report: &mut Report, server: &Server<'_>) {
    server.check(
        report,
        "commands and requests at once, none fails",
        |server| {
            compile(server, "count", COUNT)?;
            let load = Load::start(server.vm.port()?, "/", 8, 300)?;
            let commands: [&[&str]; 3] = [
                &["ps"],
                &["cat", "/uio/requests.c"],
                &["run", "/uio/count.o"],
            ];
            let worked = thread::scope(|scope| {
                let workers = commands.map(|argv| {
                    scope.spawn(move || -> Result<()> {
                        for _ in 0..ROUNDS {
                            server.vm.ok(argv)?;
                        }
                        Ok(())
                    })
                });
                workers.into_iter().try_for_each(|worker| {
                    worker
                        .join()
                        .map_err(|_| anyhow!("a client's thread panicked"))?
                })
            });
            let report = load.finish()?;
            worked?;
            ensure!(
                report.failed == 0,
                "{} of {} requests failed",
                report.failed,
                report.requests
            );
            ensure!(
                report.requests > 8,
                "only {} requests were answered",
                report.requests
            );
            Ok(())
        },
    );
}
