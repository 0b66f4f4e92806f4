//! How a program begins and ends.

use core::fmt;
use core::panic::PanicInfo;

#[doc(hidden)]
pub use crate::sys::start;
use crate::{eprintln, sys};

/// Status of a program that panicked.
pub const PANICKED: i32 = 101;

/// What `main` may return.
pub trait Outcome {
    /// The program's exit status; errors are told on standard error.
    fn status(self) -> i32;
}

impl Outcome for () {
    fn status(self) -> i32 {
        0
    }
}

impl Outcome for i32 {
    fn status(self) -> i32 {
        self
    }
}

/// An error is printed, and is status 1.
impl<T: Outcome, E: fmt::Display> Outcome for Result<T, E> {
    fn status(self) -> i32 {
        match self {
            Ok(outcome) => outcome.status(),
            Err(error) => {
                eprintln!("error: {error}");
                1
            }
        }
    }
}

/// Ends the program. Values that live are not dropped.
pub fn exit(status: i32) -> ! {
    sys::exit(status)
}

/// Whether the client asked the program to end. A program that computes for long should ask now and then; everything
/// that waits returns [`Error::Interrupted`](crate::Error::Interrupted) once it is so.
#[must_use]
pub fn interrupted() -> bool {
    sys::interrupted()
}

/// What [`entry!`](crate::entry!) makes of a panic.
#[doc(hidden)]
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    eprintln!("{info}");
    exit(PANICKED)
}

/// Makes a function `fn main(args: Args) -> impl Outcome` the program's, with the program's own heap for `alloc` and
/// a panic handler. Stands once in a program, at the level of a module.
///
/// Under `cargo test`, where the program is no program, nothing of it remains.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[cfg(test)]
        const _: () = {
            let _ = $main;
        };

        #[cfg(not(test))]
        #[allow(unsafe_code)]
        const _: () = {
            #[global_allocator]
            static HEAP: $crate::Heap = $crate::Heap;

            #[panic_handler]
            fn panic(info: &::core::panic::PanicInfo<'_>) -> ! {
                $crate::entry::panicked(info)
            }

            #[unsafe(export_name = "main")]
            extern "C" fn start(
                argc: ::core::ffi::c_int,
                argv: *const *const ::core::ffi::c_char,
            ) -> ::core::ffi::c_int {
                // SAFETY: the guest calls `main` as C has it, and keeps the arguments until the program's end.
                unsafe { $crate::entry::start(argc, argv, $main) }
            }

            // The compiled library refers to these two for unwinding, which a program that aborts never does.
            #[unsafe(export_name = "rust_eh_personality")]
            extern "C" fn personality() {}

            #[unsafe(export_name = "_Unwind_Resume")]
            extern "C" fn resume() -> ! {
                $crate::exit($crate::entry::PANICKED)
            }
        };
    };
}
