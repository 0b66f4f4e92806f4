//! Static probes: places in an application at which eBPF programs can be attached.
//!
//! A probe hands its programs a structure, and may ask them for a decision: what a program returns says
//! what the application does next. A probe with nothing attached costs a load and a branch; the
//! structure is only made when something is.

#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The linker section that lists the probes of an image: the distance (`i32`) from each entry to its
/// [`Descriptor`].
pub const PROBES: &str = "uio_probes";

/// What a field of a probe's structure holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FieldKind {
    /// An unsigned integer.
    Unsigned = 0,
    /// A signed integer.
    Signed = 1,
    /// Bytes; a text, if they are one, ends with the first zero.
    Bytes = 2,
}

/// A type that fields of probes can have: integers, and arrays of bytes.
pub trait FieldType: Copy {
    /// What it holds.
    const KIND: FieldKind;
}

macro_rules! field_types {
    ($($type:ty: $kind:ident),*) => {
        $(impl FieldType for $type {
            const KIND: FieldKind = FieldKind::$kind;
        })*
    };
}

field_types!(u8: Unsigned, u16: Unsigned, u32: Unsigned, u64: Unsigned);
field_types!(i8: Signed, i16: Signed, i32: Signed, i64: Signed);

impl<const N: usize> FieldType for [u8; N] {
    const KIND: FieldKind = FieldKind::Bytes;
}

/// A field of a probe's structure, as the kernel reads it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Field {
    name: *const u8,
    name_len: usize,
    offset: u32,
    size: u32,
    kind: FieldKind,
}

// SAFETY: the name is a `&'static str` in parts.
unsafe impl Sync for Field {}

impl Field {
    /// A field of type `T` at that offset.
    #[must_use]
    pub const fn new<T: FieldType>(name: &'static str, offset: usize) -> Self {
        Self {
            name: name.as_ptr(),
            name_len: name.len(),
            offset: offset as u32,
            size: size_of::<T>() as u32,
            kind: T::KIND,
        }
    }
}

/// What the kernel knows of a probe.
#[derive(Debug)]
#[repr(C)]
pub struct Descriptor {
    /// Address of the kernel's function while something is attached, else 0.
    hook: AtomicUsize,
    name: *const u8,
    name_len: usize,
    fields: *const Field,
    field_count: usize,
    /// Bytes of the structure.
    size: u32,
    /// 1 if what programs return is looked at.
    decides: u32,
}

// SAFETY: but for the hook, which is atomic, nothing changes; the pointers are `&'static` in parts.
unsafe impl Sync for Descriptor {}

/// The kernel's function: gets the probe, its structure and where to put a decision; gives whether there
/// is one.
type Hook = unsafe extern "C" fn(&Descriptor, *mut u8, &mut u64) -> bool;

/// A probe with the structure `T`. Made by [`probe!`](crate::probe).
#[derive(Debug)]
#[repr(transparent)]
pub struct Probe<T> {
    descriptor: Descriptor,
    structure: PhantomData<fn(&mut T)>,
}

impl<T: Copy> Probe<T> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, fields: &'static [Field], decides: bool) -> Self {
        Self {
            descriptor: Descriptor {
                hook: AtomicUsize::new(0),
                name: name.as_ptr(),
                name_len: name.len(),
                fields: fields.as_ptr(),
                field_count: fields.len(),
                size: size_of::<T>() as u32,
                decides: decides as u32,
            },
            structure: PhantomData,
        }
    }

    /// Whether anything is attached.
    #[inline(always)]
    pub fn is_attached(&self) -> bool {
        self.descriptor.hook.load(Ordering::Relaxed) != 0
    }

    /// Runs what is attached, with what `structure` makes. The decision, if the probe asks for one and
    /// a program ran to its end.
    #[inline(always)]
    pub fn fire(&self, structure: impl FnOnce() -> T) -> Option<u64> {
        if self.is_attached() {
            return self.run(structure());
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn run(&self, mut structure: T) -> Option<u64> {
        let hook = self.descriptor.hook.load(Ordering::Acquire);
        if hook == 0 {
            return None;
        }
        // SAFETY: the kernel put a function of this type there, which stays for ever.
        let hook = unsafe { core::mem::transmute::<usize, Hook>(hook) };
        let mut decision = 0;
        // SAFETY: the structure is as long as the descriptor says, and any bytes in it are valid: its
        // fields are integers and arrays of bytes.
        let decided = unsafe {
            hook(
                &self.descriptor,
                ptr::from_mut(&mut structure).cast(),
                &mut decision,
            )
        };
        decided.then_some(decision)
    }
}

/// Puts a text into an array of bytes, cut where it does not fit; the rest is zero.
#[must_use]
pub fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    bytes
}

/// Declares a probe and its structure.
///
/// The structure consists of integers and arrays of bytes. With `decides`, what a program returns is given
/// to the application; of several attached programs, what the last one attached returns.
///
/// Stands at the level of a module, not inside a function.
///
/// ```
/// uio_app::probe! {
///     /// An order is about to be taken.
///     pub static ORDER: Order = "order" decides {
///         /// Cents.
///         price: u64,
///         /// Who orders.
///         customer: [u8; 32],
///     }
/// }
///
/// fn main() {
///     let decision = ORDER.fire(|| Order {
///         price: 1250,
///         customer: uio_app::text("alice"),
///     });
///     // Nothing is attached.
///     assert_eq!(decision, None);
/// }
/// ```
#[macro_export]
macro_rules! probe {
    (
        $(#[$attribute:meta])*
        $visibility:vis static $probe:ident: $structure:ident = $name:literal $($decides:ident)? {
            $($(#[$field_attribute:meta])* $field:ident: $type:ty),* $(,)?
        }
    ) => {
        #[doc = concat!("What the probe `", $name, "` hands to programs.")]
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        $visibility struct $structure {
            $($(#[$field_attribute])* $visibility $field: $type,)*
        }

        $(#[$attribute])*
        #[allow(non_upper_case_globals)]
        $visibility static $probe: $crate::Probe<$structure> = {
            const FIELDS: &[$crate::Field] = &[$(
                $crate::Field::new::<$type>(
                    stringify!($field),
                    ::core::mem::offset_of!($structure, $field),
                ),
            )*];
            $crate::Probe::new($name, FIELDS, $crate::__decides!($($decides)?))
        };
        $crate::__probe_entry!($probe);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __decides {
    () => {
        false
    };
    (decides) => {
        true
    };
}

#[cfg(feature = "uio")]
#[doc(hidden)]
#[macro_export]
macro_rules! __probe_entry {
    ($probe:ident) => {
        #[cfg(any(target_os = "hermit", target_os = "linux", target_os = "none"))]
        ::core::arch::global_asm!(
            ".pushsection uio_probes,\"aR\",%progbits",
            ".balign 4",
            ".long {probe} - .",
            ".popsection",
            probe = sym $probe,
        );
    };
}

#[cfg(not(feature = "uio"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __probe_entry {
    ($probe:ident) => {};
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::probe! {
        /// Of this test.
        static TESTED: Tested = "tested" {
            small: u8,
            signed: i32,
            name: [u8; 12],
        }
    }

    unsafe extern "C" fn hook(of: &Descriptor, structure: *mut u8, decision: &mut u64) -> bool {
        assert_eq!(
            (of.size, of.decides, of.field_count, of.name_len),
            (20, 0, 3, 6)
        );
        // SAFETY: the structure has 20 bytes.
        let bytes = unsafe { core::slice::from_raw_parts(structure, 20) };
        *decision = u64::from(bytes[0]) + u64::from(bytes[8]);
        true
    }

    #[test]
    fn a_probe_runs_what_is_attached_and_makes_nothing_without() {
        assert_eq!(TESTED.fire(|| unreachable!()), None);
        TESTED
            .descriptor
            .hook
            .store(hook as *const () as usize, Ordering::Relaxed);
        let structure = Tested {
            small: 3,
            signed: -1,
            name: text("a long text that is cut"),
        };
        assert_eq!(TESTED.fire(|| structure), Some(3 + u64::from(b'a')));
        TESTED.descriptor.hook.store(0, Ordering::Relaxed);
        // SAFETY: `FIELDS` has that many.
        let fields = unsafe {
            core::slice::from_raw_parts(TESTED.descriptor.fields, TESTED.descriptor.field_count)
        };
        let of = |index: usize| (fields[index].offset, fields[index].size, fields[index].kind);
        assert_eq!(of(0), (0, 1, FieldKind::Unsigned));
        assert_eq!(of(1), (4, 4, FieldKind::Signed));
        assert_eq!(of(2), (8, 12, FieldKind::Bytes));
    }
}
