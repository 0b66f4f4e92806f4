//! Programs at the server's probes: this plays the kernel, whose hook is the first word of a probe.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use uio_app::Probe;
use web::probes::{ANSWERED, Answered, Asked, REQUEST};

/// As the kernel's: the probe, its structure, where a decision goes; whether there is one.
type Hook = extern "C" fn(*const u8, *const u8, &mut u64) -> bool;

static ASKED: Mutex<Vec<Asked>> = Mutex::new(Vec::new());
static TOLD: Mutex<Vec<Answered>> = Mutex::new(Vec::new());

/// Attaches programs for as long as the process lives. Of a request for `/decide/N` they decide N, and
/// for any other nothing.
pub fn attach() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set(&REQUEST, Some(on_request));
        set(&ANSWERED, Some(on_answer));
    });
}

/// The structures that programs were given of requests from `peer`.
pub fn asked_by(peer: &str) -> Vec<Asked> {
    let asked = lock(&ASKED);
    asked
        .iter()
        .filter(|one| text(&one.peer) == peer)
        .copied()
        .collect()
}

/// The structures that programs were given of answers on that connection.
pub fn answered_on(connection: u64) -> Vec<Answered> {
    let told = lock(&TOLD);
    told.iter()
        .filter(|one| one.connection == connection)
        .copied()
        .collect()
}

/// The structures that programs were given of answers about that path.
pub fn answered_about(path: &str) -> Vec<Answered> {
    let told = lock(&TOLD);
    told.iter()
        .filter(|one| text(&one.path) == path)
        .copied()
        .collect()
}

/// What stands before the first zero.
pub fn text(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|&byte| byte == 0).expect("a zero");
    assert!(
        bytes[end..].iter().all(|&byte| byte == 0),
        "no more after it"
    );
    std::str::from_utf8(&bytes[..end]).expect("text")
}

fn lock<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set<T>(probe: &'static Probe<T>, hook: Option<Hook>) {
    // SAFETY: a `Probe` is a `Descriptor` (`repr(transparent)`), which starts with the hook (`repr(C)`), and
    // which has only this atomic to change; `Hook` is the type that it calls there.
    let word = unsafe { &*std::ptr::from_ref(probe).cast::<AtomicUsize>() };
    word.store(hook.map_or(0, |hook| hook as usize), Ordering::Release);
}

extern "C" fn on_request(_: *const u8, structure: *const u8, decision: &mut u64) -> bool {
    // SAFETY: the probe `request` hands an `Asked`.
    let asked = unsafe { structure.cast::<Asked>().read() };
    lock(&ASKED).push(asked);
    match text(&asked.path).strip_prefix("/decide/") {
        Some(number) => {
            *decision = number.parse().expect("a number");
            true
        }
        None => false,
    }
}

extern "C" fn on_answer(_: *const u8, structure: *const u8, _: &mut u64) -> bool {
    // SAFETY: the probe `answered` hands an `Answered`.
    let answered = unsafe { structure.cast::<Answered>().read() };
    lock(&TOLD).push(answered);
    false
}
