//! What the overlay asks of a kernel, answered by Hermit.

use hermit_sync::{OnceCell, RawInterruptTicketMutex};
use memory_addresses::VirtAddr;
use uio_console::record::{LogLine, Memory, Task};
use uio_core::Platform;
use uio_core::platform::{EVENTS, Event as EventId, Image};

use super::event::Event;
use super::{image, log, overlay, program, signal, tasks};
use crate::arch::core_local::core_scheduler;
use crate::arch::kernel::systemtime::now_micros;
use crate::arch::mm::paging::{PageTableEntryFlags, identity_mapped_page_table};
use crate::arch::mm::physicalmem;
use crate::arch::processor::get_timer_ticks;
use crate::arch::get_processor_count;
use crate::mm::ALLOCATOR;

/// Hermit as a platform.
pub(super) struct Hermit;

static EVENTS_OF_WORKERS: [Event; EVENTS] = [const { Event::new() }; EVENTS];

fn event(event: EventId) -> &'static Event {
	&EVENTS_OF_WORKERS[usize::from(event.0) % EVENTS]
}

impl Platform for Hermit {
	type RawMutex = RawInterruptTicketMutex;

	fn image(&self) -> &Image {
		static IMAGE: OnceCell<Image> = OnceCell::new();
		IMAGE.get_or_init(image::image)
	}

	fn since_boot_us(&self) -> u64 {
		get_timer_ticks()
	}

	fn now_us(&self) -> u64 {
		now_micros()
	}

	fn cores(&self) -> u16 {
		get_processor_count() as u16
	}

	fn tasks(&self, each: &mut dyn FnMut(&Task<'_>) -> bool) {
		tasks::all(each);
	}

	fn memory(&self) -> Memory {
		let (heap_total, heap_used) = ALLOCATOR.uio_usage();
		Memory {
			total: physicalmem::total_memory_size() as u64,
			frames_free: physicalmem::PHYSICAL_FREE_LIST.lock().free_space() as u64,
			heap_total: heap_total as u64,
			heap_used: heap_used as u64,
			overlay: overlay::held() as u64,
			programs: program::held() as u64,
		}
	}

	fn log(&self, from: u64, each: &mut dyn FnMut(&LogLine<'_>) -> bool) {
		log::read(from, each);
	}

	fn read_memory(&self, address: u64, out: &mut [u8]) -> Result<(), u64> {
		readable(address, out.len() as u64)?;
		let from = core::ptr::with_exposed_provenance::<u8>(address as usize);
		for (at, byte) in out.iter_mut().enumerate() {
			// SAFETY: the range is mapped normal memory, just checked; other code may write to it
			// at the same time, hence volatile, byte by byte.
			*byte = unsafe { from.add(at).read_volatile() };
		}
		Ok(())
	}

	fn signal(&self, signal: i32) -> bool {
		signal::raise(signal)
	}

	fn spawn_worker(&self, worker: usize) -> bool {
		overlay::spawn_worker(worker)
	}

	fn current_task(&self) -> i32 {
		core_scheduler().get_current_task_id().into()
	}

	fn wait(&self, of: EventId, timeout_ms: Option<u64>) {
		event(of).wait(timeout_ms);
	}

	fn wake(&self, of: EventId) {
		event(of).wake();
	}

	#[cfg(feature = "uio-bpf")]
	fn tracing(&self) -> Option<&'static dyn uio_core::bpf::Tracing> {
		Some(&super::bpf::Bpf)
	}
}

/// Checks that a range is mapped normal memory; the first address that is not is the error.
pub(super) fn readable(start: u64, len: u64) -> Result<(), u64> {
	check(start, len, PageTableEntryFlags::PRESENT)
}

/// As [`readable`], and that the range may be written.
pub(super) fn writable(start: u64, len: u64) -> Result<(), u64> {
	check(start, len, PageTableEntryFlags::WRITABLE)
}

#[inline(never)]
fn check(start: u64, len: u64, wanted: PageTableEntryFlags) -> Result<(), u64> {
	use x86_64::structures::paging::Translate;
	use x86_64::structures::paging::mapper::TranslateResult;

	let end = start.checked_add(len).ok_or(start)?;
	let mut at = start;
	while at < end {
		let virt = x86_64::VirtAddr::try_new(at).map_err(|_| at)?;
		// SAFETY: page tables are reached through the identity map of physical memory, and this
		// only reads them.
		let result = unsafe { identity_mapped_page_table() }.translate(virt);
		let TranslateResult::Mapped {
			frame,
			offset,
			flags,
		} = result
		else {
			return Err(at);
		};
		// Reading a device's registers can have effects.
		if flags.contains(PageTableEntryFlags::NO_CACHE) || !flags.contains(wanted) {
			return Err(at);
		}
		at = VirtAddr::new(at).as_u64() + (frame.size() - offset);
	}
	Ok(())
}
