//! The symbol index on the share, opened when it is first needed and kept open.
//!
//! An index that stays open is the one that was there when it was opened: a new one replaces the
//! file. When the index that was kept fails, it is opened anew, once.

use alloc::boxed::Box;
use alloc::vec::Vec;

use uio_console::record::{Failure, Symbol};

use super::symbols::{Error, Index, format};
use crate::command::{Context, FAILED, Outcome, Stop};
use crate::engine::locked;
use crate::files::{self, Open};

/// Where the index is, below the mount point of the share.
const PATH: &[u8] = b"/.uio/symbols";

/// The index, for the time of a request.
pub struct Lookup {
    index: Option<Box<Index>>,
    /// It may be older than the file.
    kept: bool,
}

impl Lookup {
    /// No index yet.
    pub const fn new() -> Self {
        Self {
            index: None,
            kept: false,
        }
    }

    /// Calls `work` with the index. Called a second time, with the index opened anew, if the one
    /// that was kept fails.
    ///
    /// # Errors
    /// [`Error`]
    pub fn with(
        &mut self,
        cx: &mut Context<'_>,
        work: &mut dyn FnMut(&mut Context<'_>, &mut Index) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.index.is_none() {
            self.index = locked(cx.core(), |state| state.programs.take_index());
            self.kept = self.index.is_some();
        }
        if let Some(index) = &mut self.index {
            match work(cx, index) {
                Err(_) if self.kept => self.index = None,
                other => return other,
            }
        }
        self.kept = false;
        let mut index = open(cx)?;
        work(cx, &mut index)?;
        self.index = Some(index);
        Ok(())
    }

    /// Keeps the index for the next request.
    pub fn keep(self, cx: &Context<'_>) {
        if let Some(index) = self.index {
            // What is given back is dropped here, without the lock.
            drop(locked(cx.core(), |state| state.programs.put_index(index)));
        }
    }
}

fn open(cx: &Context<'_>) -> Result<Box<Index>, Error> {
    let files = cx.files();
    let (share, true) = files.share() else {
        return Err(Error::Missing);
    };
    let mut path = Vec::new();
    if path.try_reserve_exact(share.len() + PATH.len()).is_err() {
        return Err(files::Error::Os(12).into());
    }
    path.extend_from_slice(share.as_bytes());
    path.extend_from_slice(PATH);
    let file = files.open(
        &path,
        Open {
            read: true,
            ..Open::default()
        },
    )?;
    Index::open(file, cx.system().image().build_id)
}

/// What the index is asked for.
#[derive(Clone, Copy)]
pub enum Question<'a> {
    /// The symbol with this name or Rust path.
    Name(&'a [u8]),
    /// The symbol that covers this address.
    Address(u64),
}

impl Question<'_> {
    /// What to say when there is none.
    fn failure(&self) -> Failure<'_> {
        match *self {
            Question::Name(name) => Failure::UnknownSymbol { name },
            Question::Address(address) => Failure::NoSymbolAt { address },
        }
    }
}

/// Calls `each` with the symbol that a question is about, with its address in the running guest.
/// Says so when there is no such symbol. Gives the exit status for that.
///
/// # Errors
/// [`Stop`], also when the index cannot be read, which was said.
pub fn ask(
    cx: &mut Context<'_>,
    lookup: &mut Lookup,
    question: Question<'_>,
    each: &mut dyn FnMut(&mut Context<'_>, &Symbol<'_>) -> Result<(), Stop>,
) -> Outcome {
    let base = cx.system().image().base;
    let size = cx.system().image().size;
    let mut outcome = None;
    let result = lookup.with(cx, &mut |cx, index| {
        let symbol = match question {
            Question::Name(name) => index.symbol(name)?,
            Question::Address(address) => {
                let offset = address.checked_sub(base).filter(|&offset| offset < size);
                match offset.map(u32::try_from) {
                    Some(Ok(offset)) => index.at(offset)?,
                    _ => None,
                }
            }
        };
        outcome = symbol.map(|symbol| {
            let address = base + u64::from(symbol.address);
            let symbol = Symbol {
                name: symbol.name,
                address,
                size: symbol.size.into(),
                offset: match question {
                    Question::Name(_) => 0,
                    Question::Address(asked) => asked - address,
                },
                function: symbol.flags & format::FUNCTION != 0,
            };
            each(cx, &symbol)
        });
        Ok(())
    });
    if let Err(error) = result {
        fail(cx, error)?;
        return Err(Stop::Status(FAILED));
    }
    match outcome {
        Some(Ok(())) => Ok(0),
        Some(Err(stop)) => Err(stop),
        None => {
            cx.failure(&question.failure())?;
            Ok(FAILED)
        }
    }
}

/// Address in the running guest and size of the symbol with this name or Rust path; the size is 0
/// when it is unknown. `None` if there is no such symbol, which was said.
///
/// # Errors
/// [`Stop`], also when the index cannot be read, which was said.
pub fn symbol(cx: &mut Context<'_>, name: &[u8]) -> Result<Option<(u64, u64)>, Stop> {
    let mut lookup = Lookup::new();
    let mut found = None;
    ask(cx, &mut lookup, Question::Name(name), &mut |_, symbol| {
        found = Some((symbol.address, symbol.size));
        Ok(())
    })?;
    lookup.keep(cx);
    Ok(found)
}

/// Says why the index could not be read.
///
/// # Errors
/// [`Stop`]
pub fn fail(cx: &mut Context<'_>, error: Error) -> Result<(), Stop> {
    let image = cx.system().image().build_id;
    cx.failure(&error.failure(image))
}
