//! Static probes of the application (`uio_app::probe!`): what there are, and what is attached to them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::arch::naked_asm;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use core::{ptr, slice};

use hermit_sync::without_interrupts;
use uio_bpf::run::{End, Memory};
use uio_core::bpf::{FieldInfo, ProbeInfo};

use super::entry::{BUSY, CORES};
use super::fire;
use super::link::Link;
use super::table::settle;
use crate::arch::core_local::core_id;

/// As `uio_app::Descriptor`.
#[repr(C)]
pub(super) struct Descriptor {
	hook: AtomicUsize,
	name: *const u8,
	name_len: usize,
	fields: *const Field,
	field_count: usize,
	pub(super) size: u32,
	pub(super) decides: u32,
}

// SAFETY: but for the hook, which is atomic, nothing changes.
unsafe impl Sync for Descriptor {}

/// As `uio_app::Field`.
#[repr(C)]
pub(super) struct Field {
	name: *const u8,
	name_len: usize,
	pub(super) offset: u32,
	pub(super) size: u32,
	pub(super) kind: u32,
}

/// A text of the image.
fn text(at: *const u8, len: usize) -> &'static str {
	// SAFETY: both are the parts of a `&'static str` of the image, by `uio_app`'s types.
	unsafe { core::str::from_utf8_unchecked(slice::from_raw_parts(at, len)) }
}

impl Descriptor {
	pub(super) fn name(&self) -> &'static str {
		text(self.name, self.name_len)
	}

	pub(super) fn fields(&self) -> &'static [Field] {
		// SAFETY: the parts of a `&'static [Field]` of the image.
		unsafe { slice::from_raw_parts(self.fields, self.field_count) }
	}
}

impl Field {
	pub(super) fn name(&self) -> &'static str {
		text(self.name, self.name_len)
	}
}

/// Bounds of the section that lists the probes.
#[repr(C)]
struct Bounds {
	start: usize,
	stop: usize,
}

/// The bounds, which the linker defines where there is such a section.
#[unsafe(naked)]
extern "C" fn bounds() -> Bounds {
	naked_asm!(
		".weak __start_uio_probes",
		".weak __stop_uio_probes",
		".hidden __start_uio_probes",
		".hidden __stop_uio_probes",
		"lea rax, [rip + __start_uio_probes]",
		"lea rdx, [rip + __stop_uio_probes]",
		"ret",
	)
}

/// All probes of the application.
pub(super) fn all() -> impl Iterator<Item = &'static Descriptor> {
	let Bounds { start, stop } = bounds();
	let len = stop.saturating_sub(start) / size_of::<i32>();
	(0..len).map(move |index| {
		let entry = ptr::with_exposed_provenance::<i32>(start).wrapping_add(index);
		// SAFETY: the linker put the section there, which consists of distances to descriptors.
		unsafe {
			let descriptor = entry.addr().wrapping_add_signed(entry.read() as isize);
			&*ptr::with_exposed_provenance::<Descriptor>(descriptor)
		}
	})
}

/// Calls `each` with every probe.
pub(super) fn tell(each: &mut dyn FnMut(&ProbeInfo<'_>)) {
	for probe in all() {
		let fields = probe.fields().iter().map(|field| FieldInfo {
			name: field.name(),
			offset: field.offset,
			size: field.size,
			kind: field.kind,
		});
		let fields: Vec<_> = fields.collect();
		each(&ProbeInfo {
			name: probe.name(),
			size: probe.size,
			decides: probe.decides != 0,
			fields: &fields,
		});
	}
}

/// What is attached to a probe.
struct Attached {
	probe: &'static Descriptor,
	links: Vec<Arc<Link>>,
}

/// Everything that is attached to probes; never changed, only replaced.
static CURRENT: AtomicPtr<Vec<Attached>> = AtomicPtr::new(ptr::null_mut());

/// Has these links, with their probes, run from now on and no others. When this returns, none of those before
/// runs any more. With the lock of attachments held.
pub(super) fn publish(links: &[(&'static Descriptor, Arc<Link>)]) {
	let mut new: Vec<Attached> = Vec::new();
	for (probe, link) in links {
		match new.iter_mut().find(|attached| ptr::eq(attached.probe, *probe)) {
			Some(attached) => attached.links.push(link.clone()),
			None => new.push(Attached {
				probe,
				links: alloc::vec![link.clone()],
			}),
		}
	}
	let new = alloc::boxed::Box::into_raw(alloc::boxed::Box::new(new));
	let old = CURRENT.swap(new, Ordering::AcqRel);
	for probe in all() {
		let attached = links.iter().any(|(other, _)| ptr::eq(*other, probe));
		let hook = if attached { hook as *const () as usize } else { 0 };
		probe.hook.store(hook, Ordering::Release);
	}
	settle();
	if !old.is_null() {
		// SAFETY: it came from a box, and no core is busy with it any more.
		drop(unsafe { alloc::boxed::Box::from_raw(old) });
	}
}

/// Called by a probe of the application.
unsafe extern "C" fn hook(probe: &Descriptor, structure: *mut u8, decision: &mut u64) -> bool {
	without_interrupts(|| {
		let Some(busy) = BUSY.get(core_id() as usize % CORES) else {
			return false;
		};
		if busy.0.swap(1, Ordering::SeqCst) != 0 {
			busy.1.fetch_add(1, Ordering::Relaxed);
			return false;
		}
		let context = Memory {
			address: structure.expose_provenance() as u64,
			len: probe.size.into(),
			writable: false,
		};
		let mut decided = false;
		// SAFETY: while this core is busy, what it reads here is not freed.
		let attached = unsafe { CURRENT.load(Ordering::Acquire).as_ref() };
		let attached =
			attached.and_then(|all| all.iter().find(|attached| ptr::eq(attached.probe, probe)));
		for link in attached.map_or(&[][..], |attached| &attached.links) {
			if let End::Returned(value) = fire::run(link, context, fire::Origin::default()) {
				*decision = value;
				decided = probe.decides != 0;
			}
		}
		busy.0.store(0, Ordering::Release);
		decided
	})
}
