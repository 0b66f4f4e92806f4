//! The command line of `bpf SUBCOMMAND`: long options, some with a value, and operands, in any order.

use uio_console::record::UsageProblem;

use super::call::Sub;
use crate::command::{Context, Stop, arg_index, number};

/// Options; the bit of each is that of its place.
const OPTIONS: [&[u8]; 8] = [
    b"--jit",
    b"--force",
    b"--follow",
    b"--raw",
    b"--breakpoints",
    b"--budget",
    b"--mem",
    b"--timeout",
];

/// The first of [`OPTIONS`] that has a value.
const VALUED: usize = 5;

/// Sets of options, for [`Sub::takes`].
pub(super) mod option {
    /// Compile.
    pub const JIT: u16 = 1;
    /// Detach first.
    pub const FORCE: u16 = 1 << 1;
    /// Go on with what comes.
    pub const FOLLOW: u16 = 1 << 2;
    /// Bytecode.
    pub const RAW: u16 = 1 << 3;
    /// At breakpoints.
    pub const BREAKPOINTS: u16 = 1 << 4;
    /// Instructions of a run.
    pub const BUDGET: u16 = 1 << 5;
    /// A buffer.
    pub const MEM: u16 = 1 << 6;
    /// A time limit.
    pub const TIMEOUT: u16 = 1 << 7;
}

/// An argument: its bytes, and its index as failures give it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) arg: u8,
}

/// What was read of a command line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line<'a> {
    given: u16,
    values: [Word<'a>; OPTIONS.len() - VALUED],
    /// Bit `n`: argument `n` is an operand.
    operands: u64,
    /// How many there are.
    pub(super) count: u8,
    /// Index of the last argument.
    pub(super) last: u8,
}

impl<'a> Line<'a> {
    /// Reads the arguments from index `first` on.
    ///
    /// # Errors
    /// [`Stop`], after it was said what is wrong.
    pub(super) fn read(cx: &mut Context<'a>, first: usize, sub: &Sub) -> Result<Self, Stop> {
        let mut line = Self::default();
        let mut index = first;
        let mut ended = false;
        while let Some(arg) = cx.arg(index) {
            let place = index;
            line.last = arg_index(place);
            index += 1;
            if arg == b"--" && !ended {
                ended = true;
                continue;
            }
            if ended || arg == b"-" || !arg.starts_with(b"-") {
                line.operands |= 1 << (place % 64);
                line.count += 1;
                if line.count > sub.most {
                    return Err(cx.misused(line.last, UsageProblem::Extra));
                }
                continue;
            }
            if let Err(problem) = line.option(cx, arg, &mut index, sub.takes) {
                return Err(cx.misused(line.last, problem));
            }
        }
        if line.count < sub.least {
            return Err(cx.misused(arg_index(index - 1), UsageProblem::Missing));
        }
        Ok(line)
    }

    fn option(
        &mut self,
        cx: &Context<'a>,
        arg: &'a [u8],
        index: &mut usize,
        takes: u16,
    ) -> Result<(), UsageProblem> {
        let equals = arg.iter().position(|&byte| byte == b'=');
        let (name, attached) = match equals {
            Some(at) => (arg.get(..at).unwrap_or_default(), arg.get(at + 1..)),
            None if arg == b"-f" => (&b"--follow"[..], None),
            None => (arg, None),
        };
        let place = OPTIONS.iter().position(|&known| known == name);
        let place = place.filter(|place| takes >> place & 1 != 0);
        let place = place.ok_or(UsageProblem::UnknownOption)?;
        self.given |= 1 << place;
        let Some(value) = place
            .checked_sub(VALUED)
            .and_then(|at| self.values.get_mut(at))
        else {
            return match attached {
                None => Ok(()),
                Some(_) => Err(UsageProblem::UnknownOption),
            };
        };
        let bytes = match attached {
            Some(attached) => attached,
            None => {
                let next = cx.arg(*index).ok_or(UsageProblem::Missing)?;
                self.last = arg_index(*index);
                *index += 1;
                next
            }
        };
        *value = Word {
            bytes,
            arg: self.last,
        };
        Ok(())
    }

    /// Whether an option is there.
    pub(super) fn has(&self, option: u16) -> bool {
        self.given & option != 0
    }

    /// The value of an option, if it is there.
    pub(super) fn value(&self, option: u16) -> Option<Word<'a>> {
        let place = (option.trailing_zeros() as usize).checked_sub(VALUED)?;
        self.has(option).then(|| self.values.get(place).copied())?
    }

    /// The number given with an option, if it is there.
    ///
    /// # Errors
    /// [`Stop`], after it was said that it is no number.
    pub(super) fn number(&self, cx: &mut Context<'_>, option: u16) -> Result<Option<u64>, Stop> {
        let Some(word) = self.value(option) else {
            return Ok(None);
        };
        match number(word.bytes) {
            Some(number) => Ok(Some(number)),
            None => Err(cx.misused(word.arg, UsageProblem::NotANumber)),
        }
    }

    /// The operand of that number, from 0.
    pub(super) fn operand(&self, cx: &Context<'a>, number: u8) -> Option<Word<'a>> {
        let mut left = self.operands;
        for _ in 0..number {
            left &= left.wrapping_sub(1);
        }
        if left == 0 {
            return None;
        }
        let index = left.trailing_zeros();
        let bytes = cx.arg(index as usize)?;
        Some(Word {
            bytes,
            arg: index as u8,
        })
    }

    /// As [`Self::operand`]; empty where there is none, which who asks has excluded.
    pub(super) fn word(&self, cx: &Context<'a>, number: u8) -> Word<'a> {
        self.operand(cx, number).unwrap_or_default()
    }
}
