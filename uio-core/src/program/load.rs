//! Loading a program: from a file to an image that can be run.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use uio_console::record::{Failure, Kind, ObjectError, Stat};

use super::link::{self, Linked, Refusal, Surroundings};
use super::lookup::{self, Lookup};
use super::registry::{Program, Version};
use super::symbols::Error;
use crate::command::{Context, Stop};
use crate::engine::locked;
use crate::files::{self, File, Open};
use crate::isolation::Region;

/// The most bytes that an object file, and the image made from it, may have.
pub const MAX_PROGRAM: usize = 16 << 20;
/// The most bytes that programs may hold in all; those that are idle give way.
pub const MAX_PROGRAMS: usize = 64 << 20;

/// Linux error numbers.
const ENOMEM: i32 = 12;
const EISDIR: i32 = 21;

/// Opens the file of a program.
///
/// # Errors
/// [`files::Error`]
pub fn open(cx: &Context<'_>, path: &[u8]) -> Result<(Box<dyn File>, Stat), files::Error> {
    let mut file = cx.files().open(
        path,
        Open {
            read: true,
            ..Open::default()
        },
    )?;
    let stat = file.stat()?;
    if stat.kind == Kind::Directory {
        return Err(files::Error::Os(EISDIR));
    }
    Ok((file, stat))
}

/// Loads the program in an open file, which argument `arg` names. Says why if it cannot be run.
///
/// # Errors
/// [`Stop`]
pub fn load(
    cx: &mut Context<'_>,
    arg: u8,
    path: &[u8],
    mut file: Box<dyn File>,
    stat: &Stat,
) -> Result<Option<Box<Program>>, Stop> {
    let max = MAX_PROGRAM as u64;
    if stat.size > max {
        let size = stat.size;
        let error = ObjectError::TooLarge { size, max };
        cx.failure(&Failure::Object { arg, error })?;
        return Ok(None);
    }
    let bytes = match read(cx, &mut *file, stat.size as usize)? {
        Ok(bytes) => bytes,
        Err(files::Error::Os(ENOMEM)) => {
            cx.no_memory(stat.size)?;
            return Ok(None);
        }
        Err(error) => {
            cx.file_failure(arg, error)?;
            return Ok(None);
        }
    };
    drop(file);
    let image = link(cx, arg, &bytes)?;
    Ok(image.map(|image| {
        Box::new(Program {
            path: Arc::from(path),
            version: Version::from(stat),
            image,
        })
    }))
}

/// Reads a file, which may have become shorter meanwhile.
fn read(
    cx: &Context<'_>,
    file: &mut dyn File,
    size: usize,
) -> Result<Result<Vec<u8>, files::Error>, Stop> {
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(size).is_err() {
        return Ok(Err(files::Error::Os(ENOMEM)));
    }
    bytes.resize(size, 0);
    let mut have = 0;
    while let Some(rest) = bytes.get_mut(have..)
        && !rest.is_empty()
    {
        cx.check()?;
        match file.read_at(have as u64, rest) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(error) => return Ok(Err(error)),
        }
    }
    bytes.truncate(have);
    Ok(Ok(bytes))
}

fn link(cx: &mut Context<'_>, arg: u8, bytes: &[u8]) -> Result<Option<Linked>, Stop> {
    let mut around = Around {
        cx,
        arg,
        lookup: Lookup::new(),
        no_index: false,
        stop: None,
    };
    let result = link::link(bytes, MAX_PROGRAM, &mut around);
    let Around {
        lookup,
        no_index,
        stop,
        ..
    } = around;
    lookup.keep(cx);
    if let Some(stop) = stop {
        return Err(stop);
    }
    match result {
        Ok(linked) => return Ok(Some(linked)),
        Err(Refusal::Object(error)) => cx.failure(&Failure::Object { arg, error })?,
        Err(Refusal::NoMemory(bytes)) => cx.failure(&Failure::NoMemory { bytes })?,
        Err(Refusal::Reported) if no_index => cx.failure(&Failure::NoSymbols)?,
        Err(Refusal::Reported) => {}
    }
    Ok(None)
}

/// The linker's surroundings: the interface of programs, the symbol index, memory.
struct Around<'c, 'a> {
    cx: &'c mut Context<'a>,
    arg: u8,
    lookup: Lookup,
    no_index: bool,
    /// The request ends.
    stop: Option<Stop>,
}

impl Around<'_, '_> {
    /// Ends the linking if the request ends.
    fn note(&mut self, result: Result<(), Stop>) -> Result<(), link::Stop> {
        result.map_err(|stop| {
            self.stop = Some(stop);
            link::Stop
        })
    }
}

impl Surroundings for Around<'_, '_> {
    fn resolve(&mut self, name: &[u8]) -> Result<Option<u64>, link::Stop> {
        let address = self.cx.isolation().interface(name);
        if address.is_some() || self.no_index {
            return Ok(address);
        }
        let result = self.cx.check();
        self.note(result)?;
        let mut found = None;
        let result = self.lookup.with(self.cx, &mut |_, index| {
            found = index.lookup(name)?;
            Ok(())
        });
        match result {
            Ok(()) => {
                let base = self.cx.system().image().base;
                Ok(found.map(|address| base + u64::from(address)))
            }
            Err(Error::Missing) => {
                self.no_index = true;
                Ok(None)
            }
            Err(error) => {
                let result = lookup::fail(self.cx, error);
                self.note(result)?;
                Err(link::Stop)
            }
        }
    }

    fn undefined(&mut self, name: &[u8]) {
        if self.stop.is_none() {
            let result = self.cx.failure(&Failure::Object {
                arg: self.arg,
                error: ObjectError::Undefined { symbol: name },
            });
            // The request ends when linking does.
            let _ = self.note(result);
        }
    }

    fn allocate(&mut self, bytes: usize) -> Option<Box<dyn Region>> {
        let core = self.cx.core();
        while locked(core, |state| state.programs.bytes()).saturating_add(bytes) > MAX_PROGRAMS {
            locked(core, |state| state.programs.evict())?;
        }
        loop {
            if let Some(region) = self.cx.isolation().allocate(bytes) {
                return Some(region);
            }
            locked(core, |state| state.programs.evict())?;
        }
    }
}
