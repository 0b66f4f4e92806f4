//! What a program in Rust that runs inside a unikernel may call.
//!
//! A program is linked in the running guest, against the functions and variables of the kernel and the application,
//! and runs beside them. It reads all of the image; it writes its own memory, and the application's through [`gate`]s
//! if the policy in force allows the target. `uio new-program --lang rust` makes one, `uio cc` compiles it.
//!
//! ```no_run
//! # #[cfg(any())] mod first {
//! #![cfg_attr(not(test), no_std)]
//! # }
//! use core::sync::atomic::{AtomicU64, Ordering};
//! use uio_program::{Args, Error, println, uio_call, uio_write};
//!
//! // Names of the image: as C has them, or by the Rust path.
//! unsafe extern "C" {
//!     safe static requests: AtomicU64;
//!     #[link_name = "web::stats::REFUSED"]
//!     safe static REFUSED: AtomicU64;
//!     safe fn forget(what: u32) -> u64;
//! }
//!
//! # #[cfg(any())]
//! uio_program::entry!(report);
//!
//! fn report(args: Args) -> Result<(), Error> {
//!     println!("{} of {} requests refused", REFUSED.load(Ordering::Relaxed), requests.load(Ordering::Relaxed));
//!     for arg in args {
//!         println!("argument {arg:?}");
//!     }
//!     println!("{} forgotten", uio_call!(forget(3))?);
//!     uio_write!(REFUSED, 0)
//! }
//! ```
//!
//! | wish | |
//! |---|---|
//! | begin, end, arguments | [`entry!`], [`Outcome`], [`exit`], [`Args`], [`interrupted`] |
//! | output, input | [`print!`], [`println!`], [`eprint!`], [`eprintln!`], [`stdin`], [`stdout`], [`stderr`], [`Lines`] |
//! | files | [`fs`] |
//! | time | [`clock`], [`sleep`], [`yield_now`] |
//! | the application | [`uio_call!`], [`uio_write!`], [`gate`] |
//! | memory | `alloc`, with the program's own [`Heap`] |
//!
//! What a program opened or allocated is given back at its end, however that comes. A panic ends the program with
//! status 101 and a line on standard error, and nothing else.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod args;
pub mod clock;
pub mod entry;
mod error;
pub mod fs;
pub mod gate;
mod io;
mod sys;

pub use args::Args;
pub use clock::{sleep, yield_now};
pub use entry::{Outcome, exit, interrupted};
pub use error::{Error, Result};
pub use io::{Lines, Read, Stderr, Stdin, Stdout, print, stderr, stdin, stdout};
pub use sys::Heap;
