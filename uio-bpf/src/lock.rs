//! A lock for a few instructions' work, which programs may take wherever they run.
#![allow(
    unsafe_code,
    reason = "a lock lends what it guards; interrupts are turned off by instructions"
)]

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, Ordering};

/// A value that one core at a time uses, with interrupts off there.
///
/// A program may be attached to a function that is called while the lock is held, and may want the lock
/// itself. It cannot wait for what it has interrupted, so in a kernel the lock knows which core has it,
/// and is refused to that core.
pub struct Lock<T> {
    /// 0, or the number of the core that has it plus one.
    owner: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: who has the lock is alone with the value (see `with`), which goes from core to core.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A lock that nobody has.
    pub const fn new(value: T) -> Self {
        Self {
            owner: AtomicU32::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Does something with the value, on that core. `None` if that core does so already; on a host,
    /// where cores are not known, it waits then.
    ///
    /// `work` must be short: nothing else happens on the core meanwhile, and others may wait.
    #[inline]
    pub fn with<R>(&self, core: u32, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let interrupts = interrupts::off();
        let mine = core.wrapping_add(1).max(1);
        let mut spins = 0_u32;
        while let Err(owner) =
            self.owner
                .compare_exchange(0, mine, Ordering::Acquire, Ordering::Relaxed)
        {
            if cfg!(any(target_os = "none", test)) && owner == mine {
                interrupts::restore(interrupts);
                return None;
            }
            spins = spins.wrapping_add(1);
            interrupts::wait(spins);
        }
        // SAFETY: `owner` was 0 and is ours until the store below, so no other reference exists: other cores see it
        // taken, and what interrupts `work` on this core is either refused or waits for ever.
        let result = work(unsafe { &mut *self.value.get() });
        self.owner.store(0, Ordering::Release);
        interrupts::restore(interrupts);
        Some(result)
    }

    /// The value, which nobody else can have.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// Interrupts of the calling core.
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod interrupts {
    use core::arch::asm;

    /// Turns them off. Gives what [`restore`] needs.
    #[inline(always)]
    pub fn off() -> u64 {
        let flags: u64;
        // SAFETY: reads the flags and clears one of them; the stack below is used for a word and left as it was.
        unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags, options(preserves_flags)) };
        flags
    }

    /// Turns them on if they were on.
    #[inline(always)]
    pub fn restore(flags: u64) {
        const INTERRUPTS: u64 = 1 << 9;
        if flags & INTERRUPTS != 0 {
            // SAFETY: they were on when `off` turned them off.
            unsafe { asm!("sti", options(nomem, nostack, preserves_flags)) };
        }
    }

    /// Waits a moment for another core.
    #[inline(always)]
    pub fn wait(_spins: u32) {
        core::hint::spin_loop();
    }
}

/// On a host there are none that matter.
#[cfg(not(all(target_os = "none", target_arch = "x86_64")))]
mod interrupts {
    #[inline(always)]
    pub fn off() -> u64 {
        0
    }

    #[inline(always)]
    pub fn restore(_flags: u64) {}

    #[inline(always)]
    pub fn wait(_spins: u32) {
        core::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn a_core_that_has_it_does_not_wait_for_itself() {
        let lock = Lock::new(5);
        let inner = lock.with(3, |outer| {
            *outer = 6;
            lock.with(3, |inner| *inner = 7)
        });
        assert_eq!(inner, Some(None));
        assert_eq!(lock.with(3, |value| *value), Some(6));
        assert_eq!(
            lock.with(u32::MAX, |value| *value),
            Some(6),
            "a core's number is never 0"
        );
    }

    #[test]
    fn other_cores_wait() {
        let lock = Lock::new(0_u64);
        std::thread::scope(|scope| {
            for core in 0..4 {
                let lock = &lock;
                scope.spawn(move || {
                    for _ in 0..5_000 {
                        let before = lock.with(core, |value| core::mem::replace(value, *value + 1));
                        assert!(before.is_some());
                    }
                });
            }
        });
        assert_eq!(lock.with(0, |value| *value), Some(20_000));
    }
}
