//! Requests get slots, and workers get requests.

use alloc::vec::Vec;

use super::{Hand, Opening, Phase, Slot, State, WORKERS, Worker};
use crate::engine::PARKED_WORKERS;
use crate::engine::output::SMALL;
use crate::engine::stdin::Stdin;
use crate::platform::EVENTS;

impl State {
    /// Opens a request for this session, unless all slots are taken (which [`Self::admit`] rules
    /// out), and chooses its worker.
    pub(crate) fn open(&mut self, opening: &Opening<'_>, memory: &mut Vec<u8>) -> Hand {
        let index = self.taken.trailing_ones() as usize;
        let bit = 1u16.checked_shl(index as u32).unwrap_or(0);
        self.taken |= bit;
        self.number = self.number.wrapping_add(1);
        let (number, generation) = (self.number, self.generation);
        let hand = self.hand(index);
        if hand == Hand::Queue {
            self.queued |= bit;
        }
        let slot = self.slot(index);
        slot.id = opening.id;
        slot.generation = generation;
        slot.credit = opening.credit;
        slot.interrupted = false;
        slot.terms = opening.terms;
        slot.since_us = opening.since_us;
        slot.bounds = None;
        slot.number = number;
        slot.set_name(opening.name);
        slot.command = Some(opening.command);
        slot.line.set(opening.argv, memory);
        slot.stdin = Stdin::NEW;
        slot.task = 0;
        if let Hand::Wake(worker) | Hand::Spawn(worker) = hand {
            slot.worker = worker as u8;
        }
        hand
    }

    /// Chooses who runs the request in this slot: a parked worker, one that is about to have
    /// nothing to do, or a new one.
    fn hand(&mut self, slot: usize) -> Hand {
        if self.parked != 0 {
            let index = self.parked.trailing_zeros() as usize;
            self.set_phase(index, Phase::Working(slot as u8));
            return Hand::Wake(index);
        }
        let mut free = -(self.queued.count_ones() as i32);
        let mut hand = Hand::Queue;
        for (index, worker) in self.workers.iter().take(WORKERS).enumerate() {
            match worker.phase {
                Phase::Absent if hand == Hand::Queue => hand = Hand::Spawn(index),
                Phase::Ending => free += 1,
                _ => {}
            }
        }
        match hand {
            Hand::Spawn(index) if free <= 0 => {
                self.set_phase(index, Phase::Working(slot as u8));
                hand
            }
            _ => Hand::Queue,
        }
    }

    /// Changes what worker `index` does.
    fn set_phase(&mut self, index: usize, phase: Phase) {
        let bit = 1u32.checked_shl(index as u32).unwrap_or(0);
        match phase {
            Phase::Parked => self.parked |= bit,
            _ => self.parked &= !bit,
        }
        self.worker(index).phase = phase;
    }

    /// Closes the request that worker `index` runs, or was to run; returns its memory, to be
    /// dropped without the lock.
    pub(crate) fn release(&mut self, index: usize, next: Phase) -> (Vec<u8>, Vec<u8>) {
        let before = self.phase(index);
        self.set_phase(index, next);
        let Phase::Working(slot) = before else {
            return Default::default();
        };
        let index = usize::from(slot);
        self.taken &= !(1u16.checked_shl(index as u32).unwrap_or(0));
        let slot = self.slot(index);
        (slot.line.drain(), core::mem::take(&mut slot.stdin.ring))
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
        let queued = self.queued & self.taken;
        let phase = if queued != 0 {
            let slot = queued.trailing_zeros() as usize;
            self.queued &= !(1 << slot);
            self.slot(slot).worker = index as u8;
            Phase::Working(slot as u8)
        } else if (self.parked.count_ones() as usize) < PARKED_WORKERS {
            Phase::Parked
        } else {
            Phase::Absent
        };
        self.set_phase(index, phase);
        let worker = self.worker(index);
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
        let buffer = core::mem::take(&mut worker.buffer);
        self.set_phase(index, Phase::Absent);
        (Phase::Absent, buffer)
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
        let slots = slots.map(|slot| slot.line.allocated() + slot.stdin.ring.capacity());
        let workers = self.workers.iter().map(|worker| worker.buffer.capacity());
        slots.chain(workers).sum()
    }
}
