//! Physical memory, which is mapped to itself while the loader runs.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use core::{ptr, slice};

use hermit_entry::boot_info::RawBootInfo;
use uio_loader::paging::Tables;
use uio_loader::pvh::{MEMMAP_ENTRY_LEN, START_INFO_LEN, StartInfo};
use uio_loader::ram::MAX_RANGES;
use uio_loader::tree::{MAX_COMMAND_LINE, MAX_TREE};
use uio_loader::{Error, LARGE_PAGE};

unsafe extern "C" {
    static loader_start: u8;
    static loader_end: u8;
}

/// Everything that outlives the loader, since the kernel goes on using it, and
/// what is too large for the stack. All below 2 MiB, which the kernel never gives away.
pub struct Statics {
    /// The kernel's page tables, empty.
    pub tables: &'static mut Tables,
    /// The device tree.
    pub tree: &'static mut [u8; MAX_TREE],
    /// The boot info.
    pub boot_info: &'static mut MaybeUninit<RawBootInfo>,
    /// The command line, until it is in the device tree.
    pub command_line: &'static mut [u8; MAX_COMMAND_LINE + 1],
}

struct Storage {
    tables: Tables,
    tree: [u8; MAX_TREE],
    boot_info: MaybeUninit<RawBootInfo>,
    command_line: [u8; MAX_COMMAND_LINE + 1],
}

struct Shared(UnsafeCell<Storage>);

// SAFETY: `Statics::take` gives its contents away once.
unsafe impl Sync for Shared {}

static STORAGE: Shared = Shared(UnsafeCell::new(Storage {
    tables: Tables::EMPTY,
    tree: [0; MAX_TREE],
    boot_info: MaybeUninit::uninit(),
    command_line: [0; MAX_COMMAND_LINE + 1],
}));

impl Statics {
    /// Gives the storage away; `None` from the second call on.
    pub fn take() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        // SAFETY: the flag makes this the only reference, for good.
        let storage = unsafe { &mut *STORAGE.0.get() };
        Some(Self {
            tables: &mut storage.tables,
            tree: &mut storage.tree,
            boot_info: &mut storage.boot_info,
            command_line: &mut storage.command_line,
        })
    }
}

/// The physical address of `thing`.
pub fn address_of<T>(thing: &T) -> u64 {
    ptr::from_ref(thing) as u64
}

/// Where the loader lies, from its stack to the end of its data.
pub fn loader_range() -> Range<u64> {
    (&raw const loader_start) as u64..(&raw const loader_end) as u64
}

/// Copies the start info at `address`, which the firmware passed in `ebx`.
pub fn start_info(address: u64) -> [u8; START_INFO_LEN] {
    // SAFETY: the PVH boot protocol puts a start info there, below 4 GiB, where
    // everything is mapped. A version 0 start info is shorter, but memory goes
    // on behind it, and the version is checked before those bytes are used.
    unsafe { ptr::read_unaligned(ptr::with_exposed_provenance(address as usize)) }
}

/// The memory map that the start info points to, cut off at [`MAX_RANGES`]
/// times four entries.
pub fn memmap(info: &StartInfo) -> &'static [u8] {
    let entries = (info.memmap_entries as usize).min(4 * MAX_RANGES);
    let Ok(address) = u32::try_from(info.memmap) else {
        return &[];
    };
    // SAFETY: the PVH boot protocol puts that many entries there; below 4 GiB
    // everything is mapped; nothing writes there while the loader runs, since
    // the loader only writes to itself and to the image, from 2 MiB on.
    unsafe {
        slice::from_raw_parts(
            ptr::with_exposed_provenance(address as usize),
            entries * MEMMAP_ENTRY_LEN,
        )
    }
}

/// The first `len` bytes of `place`, which is where RAM is free for the image.
///
/// # Errors
/// [`Error::NoRoom`] when `place` is too small or not above the loader.
pub fn image(place: &Range<u64>, len: u64) -> Result<&'static mut [u8], Error> {
    if place.start < LARGE_PAGE || place.end > u32::MAX.into() || len > place.end - place.start {
        return Err(Error::NoRoom { need: len });
    }
    // SAFETY: `RamMap::place` found this range in RAM, the loader lies below it
    // (checked above; link.ld asserts the rest), the firmware's tables in the
    // BIOS area or above RAM, and this is called once. Bytes of RAM are
    // initialised from Rust's view: they are no allocation of its own.
    unsafe {
        Ok(slice::from_raw_parts_mut(
            ptr::with_exposed_provenance_mut(place.start as usize),
            len as usize,
        ))
    }
}
