//! Takes a command line apart as POSIX utilities do (XBD 12.2, guidelines 3 to 10), with options
//! and operands in any order.

use uio_console::argv::{Args, Argv};
use uio_console::record::UsageProblem;

use super::{Context, Stop, number};

/// A part of a command line, with the index of the argument it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item<'a> {
    /// An option, and its place among those that the command takes.
    Flag(u8),
    /// An option's value, and the option's place.
    Value(u8, &'a [u8]),
    /// An operand.
    Operand(&'a [u8]),
    /// What is wrong.
    Problem(UsageProblem),
}

/// Iterates over the parts of a command line, its name left out.
#[derive(Clone)]
pub(crate) struct Options<'a> {
    args: Args<'a>,
    /// Option letters that the command takes; those that take a value are followed by a colon.
    spec: &'static [u8],
    /// Index of the argument that was last taken.
    index: u8,
    /// What is left of an argument with several options.
    cluster: &'a [u8],
    /// After `--` there are only operands.
    ended: bool,
}

/// The most options with a value that a command has.
const VALUES: usize = 2;

/// The options of a command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Bit `n`: the option at place `n` of the command's list is there.
    bits: u8,
    /// The values, all of them numbers, of the first options of the list that take one.
    values: [Option<u64>; VALUES],
    /// How many operands there are.
    pub(crate) operands: u8,
    /// Index of the last argument.
    pub(crate) last: u8,
}

impl Flags {
    /// Whether the option at this place of the command's list is there.
    pub(crate) fn has(&self, place: u8) -> bool {
        self.bits & 1 << place != 0
    }

    /// The number given with the option at this place of the command's list, colons not counted.
    pub(crate) fn value(&self, place: usize) -> Option<u64> {
        self.values.get(place).copied().flatten()
    }
}

impl<'a> Options<'a> {
    #[inline(never)]
    fn new(argv: Argv<'a>, spec: &'static [u8]) -> Self {
        let mut args = argv.iter();
        args.next();
        Self {
            args,
            spec,
            index: 0,
            cluster: &[],
            ended: false,
        }
    }

    /// The operands and the indices of their arguments.
    pub(crate) fn operands(argv: Argv<'a>, spec: &'static [u8]) -> Operands<'a> {
        Operands(Self::new(argv, spec))
    }

    fn take(&mut self) -> Option<&'a [u8]> {
        let arg = self.args.next()?;
        self.index = self.index.saturating_add(1);
        Some(arg)
    }

    /// The option of that letter, which is its place in the list, counted without colons.
    fn option(&mut self, letter: u8) -> Item<'a> {
        let mut place = 0;
        for (at, &known) in self.spec.iter().enumerate() {
            if known == b':' {
                continue;
            }
            if known != letter {
                place += 1;
                continue;
            }
            if self.spec.get(at + 1) != Some(&b':') {
                return Item::Flag(place);
            }
            let value = match core::mem::take(&mut self.cluster) {
                [] => self.take(),
                attached => Some(attached),
            };
            return match value {
                Some(value) => Item::Value(place, value),
                None => Item::Problem(UsageProblem::Missing),
            };
        }
        self.cluster = &[];
        Item::Problem(UsageProblem::UnknownOption)
    }

    #[inline(never)]
    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            if let Some((&letter, rest)) = self.cluster.split_first() {
                self.cluster = rest;
                return Some(self.option(letter));
            }
            match self.take()? {
                b"--" if !self.ended => self.ended = true,
                [b'-', cluster @ ..] if !self.ended && !cluster.is_empty() => {
                    self.cluster = cluster;
                }
                operand => return Some(Item::Operand(operand)),
            }
        }
    }
}

/// Iterates over operands and the indices of their arguments.
#[derive(Clone)]
pub(crate) struct Operands<'a>(Options<'a>);

impl<'a> Iterator for Operands<'a> {
    type Item = (&'a [u8], u8);

    #[inline(never)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Item::Operand(operand) = self.0.next()? {
                return Some((operand, self.0.index));
            }
        }
    }
}

impl Context<'_> {
    /// Reads the options of the command line, of which `spec` lists the letters, each with a colon
    /// behind it if it takes a value, which is a number. Fails with what is wrong, if anything is,
    /// or if there are not at least and at most so many operands.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub(crate) fn options(
        &mut self,
        spec: &'static [u8],
        least: u8,
        most: u8,
    ) -> Result<Flags, Stop> {
        let mut flags = Flags::default();
        let mut options = Options::new(self.argv(), spec);
        while let Some(item) = options.next() {
            flags.last = options.index;
            let problem = match item {
                Item::Flag(place) => {
                    flags.bits |= 1 << place;
                    continue;
                }
                Item::Value(place, value) => {
                    let value = number(value);
                    if let Some(kept) = flags.values.get_mut(usize::from(place)) {
                        *kept = value;
                    }
                    if value.is_some() {
                        continue;
                    }
                    UsageProblem::NotANumber
                }
                Item::Operand(_) => {
                    flags.operands = flags.operands.saturating_add(1);
                    if flags.operands <= most {
                        continue;
                    }
                    UsageProblem::Extra
                }
                Item::Problem(problem) => problem,
            };
            return Err(self.misused(options.index, problem));
        }
        match flags.operands < least {
            true => Err(self.misused(flags.last, UsageProblem::Missing)),
            false => Ok(flags),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn parse(line: &'static [u8]) -> Vec<(Item<'static>, u8)> {
        let mut options = Options::new(Argv::new(line).unwrap(), b"n:rf");
        core::iter::from_fn(|| options.next().map(|item| (item, options.index))).collect()
    }

    #[test]
    fn options_values_and_operands_come_apart() {
        use Item::{Flag, Operand, Value};
        assert_eq!(
            parse(b"x\0-rf\0a\0-n\x005\0-n7\0-rn8\0-\0"),
            [
                (Flag(1), 1),
                (Flag(2), 1),
                (Operand(b"a"), 2),
                (Value(0, b"5"), 4),
                (Value(0, b"7"), 5),
                (Flag(1), 6),
                (Value(0, b"8"), 6),
                (Operand(b"-"), 7),
            ]
        );
        assert_eq!(
            parse(b"x\0--\0-r\0--\0\0"),
            [(Operand(b"-r"), 2), (Operand(b"--"), 3), (Operand(b""), 4)]
        );
        let argv = Argv::new(b"x\0-n\x005\0a\0-r\0b\0").unwrap();
        let operands: Vec<_> = Options::operands(argv, b"n:rf").collect();
        assert_eq!(operands, [(&b"a"[..], 3), (b"b", 5)]);
    }

    #[test]
    fn problems_are_named() {
        use UsageProblem::{Missing, UnknownOption};
        assert_eq!(parse(b"x\0-n\0"), [(Item::Problem(Missing), 1)]);
        assert_eq!(parse(b"x\0-q\0"), [(Item::Problem(UnknownOption), 1)]);
        assert_eq!(parse(b"x\0-:\0"), [(Item::Problem(UnknownOption), 1)]);
        assert_eq!(parse(b"x\0--all\0"), [(Item::Problem(UnknownOption), 1)]);
    }
}
