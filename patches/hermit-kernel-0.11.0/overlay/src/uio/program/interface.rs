//! The interface of programs (`include/uio.h`): functions that every program may call.
//!
//! Pointers that come from a program are checked before they are used, so that a wrong one is the
//! program's error and not a fault inside the kernel. A call by an interrupted program does not
//! return: the program ends there.

use alloc::boxed::Box;
use core::ffi::c_char;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::{ptr, slice};

use hermit_sync::InterruptTicketMutex;
use uio_core::engine::Job;
use uio_core::files::{self, File, Files};
use uio_core::isolation::End;

use super::config::backend;
use super::gates::{uio_gate_call, uio_gate_read, uio_gate_write, uio_signal};
use super::memory::Allocations;
use super::run::Run;
use super::watch;
use crate::arch::core_local::core_scheduler;
use crate::arch::kernel::systemtime::now_micros;
use crate::arch::processor::get_timer_ticks;
use crate::errno::{EBADF, EFAULT, EINVAL, EMFILE, ENAMETOOLONG, ENODEV, EPERM};
use crate::scheduler::PerCoreSchedulerExt;
use crate::uio::files::AllFiles;
use crate::uio::overlay::ENGINE;
use crate::uio::platform::{readable, writable};

/// File descriptors of a program: three standard ones and these.
const MAX_FILES: usize = 13;

/// The longest path, in bytes.
const MAX_PATH: usize = 4096;

/// What a program holds.
pub(super) struct Held {
	files: InterruptTicketMutex<[Option<Opened>; MAX_FILES]>,
	pub(super) memory: InterruptTicketMutex<Allocations>,
	/// Calls since the program was interrupted.
	late_calls: AtomicU32,
	/// There may be something to give back.
	used: AtomicBool,
}

/// An open file and the position of `uio_fd_read` and `uio_fd_write` in it.
struct Opened {
	file: Box<dyn File>,
	position: u64,
}

impl Held {
	pub(super) const fn new() -> Self {
		Self {
			files: InterruptTicketMutex::new([const { None }; MAX_FILES]),
			memory: InterruptTicketMutex::new(Allocations::new()),
			late_calls: AtomicU32::new(0),
			used: AtomicBool::new(false),
		}
	}

	/// Gives everything back.
	pub(super) fn release(&self) {
		self.late_calls.store(0, Ordering::Relaxed);
		if !self.used.swap(false, Ordering::Relaxed) {
			return;
		}
		for index in 0..MAX_FILES {
			// Closing a file may block, so it happens after the lock is released.
			let file = self.files.lock()[index].take();
			drop(file);
		}
		self.memory.lock().release();
	}

	/// Takes an open file out of the table.
	fn take(&self, fd: i32) -> Result<(usize, Opened), isize> {
		let index = usize::try_from(fd).ok().and_then(|fd| fd.checked_sub(3));
		let Some(index) = index.filter(|index| *index < MAX_FILES) else {
			return Err(errno(EBADF));
		};
		match self.files.lock()[index].take() {
			Some(opened) => Ok((index, opened)),
			None => Err(errno(EBADF)),
		}
	}

	/// Calls `f` with an open file, which nobody else can use meanwhile.
	#[inline(never)]
	fn with_file(
		&self,
		fd: i32,
		f: &mut dyn FnMut(&mut Opened) -> Result<usize, files::Error>,
	) -> isize {
		let (index, mut opened) = match self.take(fd) {
			Ok(taken) => taken,
			Err(errno) => return errno,
		};
		let result = f(&mut opened);
		self.files.lock()[index] = Some(opened);
		match result {
			Ok(len) => len as isize,
			Err(err) => number(err),
		}
	}

	fn insert(&self, file: Box<dyn File>) -> isize {
		self.used.store(true, Ordering::Relaxed);
		let mut files = self.files.lock();
		match files.iter().position(Option::is_none) {
			Some(index) => {
				files[index] = Some(Opened { file, position: 0 });
				index as isize + 3
			}
			None => {
				// Closing it may block.
				drop(files);
				errno(EMFILE)
			}
		}
	}
}

fn number(err: files::Error) -> isize {
	match err {
		files::Error::Os(number) => errno(number),
		files::Error::NoShare => errno(ENODEV),
	}
}

/// The most memory that a program may allocate, in bytes.
pub(super) const MAX_MEMORY: usize = 16 * 1024 * 1024;

/// Functions that need the kernel's rights, with their numbers at the gate.
#[rustfmt::skip]
#[inline(never)]
fn calls() -> [(&'static [u8], u32, *const ()); 21] {
	[
		(b"uio_gate_call", 1, uio_gate_call as *const ()),
		(b"uio_fd_write", 2, uio_fd_write as *const ()),
		(b"uio_fd_read", 3, uio_fd_read as *const ()),
		(b"uio_open", 4, uio_open as *const ()),
		(b"uio_close", 5, uio_close as *const ()),
		(b"uio_pread", 6, uio_pread as *const ()),
		(b"uio_pwrite", 7, uio_pwrite as *const ()),
		(b"uio_size", 8, uio_size as *const ()),
		(b"uio_sync", 9, uio_sync as *const ()),
		(b"uio_unlink", 10, uio_unlink as *const ()),
		(b"uio_exit", 11, uio_exit as *const ()),
		(b"uio_interrupted", 12, uio_interrupted as *const ()),
		(b"uio_sleep_ms", 13, uio_sleep_ms as *const ()),
		(b"uio_yield", 14, uio_yield as *const ()),
		(b"uio_clock_us", 15, uio_clock_us as *const ()),
		(b"uio_now_us", 16, uio_now_us as *const ()),
		(b"uio_gate_write", 17, uio_gate_write as *const ()),
		(b"uio_gate_read", 18, uio_gate_read as *const ()),
		(b"uio_signal", 19, uio_signal as *const ()),
		(b"uio_alloc", 20, uio_alloc as *const ()),
		(b"uio_free", 21, uio_free as *const ()),
	]
}

/// The number of `uio_grow`, which only the heap calls.
#[cfg(feature = "uio-mpk")]
pub(super) const GROW: u32 = 22;

/// Tells the gate where its calls go.
#[cfg(feature = "uio-mpk")]
pub(super) fn set_calls() {
	use uio_mpk::gate::{GATE, set_call};

	for (_, number, function) in calls() {
		// The gate has its own way to call functions.
		if number != GATE {
			set_call(number, function as usize);
		}
	}
	set_call(GROW, uio_grow as *const () as usize);
}

/// Address of the interface function `name`.
pub(super) fn address(name: &[u8]) -> Option<u64> {
	let function = match name {
		// What compilers call by themselves.
		b"memcpy" => memcpy as *const (),
		b"memmove" => memmove as *const (),
		b"memset" => memset as *const (),
		b"memcmp" | b"bcmp" => memcmp as *const (),
		b"strlen" => strlen as *const (),
		#[cfg(feature = "uio-mpk")]
		b"uio_alloc" if backend().keys() => super::keyed::heap::allocate as *const (),
		#[cfg(feature = "uio-mpk")]
		b"uio_free" if backend().keys() => super::keyed::heap::free as *const (),
		_ => {
			let (_, number, function) = calls().into_iter().find(|call| call.0 == name)?;
			#[cfg(feature = "uio-mpk")]
			if backend().keys() {
				return super::keyed::stubs::address(number);
			}
			let _ = number;
			function
		}
	};
	Some(function as u64)
}

unsafe extern "C" {
	fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
	fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
	fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8;
	fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32;
	fn strlen(text: *const c_char) -> usize;
}

/// Calls that an interrupted program may still make, to clean up.
const MAX_LATE_CALLS: u32 = 32;

/// Calls `f` with the run of the calling program and its request. A program that was interrupted
/// and goes on all the same is ended.
#[inline(never)]
pub(super) fn call(f: &mut dyn FnMut(&'static Run, &Job<'_>) -> isize) -> isize {
	let Some((worker, run)) = Run::current() else {
		return errno(EPERM);
	};
	let job = ENGINE.job(worker);
	let result = f(run, &job);
	if run.is_ending() {
		run.leave(End::TimedOut);
	}
	if job.interrupted() && run.held.late_calls.fetch_add(1, Ordering::Relaxed) >= MAX_LATE_CALLS {
		run.leave(End::Interrupted);
	}
	result
}

/// An error number as the interface gives it.
pub(super) fn errno(number: i32) -> isize {
	-(number as isize)
}

impl Run {
	/// Whether the program may write these bytes: only its own, or without keys all that can be
	/// written.
	pub(super) fn may_write(&self, start: usize, len: usize) -> bool {
		#[cfg(feature = "uio-mpk")]
		if backend().keys() {
			return self.keyed.may_write(&self.place().data, start, len);
		}
		writable(start as u64, len as u64).is_ok()
	}
}

/// Calls `wait`, in which the program sleeps.
fn waiting<T>(wait: impl FnOnce() -> T) -> T {
	watch::raise();
	let result = wait();
	watch::go_on();
	result
}

/// Sleeps, but not beyond the program's time limit.
fn sleep(run: &Run, job: &Job<'_>, ms: u64) -> isize {
	let left_us = run.watched.deadline().saturating_sub(get_timer_ticks());
	let result = waiting(|| job.sleep_ms(ms.min(left_us.div_ceil(1000))));
	if left_us != 0 && get_timer_ticks() >= run.watched.deadline() {
		run.expire();
	}
	result
}

/// The bytes of a program, if they are mapped.
fn bytes<'a>(buf: *const u8, len: usize) -> Result<&'a [u8], isize> {
	readable(buf.addr() as u64, len as u64).map_err(|_| errno(EFAULT))?;
	if len == 0 {
		return Ok(&[]);
	}
	// SAFETY: the range is mapped. The program, which is the calling task, does not change it
	// while this call runs; what other tasks do to it is the program's affair.
	Ok(unsafe { slice::from_raw_parts(buf, len) })
}

/// The bytes of a program to be written, if it may write them itself.
fn bytes_mut<'a>(run: &Run, buf: *mut u8, len: usize) -> Result<&'a mut [u8], isize> {
	if len == 0 {
		return Ok(&mut []);
	}
	if !run.may_write(buf.addr(), len) {
		return Err(errno(EFAULT));
	}
	// SAFETY: as in `bytes`; and the range may be written.
	Ok(unsafe { slice::from_raw_parts_mut(buf, len) })
}

/// A string of a program, without its closing zero.
fn string<'a>(text: *const c_char) -> Result<&'a [u8], isize> {
	let start = text.cast::<u8>();
	let mut len = 0;
	while len < MAX_PATH {
		// Up to the end of the page is mapped if its first byte is.
		let to_page_end = 4096 - (start.addr() + len) % 4096;
		let part = bytes(start.wrapping_add(len), to_page_end)?;
		match part.iter().position(|&byte| byte == 0) {
			Some(end) => return bytes(start, len + end),
			None => len += to_page_end,
		}
	}
	Err(errno(ENAMETOOLONG))
}

extern "C" fn uio_fd_write(fd: i32, buf: *const u8, len: usize) -> isize {
	call(&mut |run, job| match bytes(buf, len) {
		Ok(data) if fd < 3 => run.watched.paused(|| job.write(fd, data)),
		Ok(data) => run.held.with_file(fd, &mut |opened| {
			let written = opened.file.write_at(opened.position, data)?;
			opened.position += written as u64;
			Ok(written)
		}),
		Err(errno) => errno,
	})
}

extern "C" fn uio_fd_read(fd: i32, buf: *mut u8, len: usize) -> isize {
	call(&mut |run, job| match bytes_mut(run, buf, len) {
		Ok(out) if fd == 0 => waiting(|| run.watched.paused(|| job.read(out))),
		Ok(out) => run.held.with_file(fd, &mut |opened| {
			let read = opened.file.read_at(opened.position, out)?;
			opened.position += read as u64;
			Ok(read)
		}),
		Err(errno) => errno,
	})
}

extern "C" fn uio_exit(status: i32) -> ! {
	if let Some((_, run)) = Run::current() {
		run.leave(End::Exited(status));
	}
	// Called by something that is no program: its task ends.
	core_scheduler().exit(status)
}

extern "C" fn uio_interrupted() -> i32 {
	match Run::current() {
		Some((worker, _)) => i32::from(ENGINE.job(worker).interrupted()),
		None => 0,
	}
}

extern "C" fn uio_sleep_ms(ms: u64) -> isize {
	call(&mut |run, job| sleep(run, job, ms))
}

extern "C" fn uio_yield() {
	// Tasks of lower priority run only while this one sleeps.
	call(&mut |run, job| sleep(run, job, 1));
}

extern "C" fn uio_clock_us() -> u64 {
	get_timer_ticks()
}

extern "C" fn uio_now_us() -> u64 {
	now_micros()
}

/// Flags of `uio_open`.
mod flags {
	pub(super) const READ: i32 = 1;
	pub(super) const WRITE: i32 = 2;
	pub(super) const CREATE: i32 = 4;
	pub(super) const EXCLUSIVE: i32 = 8;
	pub(super) const TRUNCATE: i32 = 16;
	pub(super) const ALL: i32 = 31;
}

extern "C" fn uio_open(path: *const c_char, how: i32, mode: i32) -> isize {
	call(&mut |run, _| {
		let has = |flag| how & flag != 0;
		if how & !flags::ALL != 0 || !has(flags::READ | flags::WRITE) {
			return errno(EINVAL);
		}
		let open = files::Open {
			read: has(flags::READ),
			write: has(flags::WRITE),
			create: has(flags::CREATE).then_some(mode as u32 & 0o7777),
			exclusive: has(flags::EXCLUSIVE),
			truncate: has(flags::TRUNCATE),
		};
		let path = match string(path) {
			Ok(path) => path,
			Err(errno) => return errno,
		};
		match AllFiles.open(path, open) {
			Ok(file) => run.held.insert(file),
			Err(err) => number(err),
		}
	})
}

extern "C" fn uio_close(fd: i32) -> isize {
	call(&mut |run, _| match run.held.take(fd) {
		Ok(_) => 0,
		Err(errno) => errno,
	})
}

extern "C" fn uio_pread(fd: i32, buf: *mut u8, len: usize, offset: u64) -> isize {
	call(&mut |run, _| match bytes_mut(run, buf, len) {
		Ok(out) => run
			.held
			.with_file(fd, &mut |opened| opened.file.read_at(offset, out)),
		Err(errno) => errno,
	})
}

extern "C" fn uio_pwrite(fd: i32, buf: *const u8, len: usize, offset: u64) -> isize {
	call(&mut |run, _| match bytes(buf, len) {
		Ok(data) => run
			.held
			.with_file(fd, &mut |opened| opened.file.write_at(offset, data)),
		Err(errno) => errno,
	})
}

extern "C" fn uio_size(fd: i32) -> isize {
	call(&mut |run, _| {
		run.held.with_file(fd, &mut |opened| {
			opened.file.stat().map(|stat| stat.size as usize)
		})
	})
}

extern "C" fn uio_sync(fd: i32) -> isize {
	call(&mut |run, _| {
		run.held
			.with_file(fd, &mut |opened| opened.file.sync().map(|()| 0))
	})
}

extern "C" fn uio_unlink(path: *const c_char) -> isize {
	call(&mut |_, _| match string(path) {
		Ok(path) => AllFiles.unlink(path).map_or_else(number, |()| 0),
		Err(errno) => errno,
	})
}

extern "C" fn uio_alloc(size: usize) -> *mut u8 {
	match Run::current() {
		Some((_, run)) => {
			run.held.used.store(true, Ordering::Relaxed);
			run.held.memory.lock().allocate(size)
		}
		None => ptr::null_mut(),
	}
}

extern "C" fn uio_free(memory: *mut u8) {
	if let Some((_, run)) = Run::current() {
		run.held.memory.lock().free(memory);
	}
}

#[cfg(feature = "uio-mpk")]
extern "C" fn uio_grow(size: usize) -> super::keyed::heap::Chunk {
	match Run::current() {
		Some((_, run)) => run.keyed.grow(size),
		None => super::keyed::heap::Chunk { start: 0, size: 0 },
	}
}
