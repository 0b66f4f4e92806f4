//! Small parts that texts are made of.

use std::fmt::Write;

use uio_console::record::{JobState, Kind, Owner, TaskState};

/// Bytes that the guest sent, made fit for a terminal: control characters, which could move the
/// cursor or change colours, become escapes, and what is not UTF-8 becomes `\xNN`.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A symbol's name without its mangling, and without the hash that Rust puts at the end.
#[must_use]
pub fn demangled(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(name) => printable(format!("{:#}", rustc_demangle::demangle(name)).as_bytes()),
        Err(_) => printable(name),
    }
}

/// An amount of memory or data: `512 B`, `1.5 KiB`, `3.0 GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut scale = 1024u64;
    // The last unit is the largest that a u64 reaches.
    while unit + 1 < UNITS.len() && bytes / scale >= 1024 {
        unit += 1;
        scale <<= 10;
    }
    let tenths = (u128::from(bytes) * 10 / u128::from(scale)) as u64;
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Kind and permissions, as `ls -l` shows them.
#[must_use]
pub fn mode(kind: Kind, mode: u32) -> String {
    let mut text = String::with_capacity(10);
    text.push(match kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Link => 'l',
        Kind::Other => '?',
    });
    for (shift, special, name) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, false) => name.to_ascii_uppercase(),
            (true, true) => name,
        });
    }
    text
}

/// A file's kind in a word.
#[must_use]
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Other => "other",
    }
}

/// A task's state in a word.
#[must_use]
pub fn task_state(state: TaskState) -> &'static str {
    match state {
        TaskState::Running => "running",
        TaskState::Ready => "ready",
        TaskState::Blocked => "blocked",
        TaskState::Idle => "idle",
        TaskState::Finished => "finished",
    }
}

/// A job's state in a word.
#[must_use]
pub fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Ending => "ending",
    }
}

/// In a word, whose code a frame is of.
#[must_use]
pub fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Program => "program",
        Owner::Image => "image",
        Owner::Nobody => "nobody",
    }
}

/// A log level in a word, as the crate `log` numbers them.
#[must_use]
pub fn level(level: u8) -> &'static str {
    match level {
        1 => "error",
        2 => "warn",
        3 => "info",
        4 => "debug",
        5 => "trace",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        assert_eq!(printable(b"a\x1b[2Jb\n\xffz"), "a\\u{1b}[2Jb\\n\\xffz");
        assert_eq!(printable("grün".as_bytes()), "grün");
    }

    #[test]
    fn sizes() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(1 << 30), "1.0 GiB");
        assert_eq!(size(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn modes() {
        assert_eq!(mode(Kind::Directory, 0o755), "drwxr-xr-x");
        assert_eq!(mode(Kind::File, 0o4644), "-rwSr--r--");
        assert_eq!(mode(Kind::Directory, 0o1777), "drwxrwxrwt");
    }

    #[test]
    fn names_lose_their_mangling() {
        assert_eq!(
            demangled(b"_ZN4core3fmt5Write9write_str17h0123456789abcdefE"),
            "core::fmt::Write::write_str"
        );
        assert_eq!(demangled(b"main"), "main");
    }
}
