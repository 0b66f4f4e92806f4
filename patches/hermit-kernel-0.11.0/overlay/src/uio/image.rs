//! What the running image says of itself.

use core::{mem, ptr, slice};

use uio_core::platform::Image;

use crate::env;

/// Features that are worth telling the operator, those that are on, separated by spaces.
const FEATURES: &str = {
	const LIST: &[(&str, bool)] = &[
		("acpi", cfg!(feature = "acpi")),
		("dhcpv4", cfg!(feature = "dhcpv4")),
		("dns", cfg!(feature = "dns")),
		("fsgsbase", cfg!(feature = "fsgsbase")),
		("fuse", cfg!(feature = "fuse")),
		("mmap", cfg!(feature = "mmap")),
		("pci", cfg!(feature = "pci")),
		("smp", cfg!(feature = "smp")),
		("tcp", cfg!(feature = "tcp")),
		("udp", cfg!(feature = "udp")),
		("vsock", cfg!(feature = "vsock")),
		("uio", cfg!(feature = "uio")),
		("uio-bpf", cfg!(feature = "uio-bpf")),
		("uio-mpk", cfg!(feature = "uio-mpk")),
		("uio-virtio", cfg!(feature = "uio-virtio")),
	];
	const fn join() -> ([u8; 128], usize) {
		let mut out = [0; 128];
		let mut len = 0;
		let mut i = 0;
		while i < LIST.len() {
			let (name, on) = LIST[i];
			let name = name.as_bytes();
			if on {
				if len > 0 {
					out[len] = b' ';
					len += 1;
				}
				let mut j = 0;
				while j < name.len() {
					out[len] = name[j];
					len += 1;
					j += 1;
				}
			}
			i += 1;
		}
		(out, len)
	}
	const JOINED: ([u8; 128], usize) = join();
	match core::str::from_utf8(JOINED.0.split_at(JOINED.1).0) {
		Ok(features) => features,
		Err(_) => panic!("feature names are ASCII"),
	}
};

/// What the image says of itself.
pub(super) fn image() -> Image {
	let base = env::get_base_address().as_u64();
	let size = env::get_image_size() as u64;
	Image {
		kernel: env!("CARGO_PKG_VERSION"),
		arch: "x86_64",
		build_id: build_id(base, size).unwrap_or(&[]),
		features: FEATURES,
		base,
		size,
	}
}

/// A copy of a plain value at an address inside the image, if it lies inside.
fn read<T: Copy>(base: u64, size: u64, offset: u64) -> Option<T> {
	let end = offset.checked_add(mem::size_of::<T>() as u64)?;
	if end > size {
		return None;
	}
	let ptr = ptr::with_exposed_provenance::<T>((base + offset) as usize);
	// SAFETY: [base, base + size) is the loaded image, mapped and alive as long as the kernel; the
	// value lies inside it, and the callers ask for integers, for which any bytes are valid.
	Some(unsafe { ptr.read_unaligned() })
}

/// Calls `each` with the type, flags, offset and size in memory of every program header (System V
/// gABI, chapter 5), which the linker puts into the first loaded page, until it gives something.
fn headers<T>(
	base: u64,
	size: u64,
	mut each: impl FnMut(u32, u32, u64, u64) -> Option<T>,
) -> Option<T> {
	if read::<[u8; 4]>(base, size, 0)? != *b"\x7fELF" {
		return None;
	}
	let headers: u64 = read(base, size, 32)?;
	let header_size = u64::from(read::<u16>(base, size, 54)?);
	let header_count = u64::from(read::<u16>(base, size, 56)?);
	(0..header_count).find_map(|index| {
		let header = headers.checked_add(index * header_size)?;
		each(
			read(base, size, header)?,
			read(base, size, header.checked_add(4)?)?,
			read(base, size, header.checked_add(16)?)?,
			read(base, size, header.checked_add(40)?)?,
		)
	})
}

/// Whether an address lies in a segment of the image that holds code.
pub(super) fn is_code(address: u64) -> bool {
	const PT_LOAD: u32 = 1;
	const PF_X: u32 = 1;

	let base = env::get_base_address().as_u64();
	let Some(offset) = address.checked_sub(base) else {
		return false;
	};
	headers(base, env::get_image_size() as u64, |kind, flags, start, len| {
		let inside = offset >= start && offset - start < len;
		(kind == PT_LOAD && flags & PF_X != 0 && inside).then_some(())
	})
	.is_some()
}

/// The GNU build id (note type 3) of the loaded image, found through its program headers.
fn build_id(base: u64, size: u64) -> Option<&'static [u8]> {
	const PT_NOTE: u32 = 4;
	const NT_GNU_BUILD_ID: u32 = 3;

	headers(base, size, |kind, _, mut note, len| {
		if kind != PT_NOTE {
			return None;
		}
		let end = note.checked_add(len)?;
		while note < end {
			let name_len = u64::from(read::<u32>(base, size, note)?);
			let len = u64::from(read::<u32>(base, size, note + 4)?);
			let kind: u32 = read(base, size, note + 8)?;
			let desc = note + 12 + name_len.next_multiple_of(4);
			let name: Option<[u8; 4]> = read(base, size, note + 12);
			if kind == NT_GNU_BUILD_ID && name_len == 4 && name == Some(*b"GNU\0") {
				if desc.checked_add(len)? > size || len > 64 {
					return None;
				}
				let ptr = ptr::with_exposed_provenance::<u8>((base + desc) as usize);
				// SAFETY: as in `read`; the note is in a read-only section of the image.
				return Some(unsafe { slice::from_raw_parts(ptr, len as usize) });
			}
			note = desc + len.next_multiple_of(4);
		}
		None
	})
}
