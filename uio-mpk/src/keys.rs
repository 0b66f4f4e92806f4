//! Which worker has which key.
//!
//! Invariant: a key belongs to one worker at most, and a worker that runs a program keeps its key
//! until the program has ended. A worker that runs none may lose it to another.

use crate::rights::Key;

/// Keys that programs can have: all but the kernel's and that of exception stacks.
pub const KEYS: usize = 14;

/// Nobody has it.
const NOBODY: u8 = u8::MAX;

/// The keys.
pub struct Keys {
    owners: [u8; KEYS],
    running: u16,
}

/// A key for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The key.
    pub key: Key,
    /// Whether the worker had it before, so that its pages carry it already.
    pub same: bool,
    /// The worker that lost it.
    pub from: Option<usize>,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

impl Keys {
    /// Nobody has a key.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            owners: [NOBODY; KEYS],
            running: 0,
        }
    }

    /// Takes a key for a run of this worker: the one that it had, else one that nobody has, else one
    /// of a worker that runs nothing. `None` when 14 others run.
    pub fn take(&mut self, worker: usize) -> Option<Grant> {
        let worker = u8::try_from(worker).ok()?;
        let of = |wanted: u8| self.owners.iter().position(|&owner| owner == wanted);
        let idle = || (0..KEYS).find(|&index| self.running & 1 << index == 0);
        let index = of(worker).or_else(|| of(NOBODY)).or_else(idle)?;
        let owner = self.owners.get_mut(index)?;
        let before = core::mem::replace(owner, worker);
        self.running |= 1 << index;
        Some(Grant {
            key: Key::new(index as u8 + 1)?,
            same: before == worker,
            from: (before != worker && before != NOBODY).then_some(usize::from(before)),
        })
    }

    /// Ends the run that a key was taken for; the worker keeps it until another needs it.
    pub fn rest(&mut self, key: Key) {
        if let Some(index) = usize::from(key.number()).checked_sub(1) {
            self.running &= !(1_u16.checked_shl(index as u32).unwrap_or(0));
        }
    }

    /// Takes note that a worker is no more.
    pub fn forget(&mut self, worker: usize) {
        for owner in &mut self.owners {
            if usize::from(*owner) == worker {
                *owner = NOBODY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS, Keys};
    use crate::rights::Key;

    #[test]
    fn a_worker_keeps_its_key() {
        let mut keys = Keys::new();
        let first = keys.take(5).unwrap();
        assert!(!first.same && first.from.is_none());
        keys.rest(first.key);
        let again = keys.take(5).unwrap();
        assert!(again.same);
        assert_eq!(again.key, first.key);
    }

    #[test]
    fn as_many_run_as_there_are_keys() {
        let mut keys = Keys::new();
        let grants: Vec<_> = (0..KEYS).map(|worker| keys.take(worker).unwrap()).collect();
        for (index, grant) in grants.iter().enumerate() {
            assert!(grant.key != Key::KERNEL && grant.key != Key::EXCEPTIONS);
            assert!(grants[..index].iter().all(|other| other.key != grant.key));
        }
        assert_eq!(keys.take(KEYS), None);
        keys.rest(grants[3].key);
        let stolen = keys.take(KEYS).unwrap();
        assert_eq!(stolen.key, grants[3].key);
        assert_eq!(stolen.from, Some(3));
        assert_eq!(keys.take(3), None);
    }

    #[test]
    fn a_worker_that_is_no_more_has_none() {
        let mut keys = Keys::new();
        let grant = keys.take(2).unwrap();
        keys.rest(grant.key);
        keys.forget(2);
        let other = keys.take(7).unwrap();
        assert_eq!((other.key, other.from), (grant.key, None));
    }
}
