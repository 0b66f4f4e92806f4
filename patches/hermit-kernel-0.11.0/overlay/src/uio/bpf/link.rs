//! Programs that are attached, and to what.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use hermit_sync::InterruptTicketMutex;
use uio_bpf::kind::Kind;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Stop};

use super::probes::Descriptor;

/// A program at some places, from its attachment to its detachment.
pub(super) struct Link {
	/// Its number.
	pub(super) id: u32,
	pub(super) program: Arc<Program>,
	pub(super) to: To,
	/// Instructions that a run may take.
	pub(super) budget: i64,
	runs: AtomicU64,
	stopped: AtomicU64,
	last: InterruptTicketMutex<Option<(Stop, u32)>>,
}

/// What a program is attached to.
pub(super) enum To {
	/// Functions by their addresses, in order.
	Functions(Box<[u64]>),
	Probe(&'static Descriptor),
	/// Microseconds between two runs.
	Timer(u64),
}

impl Link {
	pub(super) fn new(
		id: u32,
		program: Arc<Program>,
		to: To,
		budget: u64,
	) -> Self {
		Self {
			id,
			program,
			to,
			budget: budget.try_into().unwrap_or(i64::MAX),
			runs: AtomicU64::new(0),
			stopped: AtomicU64::new(0),
			last: InterruptTicketMutex::new(None),
		}
	}

	/// The functions that it is attached to.
	pub(super) fn functions(&self) -> &[u64] {
		match &self.to {
			To::Functions(functions) => functions,
			To::Probe(_) | To::Timer(_) => &[],
		}
	}

	/// Whether it is for the end of functions.
	pub(super) fn at_exit(&self) -> bool {
		self.program.kind == Kind::Fexit
	}

	/// Takes note of a run.
	pub(super) fn ran(&self, end: End) {
		// On one core nothing comes between, and on several a lost count would do no harm, but counts are
		// what people look at.
		self.runs.fetch_add(1, Ordering::Relaxed);
		if let End::Stopped { why, at } = end {
			self.stopped.fetch_add(1, Ordering::Relaxed);
			// Whoever reads it may be what this came in between.
			if let Some(mut last) = self.last.try_lock() {
				*last = Some((why, at));
			}
		}
	}

	/// Runs, runs that the runtime ended, and why it ended the last of them.
	pub(super) fn counts(&self) -> (u64, u64, Option<(Stop, u32)>) {
		(
			self.runs.load(Ordering::Relaxed),
			self.stopped.load(Ordering::Relaxed),
			*self.last.lock(),
		)
	}
}
