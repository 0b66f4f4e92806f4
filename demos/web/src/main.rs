//! Starts the web server.
#![forbid(unsafe_code)]

#[cfg(target_os = "hermit")]
use hermit as _;

use std::path::PathBuf;
use std::process::ExitCode;

use web::server::{Places, Server};
use web::{control, signals};

/// Where the operator's share is mounted, when there is one.
const CONFIG: &str = "/uio/web.toml";
/// In Hermit, in memory only.
const LOGS: &str = "/var/log";

const HELP: &str = "\
usage: web [--config FILE] [--logs DIRECTORY] [--port PORT]

Serves HTTP until it is told to stop.

  --config FILE     the configuration (default /uio/web.toml)
  --logs DIRECTORY  where access.log and error.log are (default /var/log)
  --port PORT       in place of the configured one
";

fn main() -> ExitCode {
    let places = match places(std::env::args().skip(1)) {
        Ok(places) => places,
        Err(text) => {
            eprint!("{text}");
            return ExitCode::from(2);
        }
    };
    match serve(places) {
        // Not by returning: that would wait for every client to close its side.
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("web: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(places: Places) -> std::io::Result<()> {
    let mut server = Server::bind(&places).map_err(|error| {
        let text = format!("cannot listen: {error}; is there a network device?");
        std::io::Error::new(error.kind(), text)
    })?;
    let handle = control::start(server.shared(), places.config)?;
    if let Err(error) = signals::install(handle) {
        eprintln!("web: no signals: {error}");
    }
    // Only for the operator's eyes.
    let _ = uio_app::thread_name(c"web");
    println!("web: listening on port {}", server.port());
    server.run()
}

fn places(mut arguments: impl Iterator<Item = String>) -> Result<Places, String> {
    let mut places = Places {
        config: PathBuf::from(CONFIG),
        logs: PathBuf::from(LOGS),
        port: None,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("web: {argument} needs a value\n{HELP}"))
        };
        match argument.as_str() {
            "--config" => places.config = PathBuf::from(value()?),
            "--logs" => places.logs = PathBuf::from(value()?),
            "--port" => {
                let text = value()?;
                let port = text.parse();
                places.port = Some(port.map_err(|_| format!("web: {text} is no port\n{HELP}"))?);
            }
            "--help" | "-h" => return Err(String::from(HELP)),
            _ => return Err(format!("web: unknown argument {argument}\n{HELP}")),
        }
    }
    Ok(places)
}
