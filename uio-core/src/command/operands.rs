//! The operands of `cp` and `mv`: sources, and a target that may be a directory.

use alloc::vec::Vec;

use uio_console::record::{Kind, UsageProblem};

use super::transfer::Trouble;
use super::{Context, FAILED, Options, Stop, absolute};
use crate::files::Error;

/// `ENOTDIR` of Linux: not a directory.
const ENOTDIR: i32 = 20;

/// See the module.
pub(crate) struct Operands {
    spec: &'static [u8],
    /// How many sources there are.
    count: usize,
    /// Index of the argument that is the target.
    index: u8,
    /// The target's path.
    pub(crate) target: Vec<u8>,
    /// The target is a directory that receives the sources.
    pub(crate) into: bool,
}

impl Operands {
    /// Checks the options and finds out about the target.
    pub(crate) fn new(cx: &mut Context<'_>, spec: &'static [u8]) -> Result<Self, Stop> {
        cx.check_options(spec)?;
        let argv = cx.argv();
        let all = Options::operands(argv, spec);
        let (count, last) = all.fold((0, None), |(count, _), item| (count + 1, Some(item)));
        let (Some((target, index)), 2..) = (last, count) else {
            let last = last.map_or(0, |(_, index)| index);
            return Err(Stop::Status(cx.usage(last, UsageProblem::Missing)?));
        };
        let files = cx.files();
        let path = match absolute(files, target) {
            Ok(path) => path,
            Err(error) => return Err(refused(cx, index, error)),
        };
        let into = files
            .stat(&path)
            .is_ok_and(|stat| stat.kind == Kind::Directory);
        if !into && (count > 2 || target.ends_with(b"/")) {
            return Err(refused(cx, index, Error::Os(ENOTDIR)));
        }
        Ok(Self {
            spec,
            count: count - 1,
            index,
            target: path,
            into,
        })
    }

    /// The sources and the indices of their arguments.
    pub(crate) fn sources<'a>(&self, cx: &Context<'a>) -> impl Iterator<Item = (&'a [u8], u8)> + use<'a> {
        Options::operands(cx.argv(), self.spec).take(self.count)
    }

    /// Says what went wrong with the source of that index; gives the exit status.
    pub(crate) fn report(
        &self,
        cx: &mut Context<'_>,
        source: u8,
        done: Result<(), Trouble>,
    ) -> Result<i32, Stop> {
        match done {
            Ok(()) => return Ok(0),
            Err(Trouble::Source(error)) => cx.file_failure(source, error)?,
            Err(Trouble::Target(error)) => cx.file_failure(self.index, error)?,
            Err(Trouble::Stop(stop)) => return Err(stop),
        }
        Ok(FAILED)
    }
}

/// Says that the target is of no use; gives the end of the command.
fn refused(cx: &mut Context<'_>, index: u8, error: Error) -> Stop {
    match cx.file_failure(index, error) {
        Ok(()) => Stop::Status(FAILED),
        Err(stop) => stop,
    }
}
