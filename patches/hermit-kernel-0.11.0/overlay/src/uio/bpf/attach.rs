//! Attaching programs, and detaching them, while every core goes on.

use alloc::sync::Arc;
use alloc::vec::Vec;

use hermit_sync::InterruptTicketMutex;
use uio_bpf::kind::Kind;
use uio_bpf::program::Program;
use uio_core::bpf::{AttachError, LinkInfo, Point};

use super::link::{Link, To};
use super::table::{self, Table};
use super::timers::{self, Timer};
use super::points::{self, Copies};
use super::{entry, fault, fire, lines, probes, shadow, site};
use crate::arch::kernel::interrupts::IDT;
use crate::uio::image;
use crate::uio::program::fault as exceptions;
use crate::uio::program::idt;

/// Everything that is attached.
static LINKS: InterruptTicketMutex<Links> = InterruptTicketMutex::new(Links {
	next: 1,
	links: Vec::new(),
	timers: Vec::new(),
	copies: Copies::new(),
});

struct Links {
	/// The number of the next link.
	next: u32,
	links: Vec<Arc<Link>>,
	timers: Vec<Arc<Timer>>,
	copies: Copies,
}

/// Has a function call [`entry::entry`]; false, and nothing changes, where it cannot.
fn open(key: u64) -> bool {
	match points::at(key) {
		Some(point) => {
			point.set();
			true
		}
		None => site::call(key, entry::entry as *const () as u64),
	}
}

/// Has a function be what it was.
fn close(key: u64) {
	match points::at(key) {
		Some(point) => point.clear(),
		None => site::clear(key),
	}
}

impl Links {
	/// Whether anything is attached to a function.
	fn has(&self, key: u64) -> bool {
		self.links.iter().any(|link| link.functions().binary_search(&key).is_ok())
	}

	/// Adds a link, which nothing runs yet.
	fn add(&mut self, program: &Arc<Program>, to: To, budget: u64) -> Result<Arc<Link>, AttachError> {
		self.links.try_reserve(1).map_err(|_| AttachError::Memory)?;
		let link = Arc::new(Link::new(self.next, program.clone(), to, budget));
		self.links.push(link.clone());
		self.next += 1;
		Ok(link)
	}

	/// Has the table of functions say what the links are.
	fn publish_functions(&self) -> Result<(), AttachError> {
		table::replace(Table::of(&self.links).map_err(|_| AttachError::Memory)?);
		Ok(())
	}

	fn publish_probes(&self) {
		let links: Vec<_> = self
			.links
			.iter()
			.filter_map(|link| match link.to {
				To::Probe(probe) => Some((probe, link.clone())),
				_ => None,
			})
			.collect();
		probes::publish(&links);
	}

	/// Attaches a program to functions, by their keys in the table.
	fn attach_functions(
		&mut self,
		program: &Arc<Program>,
		mut keys: Vec<u64>,
		budget: u64,
	) -> Result<u32, AttachError> {
		keys.sort_unstable();
		keys.dedup();
		let fresh: Vec<u64> = keys.iter().copied().filter(|&key| !self.has(key)).collect();
		let usable = |key: u64| points::at(key).is_some() || site::is_empty(key);
		if let Some(&wrong) = fresh.iter().find(|&&key| !usable(key)) {
			return Err(AttachError::NoSite(wrong));
		}
		let id = self.add(program, To::Functions(keys.into()), budget)?.id;
		if let Err(error) = self.publish_functions() {
			self.links.pop();
			return Err(error);
		}
		let mut refused = None;
		super::exclusively(|| {
			refused = fresh.iter().position(|&key| !open(key));
			let opened = fresh.iter().take(refused.unwrap_or(0));
			opened.for_each(|&key| close(key));
		});
		let Some(&wrong) = refused.and_then(|index| fresh.get(index)) else {
			return Ok(id);
		};
		self.links.pop();
		// The table before could be made, and this one is no larger.
		self.publish_functions()?;
		Err(AttachError::NoSite(wrong))
	}

	/// The keys of functions without sites, of which copies are made where there are none yet.
	fn breakpoints(&mut self, functions: &[(u64, u8)]) -> Result<Vec<u64>, AttachError> {
		let mut fresh = functions.to_vec();
		fresh.sort_unstable();
		fresh.dedup_by_key(|&mut (function, _)| function);
		fresh.retain(|&(function, _)| points::of(function).is_none());
		if let Some(&(wrong, _)) = fresh.iter().find(|&&(function, _)| !image::is_code(function)) {
			return Err(AttachError::NoSite(wrong));
		}
		if let Some(&(first, _)) = fresh.first() {
			crate::uio::program::install();
			self.copies.add(&fresh).ok_or(AttachError::NoSite(first))?;
		}
		let keys = functions.iter().filter_map(|&(function, _)| points::of(function));
		Ok(keys.map(|point| point.place).collect())
	}
}

/// Attaches a program. The number of the link.
pub(super) fn attach(
	program: &Arc<Program>,
	to: Point<'_>,
	budget: u64,
) -> Result<u32, AttachError> {
	if !fire::prepare() || !lines::prepare() {
		return Err(AttachError::Memory);
	}
	if program.native.is_some() {
		crate::uio::program::install();
	}
	match (program.kind, to) {
		(Kind::Fentry | Kind::Fexit | Kind::Syscall, Point::Functions(addresses)) => {
			may_exit(program, &mut addresses.iter().copied())?;
			LINKS.lock().attach_functions(program, addresses.to_vec(), budget)
		}
		(Kind::Fentry | Kind::Fexit | Kind::Syscall, Point::Breakpoints(functions)) => {
			may_exit(program, &mut functions.iter().map(|&(function, _)| function))?;
			let mut links = LINKS.lock();
			let keys = links.breakpoints(functions)?;
			links.attach_functions(program, keys, budget)
		}
		(Kind::Probe, Point::Probe(name)) => {
			let probe = probes::all().find(|probe| probe.name() == name);
			let probe = probe.ok_or(AttachError::NoProbe)?;
			let mut links = LINKS.lock();
			let id = links.add(program, To::Probe(probe), budget)?.id;
			links.publish_probes();
			Ok(id)
		}
		(Kind::Timer, Point::Timer(period)) => {
			let mut links = LINKS.lock();
			let link = links.add(program, To::Timer(period), budget)?;
			let id = link.id;
			links.timers.push(Arc::new(Timer::new(link, period)));
			timers::publish(&links.timers);
			Ok(id)
		}
		_ => Err(AttachError::Kind),
	}
}

/// Prepares for a program at the end of functions, if it is one.
fn may_exit(
	program: &Program,
	functions: &mut dyn Iterator<Item = u64>,
) -> Result<(), AttachError> {
	if program.kind != Kind::Fexit {
		return Ok(());
	}
	// Those that are only put in place when they are needed.
	crate::uio::timer::install();
	#[cfg(feature = "smp")]
	super::cores::install();
	for function in functions {
		if is_handler(function) {
			return Err(AttachError::Handler(function));
		}
	}
	shadow::prepare().then_some(()).ok_or(AttachError::Memory)
}

/// Whether an address is that of a handler of interrupts: it does not return as functions do.
fn is_handler(address: u64) -> bool {
	exceptions::is_kernels_handler(address)
		|| crate::uio::program::is_handler(address)
		|| idt::gates(&mut IDT.lock()).iter().any(|gate| gate.handler() == address)
}

/// Detaches a link. When this returns, its program does not run any more, nor will it. False if there is none of
/// that number.
pub(super) fn detach(id: u32) -> bool {
	let mut links = LINKS.lock();
	let Some(index) = links.links.iter().position(|link| link.id == id) else {
		return false;
	};
	let link = links.links.remove(index);
	match &link.to {
		To::Functions(addresses) => {
			let unused: Vec<u64> =
				addresses.iter().copied().filter(|&key| !links.has(key)).collect();
			super::exclusively(|| unused.iter().for_each(|&key| close(key)));
			if links.publish_functions().is_err() {
				// There is no memory for a smaller table: without one nothing runs at all, and nothing is wrong.
				table::replace(None);
				error!("uio: without memory, no function is traced any more");
			}
		}
		To::Probe(_) => links.publish_probes(),
		To::Timer(_) => {
			links.timers.retain(|timer| timer.link.id != id);
			timers::publish(&links.timers);
		}
	}
	true
}

/// Calls `each` with every link.
pub(super) fn all(each: &mut dyn FnMut(&LinkInfo<'_>)) {
	let links: Vec<Arc<Link>> = LINKS.lock().links.clone();
	for link in links {
		let (runs, stopped, last) = link.counts();
		let real: Vec<u64>;
		each(&LinkInfo {
			id: link.id,
			program: &link.program,
			to: match &link.to {
				To::Functions(keys) => {
					real = keys.iter().map(|&key| points::real(key)).collect();
					Point::Functions(&real)
				}
				To::Probe(probe) => Point::Probe(probe.name()),
				To::Timer(period) => Point::Timer(*period),
			},
			runs,
			stopped,
			last: last.map(|(why, at)| (why, fault::instruction(&link.program, at))),
		});
	}
}
