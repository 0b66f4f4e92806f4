//! Programs in memory and their runs.
//!
//! Whatever isolates them, a program's code cannot be written and its data cannot be executed, and
//! faults, interrupts and time limits end its run and nothing else. With protection keys (`keyed`) it
//! also cannot write what is not its own, and crosses into the kernel through gates.

// Without keys there is less to tell apart.
#![cfg_attr(not(feature = "uio-mpk"), allow(dead_code, unused_imports))]

mod arguments;
mod config;
mod enter;
mod exports;
pub(super) mod fault;
mod gates;
pub(super) mod idt;
mod interface;
#[cfg(feature = "uio-mpk")]
mod keyed;
mod memory;
mod pages;
pub(super) mod region;
mod run;
mod trace;
pub(super) mod watch;

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, Ordering};

use uio_core::isolation::{
	End, Entry, Forbidden, Isolation, Lack, Limits, Policy, Region,
};

use self::config::Backend;
use super::timer;
use self::run::{Run, end_from_outside, runs};

/// Programs, isolated as the command line says.
pub(super) struct Programs;

impl Isolation for Programs {
	fn name(&self) -> &'static str {
		config::backend().name()
	}

	fn available(&self) -> bool {
		config::backend() != Backend::Unavailable
	}

	fn policy(&self) -> Policy {
		config::policy()
	}

	fn allocate(&self, bytes: usize) -> Option<Box<dyn Region>> {
		region::allocate(bytes)
	}

	fn interface(&self, name: &[u8]) -> Option<u64> {
		interface::address(name)
	}

	fn forbidden(&self, code: &[u8]) -> Option<Forbidden> {
		#[cfg(feature = "uio-mpk")]
		return keyed::forbidden(code);
		#[cfg(not(feature = "uio-mpk"))]
		{
			let _ = code;
			None
		}
	}

	fn run(&self, worker: usize, program: Entry<'_>, argv: &[u8], limits: &Limits) -> End {
		install();
		match runs().get(worker) {
			Some(run) => run.run(worker, &program, argv, limits),
			None => End::Lacking(Lack::Memory),
		}
	}

	fn interrupt(&self, worker: usize) {
		if let Some(run) = runs().get(worker) {
			run.interrupt();
		}
	}
}

/// Puts the handlers of exceptions and of the timer in place, once.
pub(super) fn install() {
	static INSTALLED: AtomicBool = AtomicBool::new(false);
	if !INSTALLED.swap(true, Ordering::AcqRel) {
		fault::install();
		timer::install();
	}
}

/// Whether an address is that of a handler of exceptions that is put in place when programs first run.
#[cfg(feature = "uio-bpf")]
pub(super) fn is_handler(address: u64) -> bool {
	#[cfg(feature = "uio-mpk")]
	return keyed::is_handler(address);
	#[cfg(not(feature = "uio-mpk"))]
	{
		let _ = address;
		false
	}
}

/// To be called by a worker before it does anything.
pub(super) fn worker_started(worker: usize) {
	if let Some(run) = runs().get(worker) {
		run.worker_started();
	}
}

/// To be called by a worker as it ends.
pub(super) fn worker_ended(worker: usize) {
	if let Some(run) = runs().get(worker) {
		run.worker_ended(worker);
	}
}

/// Bytes of memory that loaded programs hold.
pub(super) fn held() -> usize {
	region::held()
}
