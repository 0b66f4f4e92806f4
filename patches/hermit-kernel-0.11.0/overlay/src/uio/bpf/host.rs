//! What programs ask of the kernel.

use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf::run::{Host, Run};

use super::trail;
use crate::arch::core_local::{core_id, core_scheduler};
use crate::arch::get_processor_count;
use crate::arch::processor::{get_frequency, get_timestamp};
use crate::uio::platform::readable;
use crate::uio::tasks;

/// Hermit, for programs.
pub(super) struct Hermit;

pub(super) static HOST: Hermit = Hermit;

impl Host for Hermit {
	fn now(&self) -> u64 {
		let cycles = u128::from(get_timestamp());
		(cycles * 1000 / u128::from(get_frequency()).max(1)) as u64
	}

	fn core(&self) -> u32 {
		core_id()
	}

	fn cores(&self) -> u32 {
		get_processor_count()
	}

	fn task(&self) -> u32 {
		core_scheduler().uio_peek_task() as u32
	}

	fn task_name(&self, out: &mut [u8]) -> usize {
		tasks::name_into(core_scheduler().uio_peek_task(), out)
	}

	fn read(&self, address: u64, out: &mut [u8]) -> bool {
		if readable(address, out.len() as u64).is_err() {
			out.fill(0);
			return false;
		}
		let from = core::ptr::with_exposed_provenance::<u8>(address as usize);
		for (at, byte) in out.iter_mut().enumerate() {
			// SAFETY: the range is mapped normal memory, just checked; other code may write to it at the
			// same time, hence volatile, byte by byte.
			*byte = unsafe { from.add(at).read_volatile() };
		}
		true
	}

	fn stack(&self, run: &Run<'_>, skip: u32, out: &mut [u64]) -> usize {
		trail::addresses(&run.origin, run.frame, skip, out)
	}

	fn symbol(&self, _: &[u8]) -> u64 {
		0
	}

	fn print(&self, program: &Program, line: &[u8]) {
		super::lines::add(program, line);
	}

	fn random(&self) -> u32 {
		get_timestamp().wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32) as u32
	}

	fn ring(&self, map: &Map) {
		// Whoever reads it looks again before long: nothing can be woken from wherever this is.
		let _ = map;
	}
}
