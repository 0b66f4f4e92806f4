//! Standard input of a request: a ring of bounded size, filled by the overlay task within the
//! credit that the guest gave, emptied by the request's worker.

use alloc::vec::Vec;

use uio_console::wire::variant;

use super::output::SMALL;
use super::{Core, Job, locked};
use crate::command::{Stop, buffer};
use crate::platform::Event;

/// Bytes of standard input that a request buffers, and so the most credit that is out for it.
pub const STDIN_WINDOW: usize = 4096;

/// The most bytes that move while the lock is held.
const PIECE: usize = 256;

/// See the module.
pub(crate) struct Stdin {
    /// Allocated when the request first reads.
    pub(crate) ring: Vec<u8>,
    head: u16,
    len: u16,
    /// Credit that is out: bytes that the host may still send.
    granted: u16,
    ended: bool,
}

/// What a reader finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Step {
    /// So many bytes.
    Data(usize),
    /// Nothing any more.
    End,
    /// Nothing yet.
    Wait,
    /// The ring is to be allocated.
    Ring,
    /// So much credit is to be given.
    Grant(u16),
    Interrupted,
    #[default]
    Gone,
}

impl Stdin {
    pub(crate) const NEW: Self = Self {
        ring: Vec::new(),
        head: 0,
        len: 0,
        granted: 0,
        ended: false,
    };

    /// Whether the host may send `bytes` more.
    pub(crate) fn accepts(&self, bytes: usize) -> bool {
        bytes <= usize::from(self.granted) && !self.ended
    }

    /// Takes the next piece of accepted data; returns what is left of it.
    pub(crate) fn push<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let (piece, rest) = data.split_at(data.len().min(PIECE));
        for &byte in piece {
            let at = (usize::from(self.head) + usize::from(self.len)) % STDIN_WINDOW;
            if let Some(place) = self.ring.get_mut(at) {
                *place = byte;
                self.len += 1;
                self.granted = self.granted.saturating_sub(1);
            }
        }
        rest
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Credit to give now: all that is free, once that is half of the window.
    fn due(&self) -> u16 {
        let free = STDIN_WINDOW as u16 - self.len - self.granted;
        let due = !self.ended && free >= STDIN_WINDOW as u16 / 2;
        if due { free } else { 0 }
    }

    fn step(&mut self, out: &mut [u8]) -> Step {
        if self.ring.is_empty() && !self.ended {
            return Step::Ring;
        }
        let due = self.due();
        if due != 0 {
            self.granted += due;
            return Step::Grant(due);
        }
        let mut taken = 0;
        for place in out.iter_mut().take(PIECE.min(usize::from(self.len))) {
            *place = self.ring.get(usize::from(self.head)).copied().unwrap_or(0);
            self.head = (self.head + 1) % STDIN_WINDOW as u16;
            self.len -= 1;
            taken += 1;
        }
        match taken {
            0 if self.ended => Step::End,
            0 => Step::Wait,
            taken => Step::Data(taken),
        }
    }
}

impl Job<'_> {
    /// Reads at least one byte of the request's standard input, 0 at its end.
    pub(crate) fn read_some(&self, out: &mut [u8]) -> Result<usize, Stop> {
        let mut done = 0;
        loop {
            let rest = out.get_mut(done..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(done);
            }
            let step = locked(self.core, |state| match state.current(self.worker) {
                Some(slot) if slot.interrupted => Step::Interrupted,
                Some(slot) => slot.stdin.step(rest),
                None => Step::Gone,
            });
            match step {
                Step::Data(bytes) => done += bytes,
                Step::End => return Ok(done),
                Step::Wait if done != 0 => return Ok(done),
                Step::Wait => self.core.system().wait(Event(self.worker as u8), None),
                Step::Ring => self.make_ring()?,
                Step::Grant(bytes) => {
                    self.send(variant::CREDIT, &u32::from(bytes), SMALL, false)?;
                }
                Step::Interrupted | Step::Gone => return Err(Stop::Interrupted),
            }
        }
    }

    fn make_ring(&self) -> Result<(), Stop> {
        // Without memory the request is ended as if it had been interrupted: it cannot go on.
        let mut ring = buffer(STDIN_WINDOW).map_err(|_| Stop::Interrupted)?;
        locked(self.core, |state| {
            if let Some(slot) = state.current(self.worker) {
                core::mem::swap(&mut slot.stdin.ring, &mut ring);
            }
        });
        Ok(())
    }
}

/// Puts data into a request's ring, a piece at a time.
pub(crate) fn push(core: &dyn Core, slot: usize, mut data: &[u8]) {
    while !data.is_empty() {
        data = locked(core, |state| state.slot(slot).stdin.push(data));
    }
}
