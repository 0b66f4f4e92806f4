//! The interface of programs (`include/uio.h`) for those that run on a thread of this process.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use std::time::{SystemTime, UNIX_EPOCH};

use uio_core::files::{Error, File, Files, Open};
use uio_core::isolation::{End, Policy};

use super::native::with;

const EPERM: c_long = -1;
const ESRCH: c_long = -3;
const EBADF: c_long = -9;
const EFAULT: c_long = -14;
const ENODEV: c_long = -19;

#[repr(C)]
struct Piece {
    at: *mut c_void,
    len: usize,
}

unsafe extern "C" {
    fn memcpy();
    fn memmove();
    fn memset();
    fn memcmp();
    fn bcmp();
    fn strlen();
    fn malloc(bytes: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
    fn getpid() -> c_int;
    /// Copies memory of a process, and does not fault where there is none.
    fn process_vm_readv(
        process: c_int,
        to: *const Piece,
        to_len: c_ulong,
        from: *const Piece,
        from_len: c_ulong,
        flags: c_ulong,
    ) -> isize;
    fn process_vm_writev(
        process: c_int,
        from: *const Piece,
        from_len: c_ulong,
        to: *const Piece,
        to_len: c_ulong,
        flags: c_ulong,
    ) -> isize;
}

/// Address of the interface function `name`.
pub fn address(name: &[u8]) -> Option<u64> {
    let function = match name {
        b"uio_fd_write" => uio_fd_write as *const (),
        b"uio_fd_read" => uio_fd_read as *const (),
        b"uio_open" => uio_open as *const (),
        b"uio_close" => uio_close as *const (),
        b"uio_pread" => uio_pread as *const (),
        b"uio_pwrite" => uio_pwrite as *const (),
        b"uio_size" => uio_size as *const (),
        b"uio_sync" => uio_sync as *const (),
        b"uio_unlink" => uio_unlink as *const (),
        b"uio_exit" => uio_exit as *const (),
        b"uio_interrupted" => uio_interrupted as *const (),
        b"uio_sleep_ms" => uio_sleep_ms as *const (),
        b"uio_yield" => uio_yield as *const (),
        b"uio_clock_us" => uio_clock_us as *const (),
        b"uio_now_us" => uio_now_us as *const (),
        b"uio_alloc" => uio_alloc as *const (),
        b"uio_free" => uio_free as *const (),
        b"uio_gate_call" => uio_gate_call as *const (),
        b"uio_gate_write" => uio_gate_write as *const (),
        b"uio_gate_read" => uio_gate_read as *const (),
        b"uio_signal" => uio_signal as *const (),
        b"memcpy" => memcpy as *const (),
        b"memmove" => memmove as *const (),
        b"memset" => memset as *const (),
        b"memcmp" => memcmp as *const (),
        b"bcmp" => bcmp as *const (),
        b"strlen" => strlen as *const (),
        _ => return None,
    };
    Some(function as u64)
}

/// What a program holds.
#[derive(Default)]
pub struct Held {
    files: RefCell<Vec<Option<Opened>>>,
}

/// An open file and the position in it.
type Opened = (Box<dyn File>, u64);

fn number(result: Result<usize, Error>) -> c_long {
    match result {
        Ok(value) => value as c_long,
        Err(Error::Os(errno)) => -c_long::from(errno),
        Err(Error::NoShare) => ENODEV,
    }
}

/// Calls `work` with an open file and its position.
fn file(fd: c_int, work: impl FnOnce(&mut dyn File, &mut u64) -> Result<usize, Error>) -> c_long {
    with(|running| {
        let mut files = running.held.files.borrow_mut();
        let index = usize::try_from(fd - 3).unwrap_or(usize::MAX);
        match files.get_mut(index) {
            Some(Some((file, position))) => number(work(file.as_mut(), position)),
            _ => EBADF,
        }
    })
}

/// The bytes that a program names.
fn bytes<'a>(at: *const u8, len: c_ulong) -> &'a [u8] {
    // SAFETY: a program gives memory of its own, which it leaves alone during the call.
    unsafe { std::slice::from_raw_parts(at, len as usize) }
}

fn bytes_mut<'a>(at: *mut u8, len: c_ulong) -> &'a mut [u8] {
    // SAFETY: as in `bytes`.
    unsafe { std::slice::from_raw_parts_mut(at, len as usize) }
}

fn string<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: a program gives a string that ends.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

extern "C" fn uio_fd_write(fd: c_int, from: *const u8, len: c_ulong) -> c_long {
    let data = bytes(from, len);
    if fd < 3 {
        return with(|running| running.job().write(fd, data)) as c_long;
    }
    file(fd, |file, position| {
        let written = file.write_at(*position, data)?;
        *position += written as u64;
        Ok(written)
    })
}

extern "C" fn uio_fd_read(fd: c_int, to: *mut u8, len: c_ulong) -> c_long {
    let out = bytes_mut(to, len);
    if fd == 0 {
        return with(|running| running.job().read(out)) as c_long;
    }
    file(fd, |file, position| {
        let read = file.read_at(*position, out)?;
        *position += read as u64;
        Ok(read)
    })
}

extern "C" fn uio_open(path: *const c_char, how: c_int, mode: c_int) -> c_int {
    let open = Open {
        read: how & 1 != 0,
        write: how & 2 != 0,
        create: (how & 4 != 0).then_some(mode as u32),
        exclusive: how & 8 != 0,
        truncate: how & 16 != 0,
    };
    let fd = with(|running| match running.files().open(string(path), open) {
        Ok(file) => {
            let mut files = running.held.files.borrow_mut();
            files.push(Some((file, 0)));
            files.len() as c_long + 2
        }
        Err(error) => number(Err(error)),
    });
    fd as c_int
}

extern "C" fn uio_close(fd: c_int) -> c_int {
    let taken = with(|running| {
        let mut files = running.held.files.borrow_mut();
        let index = usize::try_from(fd - 3).unwrap_or(usize::MAX);
        files.get_mut(index).and_then(Option::take)
    });
    taken.map_or(EBADF as c_int, |_| 0)
}

extern "C" fn uio_pread(fd: c_int, to: *mut u8, len: c_ulong, offset: c_ulong) -> c_long {
    file(fd, |file, _| file.read_at(offset, bytes_mut(to, len)))
}

extern "C" fn uio_pwrite(fd: c_int, from: *const u8, len: c_ulong, offset: c_ulong) -> c_long {
    file(fd, |file, _| file.write_at(offset, bytes(from, len)))
}

extern "C" fn uio_size(fd: c_int) -> c_long {
    file(fd, |file, _| file.stat().map(|stat| stat.size as usize))
}

extern "C" fn uio_sync(fd: c_int) -> c_int {
    file(fd, |file, _| file.sync().map(|()| 0)) as c_int
}

extern "C" fn uio_unlink(path: *const c_char) -> c_int {
    with(|running| number(running.files().unlink(string(path)).map(|()| 0))) as c_int
}

extern "C" fn uio_exit(status: c_int) -> ! {
    with(|running| running.end.send(End::Exited(status))).expect("somebody waits for the end");
    // The thread ends with the process: there is no way to unwind the program.
    loop {
        std::thread::park();
    }
}

extern "C" fn uio_interrupted() -> c_int {
    with(|running| running.job().interrupted()).into()
}

extern "C" fn uio_sleep_ms(ms: c_ulong) -> c_long {
    with(|running| running.job().sleep_ms(ms)) as c_long
}

extern "C" fn uio_yield() {
    std::thread::yield_now();
}

fn since_epoch_us() -> c_ulong {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros() as c_ulong)
}

extern "C" fn uio_clock_us() -> c_ulong {
    since_epoch_us()
}

extern "C" fn uio_now_us() -> c_ulong {
    since_epoch_us()
}

extern "C" fn uio_alloc(bytes: c_ulong) -> *mut c_void {
    // SAFETY: any size may be asked for.
    unsafe { malloc(bytes as usize) }
}

extern "C" fn uio_free(memory: *mut c_void) {
    // SAFETY: a program gives back what it got.
    unsafe { free(memory) };
}

/// Whether the policy lets a gate open.
fn allowed() -> bool {
    with(|running| *running.native.policy.lock().unwrap() >= Policy::Control)
}

#[repr(C)]
struct Called {
    value: c_ulong,
    error: c_long,
}

extern "C" fn uio_gate_call(
    a: c_ulong,
    b: c_ulong,
    c: c_ulong,
    d: c_ulong,
    e: c_ulong,
    function: *const c_void,
) -> Called {
    type Function = extern "C" fn(c_ulong, c_ulong, c_ulong, c_ulong, c_ulong) -> c_ulong;
    let refused = |error| Called { value: 0, error };
    if !allowed() {
        return refused(EPERM);
    }
    let mut first = [0_u8];
    if uio_gate_read(first.as_mut_ptr().cast(), function, 1) != 1 {
        return refused(EFAULT);
    }
    // SAFETY: a program names a function of the image that takes integers, and at most five of them.
    let function = unsafe { std::mem::transmute::<*const c_void, Function>(function) };
    Called {
        value: function(a, b, c, d, e),
        error: 0,
    }
}

extern "C" fn uio_gate_write(to: *mut c_void, from: *const c_void, len: c_ulong) -> c_long {
    if !allowed() {
        return EPERM;
    }
    let pieces = [from.cast_mut(), to].map(|at| Piece {
        at,
        len: len as usize,
    });
    // SAFETY: the kernel copies what is mapped, to a variable of the image.
    let copied = unsafe {
        process_vm_writev(
            getpid(),
            &raw const pieces[0],
            1,
            &raw const pieces[1],
            1,
            0,
        )
    };
    if copied == len as isize { 0 } else { EFAULT }
}

extern "C" fn uio_gate_read(to: *mut c_void, from: *const c_void, len: c_ulong) -> c_long {
    let pieces = [to, from.cast_mut()].map(|at| Piece {
        at,
        len: len as usize,
    });
    // SAFETY: the kernel copies what is mapped, to memory of the program.
    let copied = unsafe {
        process_vm_readv(
            getpid(),
            &raw const pieces[0],
            1,
            &raw const pieces[1],
            1,
            0,
        )
    };
    if copied > 0 || len == 0 {
        copied as c_long
    } else {
        EFAULT
    }
}

/// There is an application that handles signal 1 alone.
extern "C" fn uio_signal(signal: c_int) -> c_int {
    match signal {
        _ if !allowed() => EPERM as c_int,
        1 => 0,
        _ => ESRCH as c_int,
    }
}
