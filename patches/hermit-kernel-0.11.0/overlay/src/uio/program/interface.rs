//! The interface of programs (`include/uio.h`): functions that every program may call.
//!
//! Pointers that come from a program are checked before they are used, so that a wrong one is the
//! program's error and not a fault inside the kernel. A call by an interrupted program does not
//! return: the program ends there.

use alloc::boxed::Box;
use core::ffi::c_char;
use core::{ptr, slice};

use hermit_sync::InterruptTicketMutex;
use uio_core::engine::Job;
use uio_core::files::{self, File, Files};
use uio_core::isolation::End;

use super::Run;
use super::memory::Allocations;
use crate::arch::core_local::core_scheduler;
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
	files: InterruptTicketMutex<[Option<Box<dyn File>>; MAX_FILES]>,
	pub(super) memory: InterruptTicketMutex<Allocations>,
}

impl Held {
	pub(super) const fn new() -> Self {
		Self {
			files: InterruptTicketMutex::new([const { None }; MAX_FILES]),
			memory: InterruptTicketMutex::new(Allocations::new()),
		}
	}

	/// Gives everything back.
	pub(super) fn release(&self) {
		for index in 0..MAX_FILES {
			// Closing a file may block, so it happens after the lock is released.
			let file = self.files.lock()[index].take();
			drop(file);
		}
		self.memory.lock().release();
	}

	/// Calls `f` with an open file, which nobody else can use meanwhile.
	fn with_file(
		&self,
		fd: i32,
		f: impl FnOnce(&mut dyn File) -> Result<usize, files::Error>,
	) -> isize {
		let Some(index) = usize::try_from(fd).ok().and_then(|fd| fd.checked_sub(3)) else {
			return -(EBADF as isize);
		};
		if index >= MAX_FILES {
			return -(EBADF as isize);
		}
		let Some(mut file) = self.files.lock()[index].take() else {
			return -(EBADF as isize);
		};
		let result = f(&mut *file);
		self.files.lock()[index] = Some(file);
		match result {
			Ok(len) => len as isize,
			Err(err) => number(err),
		}
	}
}

fn number(err: files::Error) -> isize {
	match err {
		files::Error::Os(errno) => -(errno as isize),
		files::Error::NoShare => -(ENODEV as isize),
	}
}

/// Address of the interface function `name`.
pub(super) fn address(name: &[u8]) -> Option<u64> {
	let function = match name.strip_prefix(b"uio_")? {
		b"write" => uio_write as *const (),
		b"read" => uio_read as *const (),
		b"exit" => uio_exit as *const (),
		b"interrupted" => uio_interrupted as *const (),
		b"sleep_ms" => uio_sleep_ms as *const (),
		b"yield" => uio_yield as *const (),
		b"clock_us" => uio_clock_us as *const (),
		b"open" => uio_open as *const (),
		b"close" => uio_close as *const (),
		b"pread" => uio_pread as *const (),
		b"pwrite" => uio_pwrite as *const (),
		b"file_size" => uio_file_size as *const (),
		b"alloc" => uio_alloc as *const (),
		b"free" => uio_free as *const (),
		_ => return None,
	};
	Some(function as u64)
}

/// Calls `f` with the run of the calling program and its request; ends the program if it was
/// interrupted meanwhile.
fn call(f: impl FnOnce(&'static Run, &Job<'_>) -> isize) -> isize {
	let Some((worker, run)) = Run::current() else {
		return -(EPERM as isize);
	};
	let job = ENGINE.job(worker);
	let result = f(run, &job);
	if job.interrupted() {
		run.leave(End::Interrupted);
	}
	result
}

/// The bytes of a program, if they are mapped.
fn bytes<'a>(buf: *const u8, len: usize) -> Result<&'a [u8], isize> {
	readable(buf.addr() as u64, len as u64).map_err(|_| -(EFAULT as isize))?;
	if len == 0 {
		return Ok(&[]);
	}
	// SAFETY: the range is mapped. The program, which is the calling task, does not change it
	// while this call runs; what other tasks do to it is the program's affair.
	Ok(unsafe { slice::from_raw_parts(buf, len) })
}

/// The bytes of a program to be written, if they are mapped so.
fn bytes_mut<'a>(buf: *mut u8, len: usize) -> Result<&'a mut [u8], isize> {
	writable(buf.addr() as u64, len as u64).map_err(|_| -(EFAULT as isize))?;
	if len == 0 {
		return Ok(&mut []);
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
	Err(-(ENAMETOOLONG as isize))
}

extern "C" fn uio_write(fd: i32, buf: *const u8, len: usize) -> isize {
	call(|_, job| match bytes(buf, len) {
		Ok(data) => job.write(fd, data),
		Err(errno) => errno,
	})
}

extern "C" fn uio_read(fd: i32, buf: *mut u8, len: usize) -> isize {
	call(|_, job| {
		if fd != 0 {
			return -(EBADF as isize);
		}
		match bytes_mut(buf, len) {
			Ok(out) => job.read(out),
			Err(errno) => errno,
		}
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
	call(|_, job| job.sleep_ms(ms))
}

extern "C" fn uio_yield() {
	// Tasks of lower priority run only while this one sleeps.
	call(|_, job| job.sleep_ms(1));
}

extern "C" fn uio_clock_us() -> u64 {
	get_timer_ticks()
}

/// Flags of `uio_open`, as in Linux.
mod flags {
	pub(super) const ACCESS: i32 = 0o3;
	pub(super) const WRONLY: i32 = 0o1;
	pub(super) const RDWR: i32 = 0o2;
	pub(super) const CREAT: i32 = 0o100;
	pub(super) const EXCL: i32 = 0o200;
	pub(super) const TRUNC: i32 = 0o1000;
	pub(super) const ALL: i32 = ACCESS | CREAT | EXCL | TRUNC;
}

extern "C" fn uio_open(path: *const c_char, how: i32, mode: i32) -> isize {
	call(|run, _| {
		let access = how & flags::ACCESS;
		if how & !flags::ALL != 0 || access == flags::ACCESS {
			return -(EINVAL as isize);
		}
		let open = files::Open {
			read: access != flags::WRONLY,
			write: access == flags::WRONLY || access == flags::RDWR,
			create: (how & flags::CREAT != 0).then_some(mode as u32 & 0o7777),
			exclusive: how & flags::EXCL != 0,
			truncate: how & flags::TRUNC != 0,
		};
		let path = match string(path) {
			Ok(path) => path,
			Err(errno) => return errno,
		};
		let file = match AllFiles.open(path, open) {
			Ok(file) => file,
			Err(err) => return number(err),
		};
		let mut files = run.held.files.lock();
		match files.iter().position(Option::is_none) {
			Some(index) => {
				files[index] = Some(file);
				index as isize + 3
			}
			None => {
				drop(files);
				-(EMFILE as isize)
			}
		}
	})
}

extern "C" fn uio_close(fd: i32) -> isize {
	call(|run, _| {
		let index = usize::try_from(fd).ok().and_then(|fd| fd.checked_sub(3));
		let Some(index) = index.filter(|index| *index < MAX_FILES) else {
			return -(EBADF as isize);
		};
		let file = run.held.files.lock()[index].take();
		if file.is_some() {
			0
		} else {
			-(EBADF as isize)
		}
	})
}

extern "C" fn uio_pread(fd: i32, buf: *mut u8, len: usize, offset: u64) -> isize {
	call(|run, _| match bytes_mut(buf, len) {
		Ok(out) => run.held.with_file(fd, |file| file.read_at(offset, out)),
		Err(errno) => errno,
	})
}

extern "C" fn uio_pwrite(fd: i32, buf: *const u8, len: usize, offset: u64) -> isize {
	call(|run, _| match bytes(buf, len) {
		Ok(data) => run.held.with_file(fd, |file| file.write_at(offset, data)),
		Err(errno) => errno,
	})
}

extern "C" fn uio_file_size(fd: i32) -> isize {
	call(|run, _| {
		run.held
			.with_file(fd, |file| file.stat().map(|stat| stat.size as usize))
	})
}

extern "C" fn uio_alloc(size: usize) -> *mut u8 {
	match Run::current() {
		Some((_, run)) => run.held.memory.lock().allocate(size),
		None => ptr::null_mut(),
	}
}

extern "C" fn uio_free(memory: *mut u8) {
	if let Some((_, run)) = Run::current() {
		run.held.memory.lock().free(memory);
	}
}
