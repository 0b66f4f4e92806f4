//! `cargo xtask demo`: from a clone to a shell in a running web server.

mod rounds;
pub mod sanity;
mod stage;
mod tour;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::build::{self, App};
use crate::setup;
use crate::uio::{Uio, typed};
use stage::Stage;

pub use tour::wait_for_server;

/// The web server's package.
pub const WEB: &str = "demos/web";

/// Sets up, builds, boots and walks through the tour. Exit status 0 if all its steps held.
///
/// # Errors
/// When something cannot be built.
pub fn run() -> Result<ExitCode> {
    let begun = Instant::now();
    if let Err(code) = setup::ensure() {
        return Ok(code);
    }
    println!("Building the `uio` command, the boot loader, and the web server with the overlay.");
    let uio = Uio::new(build::uio()?)?;
    let app = App {
        package: WEB,
        ..App::default()
    };
    println!(
        "    $ {}",
        typed(&["build", WEB, "--target-dir", "target/guest"])
    );
    let image = app.build(uio.program())?;
    println!("    {}", image.path.display());
    println!("Ready after {:.1} s.\n", begun.elapsed().as_secs_f32());

    let mut stage = Stage::default();
    tour::walk(&mut stage, &uio, &image);
    Ok(stage.finish())
}
