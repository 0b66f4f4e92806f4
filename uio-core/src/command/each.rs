//! Commands that do one thing to each of their operands: a failure is told, and the next operand
//! has its turn, as with POSIX utilities.

use alloc::vec::Vec;

use uio_console::record::{Failure, NO_ARG};

use super::{Context, FAILED, Flags, Options, Outcome, Stop, absolute};
use crate::files::Error;

/// Why something failed for an operand. Flat, so that it fits a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// At the operand, or at what lies below it, with this Linux error number.
    Here(i32),
    /// At the target of `cp` and `mv`, with this Linux error number.
    Target(i32),
    /// The operand lies on a share that is not there.
    NoShare,
    /// The target lies on a share that is not there.
    NoShareAtTarget,
    /// The request was interrupted.
    Interrupted,
    /// An inline command has to run on a worker.
    Later,
    /// The command has said what is wrong and ends with this status.
    Status(i32),
}

impl Trouble {
    /// Trouble with the target of `cp` and `mv`.
    pub(crate) fn target(error: Error) -> Self {
        match error {
            Error::Os(errno) => Self::Target(errno),
            Error::NoShare => Self::NoShareAtTarget,
        }
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Interrupted => Self::Interrupted,
            Stop::Later => Self::Later,
            Stop::Status(status) => Self::Status(status),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Os(errno) => Self::Here(errno),
            Error::NoShare => Self::NoShare,
        }
    }
}

/// What is to be done, and to what.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) flags: Flags,
    /// The operand as it was given.
    pub(crate) given: &'a [u8],
}

impl Context<'_> {
    /// Does `work` for each operand, or for `default` without any; gives the exit status.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub(crate) fn each(
        &mut self,
        spec: &'static [u8],
        default: Option<&'static [u8]>,
        work: fn(&mut Context<'_>, Call<'_>) -> Result<(), Trouble>,
    ) -> Outcome {
        let flags = self.options(spec, default.is_none().into(), u8::MAX)?;
        if let (0, Some(given)) = (flags.operands, default) {
            let done = work(self, Call { flags, given });
            return self.report(done, NO_ARG, NO_ARG);
        }
        let mut status = 0;
        for (given, index) in Options::operands(self.argv(), spec) {
            let done = work(self, Call { flags, given });
            status |= self.report(done, index, index)?;
        }
        Ok(status)
    }

    /// Says what the trouble with argument `index`, or with the target, was; gives the exit status.
    ///
    /// # Errors
    /// [`Stop`]
    #[inline(never)]
    pub(crate) fn report(&mut self, done: Result<(), Trouble>, index: u8, target: u8) -> Outcome {
        let Err(trouble) = done else { return Ok(0) };
        self.failure(&match trouble {
            Trouble::Here(errno) => Failure::Os { arg: index, errno },
            Trouble::Target(errno) => Failure::Os { arg: target, errno },
            Trouble::NoShare => Failure::NoShare { arg: index },
            Trouble::NoShareAtTarget => Failure::NoShare { arg: target },
            Trouble::Interrupted => return Err(Stop::Interrupted),
            Trouble::Later => return Err(Stop::Later),
            Trouble::Status(status) => return Ok(status),
        })?;
        Ok(FAILED)
    }

    /// See [`absolute`].
    ///
    /// # Errors
    /// [`Trouble::Here`]
    #[inline(never)]
    pub(crate) fn absolute(&self, path: &[u8]) -> Result<Vec<u8>, Trouble> {
        Ok(absolute(self.files(), path)?)
    }
}
