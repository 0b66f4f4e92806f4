//! Lets programs of ring 3 see the memory of the kernel and the application, page by page, when they
//! first touch it. They see it with key 0, which they may only read.
//!
//! A program must not execute WRPKRU, which ring 3 may. So code of the image is shown in pages of 4
//! KiB, after a look at their bytes, and whatever is no code of the image is shown unexecutable.

use core::hint::black_box;
use core::sync::atomic::Ordering;
use core::{ptr, slice};

use hermit_sync::without_interrupts;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;

use super::super::pages::{NO_CACHE, NO_EXECUTE, PAGE, PRESENT, Split, USER, entry};
use crate::env;
use crate::uio::image;

// Bits of a page fault's error code (Intel SDM volume 3, 4.7).
const PROTECTION: u32 = 1;
const WRITE: u32 = 1 << 1;
const RESERVED: u32 = 1 << 3;
const FETCH: u32 = 1 << 4;
const KEY: u32 = 1 << 5;

/// WRPKRU. Not a constant, which would have its bytes in this very code.
static FORBIDDEN: [u8; 3] = [0x0f, 0x01, 0xef];

/// Shows a program the page that it touched, if it may see it; false if the fault is its own.
pub(super) fn reveal(at: usize, code: u32) -> bool {
	// A write to a page that is not shown yet is refused when it is tried again.
	if code & PROTECTION == 0 || code & (RESERVED | KEY) != 0 {
		return false;
	}
	let page = at & !(PAGE - 1);
	let image = env::get_base_address().as_usize();
	let in_image = (image..image + env::get_image_size()).contains(&at);
	if (code & (WRITE | FETCH) != 0 && !(in_image && code & FETCH != 0)) || super::is_hidden(page) {
		return false;
	}
	let split = if in_image { Split::Yes } else { Split::No };
	let is_code = in_image && (image::is_code(page as u64) || image::is_code((page + PAGE - 1) as u64));
	if is_code && forbidden(page) {
		return false;
	}
	let Some((entry, _)) = entry(at, USER, split) else {
		return false;
	};
	let value = entry.load(Ordering::Relaxed);
	if value & PRESENT == 0 || value & (USER | NO_CACHE) != 0 {
		return false;
	}
	let more = if is_code { USER } else { USER | NO_EXECUTE };
	without_interrupts(|| {
		entry.fetch_or(more, Ordering::Relaxed);
		tlb::flush(VirtAddr::new_truncate(at as u64));
	});
	// A fetch from a page that is not executable fails again, then with the page shown.
	true
}

/// Whether a page of the image's code has WRPKRU at any byte, or the beginning of it at its end.
fn forbidden(page: usize) -> bool {
	let image = env::get_base_address().as_usize();
	let end = (page + PAGE + FORBIDDEN.len() - 1).min(image + env::get_image_size());
	// SAFETY: this is part of the image, which is mapped and of which the code does not change.
	let bytes = unsafe { slice::from_raw_parts(ptr::with_exposed_provenance::<u8>(page), end - page) };
	let forbidden = *black_box(&FORBIDDEN);
	bytes.windows(forbidden.len()).any(|bytes| bytes == forbidden)
}
