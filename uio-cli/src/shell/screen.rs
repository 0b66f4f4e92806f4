//! What is shown while the operator types: whole lines, above the prompt.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

/// A line that does not end is shown in parts of this many bytes.
const LONGEST: usize = 8 * 1024;

/// Where background jobs write: above the prompt while a line is edited, otherwise to the terminal or
/// file that standard output or error is.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Option<SyncSender<String>>>>);

/// One of the two standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    fn fd(self) -> BorrowedFd<'static> {
        match self {
            Self::Out => rustix::stdio::stdout(),
            Self::Err => rustix::stdio::stderr(),
        }
    }
}

impl Screen {
    /// From now on lines are shown above a prompt, by whoever receives them; `None` ends that.
    pub fn edit(&self, printer: Option<SyncSender<String>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = printer;
    }

    /// Shows whole lines.
    ///
    /// # Errors
    /// Why standard output or error cannot be written to.
    pub fn show(&self, stream: Stream, lines: &[u8]) -> io::Result<()> {
        let editing = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        // The receiver may be slow, so it is waited for without the lock.
        if let Some(printer) = editing
            && printer
                .send(String::from_utf8_lossy(lines).into_owned())
                .is_ok()
        {
            return Ok(());
        }
        // Past this process's own buffers: they are locked while a command in the foreground runs.
        let mut rest = lines;
        while !rest.is_empty() {
            match rustix::io::write(stream.fd(), rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

/// Gathers what is written until a line is whole.
pub struct Lines {
    screen: Screen,
    stream: Stream,
    begun: Vec<u8>,
}

impl Lines {
    /// Lines for that stream.
    #[must_use]
    pub fn new(screen: &Screen, stream: Stream) -> Self {
        Self {
            screen: screen.clone(),
            stream,
            begun: Vec::new(),
        }
    }

    /// Shows the line that was begun, if any, as one.
    ///
    /// # Errors
    /// See [`Screen::show`].
    pub fn end(&mut self) -> io::Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        self.begun.push(b'\n');
        let lines = std::mem::take(&mut self.begun);
        self.screen.show(self.stream, &lines)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let whole = match self.begun.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => end + 1,
            None if self.begun.len() > LONGEST => self.begun.len(),
            None => 0,
        };
        if whole != 0 {
            let rest = self.begun.split_off(whole);
            let lines = std::mem::replace(&mut self.begun, rest);
            self.screen.show(self.stream, &lines)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // A line that is not whole would be garbled by the prompt.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn only_whole_lines_are_shown_above_the_prompt() {
        let screen = Screen::default();
        let (printer, shown) = sync_channel(16);
        screen.edit(Some(printer));
        let mut lines = Lines::new(&screen, Stream::Out);
        for piece in ["a", "b\nc\nd", "", "e"] {
            lines.write_all(piece.as_bytes()).unwrap();
            lines.flush().unwrap();
        }
        assert_eq!(shown.try_iter().collect::<Vec<_>>(), ["ab\nc\n"]);
        lines.end().unwrap();
        lines.end().unwrap();
        assert_eq!(shown.try_iter().collect::<Vec<_>>(), ["de\n"]);
        lines.write_all(&[b'x'; LONGEST + 1]).unwrap();
        assert_eq!(
            shown.try_iter().next().map(|line| line.len()),
            Some(LONGEST + 1)
        );
    }
}
