//! The symbol index on the share, opened when it is first needed and kept open.
//!
//! An index that stays open is the one that was there when it was opened: a new one replaces the
//! file. When the index that was kept fails, it is opened anew, once.

use alloc::boxed::Box;

use uio_console::record::{Failure, Record, Symbol};

use super::symbols::{BuildId, Error, Index, format};
use crate::command::{Context, FAILED, Stop, Trouble, absolute};
use crate::engine::locked;
use crate::files::Open;

/// Where the index is on the share, which relative paths start at.
const PATH: &[u8] = b".uio/symbols";

/// The index, for the time of a request.
pub struct Lookup {
    index: Option<Box<Index>>,
    /// It may be older than the file.
    kept: bool,
    /// The build that it is of.
    build: BuildId,
}

impl Lookup {
    /// No index yet.
    pub const fn new() -> Self {
        Self {
            index: None,
            kept: false,
            build: BuildId::new(),
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
        let mut index = open(cx, &mut self.build)?;
        work(cx, &mut index)?;
        self.index = Some(index);
        Ok(())
    }

    /// Says why the index could not be read.
    ///
    /// # Errors
    /// [`Stop`]
    pub fn fail(&self, cx: &mut Context<'_>, error: Error) -> Result<(), Stop> {
        let image = cx.system().image().build_id;
        cx.failure(&error.failure(&self.build, image))
    }

    /// Keeps the index for the next request.
    pub fn keep(self, cx: &Context<'_>) {
        if let Some(index) = self.index {
            // What is given back is dropped here, without the lock.
            drop(locked(cx.core(), |state| state.programs.put_index(index)));
        }
    }
}

fn open(cx: &Context<'_>, build: &mut BuildId) -> Result<Box<Index>, Error> {
    if !cx.files().share().1 {
        return Err(Error::Missing);
    }
    let how = Open {
        read: true,
        ..Open::default()
    };
    let file = cx.files().open(&absolute(cx.files(), PATH)?, how)?;
    Index::open(file, cx.system().image().build_id, build)
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

/// Does something with a symbol, whose address is the one in the running guest.
type Tell<'t> = &'t mut dyn FnMut(&mut Context<'_>, &Symbol<'_>) -> Result<(), Stop>;

/// Asks the index; calls `tell` with what is found.
///
/// # Errors
/// [`Error`]
fn search(
    cx: &mut Context<'_>,
    lookup: &mut Lookup,
    question: Question<'_>,
    tell: Tell<'_>,
) -> Result<Option<Result<(), Stop>>, Error> {
    let image = cx.system().image();
    let mut outcome = None;
    lookup.with(cx, &mut |cx, index| {
        let symbol = match question {
            Question::Name(name) => index.symbol(name)?,
            Question::Address(address) => {
                let offset = address.wrapping_sub(image.base);
                match u32::try_from(offset) {
                    Ok(inside) if offset < image.size => index.at(inside)?,
                    _ => None,
                }
            }
        };
        if let Some(symbol) = symbol {
            let address = image.base + u64::from(symbol.address);
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
            outcome = Some(tell(cx, &symbol));
        }
        Ok(())
    })?;
    Ok(outcome)
}

/// Calls `tell` with the symbol that covers an address of the image, if the index tells of one;
/// says nothing otherwise. Returns whether it did.
///
/// # Errors
/// [`Stop`]
pub fn covering(
    cx: &mut Context<'_>,
    lookup: &mut Lookup,
    address: u64,
    tell: Tell<'_>,
) -> Result<bool, Stop> {
    match search(cx, lookup, Question::Address(address), tell) {
        Ok(Some(told)) => told.map(|()| true),
        Ok(None) | Err(_) => Ok(false),
    }
}

/// Asks the index. Says so when there is no such symbol, or the index cannot be read.
///
/// # Errors
/// [`Trouble`]
fn ask(cx: &mut Context<'_>, question: Question<'_>, tell: Tell<'_>) -> Result<(), Trouble> {
    let mut lookup = Lookup::new();
    let result = search(cx, &mut lookup, question, tell);
    let failed = match result {
        Err(error) => lookup.fail(cx, error),
        Ok(outcome) => {
            lookup.keep(cx);
            match outcome {
                Some(told) => return Ok(told?),
                None => cx.failure(&question.failure()),
            }
        }
    };
    failed?;
    Err(Trouble::Status(FAILED))
}

/// Answers a question with the symbol's record.
///
/// # Errors
/// [`Trouble`]
pub fn answer(cx: &mut Context<'_>, question: Question<'_>) -> Result<(), Trouble> {
    ask(cx, question, &mut |cx, symbol| {
        cx.record(&Record::Symbol(*symbol))
    })
}

/// Address in the running guest and size of the symbol with this name or Rust path; the size is 0
/// when it is unknown. `None` if there is no such symbol, or no index, which was said.
///
/// # Errors
/// [`Stop`]
pub fn symbol(cx: &mut Context<'_>, name: &[u8]) -> Result<Option<(u64, u64)>, Stop> {
    let mut found = None;
    let asked = ask(cx, Question::Name(name), &mut |_, symbol| {
        found = Some((symbol.address, symbol.size));
        Ok(())
    });
    match asked {
        Err(Trouble::Interrupted) => Err(Stop::Interrupted),
        Err(Trouble::Later) => Err(Stop::Later),
        _ => Ok(found),
    }
}
