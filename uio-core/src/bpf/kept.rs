//! The runtime of a guest: made when it is first needed, and lent to one request at a time.
//!
//! What is done with it may take longer than a lock with interrupts off may be held, so it is taken out of the
//! engine's state meanwhile. Who finds it lent looks again a moment later; nobody keeps it while it waits for a
//! host.

use alloc::boxed::Box;

use uio_bpf::load::{MEMORY, Runtime};

use crate::command::{Context, Stop};
use crate::engine::locked;

/// How long to wait for who has the runtime, in milliseconds.
const MOMENT_MS: u64 = 1;

/// Where the runtime is while nobody has it.
pub(crate) struct Kept {
    runtime: Option<Box<Runtime>>,
    lent: bool,
    /// Bytes that its programs and maps took when it was last put back.
    bytes: u64,
}

/// What came of asking for the runtime.
enum Asked {
    Got(Box<Runtime>),
    /// There is none yet; it is for the asker to make.
    New,
    Lent,
}

impl Kept {
    /// No runtime yet.
    pub(crate) const fn new() -> Self {
        Self {
            runtime: None,
            lent: false,
            bytes: 0,
        }
    }

    /// Bytes that programs and maps hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn take(&mut self) -> Asked {
        if self.lent {
            return Asked::Lent;
        }
        self.lent = true;
        match self.runtime.take() {
            Some(runtime) => Asked::Got(runtime),
            None => Asked::New,
        }
    }

    fn put(&mut self, runtime: Box<Runtime>) {
        self.bytes = runtime.used();
        self.runtime = Some(runtime);
        self.lent = false;
    }
}

/// Does something with the runtime, which must not wait for the host.
///
/// # Errors
/// [`Stop`], when the request ends while others have the runtime.
pub(crate) fn with<T>(
    cx: &mut Context<'_>,
    work: impl FnOnce(&mut Runtime) -> T,
) -> Result<T, Stop> {
    let mut runtime = take(cx)?;
    let result = work(&mut runtime);
    give(cx, runtime);
    Ok(result)
}

#[inline(never)]
fn give(cx: &Context<'_>, runtime: Box<Runtime>) {
    locked(cx.core(), |state| state.bpf.put(runtime));
}

#[inline(never)]
fn take(cx: &mut Context<'_>) -> Result<Box<Runtime>, Stop> {
    loop {
        match locked(cx.core(), |state| state.bpf.take()) {
            Asked::Got(runtime) => return Ok(runtime),
            Asked::New => return Ok(Box::new(Runtime::new(MEMORY))),
            Asked::Lent => cx.sleep_ms(MOMENT_MS)?,
        }
    }
}
