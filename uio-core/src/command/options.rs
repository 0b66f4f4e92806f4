//! Takes a command line apart as POSIX utilities do (XBD 12.2, guidelines 3 to 10), with options
//! and operands in any order.

use uio_console::argv::{Args, Argv};
use uio_console::record::UsageProblem;

/// A part of a command line, with the index of the argument it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// An option.
    Flag(u8, u8),
    /// An option and its value.
    Value(u8, &'a [u8], u8),
    /// An operand.
    Operand(&'a [u8], u8),
    /// What is wrong.
    Problem(UsageProblem, u8),
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

impl<'a> Options<'a> {
    pub(crate) fn new(argv: Argv<'a>, spec: &'static [u8]) -> Self {
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

    /// The operands alone.
    pub(crate) fn operands(
        argv: Argv<'a>,
        spec: &'static [u8],
    ) -> impl Iterator<Item = (&'a [u8], u8)> {
        Self::new(argv, spec).filter_map(|item| match item {
            Item::Operand(operand, index) => Some((operand, index)),
            _ => None,
        })
    }

    fn take(&mut self) -> Option<&'a [u8]> {
        let arg = self.args.next()?;
        self.index = self.index.saturating_add(1);
        Some(arg)
    }

    fn option(&mut self, letter: u8) -> Item<'a> {
        let known = self
            .spec
            .iter()
            .position(|&known| known == letter && letter != b':');
        let Some(at) = known else {
            self.cluster = &[];
            return Item::Problem(UsageProblem::UnknownOption, self.index);
        };
        if self.spec.get(at + 1) != Some(&b':') {
            return Item::Flag(letter, self.index);
        }
        let value = match core::mem::take(&mut self.cluster) {
            [] => self.take(),
            attached => Some(attached),
        };
        match value {
            Some(value) => Item::Value(letter, value, self.index),
            None => Item::Problem(UsageProblem::Missing, self.index),
        }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Item<'a>;

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
                operand => return Some(Item::Operand(operand, self.index)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn parse(line: &'static [u8]) -> Vec<Item<'static>> {
        Options::new(Argv::new(line).unwrap(), b"rn:f").collect()
    }

    #[test]
    fn options_values_and_operands_come_apart() {
        use Item::{Flag, Operand, Value};
        assert_eq!(
            parse(b"x\0-rf\0a\0-n\x005\0-n7\0-rn8\0-\0"),
            [
                Flag(b'r', 1),
                Flag(b'f', 1),
                Operand(b"a", 2),
                Value(b'n', b"5", 4),
                Value(b'n', b"7", 5),
                Flag(b'r', 6),
                Value(b'n', b"8", 6),
                Operand(b"-", 7),
            ]
        );
        assert_eq!(
            parse(b"x\0--\0-r\0--\0\0"),
            [Operand(b"-r", 2), Operand(b"--", 3), Operand(b"", 4)]
        );
    }

    #[test]
    fn problems_are_named() {
        use UsageProblem::{Missing, UnknownOption};
        assert_eq!(parse(b"x\0-n\0"), [Item::Problem(Missing, 1)]);
        assert_eq!(parse(b"x\0-q\0"), [Item::Problem(UnknownOption, 1)]);
        assert_eq!(parse(b"x\0-:\0"), [Item::Problem(UnknownOption, 1)]);
        assert_eq!(parse(b"x\0--all\0"), [Item::Problem(UnknownOption, 1)]);
    }
}
