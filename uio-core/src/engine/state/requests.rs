//! Requests get slots, and workers get requests.

use alloc::vec::Vec;

use super::{Hand, Opening, Phase, Slot, State, WORKERS, Worker};
use crate::engine::PARKED_WORKERS;
use crate::engine::output::SMALL;
use crate::platform::EVENTS;

impl State {
    /// Opens a request for this session, unless all slots are taken (which [`Self::admit`] rules
    /// out), and chooses its worker.
    pub(crate) fn open(&mut self, opening: &Opening<'_>, argv: &mut Vec<u8>) -> Hand {
        let index = self.taken.trailing_ones() as usize;
        self.taken |= 1u16.checked_shl(index as u32).unwrap_or(0);
        self.number = self.number.wrapping_add(1);
        let (number, generation) = (self.number, self.generation);
        let hand = self.hand(index);
        let slot = self.slot(index);
        *slot = Slot {
            id: opening.id,
            generation,
            credit: opening.credit,
            terms: opening.terms,
            since_us: opening.since_us,
            queued: hand == Hand::Queue,
            number,
            command: Some(opening.command),
            argv: core::mem::take(argv),
            ..Slot::EMPTY
        };
        slot.set_name(opening.name);
        if let Hand::Wake(worker) | Hand::Spawn(worker) = hand {
            slot.worker = worker as u8;
        }
        hand
    }

    /// Chooses who runs the request in this slot: a parked worker, one that is about to have
    /// nothing to do, or a new one.
    fn hand(&mut self, slot: usize) -> Hand {
        let mut free = 0;
        for slot in &self.slots {
            free -= i32::from(slot.queued);
        }
        let mut hand = Hand::Queue;
        for (index, worker) in self.workers.iter().take(WORKERS).enumerate() {
            match worker.phase {
                Phase::Parked => {
                    hand = Hand::Wake(index);
                    break;
                }
                Phase::Absent if hand == Hand::Queue => hand = Hand::Spawn(index),
                Phase::Ending => free += 1,
                _ => {}
            }
        }
        match hand {
            Hand::Spawn(_) if free > 0 => return Hand::Queue,
            Hand::Wake(index) | Hand::Spawn(index) => {
                self.worker(index).phase = Phase::Working(slot as u8);
            }
            Hand::Queue => {}
        }
        hand
    }

    /// Closes the request that worker `index` runs, or was to run; returns its memory, to be
    /// dropped without the lock.
    pub(crate) fn release(&mut self, index: usize, next: Phase) -> (Vec<u8>, Vec<u8>) {
        let Phase::Working(slot) = core::mem::replace(&mut self.worker(index).phase, next) else {
            return Default::default();
        };
        let index = usize::from(slot);
        self.taken &= !(1u16.checked_shl(index as u32).unwrap_or(0));
        let slot = self.slot(index);
        (
            core::mem::take(&mut slot.argv),
            core::mem::take(&mut slot.stdin.ring),
        )
    }

    pub(super) fn worker(&mut self, index: usize) -> &mut Worker {
        &mut self.workers[index % EVENTS]
    }

    /// What worker `index` is to do.
    pub(crate) fn phase(&mut self, index: usize) -> Phase {
        self.worker(index).phase
    }

    /// Worker `index` has ended its request: gives it the next, parks it or lets it end. Also
    /// returns its buffer to be dropped without the lock when it is a large one or the worker ends.
    pub(crate) fn finished(&mut self, index: usize) -> (Phase, Vec<u8>) {
        let taken = self.taken;
        let queued = self
            .slots
            .iter_mut()
            .enumerate()
            .find(|(slot, state)| taken & 1 << slot != 0 && state.queued);
        let phase = match queued {
            Some((slot, state)) => {
                state.queued = false;
                state.worker = index as u8;
                Phase::Working(slot as u8)
            }
            None => {
                let parked = |worker: &&Worker| worker.phase == Phase::Parked;
                match self.workers.iter().filter(parked).count() < PARKED_WORKERS {
                    true => Phase::Parked,
                    false => Phase::Absent,
                }
            }
        };
        let worker = self.worker(index);
        worker.phase = phase;
        let large = worker.buffer.len() > SMALL;
        match large || phase == Phase::Absent {
            true => (phase, core::mem::take(&mut worker.buffer)),
            false => (phase, Vec::new()),
        }
    }

    /// What worker `index`, which was parked, is to do: end, if it was `long` and it still is. Also
    /// its buffer, if it ends, to be dropped without the lock.
    pub(crate) fn rested(&mut self, index: usize, long: bool) -> (Phase, Vec<u8>) {
        let worker = self.worker(index);
        if worker.phase != Phase::Parked || !long {
            return (worker.phase, Vec::new());
        }
        worker.phase = Phase::Absent;
        (Phase::Absent, core::mem::take(&mut worker.buffer))
    }

    /// The slot of the request that worker `index` runs.
    pub(crate) fn slot_of(&mut self, index: usize) -> Option<usize> {
        match self.worker(index).phase {
            Phase::Working(slot) => Some(usize::from(slot)),
            _ => None,
        }
    }

    /// The state of the request that worker `index` runs, unless its session has ended.
    #[inline(never)]
    pub(crate) fn current(&mut self, index: usize) -> Option<&mut Slot> {
        let generation = self.generation;
        let slot = self.slot_of(index)?;
        let slot = self.slot(slot);
        (slot.generation == generation).then_some(slot)
    }

    /// Takes the buffer of worker `index`.
    pub(crate) fn take_buffer(&mut self, index: usize) -> Vec<u8> {
        core::mem::take(&mut self.worker(index).buffer)
    }

    /// Gives a buffer back to worker `index`; leaves what it had, to be dropped without the lock.
    pub(crate) fn swap_buffer(&mut self, index: usize, buffer: &mut Vec<u8>) {
        core::mem::swap(&mut self.worker(index).buffer, buffer);
    }

    /// Bytes that were allocated for requests and workers.
    pub(crate) fn allocated(&self) -> usize {
        let slots = self.slots.iter();
        let slots = slots.map(|slot| slot.argv.capacity() + slot.stdin.ring.capacity());
        let workers = self.workers.iter().map(|worker| worker.buffer.capacity());
        slots.chain(workers).sum()
    }
}
