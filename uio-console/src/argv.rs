//! The arguments of a command on the wire: each one's bytes, then a zero byte.

use crate::zero::zero_at;

/// The most arguments of a command, its name included.
pub const MAX_ARGS: usize = 64;

/// The longest argument, in bytes.
pub const MAX_ARG: usize = 1024;

/// Arguments as they came: borrowed, and known to be sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argv<'a> {
    bytes: &'a [u8],
    len: u8,
}

/// What is wrong with a list of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgvError {
    /// There is no argument at all.
    Empty,
    /// The last argument has no closing zero.
    Open,
    /// More than [`MAX_ARGS`] arguments.
    TooMany,
    /// The argument of this index has more than [`MAX_ARG`] bytes.
    TooLong(u8),
}

impl<'a> Argv<'a> {
    /// Checks `bytes` and wraps them.
    ///
    /// # Errors
    /// See [`ArgvError`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, ArgvError> {
        let mut len = 0u8;
        let mut rest = bytes;
        while let Some(end) = zero_at(rest) {
            if usize::from(len) == MAX_ARGS {
                return Err(ArgvError::TooMany);
            }
            if end > MAX_ARG {
                return Err(ArgvError::TooLong(len));
            }
            len += 1;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        match (len, rest) {
            (_, [_, ..]) => Err(ArgvError::Open),
            (0, []) => Err(ArgvError::Empty),
            _ => Ok(Self { bytes, len }),
        }
    }

    /// The arguments that were found sound before: as [`Self::as_bytes`] and [`Self::len`] gave them.
    #[must_use]
    pub fn known(bytes: &'a [u8], len: usize) -> Self {
        Self {
            bytes,
            len: len.min(MAX_ARGS) as u8,
        }
    }

    /// How many arguments there are, the command's name included.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there is none (never so for a checked list).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The argument of that index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.iter().nth(index)
    }

    /// The arguments in turn, the command's name first.
    pub fn iter(&self) -> Args<'a> {
        Args { rest: self.bytes }
    }

    /// The bytes as they came: each argument with its closing zero, which is what a C program's
    /// `argv` points into.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Index of the argument that names the program which this command line, a `run`, runs: the first
/// one behind the options. Each of these takes a value, behind a `=` or in the next argument; `--`
/// ends them. It may lie behind the last argument.
#[must_use]
pub fn program_of(argv: Argv<'_>) -> usize {
    let mut index = 1;
    while let Some([b'-', b'-', name @ ..]) = argv.get(index) {
        index += 1;
        if name.is_empty() {
            break;
        }
        if !name.contains(&b'=') {
            index += 1;
        }
    }
    index
}

impl<'a> IntoIterator for &Argv<'a> {
    type Item = &'a [u8];
    type IntoIter = Args<'a>;

    fn into_iter(self) -> Args<'a> {
        self.iter()
    }
}

/// Iterator over arguments.
#[derive(Clone)]
pub struct Args<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = zero_at(self.rest)?;
        let (arg, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(arg)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn arguments_come_apart() {
        let argv = Argv::new(b"ls\0\0-l\0").unwrap();
        assert_eq!(argv.len(), 3);
        assert_eq!(argv.iter().collect::<Vec<_>>(), [&b"ls"[..], b"", b"-l"]);
        assert_eq!(argv.get(2), Some(&b"-l"[..]));
        assert_eq!(argv.get(3), None);
    }

    #[test]
    fn the_program_is_found_behind_the_options() {
        for (line, index) in [
            (&b"run\0x.o\0--timeout\0"[..], 1),
            (b"run\0--timeout\x002s\0x.o\0", 3),
            (b"run\0--timeout=2s\0x.o\0", 2),
            (b"run\0--timeout=2s\0--\0--x.o\0", 3),
            (b"run\0-x\0", 1),
            (b"run\0--timeout\0", 3),
            (b"run\0", 1),
        ] {
            assert_eq!(program_of(Argv::new(line).unwrap()), index, "{line:?}");
        }
    }

    #[test]
    fn unsound_lists_are_refused() {
        assert_eq!(Argv::new(b""), Err(ArgvError::Empty));
        assert_eq!(Argv::new(b"ls"), Err(ArgvError::Open));
        assert_eq!(
            Argv::new(&b"a\0".repeat(MAX_ARGS + 1)),
            Err(ArgvError::TooMany)
        );
        let mut long = b"ls\0".to_vec();
        long.extend(std::vec![b'x'; MAX_ARG + 1]);
        long.push(0);
        assert_eq!(Argv::new(&long), Err(ArgvError::TooLong(1)));
    }
}
