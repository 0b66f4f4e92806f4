//! Rights of single pages of physical memory in the identity map, in which programs lie.
//!
//! The kernel maps all memory at its own address, in pages of 2 MiB, writable and executable. The
//! frames of a program have no other mapping, so their entries there decide what can be done to
//! them. A large page in which a program lies is split once, and stays so.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::ptr;

use hermit_sync::without_interrupts;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::Cr3;

use super::config;
use crate::arch::mm::physicalmem;

pub(super) const PAGE: usize = 4096;
const LARGE: usize = 2 << 20;

// Bits of an entry (Intel SDM volume 3, 4.5.4).
pub(super) const PRESENT: u64 = 1;
pub(super) const WRITABLE: u64 = 1 << 1;
pub(super) const USER: u64 = 1 << 2;
pub(super) const NO_CACHE: u64 = 1 << 4;
const HUGE: u64 = 1 << 7;
pub(super) const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// What can be done to a page of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
	/// The kernel's again: nothing for programs, and never executable.
	Kernel,
	/// Nothing at all.
	Guard,
	/// Its code.
	Text,
	/// Code of the kernel that was made at run time.
	#[cfg(feature = "uio-bpf")]
	KernelText,
	/// Its constants.
	Constants,
	/// Its data, with the number of the protection key that they carry.
	Data(u8),
}

impl Access {
	fn flags(self) -> u64 {
		let own = if config::backend().user_pages() {
			PRESENT | USER
		} else {
			PRESENT
		};
		match self {
			Self::Kernel => PRESENT | WRITABLE | NO_EXECUTE,
			Self::Guard => NO_EXECUTE,
			Self::Text => own,
			#[cfg(feature = "uio-bpf")]
			Self::KernelText => PRESENT,
			Self::Constants => own | NO_EXECUTE,
			Self::Data(key) => own | WRITABLE | NO_EXECUTE | u64::from(key) << 59,
		}
	}
}

/// Memory of page tables that splitting took.
static TABLES: AtomicUsize = AtomicUsize::new(0);

/// Bytes of page tables that were made here.
pub(super) fn held() -> usize {
	TABLES.load(Ordering::Relaxed)
}

/// How far down the tables to go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
	/// To the entry that maps the address, whatever the size of its page.
	No,
	/// To a page of 4 KiB.
	Yes,
}

/// The entry that maps an address, and the size of its page. Entries on the way get the flags
/// `above` as well. `None` if the address is not mapped, or if there is no memory for a table.
pub(super) fn entry(at: usize, above: u64, split: Split) -> Option<(&'static AtomicU64, usize)> {
	let mut table = Cr3::read().0.start_address().as_u64();
	for level in (0..4).rev() {
		let shift = 12 + 9 * level;
		let index = at >> shift & 511;
		let entry = ptr::with_exposed_provenance::<AtomicU64>(table as usize + 8 * index);
		// SAFETY: tables of the current address space are never freed, and physical memory is
		// mapped at its own address.
		let entry = unsafe { &*entry };
		let mut value = entry.load(Ordering::Relaxed);
		if level == 0 {
			return Some((entry, PAGE));
		}
		if value & PRESENT == 0 {
			return None;
		}
		if value & HUGE != 0 {
			if split == Split::No {
				return Some((entry, 1 << shift));
			}
			if level != 1 {
				return None;
			}
			value = split_large(entry, value)?;
		}
		if value & above != above {
			entry.fetch_or(above, Ordering::Relaxed);
		}
		table = value & ADDRESS;
	}
	None
}

/// Replaces a page of 2 MiB by a table of pages of 4 KiB with the same rights.
fn split_large(entry: &AtomicU64, value: u64) -> Option<u64> {
	let table = physicalmem::allocate(PAGE).ok()?.as_u64();
	TABLES.fetch_add(PAGE, Ordering::Relaxed);
	let first = value & ADDRESS & !(LARGE as u64 - 1);
	let flags = value & !(ADDRESS | HUGE);
	for index in 0..512 {
		let page = ptr::with_exposed_provenance_mut::<u64>(table as usize + 8 * index);
		// SAFETY: the frame is new, and mapped at its own address.
		unsafe { page.write(first + (index * PAGE) as u64 | flags) };
	}
	let value = table | flags & !NO_EXECUTE;
	without_interrupts(|| {
		entry.store(value, Ordering::Relaxed);
		tlb::flush_all();
	});
	Some(value)
}

/// Gives pages of the identity map rights; false when there is no memory for a table. Pages that had
/// got them already keep them then.
pub(super) fn protect(start: usize, len: usize, access: Access) -> bool {
	let flags = access.flags();
	for at in (start..start + len).step_by(PAGE) {
		let Some((entry, _)) = entry(at, flags & USER, Split::Yes) else {
			return false;
		};
		entry.store(at as u64 | flags, Ordering::Relaxed);
		tlb::flush(VirtAddr::new_truncate(at as u64));
	}
	true
}

/// To be called after rights were taken back from pages that other cores may use again.
pub(super) fn flush_other_cores() {
	#[cfg(feature = "smp")]
	crate::arch::kernel::apic::ipi_tlb_flush();
}
