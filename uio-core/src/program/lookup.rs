//! The symbol index on the share, opened when it is first needed and kept open.
//!
//! An index that stays open is the one that was there when it was opened: a new one replaces the
//! file. When the index that was kept fails, it is opened anew, once.

use alloc::boxed::Box;

use uio_console::record::{Failure, Record, Symbol, UsageProblem};

use super::symbols::{Error, Index, format};
use crate::command::{Context, FAILED, Options, Outcome, Stop, absolute};
use crate::engine::locked;
use crate::files::Open;

/// Where the index is on the share, which relative paths start at.
const PATH: &[u8] = b".uio/symbols";

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
    if !cx.files().share().1 {
        return Err(Error::Missing);
    }
    let how = Open {
        read: true,
        ..Open::default()
    };
    let file = cx.files().open(&absolute(cx.files(), PATH)?, how)?;
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

/// Does something with the symbol that a question is about.
trait Tell {
    /// Does it; the address is the one in the running guest.
    fn tell(&mut self, cx: &mut Context<'_>, symbol: &Symbol<'_>) -> Result<(), Stop>;
}

/// Asks the index. Says so when there is no such symbol; gives the exit status for that.
///
/// # Errors
/// [`Stop`], also when the index cannot be read, which was said.
fn ask(
    cx: &mut Context<'_>,
    lookup: &mut Lookup,
    question: Question<'_>,
    tell: &mut dyn Tell,
) -> Outcome {
    let image = cx.system().image();
    let mut outcome = None;
    let result = lookup.with(cx, &mut |cx, index| {
        let symbol = match question {
            Question::Name(name) => index.symbol(name)?,
            Question::Address(address) => {
                let offset = address
                    .checked_sub(image.base)
                    .filter(|&offset| offset < image.size);
                match offset.map(u32::try_from) {
                    Some(Ok(offset)) => index.at(offset)?,
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
            outcome = Some(tell.tell(cx, &symbol));
        }
        Ok(())
    });
    if let Err(error) = result {
        fail(cx, error)?;
        return Err(Stop::Status(FAILED));
    }
    match outcome {
        Some(result) => result.map(|()| 0),
        None => {
            cx.failure(&question.failure())?;
            Ok(FAILED)
        }
    }
}

/// Answers with the symbol's record.
struct Answer;

impl Tell for Answer {
    fn tell(&mut self, cx: &mut Context<'_>, symbol: &Symbol<'_>) -> Result<(), Stop> {
        cx.record(&Record::Symbol(*symbol))
    }
}

/// Answers the questions that the operands are; `read` understands one.
///
/// # Errors
/// [`Stop`]
pub fn answer(cx: &mut Context<'_>, read: fn(&[u8]) -> Option<Question<'_>>) -> Outcome {
    cx.options(b"", 1, u8::MAX)?;
    let mut lookup = Lookup::new();
    let mut status = 0;
    for (operand, index) in Options::operands(cx.argv(), b"") {
        let Some(question) = read(operand) else {
            return cx.usage(index, UsageProblem::NotANumber);
        };
        status |= ask(cx, &mut lookup, question, &mut Answer)?;
    }
    lookup.keep(cx);
    Ok(status)
}

/// Keeps what is known of a symbol.
struct Place(Option<(u64, u64)>);

impl Tell for Place {
    fn tell(&mut self, _cx: &mut Context<'_>, symbol: &Symbol<'_>) -> Result<(), Stop> {
        self.0 = Some((symbol.address, symbol.size));
        Ok(())
    }
}

/// Address in the running guest and size of the symbol with this name or Rust path; the size is 0
/// when it is unknown. `None` if there is no such symbol, which was said.
///
/// # Errors
/// [`Stop`], also when the index cannot be read, which was said.
pub fn symbol(cx: &mut Context<'_>, name: &[u8]) -> Result<Option<(u64, u64)>, Stop> {
    let mut lookup = Lookup::new();
    let mut place = Place(None);
    ask(cx, &mut lookup, Question::Name(name), &mut place)?;
    lookup.keep(cx);
    Ok(place.0)
}

/// Says why the index could not be read.
///
/// # Errors
/// [`Stop`]
pub fn fail(cx: &mut Context<'_>, error: Error) -> Result<(), Stop> {
    let image = cx.system().image().build_id;
    cx.failure(&error.failure(image))
}
