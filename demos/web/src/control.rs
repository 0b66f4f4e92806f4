//! The thread beside the loop: it keeps the time, and reads the configuration again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use crate::clock::millis_since;
use crate::config::{Config, ConfigError};
use crate::server::Shared;
use crate::site::Site;
use crate::stats;

/// Tells a running server what to do, from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    reload: Arc<AtomicBool>,
    thread: Thread,
}

impl Handle {
    /// Asks for the configuration to be read again. Returns at once, takes no lock, allocates
    /// nothing.
    pub fn reload(&self) {
        self.shared.work.store(true, Ordering::Release);
        self.reload.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Asks the server to end. Returns at once.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Starts the thread for the server of `shared`, whose configuration is the file `config`.
///
/// # Errors
///
/// When there is no thread to be had.
pub fn start(shared: Arc<Shared>, config: PathBuf) -> io::Result<Handle> {
    let reload = Arc::new(AtomicBool::new(false));
    let thread = {
        let (shared, reload) = (Arc::clone(&shared), Arc::clone(&reload));
        thread::Builder::new()
            .name(String::from("control"))
            .spawn(move || run(&shared, &reload, &config))?
    };
    Ok(Handle {
        shared,
        reload,
        thread: thread.thread().clone(),
    })
}

fn run(shared: &Shared, reload: &AtomicBool, config: &Path) {
    let _ = uio_app::thread_name(c"control");
    shared.alarm.attend(thread::current());
    loop {
        let (due, pause) = shared.alarm.look(millis_since(shared.origin));
        if due {
            shared.waker.wake();
        }
        thread::park_timeout(pause);
        if reload.swap(false, Ordering::AcqRel) {
            self::reload(shared, config);
            shared
                .work
                .store(reload.load(Ordering::Acquire), Ordering::Release);
        }
        if shared.stop.load(Ordering::Acquire) {
            shared.waker.wake();
            return;
        }
    }
}

/// Puts the configuration in the file `config` in force, or says in the error log why not.
fn reload(shared: &Shared, config: &Path) {
    let old = shared.site();
    match load(config, old.generation + 1) {
        Ok(site) => {
            shared.errors.reopen(site.log.error_bytes);
            let generation = site.generation;
            let file = config.display();
            shared
                .errors
                .notice(&format!("configuration {generation} from {file}"));
            let fixed = |site: &Site| (site.port, site.limits.connections, site.limits.backlog);
            if fixed(&site) != fixed(&old) {
                shared.errors.notice(
                    "port, limits.connections and limits.backlog only change with a restart",
                );
            }
            shared.set_site(site);
        }
        Err(error) => {
            stats::refused();
            let generation = old.generation;
            shared.errors.error(&format!(
                "configuration {generation} stays in force: {error}"
            ));
        }
    }
}

fn load(path: &Path, generation: u64) -> Result<Site, ConfigError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    Site::new(&Config::load(path)?, directory, generation)
}

/// The configuration to start with, and a line for the error log about it: an error when there is a
/// file that is no good. A server with the wrong pages can be looked into and mended; one that did
/// not start cannot.
pub(crate) fn first_site(path: &Path) -> (Site, Result<String, String>) {
    let file = path.display();
    let outcome = if std::fs::metadata(path).is_err() {
        Ok((None, format!("no {file}: built-in configuration")))
    } else {
        match load(path, 1) {
            Ok(site) => Ok((Some(site), format!("configuration 1 from {file}"))),
            Err(error) => Err(format!("built-in configuration in force: {error}")),
        }
    };
    let (site, text) = match outcome {
        Ok((site, text)) => (site, Ok(text)),
        Err(text) => {
            stats::refused();
            (None, Err(text))
        }
    };
    (site.unwrap_or_else(|| Site::built_in(1)), text)
}
