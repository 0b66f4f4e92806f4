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
    /// Bytes of the first argument.
    name: u16,
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
    /// No arguments at all, which no command line is.
    pub const NONE: Self = Self {
        bytes: &[],
        len: 0,
        name: 0,
    };

    /// Checks `bytes` and wraps them.
    ///
    /// # Errors
    /// See [`ArgvError`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, ArgvError> {
        let mut len = 0u8;
        let mut name = 0;
        let mut rest = bytes;
        while let Some(end) = zero_at(rest) {
            if usize::from(len) == MAX_ARGS {
                return Err(ArgvError::TooMany);
            }
            if end > MAX_ARG {
                return Err(ArgvError::TooLong(len));
            }
            if len == 0 {
                name = end as u16;
            }
            len += 1;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        match (len, rest) {
            (_, [_, ..]) => Err(ArgvError::Open),
            (0, []) => Err(ArgvError::Empty),
            _ => Ok(Self { bytes, len, name }),
        }
    }

    /// The same list of arguments, whose bytes lie in `bytes` now.
    #[must_use]
    pub fn moved<'b>(&self, bytes: &'b [u8]) -> Argv<'b> {
        Argv { bytes, ..*self }
    }

    /// The first argument, which is the command's name.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.bytes.get(..usize::from(self.name)).unwrap_or_default()
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
        match index {
            0 => Some(self.name()),
            index => self.operands().nth(index - 1),
        }
    }

    /// The arguments behind the command's name, in turn.
    fn operands(&self) -> Args<'a> {
        let rest = self.bytes.get(usize::from(self.name) + 1..);
        Args {
            rest: rest.unwrap_or_default(),
        }
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

/// The part of a command line, a `run`, that is the program's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own<'a> {
    /// Index of the argument that names the program; it may lie behind the last argument.
    pub index: usize,
    /// The arguments from there on, each with its closing zero.
    pub bytes: &'a [u8],
}

impl<'a> Own<'a> {
    /// The program's path; `None` if the command line names none.
    #[must_use]
    pub fn path(&self) -> Option<&'a [u8]> {
        Args { rest: self.bytes }.next()
    }
}

/// Finds the program in a command line: it is named by the first argument behind the options. Each of
/// these takes a value, behind a `=` or in the next argument; `--` ends them.
#[must_use]
pub fn program_of(argv: Argv<'_>) -> Own<'_> {
    let mut args = argv.operands();
    let mut index = 1;
    while let [b'-', b'-', ..] = args.rest {
        let option = args.next().unwrap_or_default();
        index += 1;
        if option.len() == 2 {
            break;
        }
        if !option.contains(&b'=') {
            args.next();
            index += 1;
        }
    }
    Own {
        index,
        bytes: args.rest,
    }
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
        assert_eq!(argv.name(), b"ls");
        assert_eq!(argv.get(0), Some(&b"ls"[..]));
        assert_eq!(argv.get(2), Some(&b"-l"[..]));
        assert_eq!(Argv::new(b"\0x\0").unwrap().get(1), Some(&b"x"[..]));
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
            let argv = Argv::new(line).unwrap();
            let own = program_of(argv);
            assert_eq!(own.index, index, "{line:?}");
            assert_eq!(own.path(), argv.get(index), "{line:?}");
            assert!(line.ends_with(own.bytes));
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
