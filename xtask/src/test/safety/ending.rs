//! How a program is expected to end.

use std::fmt;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::run::Ran;

/// Status of a program that nothing stopped (`THROUGH` of `demos/unsafe/unsafe.h`).
const THROUGH: i32 = 99;

/// Status of a program that finds nothing to do it with (`NOT_FOUND`).
const NOT_FOUND: i32 = 98;

/// Status of a program that was not started.
const NOT_STARTED: i32 = 126;

/// Status of a program that panicked.
const PANICKED: i32 = 101;

/// Status of a program that came to its time limit.
const TIMED_OUT: i32 = 124;

/// Vector of a page fault.
const PAGE_FAULT: u8 = 14;

// Bits of a page fault's error code (Intel SDM volume 3, 4.7).
const PROTECTION: u64 = 1;
const FETCH: u64 = 1 << 4;
const KEY: u64 = 1 << 5;

/// Why a page fault is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing is mapped there.
    Unmapped,
    /// The page's own rights: it cannot be written, and has no key that would tell more.
    Page,
    /// It cannot be executed.
    Execute,
    /// Its protection key.
    Key,
    /// Whichever of these; which depends on what the address happens to hold.
    Whichever,
}

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It does what it may do, and ends with status 0.
    Fine,
    /// What it asks for is refused; it sees that, and ends with status 0.
    Denied,
    /// A page fault ends it.
    PageFault(Why),
    /// Another exception ends it.
    Exception(u8),
    /// One of two exceptions ends it; which depends on the processor.
    Either(u8, u8),
    /// Some exception ends it.
    Fault,
    /// It harms nobody but itself: some exception ends it, or nothing comes of it.
    OwnAffair,
    /// It panics, as Rust has it.
    Panic,
    /// It ends with a status of its own.
    Status(i32),
    /// It may see what others left behind.
    Leftovers,
    /// What it looks for is not there without keys.
    Missing,
    /// A page fault inside the function that it called through the gate, reported with the ways to
    /// both.
    InCall,
    /// It has an instruction of a class that is refused, and is not started.
    Refused(&'static str),
    /// Its time limit ends it.
    TimeLimit,
    /// Nothing stops it, and nothing comes of it.
    Idle,
    /// Nothing stops it.
    Open,
    /// An exception that the emulated processor lacks ends it; there it goes on to status 99.
    Emulated(u8),
    /// It is not run, because it would do harm.
    NotRun,
}

impl Ending {
    /// Whether a run ended like that.
    ///
    /// # Errors
    /// When it did not, with how it ended.
    pub fn check(self, ran: &Ran) -> Result<()> {
        ensure!(
            self.fits(ran),
            "it was to end by `{self}`: status {}, {}",
            ran.status,
            ran.words
        );
        Ok(())
    }

    fn fits(self, ran: &Ran) -> bool {
        match self {
            Self::Fine | Self::Denied => ran.status == 0,
            Self::PageFault(why) => {
                let fault = ran.fault();
                status_of(PAGE_FAULT) == ran.status
                    && fault["code"].as_u64().is_some_and(|code| why.fits(code))
            }
            Self::Exception(vector) => ran.status == status_of(vector),
            Self::Either(one, other) => [one, other].map(status_of).contains(&ran.status),
            Self::Fault => (128..160).contains(&ran.status) && !ran.fault().is_null(),
            Self::OwnAffair => ran.status == 0 || Self::Fault.fits(ran),
            Self::Panic => ran.status == PANICKED && ran.words.contains("panicked at"),
            Self::Status(status) => ran.status == status,
            Self::Leftovers => ran.status == 0 || ran.status == THROUGH,
            Self::Missing => ran.status == NOT_FOUND,
            Self::InCall => {
                let fault = ran.fault();
                let frames = |name: &str| fault[name].as_array().is_some_and(|all| !all.is_empty());
                ran.status == status_of(PAGE_FAULT)
                    && fault["in_call"] == Value::Bool(true)
                    && frames("frames")
                    && frames("caller")
            }
            Self::Refused(class) => ran.status == NOT_STARTED && ran.forbidden() == Some(class),
            Self::TimeLimit => ran.status == TIMED_OUT && ran.words.contains("time limit"),
            Self::Idle | Self::Open => ran.status == THROUGH,
            Self::Emulated(vector) => ran.status == status_of(vector) || ran.status == THROUGH,
            Self::NotRun => true,
        }
    }
}

/// Status of a program that an exception ended.
fn status_of(vector: u8) -> i32 {
    128 + i32::from(vector)
}

impl Why {
    fn fits(self, code: u64) -> bool {
        match self {
            Self::Unmapped => code & PROTECTION == 0,
            Self::Page => code & PROTECTION != 0 && code & (FETCH | KEY) == 0,
            Self::Execute => code & PROTECTION != 0 && code & FETCH != 0,
            Self::Key => code & KEY != 0,
            Self::Whichever => true,
        }
    }
}

fn name(vector: u8) -> &'static str {
    match vector {
        0 => "divide error",
        3 => "breakpoint",
        6 => "invalid opcode",
        13 => "general protection fault",
        16 => "floating-point error",
        19 => "SIMD floating-point error",
        _ => "exception",
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fine => f.write_str("runs"),
            Self::Denied => f.write_str("refused, goes on"),
            Self::PageFault(Why::Unmapped) => f.write_str("page fault: not mapped"),
            Self::PageFault(Why::Page) => f.write_str("page fault: not writable"),
            Self::PageFault(Why::Execute) => f.write_str("page fault: not executable"),
            Self::PageFault(Why::Key) => f.write_str("page fault: key"),
            Self::PageFault(Why::Whichever) => f.write_str("page fault"),
            Self::Exception(vector) => f.write_str(name(*vector)),
            Self::Either(_, vector) => f.write_str(name(*vector)),
            Self::Fault => f.write_str("some fault"),
            Self::OwnAffair => f.write_str("its own affair"),
            Self::Panic => f.write_str("panic"),
            Self::Status(status) => write!(f, "refused, status {status}"),
            Self::Leftovers => f.write_str("**not contained**: may find others'"),
            Self::Missing => f.write_str("there are none"),
            Self::InCall => f.write_str("page fault, in the call"),
            Self::Refused(class) => write!(f, "not loaded: `{class}`"),
            Self::TimeLimit => f.write_str("time limit"),
            Self::Idle => f.write_str("runs, without effect"),
            Self::Open => f.write_str("**not contained**"),
            Self::Emulated(vector) => write!(f, "{} ¹", name(*vector)),
            Self::NotRun => f.write_str("**not contained**, not run"),
        }
    }
}
