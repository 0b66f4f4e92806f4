//! What a long piece of work is at, on the terminal.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::render::Format;

/// How often the sign of life moves.
const TICK: Duration = Duration::from_millis(120);

/// Shows steps as they begin: on a terminal a line with a moving sign and the time it takes, which
/// makes way for what is printed in between; elsewhere a line each; nothing for programs.
pub struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    begun: Instant,
}

impl Progress {
    /// Nothing is shown before the first step.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let terminal = io::stderr().is_terminal();
        Self {
            bar: (format == Format::Text && terminal).then(bar),
            lines: format == Format::Text && !terminal,
            begun: Instant::now(),
        }
    }

    /// A step begins.
    pub fn step(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        } else if self.lines {
            eprintln!("uio: {text}");
        }
    }

    /// Another program, such as cargo, is about to write to the terminal: the sign keeps still.
    pub fn keep_still(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.disable_steady_tick();
            bar.suspend(|| eprintln!("uio: {text}"));
            bar.set_message("");
        } else {
            self.step(text);
        }
    }

    /// The work is done.
    #[must_use]
    pub fn done(self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.begun.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}
