//! The counters that loaded programs read. In a process of its own: there is one set of them.
#![allow(unsafe_code)]

mod support;

use std::ffi::{CStr, c_char};
use std::sync::atomic::Ordering;

use support::{Running, programs};
use web::exports::{
    web_bytes, web_delayed, web_refused, web_requests, web_requests_of, web_status_line,
};
use web::probes::DELAY;

fn requests_of(path: &CStr) -> u64 {
    // SAFETY: a string that ends in a NUL.
    unsafe { web_requests_of(path.as_ptr()) }
}

#[test]
fn programs_read_what_clients_did() {
    let server = Running::start("");
    assert_eq!(web_requests.load(Ordering::Relaxed), 0);
    let mut bytes = 0;
    for (path, count) in [("/", 3), ("/style.css", 2), ("/none", 4)] {
        for _ in 0..count {
            bytes += server.get(path).body.len() as u64;
        }
    }
    assert_eq!(web_requests.load(Ordering::Relaxed), 9);
    assert_eq!(web_bytes.load(Ordering::Relaxed), bytes);
    assert_eq!(requests_of(c"/"), 3);
    assert_eq!(requests_of(c"/style.css"), 2);
    assert_eq!(requests_of(c"/none"), 0);

    let mut line = [0 as c_char; 128];
    // SAFETY: the buffer is ours and of that length.
    let len = unsafe { web_status_line(line.as_mut_ptr(), line.len()) };
    // SAFETY: the function ended it with a NUL.
    let line = unsafe { CStr::from_ptr(line.as_ptr()) };
    let text = line.to_str().expect("text");
    assert_eq!(text.len(), len);
    assert!(
        text.ends_with(&format!(" s, 9 requests, {bytes} bytes")),
        "{text}"
    );

    let status = server.get("/status");
    let json: serde_json::Value = serde_json::from_slice(&status.body).expect("JSON");
    assert_eq!(json["requests"], 9);
    assert_eq!(json["answers"]["client_error"], 4);
    assert_eq!(json["answers"]["success"], 5);
    decisions_are_counted(&server);
}

fn decisions_are_counted(server: &Running) {
    programs::attach();
    for (decision, status) in [
        (0, 404),
        (403, 403),
        (429, 429),
        (DELAY | 5, 404),
        (DELAY, 404),
        (7, 404),
        (600, 404),
        (u64::MAX, 404),
    ] {
        let answer = server.get(&format!("/decide/{decision}"));
        assert_eq!(answer.status, status, "{decision:#x}");
    }
    assert_eq!(web_refused.load(Ordering::Relaxed), 2);
    assert_eq!(web_delayed.load(Ordering::Relaxed), 1);
    let status = server.get("/status");
    let json: serde_json::Value = serde_json::from_slice(&status.body).expect("JSON");
    let expected = serde_json::json!({"refused": 2, "delayed": 1, "nonsense": 3});
    assert_eq!(json["decisions"], expected);
}
