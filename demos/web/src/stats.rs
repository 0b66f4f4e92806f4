//! What the server counts.
//!
//! The counters are the process's: `/status`, the exported functions and the tests read the same.
//! All are atomics, so that whoever reads them, be it a loaded program that is ended in the middle,
//! can hold up nobody.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;

use crate::clock::millis_since;
use crate::etag::fnv1a;
use crate::exports::{web_bytes, web_delayed, web_refused, web_requests};
use crate::probes::Decision;

/// Answers by the first digit of their status, from 1.
static BY_CLASS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
/// Connections accepted.
static ACCEPTED: AtomicU64 = AtomicU64::new(0);
/// Configurations refused.
static REFUSED: AtomicU64 = AtomicU64::new(0);
/// Decisions on requests that make no sense.
static NONSENSE: AtomicU64 = AtomicU64::new(0);
/// Halvings of a log.
static ROTATED: AtomicU64 = AtomicU64::new(0);
/// Log lines that could not be written.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Requests for one path.
#[derive(Debug)]
pub struct RouteCounter {
    /// The hash of the path; 0 while the place is free.
    path: AtomicU64,
    requests: AtomicU64,
}

/// How many paths are counted on their own. Those of later documents are only in the total.
const MOST_ROUTES: usize = 256;

static ROUTES: [RouteCounter; MOST_ROUTES] = [const {
    RouteCounter {
        path: AtomicU64::new(0),
        requests: AtomicU64::new(0),
    }
}; MOST_ROUTES];

impl RouteCounter {
    /// One request more.
    pub fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counter of `path`, which keeps counting over changes of the configuration. `None` when
/// there is no place left.
#[must_use]
pub fn route(path: &str) -> Option<&'static RouteCounter> {
    let hash = fnv1a(path.as_bytes());
    ROUTES.iter().find(|counter| {
        counter
            .path
            .compare_exchange(0, hash, Ordering::AcqRel, Ordering::Acquire)
            .map_or_else(|taken| taken == hash, |_| true)
    })
}

/// Requests for `path` so far; 0 for a path that has no counter.
#[must_use]
pub fn requests_of(path: &[u8]) -> u64 {
    find(path).map_or(0, |counter| counter.requests.load(Ordering::Relaxed))
}

/// Counts requests for `path` anew; gives how many there were.
pub fn forget(path: &[u8]) -> u64 {
    find(path).map_or(0, |counter| counter.requests.swap(0, Ordering::Relaxed))
}

/// Counts requests for every path anew.
pub fn forget_routes() {
    for counter in &ROUTES {
        counter.requests.store(0, Ordering::Relaxed);
    }
}

/// The counter of a path that was counted already.
fn find(path: &[u8]) -> Option<&'static RouteCounter> {
    let hash = fnv1a(path);
    ROUTES
        .iter()
        .take_while(|counter| counter.path.load(Ordering::Acquire) != 0)
        .find(|counter| counter.path.load(Ordering::Acquire) == hash)
}

/// One answer more, with that status and so many bytes of content.
pub fn answered(status: u16, bytes: u64) {
    web_requests.fetch_add(1, Ordering::Relaxed);
    web_bytes.fetch_add(bytes, Ordering::Relaxed);
    let class = usize::from(status / 100).wrapping_sub(1);
    if let Some(counter) = BY_CLASS.get(class) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// One decision of a program on a request; `None` when it makes no sense.
pub fn decided(decision: Option<Decision>) {
    let counter = match decision {
        Some(Decision::Serve) => return,
        Some(Decision::Refuse(_)) => &web_refused,
        Some(Decision::Delay(_)) => &web_delayed,
        None => &NONSENSE,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One connection more; gives its number, counted from 1.
pub fn accepted() -> u64 {
    ACCEPTED.fetch_add(1, Ordering::Relaxed) + 1
}

/// One configuration that was refused.
pub fn refused() {
    REFUSED.fetch_add(1, Ordering::Relaxed);
}

/// One log was halved.
pub fn rotated() {
    ROTATED.fetch_add(1, Ordering::Relaxed);
}

/// So many lines never reached their log.
pub fn lost(lines: u64) {
    LOST.fetch_add(lines, Ordering::Relaxed);
}

/// When the process started counting: the first call.
pub fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// The counters at one moment, as `/status` shows them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Snapshot {
    /// Milliseconds since the start.
    pub uptime_ms: u64,
    /// Requests answered, whatever the answer.
    pub requests: u64,
    /// Bytes of content sent.
    pub bytes: u64,
    /// Answers by class.
    pub answers: Answers,
    /// What programs at the probe `request` decided.
    pub decisions: Decisions,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now, those that are being closed included.
    pub open: u64,
    /// Which configuration is in force, counted from 1.
    pub config_generation: u64,
    /// Configurations refused.
    pub config_refused: u64,
    /// Halvings of a log.
    pub log_rotations: u64,
    /// Log lines that could not be written.
    pub log_lost: u64,
}

/// Answers by class.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Answers {
    /// 2xx.
    pub success: u64,
    /// 3xx.
    pub redirection: u64,
    /// 4xx.
    pub client_error: u64,
    /// 5xx.
    pub server_error: u64,
}

/// What programs decided; requests that were to be answered as usual are not counted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Decisions {
    /// Requests refused.
    pub refused: u64,
    /// Requests delayed.
    pub delayed: u64,
    /// Decisions that make no sense; those requests were answered as usual.
    pub nonsense: u64,
}

impl Snapshot {
    /// Reads all counters; `open` and `generation` belong to one server.
    #[must_use]
    pub fn take(open: u64, generation: u64) -> Self {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [_, success, redirection, client_error, server_error] = BY_CLASS.each_ref().map(get);
        Self {
            uptime_ms: millis_since(start()),
            requests: get(&web_requests),
            bytes: get(&web_bytes),
            answers: Answers {
                success,
                redirection,
                client_error,
                server_error,
            },
            decisions: Decisions {
                refused: get(&web_refused),
                delayed: get(&web_delayed),
                nonsense: get(&NONSENSE),
            },
            connections: get(&ACCEPTED),
            open,
            config_generation: generation,
            config_refused: get(&REFUSED),
            log_rotations: get(&ROTATED),
            log_lost: get(&LOST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{forget, requests_of, route};

    #[test]
    fn a_path_keeps_its_counter() {
        let first = route("/stats-test").expect("there is room");
        first.count();
        let again = route("/stats-test").expect("it is there");
        assert!(std::ptr::eq(first, again));
        again.count();
        assert_eq!(requests_of(b"/stats-test"), 2);
        assert_eq!(requests_of(b"/stats-test-other"), 0);
        assert_eq!(
            (forget(b"/stats-test"), requests_of(b"/stats-test")),
            (2, 0)
        );
        assert_eq!(forget(b"/stats-test-other"), 0);
    }
}
