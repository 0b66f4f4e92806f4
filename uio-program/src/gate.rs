//! Gates to the application: calls that may write whatever the image may, and writes of its variables.
//!
//! A program reads all of the image as it is, and calls functions of it directly where those write nothing but what
//! the program handed to them. All else goes through here, and only if the policy in force allows the target.

use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16,
    AtomicU32, AtomicU64, AtomicUsize,
};

pub use crate::sys::{call, call_at, store, write};
use crate::{Error, Result, sys};

/// Arguments that a gate passes at most.
pub const MOST_ARGUMENTS: usize = 5;

/// What a gate passes: an integer, a truth value or a pointer, in a register.
pub trait Argument {
    /// The register's content.
    fn word(self) -> u64;
}

/// What comes back through a gate.
pub trait Returned {
    /// From the register's content, of which only this type's bits count.
    fn from_word(word: u64) -> Self;
}

macro_rules! words {
    ($($integer:ty)*) => {$(
        impl Argument for $integer {
            #[inline]
            fn word(self) -> u64 {
                self as u64
            }
        }

        impl Returned for $integer {
            #[inline]
            fn from_word(word: u64) -> Self {
                word as Self
            }
        }
    )*};
}

words!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

impl Argument for bool {
    fn word(self) -> u64 {
        u64::from(self)
    }
}

impl Returned for bool {
    fn from_word(word: u64) -> Self {
        word as u8 != 0
    }
}

impl Returned for () {
    fn from_word(_: u64) -> Self {}
}

impl<T> Argument for *const T {
    fn word(self) -> u64 {
        self.expose_provenance() as u64
    }
}

impl<T> Argument for *mut T {
    fn word(self) -> u64 {
        self.expose_provenance() as u64
    }
}

impl<T> Argument for &T {
    fn word(self) -> u64 {
        core::ptr::from_ref(self).word()
    }
}

impl<T> Argument for &mut T {
    fn word(self) -> u64 {
        core::ptr::from_mut(self).word()
    }
}

impl<T> Returned for *const T {
    fn from_word(word: u64) -> Self {
        core::ptr::with_exposed_provenance(word as usize)
    }
}

impl<T> Returned for *mut T {
    fn from_word(word: u64) -> Self {
        core::ptr::with_exposed_provenance_mut(word as usize)
    }
}

/// A function of the image that a gate can call with `Arguments`, a tuple.
pub trait Function<Arguments> {
    /// What it returns.
    type Output: Returned;

    /// Its address.
    fn address(self) -> *const ();

    /// The arguments' words.
    fn words(arguments: Arguments) -> [u64; MOST_ARGUMENTS];
}

macro_rules! functions {
    ($(($($name:ident)*))*) => {$(
        impl<R: Returned, $($name: Argument,)*> Function<($($name,)*)> for unsafe extern "C" fn($($name),*) -> R {
            type Output = R;

            fn address(self) -> *const () {
                self as *const ()
            }

            #[allow(non_snake_case)]
            fn words(($($name,)*): ($($name,)*)) -> [u64; MOST_ARGUMENTS] {
                first_of(&[$($name.word()),*])
            }
        }
    )*};
}

functions! { () (A) (A B) (A B C) (A B C D) (A B C D E) }

pub(crate) fn first_of(given: &[u64]) -> [u64; MOST_ARGUMENTS] {
    let mut words = [0; MOST_ARGUMENTS];
    for (word, given) in words.iter_mut().zip(given) {
        *word = *given;
    }
    words
}

/// A variable that may be written at any moment, whoever reads it: an atomic one.
pub trait Variable {
    /// What it holds.
    type Value: Copy;
}

macro_rules! variables {
    ($($atomic:ty: $value:ty,)*) => {$(
        impl Variable for $atomic {
            type Value = $value;
        }
    )*};
}

variables! {
    AtomicBool: bool, AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize,
    AtomicI8: i8, AtomicI16: i16, AtomicI32: i32, AtomicI64: i64, AtomicIsize: isize,
}

/// Reads memory of whatever owner, at an address, without ever faulting. Returns how many bytes were read: fewer than
/// `buffer` has where memory ends.
///
/// # Errors
/// [`Error::BadAddress`] when there is no memory at all.
pub fn read(address: u64, buffer: &mut [u8]) -> Result<usize> {
    sys::gate_read(address, buffer)
}

/// Raises a signal in the application, as the command `kill` does.
///
/// # Errors
/// [`Error::NotPermitted`] when the policy in force does not allow it, [`Error::NoHandler`] when the application does
/// not handle it.
pub fn raise(signal: i32) -> Result<()> {
    Error::check(sys::signal(signal)).map(|_| ())
}

/// Calls a function of the image through a gate; a [`Result`](crate::Result) of what it returns.
///
/// - `uio_call!(function(arguments…))`: a function that was declared in an `extern "C"` block. In an `unsafe` block,
///   unless it was declared as `safe`.
/// - `uio_call!(rust::path::of::function(arguments…) -> T)`: by its Rust path in the image, with arguments of the types
///   they have. Always in an `unsafe` block: nothing is known of that function.
///
/// Arguments and results are integers, truth values and pointers ([`gate::Argument`](crate::gate::Argument)).
///
/// ```no_run
/// use uio_program::{Error, uio_call};
///
/// unsafe extern "C" {
///     safe fn shop_reset() -> u64;
/// }
///
/// fn reset() -> Result<u64, Error> {
///     // SAFETY: the function takes nothing and counts what it drops.
///     let dropped = unsafe { uio_call!(shop::basket::clear(7_u32) -> u64) }?;
///     Ok(dropped + uio_call!(shop_reset())?)
/// }
/// ```
#[macro_export]
macro_rules! uio_call {
    ($first:ident $(:: $rest:ident)* ( $($argument:expr),* $(,)? ) -> $result:ty) => {{
        #[allow(unsafe_code)]
        unsafe extern "C" {
            #[link_name = concat!(stringify!($first) $(, "::", stringify!($rest))*)]
            fn target();
        }
        $crate::gate::call_at::<$result, _>(
            target as *const (),
            [$($crate::gate::Argument::word($argument)),*],
        )
    }};
    ($first:ident $(:: $rest:ident)* ( $($argument:expr),* $(,)? )) => {{
        // Asks for `unsafe` around it where the function does.
        #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::empty_loop)]
        if false {
            let _ = $first $(:: $rest)* ($($crate::__in_place_of!($argument)),*);
        }
        let function: unsafe extern "C" fn($($crate::__type_of!($argument)),*) -> _ =
            $first $(:: $rest)*;
        let arguments = ($($argument,)*);
        #[allow(unsafe_code, unused_unsafe)]
        // SAFETY: whoever declared the function promised what it is; its conditions are the caller's affair.
        let result = unsafe { $crate::gate::call(function, arguments) };
        result
    }};
}

/// A value of any type, in code that is not reached.
#[doc(hidden)]
#[macro_export]
macro_rules! __in_place_of {
    ($argument:expr) => {
        loop {}
    };
}

/// A type to be inferred.
#[doc(hidden)]
#[macro_export]
macro_rules! __type_of {
    ($argument:expr) => {
        _
    };
}

/// Stores a value in an atomic variable of the image through a gate; a [`Result`](crate::Result). For other variables
/// see [`gate::write`](crate::gate::write).
///
/// ```no_run
/// use core::sync::atomic::AtomicU64;
/// use uio_program::{Error, uio_write};
///
/// unsafe extern "C" {
///     safe static shop_orders: AtomicU64;
/// }
///
/// fn forget() -> Result<(), Error> {
///     uio_write!(shop_orders, 0)
/// }
/// ```
#[macro_export]
macro_rules! uio_write {
    ($variable:path, $value:expr $(,)?) => {
        $crate::gate::store(&$variable, $value)
    };
}
