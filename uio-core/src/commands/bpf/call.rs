//! Subcommands: which there are, and what they get.

use alloc::boxed::Box;
use alloc::sync::Arc;

use uio_bpf::errno::Errno;
use uio_bpf::load::{LoadedMap, LoadedProgram, Runtime};
use uio_bpf::program::Program;
use uio_bpf::wire::{Trouble, What};
use uio_console::Policy;
use uio_console::record::UsageProblem;

use super::line::{Line, Word, option};
use super::{answer, attach, detach, links, list, load, log, map, ring, spec, swap, unload};
use crate::bpf::Tracing;
use crate::command::{Context, Outcome, Stop, number};

/// A subcommand.
pub(super) struct Sub {
    name: &'static [u8],
    /// The options that it takes: a set of [`option`]s.
    pub(super) takes: u16,
    /// The fewest operands.
    pub(super) least: u8,
    /// The most operands.
    pub(super) most: u8,
    run: fn(&mut Call<'_, '_>) -> Result<(), Stop>,
}

const fn sub(
    name: &'static [u8],
    takes: u16,
    (least, most): (u8, u8),
    run: fn(&mut Call<'_, '_>) -> Result<(), Stop>,
) -> Sub {
    Sub {
        name,
        takes,
        least,
        most,
        run,
    }
}

/// As many operands as there may be arguments.
const MANY: u8 = u8::MAX;

/// All subcommands.
static SUBS: &[Sub] = &[
    sub(b"load", option::JIT | option::RAW, (0, 2), load::run),
    sub(b"list", 0, (0, 0), list::all),
    sub(b"show", 0, (1, 1), list::one),
    sub(b"unload", option::FORCE, (1, MANY), unload::run),
    sub(
        b"attach",
        option::BUDGET | option::BREAKPOINTS,
        (1, MANY),
        attach::run,
    ),
    sub(b"links", 0, (0, MANY), links::run),
    sub(b"detach", 0, (1, MANY), detach::run),
    sub(b"swap", option::BUDGET, (2, 2), swap::run),
    sub(
        b"run",
        option::MEM | option::BUDGET | option::TIMEOUT,
        (1, 2),
        super::run::run,
    ),
    sub(b"map", 0, (0, 0), missing),
    sub(b"ring", option::FOLLOW, (1, 1), ring::run),
    sub(b"log", option::FOLLOW, (0, 0), log::run),
    sub(b"spec", 0, (0, 0), spec::run),
];

/// The subcommands of `bpf map`.
static MAPS: &[Sub] = &[
    sub(b"list", 0, (0, 0), map::list),
    sub(b"show", 0, (1, 1), map::show),
    sub(b"dump", 0, (1, 1), map::dump),
    sub(b"get", 0, (2, 2), map::get),
    sub(b"set", 0, (3, 3), map::set),
    sub(b"delete", 0, (2, 2), map::delete),
];

/// What a subcommand gets.
pub(super) struct Call<'c, 'a> {
    pub(super) cx: &'c mut Context<'a>,
    pub(super) line: Line<'a>,
    pub(super) tracing: &'static dyn Tracing,
}

/// Runs the subcommand that the command line names.
pub(super) fn run(cx: &mut Context<'_>) -> Outcome {
    let Some(tracing) = cx.system().tracing() else {
        return super::no_feature(cx);
    };
    let (subs, index) = match cx.arg(1) {
        Some(b"map") => (MAPS, 2),
        _ => (SUBS, 1),
    };
    let Some(name) = cx.arg(index) else {
        return cx.usage(index as u8 - 1, UsageProblem::Missing);
    };
    let Some(sub) = subs.iter().find(|sub| sub.name == name) else {
        return cx.usage(index as u8, UsageProblem::UnknownWord);
    };
    let line = Line::read(cx, index + 1, sub)?;
    (sub.run)(&mut Call { cx, line, tracing })?;
    Ok(0)
}

/// `bpf map` alone.
fn missing(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    Err(call.cx.misused(1, UsageProblem::Missing))
}

impl<'a> Call<'_, 'a> {
    /// The operand of that number, from 0; empty where there is none.
    pub(super) fn word(&self, number: u8) -> Word<'a> {
        self.line.word(self.cx, number)
    }

    /// Says what is wrong with the command line.
    pub(super) fn misused(&mut self, arg: u8, problem: UsageProblem) -> Stop {
        self.cx.misused(arg, problem)
    }

    /// Says why the request cannot be done, which is about argument `arg`.
    #[inline(never)]
    pub(super) fn trouble(&mut self, arg: u8, trouble: &Trouble<'_>) -> Stop {
        answer::trouble(self.cx, arg, trouble)
    }

    /// As [`Self::trouble`]: there is none of that name or number.
    pub(super) fn none(&mut self, word: Word<'_>, what: What) -> Stop {
        self.trouble(word.arg, &Trouble::None { what })
    }

    /// Checks that the session may do this.
    pub(super) fn need(&mut self, arg: u8, policy: Policy) -> Result<(), Stop> {
        if self.cx.policy() >= policy {
            return Ok(());
        }
        let needed = policy.name();
        Err(self.trouble(arg, &Trouble::Policy { needed }))
    }

    /// Does something with what is loaded.
    pub(super) fn with<T>(&mut self, work: impl FnOnce(&mut Runtime) -> T) -> Result<T, Stop> {
        crate::bpf::with(self.cx, work)
    }

    /// Calls `work`, which operates on a map, with nothing attached running on this core, whose number it gets.
    #[inline(never)]
    pub(super) fn quietly(&self, work: &mut dyn FnMut(u32) -> Operation) -> Operation {
        let mut result = Ok(());
        self.tracing
            .quietly(&mut || result = work(self.tracing.host().core()));
        result
    }

    /// The program that a word names, or says that there is none. Who holds a program keeps it loaded.
    #[inline(never)]
    pub(super) fn program(&mut self, word: Word<'_>) -> Result<Found, Stop> {
        let found = self.with(|runtime| {
            let loaded = program(runtime, word.bytes)?;
            Some(Found {
                program: Arc::clone(&loaded.program),
                bundle: loaded.bundle,
                section: loaded.target.clone(),
            })
        })?;
        match found {
            Some(found) => Ok(found),
            None => Err(self.none(word, What::Program)),
        }
    }
}

/// What came of an operation on a map.
pub(super) type Operation = Result<(), Errno>;

/// A program that was asked for.
pub(super) struct Found {
    pub(super) program: Arc<Program>,
    /// The number of the bundle that it came in.
    pub(super) bundle: u32,
    /// What its section says it is attached to.
    pub(super) section: Box<str>,
}

/// The program that a word names.
#[inline(never)]
pub(super) fn program<'r>(runtime: &'r Runtime, word: &[u8]) -> Option<&'r LoadedProgram> {
    match id(word) {
        Some(id) => runtime.program(id),
        None => runtime.program_named(core::str::from_utf8(word).ok()?),
    }
}

/// The map that a word names.
#[inline(never)]
pub(super) fn loaded_map<'r>(runtime: &'r Runtime, word: &[u8]) -> Option<&'r LoadedMap> {
    match id(word) {
        Some(id) => runtime.map(id),
        None => runtime.map_named(core::str::from_utf8(word).ok()?),
    }
}

/// The number that a word is, if it is one. Names of programs and maps do not begin with a digit.
pub(super) fn id(word: &[u8]) -> Option<u32> {
    number(word).and_then(|id| u32::try_from(id).ok())
}
