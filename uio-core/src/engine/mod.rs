//! The session engine: one session with one host, many requests at once.
//!
//! The overlay task hands it the console's bytes ([`Engine::receive`]) and never blocks in it.
//! Commands that may block run on workers ([`Engine::worker`]), tasks that are made when they are
//! first needed; short ones run on the overlay task itself.
//!
//! All shared state is one `state::State` behind one lock. It is plain data: its methods decide,
//! in a few dozen instructions, and the code around it acts after the lock was released.
//!
//! Invariant: no frame of an earlier session follows the `Hello` or `Closed` that ended it. Each
//! sender registers under the lock that it sends (`in_flight`) and which session it sends for; a
//! `Hello` or `Closed` waits until nobody is registered, and meanwhile nobody registers.

mod control;
mod job;
mod output;
mod session;
mod state;
mod stdin;
mod system;
mod worker;

pub use job::Job;
pub use session::Receiver;
pub use stdin::STDIN_WINDOW;
pub use system::System;

pub(crate) use output::inline;
pub(crate) use state::{SLOTS, Seen, State};
pub(crate) use worker::interrupt_job;

use core::mem::ManuallyDrop;

use crate::{Channel, Files, Isolation, Platform};

/// Requests that may be open at once.
pub const MAX_REQUESTS: usize = SLOTS;

/// Workers kept when they have nothing to do; the others end.
pub const PARKED_WORKERS: usize = 2;

/// How long they are kept, in milliseconds. An overlay that nobody talks to holds none.
pub const PARKED_MS: u64 = 10_000;

/// The overlay of one guest. Made at compile time, allocates nothing before it is first used.
pub struct Engine<P: Platform> {
    platform: &'static P,
    files: &'static dyn Files,
    channel: &'static dyn Channel,
    isolation: &'static dyn Isolation,
    /// Never dropped: the engine of a guest lives as long as the guest.
    state: lock_api::Mutex<P::RawMutex, ManuallyDrop<State>>,
}

impl<P: Platform> Engine<P> {
    /// An engine without a session.
    pub const fn new(
        platform: &'static P,
        files: &'static dyn Files,
        channel: &'static dyn Channel,
        isolation: &'static dyn Isolation,
    ) -> Self {
        Self {
            platform,
            files,
            channel,
            isolation,
            state: lock_api::Mutex::new(ManuallyDrop::new(State::new())),
        }
    }

    /// Takes bytes from the console, cut anyhow, and acts on the messages in them. Only the
    /// overlay task calls it. It never blocks.
    pub fn receive(&self, receiver: &mut Receiver, bytes: &[u8]) {
        session::receive(self, receiver, bytes);
    }

    /// Runs worker `worker` on the calling task until it is not needed any more. A task that
    /// [`Platform::spawn_worker`] started calls it once and ends when it returns.
    pub fn worker(&self, worker: usize) {
        worker::run(self, worker);
    }

    /// The request that worker `worker` runs now, for the interface of programs.
    pub fn job(&self, worker: usize) -> Job<'_> {
        Job::new(self, worker)
    }
}

/// The engine without its type of platform, so that its code is compiled once and not per kernel.
pub(crate) trait Core: Sync {
    /// Takes the lock; [`Core::unlock`] gives it back. For [`locked`] alone.
    #[expect(
        clippy::mut_from_ref,
        reason = "the reference is the lock's, which excludes others"
    )]
    fn lock(&self) -> &mut State;
    /// Gives the lock back.
    ///
    /// # Safety
    /// The caller holds the lock and has no reference to the state any more.
    #[allow(
        unsafe_code,
        reason = "the lock is taken and given back through a trait object"
    )]
    unsafe fn unlock(&self);
    /// Tasks, clock, memory, waiting.
    fn system(&self) -> &dyn System;
    /// The VFS.
    fn files(&self) -> &'static dyn Files;
    /// The way out.
    fn channel(&self) -> &'static dyn Channel;
    /// Where programs run.
    fn isolation(&self) -> &'static dyn Isolation;
}

impl<P: Platform> Core for Engine<P> {
    fn lock(&self) -> &mut State {
        &mut *lock_api::MutexGuard::leak(self.state.lock())
    }
    #[allow(
        unsafe_code,
        reason = "the lock is taken and given back through a trait object"
    )]
    unsafe fn unlock(&self) {
        // SAFETY: the caller holds the lock, and the reference that `lock` leaked is gone.
        unsafe { self.state.force_unlock() }
    }
    fn system(&self) -> &dyn System {
        self.platform
    }
    fn files(&self) -> &'static dyn Files {
        self.files
    }
    fn channel(&self) -> &'static dyn Channel {
        self.channel
    }
    fn isolation(&self) -> &'static dyn Isolation {
        self.isolation
    }
}

/// Calls `work` with the state locked and returns what it returns. It must be short and must not
/// call out: a kernel's lock keeps interrupts off.
#[inline]
#[allow(
    unsafe_code,
    reason = "the lock is taken and given back through a trait object"
)]
pub(crate) fn locked<T>(core: &dyn Core, work: impl FnOnce(&mut State) -> T) -> T {
    let result = work(core.lock());
    // SAFETY: the lock was taken above. `work` has to take references of any lifetime and its result
    // has none of them, so the reference to the state is gone.
    unsafe { core.unlock() };
    result
}

#[cfg(test)]
mod tests;
