//! Loading a program: from a file to an image that can be run.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use uio_console::record::{Failure, Kind, ObjectError};

use super::link::{self, Code, Linked, Refusal, Surroundings};
use super::lookup::Lookup;
use super::registry::{Program, Version};
use super::symbols::Error;
use super::wanted::Wanted;
use crate::command::{Context, Stop, Trouble};
use crate::engine::{Core, locked};
use crate::files::{File, Open};
use crate::isolation::{Forbidden, Region};

/// The most bytes that an object file, and the image made from it, may have.
pub const MAX_PROGRAM: usize = 16 << 20;
/// The most bytes that programs may hold in all; those that are idle give way.
pub const MAX_PROGRAMS: usize = 64 << 20;

/// How many places are tried for a program whose code looks by accident like an instruction that is
/// refused.
const PLACES: usize = 8;

/// `EISDIR` of Linux.
const EISDIR: i32 = 21;

/// Exit status of a program that cannot be run.
pub const NOT_RUNNABLE: i32 = 126;

/// It was said why a program is not run.
const SAID: Trouble = Trouble::Status(NOT_RUNNABLE);

/// Says why a program is not run.
#[cold]
#[inline(never)]
pub fn refuse(cx: &mut Context<'_>, why: &Failure<'_>) -> Trouble {
    match cx.failure(why) {
        Ok(()) => SAID,
        Err(stop) => stop.into(),
    }
}

/// Says that there is no memory.
#[cold]
#[inline(never)]
pub fn no_memory(cx: &mut Context<'_>, bytes: u64) -> Trouble {
    refuse(cx, &Failure::NoMemory { bytes })
}

/// An open file of a program.
pub struct Source {
    /// It.
    pub file: Box<dyn File>,
    size: u64,
    /// What tells this state of the file from others.
    pub version: Version,
}

/// Opens the file of a program.
///
/// # Errors
/// [`Trouble`]
pub fn open(cx: &Context<'_>, path: &[u8]) -> Result<Source, Trouble> {
    let how = Open {
        read: true,
        ..Open::default()
    };
    let mut file = cx.files().open(path, how)?;
    let stat = file.stat()?;
    if stat.kind == Kind::Directory {
        return Err(Trouble::Here(EISDIR));
    }
    Ok(Source {
        file,
        size: stat.size,
        version: Version::from(&stat),
    })
}

/// Loads the program in an open file, which argument `arg` names.
///
/// # Errors
/// [`Trouble`]
pub fn load(
    cx: &mut Context<'_>,
    arg: u8,
    path: &[u8],
    source: Source,
) -> Result<Box<Program>, Trouble> {
    let version = source.version;
    if source.size > MAX_PROGRAM as u64 {
        let error = ObjectError::TooLarge {
            size: source.size,
            max: MAX_PROGRAM as u64,
        };
        return Err(refuse(cx, &Failure::Object { arg, error }));
    }
    let bytes = read(cx, source)?;
    let mut around = Around {
        cx,
        arg,
        lookup: Lookup::new(),
        no_index: false,
        stop: None,
        size: 0,
        move_on: Move::Possible,
    };
    let result = link_somewhere(&bytes, &mut around);
    let (lookup, no_index, stop) = (around.lookup, around.no_index, around.stop);
    lookup.keep(cx);
    let failure = match result {
        Ok(image) => {
            return Ok(Box::new(Program {
                path: Arc::from(path),
                version,
                image,
            }));
        }
        Err(Refusal::Object(error)) => Failure::Object { arg, error },
        Err(Refusal::NoMemory(bytes)) => return Err(no_memory(cx, bytes)),
        Err(Refusal::Reported) => match stop {
            Some(stop) => return Err(stop.into()),
            None if no_index => Failure::NoSymbols,
            None => return Err(SAID),
        },
    };
    Err(refuse(cx, &failure))
}

/// Links a program. Code holds addresses, and the bytes of one can look like an instruction that is
/// refused: then the program is placed elsewhere.
fn link_somewhere<'a>(bytes: &'a [u8], around: &mut Around<'_, '_>) -> Result<Linked, Refusal<'a>> {
    // What lies where the program was keeps it from there.
    let mut avoided = Vec::new();
    loop {
        let result = link::link(bytes, MAX_PROGRAM, around);
        if around.move_on != Move::Wanted {
            return result;
        }
        avoided.push(around.cx.isolation().allocate(around.size));
        around.move_on = match avoided.len() < PLACES {
            true => Move::Possible,
            false => Move::Impossible,
        };
    }
}

/// Reads a file, which may have become shorter meanwhile.
fn read(cx: &mut Context<'_>, mut source: Source) -> Result<Vec<u8>, Trouble> {
    let size = source.size as usize;
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(size).is_err() {
        return Err(no_memory(cx, source.size));
    }
    bytes.resize(size, 0);
    let mut have = 0;
    while let Some(rest) = bytes.get_mut(have..)
        && !rest.is_empty()
    {
        cx.check()?;
        match source.file.read_at(have as u64, rest)? {
            0 => break,
            count => have += count,
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}

/// Frees the idle program that was not run for the longest time; false when there is none.
#[inline(never)]
pub fn evict(core: &dyn Core) -> bool {
    locked(core, |state| state.programs.evict()).is_some()
}

/// The linker's surroundings: the interface of programs, the symbol index, memory.
struct Around<'c, 'a> {
    cx: &'c mut Context<'a>,
    arg: u8,
    lookup: Lookup,
    no_index: bool,
    /// The request ends.
    stop: Option<Stop>,
    /// Bytes of the memory that was asked for last.
    size: usize,
    move_on: Move,
}

/// Whether a program can be placed elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Move {
    /// It can.
    Possible,
    /// It has to.
    Wanted,
    /// It was tried often enough.
    Impossible,
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
    fn resolve(&mut self, wanted: &mut [Wanted<'_>]) -> Result<(), link::Stop> {
        let isolation = self.cx.isolation();
        let mut all = true;
        for name in wanted.iter_mut() {
            name.address = isolation.interface(name.name);
            all &= name.address.is_some();
        }
        if all {
            return Ok(());
        }
        let base = self.cx.system().image().base;
        let mut stopped = Ok(());
        let result = self.lookup.with(self.cx, &mut |cx, index| {
            index.look_up(wanted, base, &mut || {
                stopped = cx.check();
                stopped.is_ok()
            })
        });
        let result = match result {
            Ok(()) => return self.note(stopped),
            Err(Error::Missing) => {
                self.no_index = true;
                return Ok(());
            }
            Err(error) => self.lookup.fail(self.cx, error),
        };
        self.note(result)?;
        Err(link::Stop)
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

    fn forbidden(&mut self, code: &[u8]) -> Option<Forbidden> {
        self.cx.isolation().forbidden(code)
    }

    fn refused(&mut self, code: &Code<'_>) {
        if code.found.within != 0 && self.move_on == Move::Possible {
            self.move_on = Move::Wanted;
            return;
        }
        let result = self.cx.failure(&Failure::Forbidden {
            arg: self.arg,
            class: code.found.class,
            section: code.section,
            offset: code.found.offset as u64,
            function: code.function,
            start: code.start,
            within: code.found.within,
            len: code.found.len,
            bytes: code.bytes,
        });
        // The request ends when linking does.
        let _ = self.note(result);
    }

    fn allocate(&mut self, bytes: usize) -> Option<Box<dyn Region>> {
        self.size = bytes;
        let core = self.cx.core();
        while locked(core, |state| state.programs.bytes()).saturating_add(bytes) > MAX_PROGRAMS {
            if !evict(core) {
                return None;
            }
        }
        loop {
            let region = self.cx.isolation().allocate(bytes);
            if region.is_some() || !evict(core) {
                return region;
            }
        }
    }
}
