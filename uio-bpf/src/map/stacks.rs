//! Stacks by number: a stack that was seen before keeps its number.

use alloc::boxed::Box;

use super::MapError;
use super::block::boxed;
use crate::errno::Errno;

/// Most return addresses of a stack: `PERF_MAX_STACK_DEPTH`.
pub const DEPTH: usize = 127;

/// Flags of `get_stackid` and `get_stack`.
pub mod flags {
    /// How many frames to leave out.
    pub const SKIP: u64 = 0xff;
    /// The stack of a user: there is none here.
    pub const USER: u64 = 1 << 8;
    /// Take stacks with the same hash for the same.
    pub const FAST_COMPARE: u64 = 1 << 9;
    /// Replace another stack that has the same number.
    pub const REUSE: u64 = 1 << 10;
}

/// What has a number.
#[derive(Clone, Copy, Default)]
struct Stack {
    hash: u32,
    /// Its return addresses; 0 for none.
    len: u32,
}

/// Stacks.
pub struct Stacks {
    stacks: Box<[Stack]>,
    frames: Box<[u64]>,
    depth: usize,
}

impl Stacks {
    /// How many numbers there are for so many entries.
    pub fn numbers(entries: u32) -> Option<u32> {
        entries.checked_next_power_of_two()
    }

    /// How many bytes it takes.
    pub fn bytes(value_size: u32, entries: u32) -> Option<u64> {
        let one = size_of::<Stack>() as u64 + u64::from(value_size);
        one.checked_mul(u64::from(Self::numbers(entries)?))
    }

    /// Room for so many stacks, each of `value_size` bytes.
    ///
    /// # Errors
    /// [`MapError::Memory`], [`MapError::Size`].
    pub fn new(value_size: u32, entries: u32) -> Result<Self, MapError> {
        let numbers = Self::numbers(entries).ok_or(MapError::Size)? as usize;
        let depth = value_size as usize / 8;
        let frames = numbers.checked_mul(depth).ok_or(MapError::Size)?;
        Ok(Self {
            stacks: boxed(numbers, Stack::default)?,
            frames: boxed(frames, || 0)?,
            depth,
        })
    }

    /// The number of a stack.
    ///
    /// # Errors
    /// [`Errno::Exists`] when another one has it and is not to be replaced.
    pub fn number(&mut self, stack: &[u64], flags: u64) -> Result<u32, Errno> {
        let stack = stack.get(..self.depth).unwrap_or(stack);
        let hash = hash(stack);
        let number = hash & (self.stacks.len() as u32 - 1);
        let from = number as usize * self.depth;
        let (Some(held), Some(frames)) = (
            self.stacks.get_mut(number as usize),
            self.frames.get_mut(from..from + self.depth),
        ) else {
            return Err(Errno::Invalid);
        };
        if held.len != 0 {
            let alike = held.hash == hash;
            let fast = flags & flags::FAST_COMPARE != 0;
            let whole = || {
                held.len as usize == stack.len() && frames.iter().zip(stack).all(|(a, b)| a == b)
            };
            if alike && (fast || whole()) {
                return Ok(number);
            }
            if flags & flags::REUSE == 0 {
                return Err(Errno::Exists);
            }
        }
        *held = Stack {
            hash,
            len: stack.len() as u32,
        };
        for (index, frame) in frames.iter_mut().enumerate() {
            *frame = stack.get(index).copied().unwrap_or(0);
        }
        Ok(number)
    }

    /// Copies the return addresses of the stack of that number, zeros behind them; false if there is none.
    pub fn read(&self, number: u32, out: &mut [u8]) -> bool {
        if !self.has(number) {
            return false;
        }
        let frames = self
            .frames
            .get(number as usize * self.depth..)
            .unwrap_or_default();
        let frames = frames.iter().take(self.depth);
        for (frame, out) in frames.zip(out.chunks_mut(8)) {
            let bytes = frame.to_le_bytes();
            out.iter_mut()
                .zip(bytes)
                .for_each(|(out, byte)| *out = byte);
        }
        true
    }

    /// Whether there is a stack of that number.
    pub fn has(&self, number: u32) -> bool {
        self.stacks
            .get(number as usize)
            .is_some_and(|stack| stack.len != 0)
    }

    /// Forgets a stack; false if there is none of that number.
    pub fn delete(&mut self, number: u32) -> bool {
        match self.stacks.get_mut(number as usize) {
            Some(stack) if stack.len != 0 => {
                *stack = Stack::default();
                true
            }
            _ => false,
        }
    }
}

fn hash(stack: &[u64]) -> u32 {
    let mut hash = stack.len() as u64;
    for &frame in stack {
        hash = (hash ^ frame).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    }
    hash as u32
}
