//! eBPF programs in this kernel: where they are attached, how they are run there, and what they ask of it.
//!
//! Attached programs run with interrupts off on a core that is marked as busy ([`entry::BUSY`]), so that
//! everything they use is theirs until they end; their budget bounds how long that is. What they share with
//! tasks (maps, the lines they print) those take in [`quietly`].

mod attach;
#[cfg(feature = "smp")]
mod cores;
mod entry;
pub(super) mod fault;
mod fire;
mod host;
mod lines;
mod link;
mod points;
mod probes;
mod shadow;
mod site;
mod table;
pub(super) mod timers;
mod trail;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use hermit_sync::without_interrupts;
use uio_bpf::helper::{self, Table};
use uio_bpf::program::Program;
use uio_bpf::run::{Host, Run};
use uio_core::isolation::Region;
use uio_core::bpf::{AttachError, LinkInfo, Point, ProbeInfo, Tracing};

use self::entry::{BUSY, CORES};
use crate::arch::core_local::core_id;

/// eBPF in Hermit.
pub(super) struct Bpf;

/// The helpers that programs may call.
fn helpers() -> Table<'static> {
	Table {
		own: helper::OWN,
		application: &[],
	}
}

/// Calls `work` with interrupts off and this core marked as busy, so that nothing attached runs on it.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
	without_interrupts(|| {
		let busy = BUSY.get(core_id() as usize % CORES).map(|busy| &busy.0);
		let before = busy.map_or(0, |busy| busy.swap(1, Ordering::SeqCst));
		let result = work();
		if let Some(busy) = busy {
			busy.store(before, Ordering::Release);
		}
		result
	})
}

/// Calls `work`, which changes code and is short, while nothing else executes any.
fn exclusively(work: impl FnOnce()) {
	#[cfg(feature = "smp")]
	cores::exclusively(work);
	#[cfg(not(feature = "smp"))]
	quietly(work);
}

/// Called for every breakpoint exception; true if it is one of ours, and what was interrupted goes on at `instruction` with the stack
/// pointer `stack`.
pub(super) fn breakpoint(instruction: &mut u64, stack: &mut u64) -> bool {
	points::hit(instruction, stack)
}

impl Tracing for Bpf {
	fn host(&self) -> &'static dyn Host {
		// Without memory for them, lines are lost.
		lines::prepare();
		&host::HOST
	}

	fn helpers(&self) -> Table<'static> {
		helpers()
	}

	fn probes(&self, each: &mut dyn FnMut(&ProbeInfo<'_>)) {
		probes::tell(each);
	}

	fn attach(
		&self,
		program: &Arc<Program>,
		to: Point<'_>,
		budget: u64,
	) -> Result<u32, AttachError> {
		attach::attach(program, to, budget)
	}

	fn detach(&self, link: u32) -> bool {
		attach::detach(link)
	}

	fn links(&self, each: &mut dyn FnMut(&LinkInfo<'_>)) {
		attach::all(each);
	}

	fn quietly(&self, work: &mut dyn FnMut()) {
		quietly(work);
	}

	fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>> {
		crate::uio::program::region::allocate_code(bytes)
	}

	fn printed(&self, from: u64, out: &mut [u8]) -> (usize, u64) {
		quietly(|| lines::read(from, out))
	}

	fn guarded(&self, run: &mut Run<'_>, work: &mut dyn FnMut(&mut Run<'_>)) {
		crate::uio::program::install();
		quietly(|| fault::guard(run, |run| work(run)));
	}
}
