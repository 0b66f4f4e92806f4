//! What memory a program may use: the only place that turns its numbers into memory.
#![allow(
    unsafe_code,
    reason = "programs use memory at addresses that they reckon; each is looked up first"
)]

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::isa::{FRAME_LEN, atomic};
use crate::run::{Memory, Run, STACK_LEN, Stop};

/// A piece of memory that is known to be usable.
#[derive(Clone, Copy)]
struct Window {
    start: u64,
    /// Bytes that may be read from `start` on.
    readable: u64,
    /// Bytes that may be written from `start` on: all of them or none.
    writable: u64,
}

impl Window {
    const NONE: Self = Self {
        start: 0,
        readable: 0,
        writable: 0,
    };

    #[inline(always)]
    fn new(memory: Memory) -> Self {
        Self {
            start: memory.address,
            readable: memory.len,
            writable: if memory.writable { memory.len } else { 0 },
        }
    }

    /// Whether it has all of the range.
    #[inline(always)]
    fn has(&self, address: u64, len: u64, write: bool) -> bool {
        let room = if write { self.writable } else { self.readable };
        within(self.start, room, address, len)
    }
}

/// Whether the range is within so many bytes from a start. `len` is not 0.
#[inline(always)]
fn within(start: u64, room: u64, address: u64, len: u64) -> bool {
    // As many places as the range can begin at.
    let places = room.saturating_sub(len.wrapping_sub(1));
    address.wrapping_sub(start) < places
}

/// The memory that a program may use, as far as it is known already.
pub(super) struct View {
    /// The map's value or granted memory that was used last.
    recent: Window,
    /// The used part of the innermost function's frame: where it starts, and its length.
    stack: (u64, u64),
    context: Window,
}

impl View {
    /// At the start of a run.
    #[inline(always)]
    pub fn new(run: &Run<'_>) -> Self {
        Self {
            recent: Window::NONE,
            stack: (0, 0),
            context: Window::new(run.context),
        }
    }

    /// Says that the innermost function, just entered, has its frame there: it used nothing yet.
    #[inline(always)]
    pub fn enter(&mut self, run: &mut Run<'_>, pointer: u64) {
        if let Some(used) = run.used.get_mut(run.frames as usize) {
            *used = 0;
        }
        self.stack = (pointer, 0);
    }

    /// Says that the innermost function, returned to, has its frame there.
    #[inline(always)]
    pub fn back(&mut self, run: &Run<'_>, pointer: u64) {
        let used = run.used.get(run.frames as usize);
        let len = used.map_or(0, |used| u64::from(*used));
        self.stack = (pointer - len, len);
        // It may be the frame of a function that is no longer active.
        if self.recent.start.wrapping_sub(run.stack as u64) < STACK_LEN as u64 {
            self.recent = Window::NONE;
        }
    }

    /// Forgets what the program may have lost.
    #[inline(always)]
    pub fn forget(&mut self) {
        self.recent = Window::NONE;
    }

    /// Remembers what the program will use next.
    #[inline(always)]
    pub fn expect(&mut self, memory: Memory) {
        self.recent = Window::new(memory);
    }

    /// Whether all of a range may be used. `len` is not 0.
    #[inline(always)]
    pub fn range(&mut self, run: &mut Run<'_>, address: u64, len: u64, write: bool) -> bool {
        self.recent.has(address, len, write)
            || within(self.stack.0, self.stack.1, address, len)
            || self.context.has(address, len, write)
            || self.search(run, address, len, write)
    }

    /// Reads a number of this width in bytes, if that is allowed.
    #[inline(always)]
    pub fn read<T: Copy>(&mut self, run: &mut Run<'_>, address: u64) -> Option<T> {
        if !self.range(run, address, size_of::<T>() as u64, false) {
            return None;
        }
        let place = core::ptr::with_exposed_provenance::<T>(address as usize);
        // SAFETY: the whole range was just found to be readable memory of this run. Others may change it meanwhile, if
        // it is a map's: then any of the values is right, and nothing is made of it but a number.
        Some(unsafe { place.read_unaligned() })
    }

    /// Writes a number. False if that is not allowed.
    #[inline(always)]
    pub fn write<T: Copy>(&mut self, run: &mut Run<'_>, address: u64, value: T) -> bool {
        if !self.range(run, address, size_of::<T>() as u64, true) {
            return false;
        }
        let place = core::ptr::with_exposed_provenance_mut::<T>(address as usize);
        // SAFETY: the whole range was just found to be memory that this run may write; nothing in Rust refers to it
        // but by raw pointers.
        unsafe { place.write_unaligned(value) };
        true
    }

    /// Looks for a range where it was not found at once.
    #[cold]
    #[inline(never)]
    fn search(&mut self, run: &mut Run<'_>, address: u64, len: u64, write: bool) -> bool {
        let below_top = (run.stack as u64 + STACK_LEN as u64).wrapping_sub(address);
        if below_top.wrapping_sub(1) < STACK_LEN as u64 {
            return self.stack(run, below_top, len);
        }
        let granted = run.granted.iter().flatten();
        let maps = run.program.maps.iter();
        let found = granted
            .filter(|grant| Window::new(**grant).has(address, len, false))
            .copied()
            .next()
            .or_else(|| maps.filter_map(|map| map.value_at(address, len)).next());
        match found {
            Some(memory) if memory.writable || !write => {
                self.recent = Window::new(memory);
                true
            }
            _ => false,
        }
    }

    /// Makes a range of the stack usable, which begins so far below its top: takes away what was left there. False if
    /// it is not in the frame of one active function.
    fn stack(&mut self, run: &mut Run<'_>, below_top: u64, len: u64) -> bool {
        let frame = (below_top - 1) / FRAME_LEN as u64;
        let deep = below_top - frame * FRAME_LEN as u64;
        if frame >= u64::from(run.frames) || len > deep {
            return false;
        }
        let pointer = run.stack as u64 + STACK_LEN as u64 - frame * FRAME_LEN as u64;
        let Some(used) = run.used.get_mut(frame as usize + 1) else {
            return false;
        };
        // In pieces, so that a function does not come here for each of its variables. 512 is a multiple.
        let wanted = deep.next_multiple_of(64);
        let before = u64::from(*used);
        if wanted > before {
            let place = core::ptr::with_exposed_provenance_mut::<u8>((pointer - wanted) as usize);
            for word in 0..(wanted - before) as usize / size_of::<u64>() {
                // One by one: a call of `memset` would take longer than the few that there mostly are.
                // SAFETY: it is inside the frame, which is inside the stack, which is this run's alone.
                unsafe { place.cast::<u64>().add(word).write_volatile(0) };
            }
            *used = wanted as u16;
        }
        let len = wanted.max(before);
        let start = pointer - len;
        if frame + 1 == u64::from(run.frames) {
            self.stack = (start, len);
        } else {
            self.recent = Window {
                start,
                readable: len,
                writable: len,
            };
        }
        true
    }
}

/// An atomic operation (RFC 9669, section 5.3) of 4 or 8 bytes. Gives what was there before.
///
/// # Errors
/// Why the run ends.
#[inline(never)]
pub(super) fn atomic(
    view: &mut View,
    run: &mut Run<'_>,
    address: u64,
    len: u64,
    what: Atomic,
) -> Result<u64, Stop> {
    if !view.range(run, address, len, true) {
        return Err(Stop::Access {
            address,
            len: len as u32,
            write: true,
        });
    }
    if !address.is_multiple_of(len) {
        return Err(Stop::Misaligned { address });
    }
    if len == 4 {
        let place = core::ptr::with_exposed_provenance_mut::<u32>(address as usize);
        // SAFETY: found to be memory that this run may write; it is aligned.
        let place = unsafe { AtomicU32::from_ptr(place) };
        let value = what.operand as u32;
        let before = match what.operation & !atomic::FETCH {
            atomic::ADD => place.fetch_add(value, Ordering::SeqCst),
            atomic::OR => place.fetch_or(value, Ordering::SeqCst),
            atomic::AND => place.fetch_and(value, Ordering::SeqCst),
            atomic::XOR => place.fetch_xor(value, Ordering::SeqCst),
            XCHG => place.swap(value, Ordering::SeqCst),
            _ => {
                let expected = what.expected as u32;
                let (done, failed) = (Ordering::SeqCst, Ordering::SeqCst);
                match place.compare_exchange(expected, value, done, failed) {
                    Ok(before) | Err(before) => before,
                }
            }
        };
        return Ok(u64::from(before));
    }
    let place = core::ptr::with_exposed_provenance_mut::<u64>(address as usize);
    // SAFETY: found to be memory that this run may write; it is aligned.
    let place = unsafe { AtomicU64::from_ptr(place) };
    let value = what.operand;
    Ok(match what.operation & !atomic::FETCH {
        atomic::ADD => place.fetch_add(value, Ordering::SeqCst),
        atomic::OR => place.fetch_or(value, Ordering::SeqCst),
        atomic::AND => place.fetch_and(value, Ordering::SeqCst),
        atomic::XOR => place.fetch_xor(value, Ordering::SeqCst),
        XCHG => place.swap(value, Ordering::SeqCst),
        _ => {
            let (done, failed) = (Ordering::SeqCst, Ordering::SeqCst);
            match place.compare_exchange(what.expected, value, done, failed) {
                Ok(before) | Err(before) => before,
            }
        }
    })
}

/// The number of `XCHG` without its `FETCH` bit.
const XCHG: i32 = atomic::XCHG & !atomic::FETCH;

/// What an atomic operation does.
pub(super) struct Atomic {
    /// One of [`atomic`].
    pub operation: i32,
    /// The source register.
    pub operand: u64,
    /// Register 0, which `CMPXCHG` compares.
    pub expected: u64,
}
