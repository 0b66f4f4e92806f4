//! What a program may do to the application: the session's policy, and what the application
//! exported (`uio_app::export!`).

use core::arch::naked_asm;
use core::{ptr, slice};

use uio_core::isolation::Policy;

use crate::errno::{EFAULT, EPERM};
use crate::uio::image;
use crate::uio::platform::writable;

/// A record of the section `uio_exports`; distances count from the field that holds them.
#[repr(C)]
struct Record {
	item: i32,
	name: i32,
	name_len: u32,
	kind: u32,
	size: u64,
}

const FUNCTION: u32 = 1;
const VARIABLE: u32 = 2;

/// Bounds of the section.
#[repr(C)]
struct Bounds {
	start: usize,
	stop: usize,
}

/// The bounds, which the linker defines where there is such a section.
#[unsafe(naked)]
extern "C" fn bounds() -> Bounds {
	naked_asm!(
		".weak __start_uio_exports",
		".weak __stop_uio_exports",
		".hidden __start_uio_exports",
		".hidden __stop_uio_exports",
		"lea rax, [rip + __start_uio_exports]",
		"lea rdx, [rip + __stop_uio_exports]",
		"ret",
	)
}

/// What the application exported.
fn records() -> &'static [Record] {
	let Bounds { start, stop } = bounds();
	let len = stop.saturating_sub(start) / size_of::<Record>();
	if len == 0 {
		return &[];
	}
	// SAFETY: the linker put the section there, which consists of such records, aligned to 8.
	unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(start), len) }
}

impl Record {
	fn address(&self) -> u64 {
		let field = ptr::from_ref(&self.item).addr() as u64;
		field.wrapping_add_signed(self.item.into())
	}

	/// Whether that many bytes at an address lie inside this variable.
	fn holds(&self, at: u64, len: u64) -> bool {
		at.checked_sub(self.address())
			.and_then(|offset| offset.checked_add(len))
			.is_some_and(|end| end <= self.size)
	}
}

/// Whether a policy allows to call a function of the image; the error is an error number.
#[inline(never)]
pub(super) fn may_call(policy: Policy, function: u64) -> Result<(), i32> {
	let exported = |record: &Record| record.kind == FUNCTION && record.address() == function;
	match policy {
		Policy::Observe => Err(EPERM),
		Policy::Control if records().iter().any(exported) => Ok(()),
		Policy::Control => Err(EPERM),
		Policy::Full if image::is_code(function) => Ok(()),
		Policy::Full => Err(EFAULT),
	}
}

/// Whether a policy allows to write so many bytes there; the error is an error number.
#[inline(never)]
pub(super) fn may_write(policy: Policy, to: u64, len: u64) -> Result<(), i32> {
	let exported = |record: &Record| record.kind == VARIABLE && record.holds(to, len);
	match policy {
		Policy::Observe => return Err(EPERM),
		Policy::Control if !records().iter().any(exported) => return Err(EPERM),
		Policy::Control | Policy::Full => {}
	}
	writable(to, len).map_err(|_| EFAULT)
}
