//! Functions and variables that programs loaded at run time find by name.
//!
//! A linker keeps what the image itself refers to, and nothing in the image refers to an exported
//! item. So [`export!`] adds, beside the item under its plain name, an entry in the section
//! [`SECTION`], flagged `SHF_GNU_RETAIN` (System V gABI, "Section Attribute Flags"; GNU ABI
//! extension), and the entry refers to the item. Entries hold distances and no addresses: a
//! position-independent image needs no relocation for them, a tool reads them from the file as
//! they are, and the section stays read-only.

/// The linker section that lists what an image exports, as [`Entry`] records one after the other.
pub const SECTION: &str = "uio_exports";

/// The length of one record of [`SECTION`] in bytes.
pub const ENTRY_LEN: usize = 24;

/// What an exported item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Code that can be called.
    Function = 1,
    /// Data that can be read, and written where its type allows it.
    Variable = 2,
}

/// One exported item, as [`SECTION`] tells it.
///
/// A record is, in the byte order of the machine and aligned to 8: the distance from this field to
/// the item (`i32`), the distance from this field to the name (`i32`), the length of the name
/// without its NUL (`u32`), the [`Kind`] (`u32`), the size of the item (`u64`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the item is, in the address space that the section's address was given in.
    pub item: u64,
    /// Where the name is: ASCII, ended by a NUL.
    pub name: u64,
    /// The length of the name in bytes, without the NUL.
    pub name_len: u32,
    /// What the item is.
    pub kind: Kind,
    /// The size of a variable in bytes; 0 for a function, whose symbol tells it.
    pub size: u64,
}

impl Entry {
    fn read(record: &[u8; ENTRY_LEN], address: u64) -> Option<Self> {
        let word = |at: usize| -> Option<[u8; 4]> { record.get(at..at + 4)?.try_into().ok() };
        let target = |at: usize| -> Option<u64> {
            let distance = i64::from(i32::from_le_bytes(word(at)?));
            Some(
                address
                    .wrapping_add(at as u64)
                    .wrapping_add_signed(distance),
            )
        };
        let kind = match u32::from_le_bytes(word(12)?) {
            1 => Kind::Function,
            2 => Kind::Variable,
            _ => return None,
        };
        Some(Self {
            item: target(0)?,
            name: target(4)?,
            name_len: u32::from_le_bytes(word(8)?),
            kind,
            size: u64::from_le_bytes(record.get(16..24)?.try_into().ok()?),
        })
    }
}

/// The records in `section`, the bytes of [`SECTION`] of a little-endian image, which the image
/// has at `address`. Records of a kind unknown here and an incomplete one at the end are left out.
///
/// ```
/// use uio_app::{Kind, entries};
///
/// let mut record = Vec::new();
/// for word in [0x100_i32, -0x44, 11, 2, 8, 0] {
///     record.extend_from_slice(&word.to_le_bytes());
/// }
/// let found: Vec<_> = entries(&record, 0x2000).collect();
/// assert_eq!((found[0].item, found[0].name), (0x2100, 0x1fc0));
/// assert_eq!((found[0].kind, found[0].size), (Kind::Variable, 8));
/// ```
pub fn entries(section: &[u8], address: u64) -> impl Iterator<Item = Entry> {
    let (records, _rest) = section.as_chunks::<ENTRY_LEN>();
    records
        .iter()
        .zip((address..).step_by(ENTRY_LEN))
        .filter_map(|(record, at)| Entry::read(record, at))
}

/// Gives functions and variables plain C names that programs loaded at run time can link against.
///
/// Takes any number of items: `static`s that are not `mut` (make them atomics: the overlay reads and
/// writes them while the application runs) and `extern "C"` functions, `unsafe` where they must be.
/// The items survive `--gc-sections` and link-time optimisation though nothing refers to them, and
/// are listed in the section [`SECTION`].
///
/// Stands at the level of a module, not inside a function. The name is the symbol: it must not be one that the kernel or another crate defines, which the
/// linker reports. A function is called on the task of a loaded program, which may be ended at any
/// instruction; so it should hold no lock that the application waits for.
///
/// Without the feature `uio` the plain items are all that is left, and an unused one is optimised
/// away.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// uio_app::export! {
///     /// Orders taken since the start.
///     pub static shop_orders: AtomicU64 = AtomicU64::new(0);
///
///     /// Forgets all orders, and says how many there were.
///     pub extern "C" fn shop_reset() -> u64 {
///         shop_orders.swap(0, Ordering::Relaxed)
///     }
/// }
///
/// fn main() {
///     shop_orders.fetch_add(3, Ordering::Relaxed);
///     assert_eq!(shop_reset(), 3);
/// }
/// ```
///
/// A C program then says:
///
/// ```c
/// extern unsigned long shop_orders;
/// unsigned long shop_reset(void);
/// ```
#[cfg(feature = "uio")]
#[macro_export]
macro_rules! export {
    () => {};
    (
        $(#[$attribute:meta])*
        $visibility:vis static $name:ident: $type:ty = $value:expr;
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        #[allow(non_upper_case_globals, unsafe_code)]
        #[unsafe(no_mangle)]
        $visibility static $name: $type = $value;
        $crate::__export_entry!($name, Variable, ::core::mem::size_of::<$type>());
        $crate::export! { $($rest)* }
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis extern "C" fn $name:ident($($arguments:tt)*) $(-> $result:ty)? $body:block
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        $visibility extern "C" fn $name($($arguments)*) $(-> $result)? $body
        $crate::__export_entry!($name, Function, 0);
        $crate::export! { $($rest)* }
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis unsafe extern "C" fn $name:ident($($arguments:tt)*) $(-> $result:ty)? $body:block
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        $visibility unsafe extern "C" fn $name($($arguments)*) $(-> $result)? $body
        $crate::__export_entry!($name, Function, 0);
        $crate::export! { $($rest)* }
    };
}

/// Gives functions and variables plain C names that programs loaded at run time can link against.
///
/// In this build the feature `uio` is off: the items stay as they are, without a symbol of that
/// name, and an unused one is optimised away.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// uio_app::export! {
///     /// Orders taken since the start.
///     pub static shop_orders: AtomicU64 = AtomicU64::new(0);
/// }
///
/// assert_eq!(shop_orders.load(Ordering::Relaxed), 0);
/// ```
#[cfg(not(feature = "uio"))]
#[macro_export]
macro_rules! export {
    () => {};
    (
        $(#[$attribute:meta])*
        $visibility:vis static $name:ident: $type:ty = $value:expr;
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        #[allow(non_upper_case_globals, dead_code)]
        $visibility static $name: $type = $value;
        $crate::export! { $($rest)* }
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis extern "C" fn $name:ident($($arguments:tt)*) $(-> $result:ty)? $body:block
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        #[allow(dead_code)]
        $visibility extern "C" fn $name($($arguments)*) $(-> $result)? $body
        $crate::export! { $($rest)* }
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis unsafe extern "C" fn $name:ident($($arguments:tt)*) $(-> $result:ty)? $body:block
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        #[allow(dead_code, unsafe_code)]
        $visibility unsafe extern "C" fn $name($($arguments)*) $(-> $result)? $body
        $crate::export! { $($rest)* }
    };
}

/// One [`Entry`], in the flags that neither `--gc-sections` nor `#[used]` on a stable compiler give:
/// "R", to be retained. Only directives, the same for every machine that links ELF.
#[cfg(feature = "uio")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_entry {
    ($name:ident, $kind:ident, $size:expr) => {
        #[cfg(any(target_os = "hermit", target_os = "linux", target_os = "none"))]
        ::core::arch::global_asm!(
            ".pushsection uio_export_names,\"a\",%progbits",
            concat!("772: .asciz \"", stringify!($name), "\""),
            "773:",
            ".popsection",
            ".pushsection uio_exports,\"aR\",%progbits",
            ".balign 8",
            ".long {item} - .",
            ".long 772b - .",
            ".long 773b - 772b - 1",
            ".long {kind}",
            ".quad {size}",
            ".popsection",
            item = sym $name,
            kind = const $crate::Kind::$kind as u32,
            size = const $size,
        );
    };
}
