//! Commands that do one thing to each of their operands: a failure is told, and the next operand
//! has its turn, as with POSIX utilities.

use alloc::vec::Vec;

use uio_console::record::NO_ARG;

use super::{Context, FAILED, Flags, Options, Outcome, Stop, absolute};
use crate::files::Error;

/// Why something failed for an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// At the operand, or at what lies below it.
    Here(Error),
    /// At the target of `cp` and `mv`.
    Target(Error),
    /// The request ends.
    Stop(Stop),
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Here(error)
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
        let (arg, error) = match done {
            Ok(()) => return Ok(0),
            Err(Trouble::Here(error)) => (index, error),
            Err(Trouble::Target(error)) => (target, error),
            Err(Trouble::Stop(stop)) => return Err(stop),
        };
        self.file_failure(arg, error)?;
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
