//! Requests that programs delay, over sockets and by the clock.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::programs::{self, answered_about};
use support::{Client, Running, eventually};
use web::probes::DELAY;

fn delayed(client: &mut Client, ms: u64) {
    let decision = DELAY | ms;
    client.send(&format!(
        "GET /decide/{decision} HTTP/1.1\r\nHost: h\r\n\r\n"
    ));
}

#[test]
fn a_delay_is_as_long_as_decided() {
    programs::attach();
    let server = Running::start("");
    let mut client = server.connect();
    // The first deadline of a server at rest, and those behind it.
    let spans = (0..10).map(|_| {
        let start = Instant::now();
        delayed(&mut client, 30);
        assert_eq!(client.answer().status, 404);
        let span = start.elapsed();
        assert!(span >= Duration::from_millis(30), "{span:?}");
        span
    });
    let shortest = spans.min().expect("ten of them");
    // Well within the time between two looks at the clock.
    assert!(shortest < Duration::from_millis(120), "{shortest:?}");
    let answers = answered_about(&format!("/decide/{}", DELAY | 30));
    assert_eq!(answers.len(), 10);
    assert!(
        answers.iter().all(|answer| answer.micros >= 30_000),
        "{answers:?}"
    );
}

#[test]
fn a_delay_holds_its_own_connection_only() {
    programs::attach();
    let server = Running::start("");
    let (mut slow, mut other) = (server.connect(), server.connect());
    slow.send("GET /robots.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    delayed(&mut slow, 1_000);
    slow.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    // What was answered before is sent before.
    assert_eq!(slow.answer().status, 200);
    let start = Instant::now();
    for _ in 0..50 {
        other.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(other.answer().status, 200);
    }
    delayed(&mut other, 20);
    assert_eq!(other.answer().status, 404);
    assert!(start.elapsed() < Duration::from_millis(900), "held up");
    assert_eq!(slow.answer().status, 404);
    assert_eq!(slow.answer().status, 200);
}

#[test]
fn many_delays_end_each_in_its_time() {
    programs::attach();
    let server = Running::start("");
    let mut clients: Vec<(u64, Client)> = (0..40)
        .map(|number| (50 + number * 37 % 200, server.connect()))
        .collect();
    let start = Instant::now();
    for (ms, client) in &mut clients {
        delayed(client, *ms);
    }
    clients.sort_by_key(|(ms, _)| *ms);
    for (ms, client) in &mut clients {
        assert_eq!(client.answer().status, 404);
        assert!(start.elapsed() >= Duration::from_millis(*ms));
    }
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn clients_that_go_during_a_delay_leave_no_trace() {
    programs::attach();
    let server = Running::start("[limits]\nconnections = 2");
    for _ in 0..3 {
        let (mut one, mut two) = (server.connect(), server.connect());
        delayed(&mut one, 100);
        delayed(&mut two, 100);
        thread::sleep(Duration::from_millis(20));
        // One says that it sends no more, and gets its answer; the other one is gone.
        one.stream
            .shutdown(std::net::Shutdown::Write)
            .expect("it is open");
        drop(two);
        assert_eq!(one.answer().status, 404);
        one.expect_end();
    }
    eventually("places for others", || server.get("/").status == 200);
    let status = server.get("/status");
    let json: serde_json::Value = serde_json::from_slice(&status.body).expect("JSON");
    assert!(json["open"].as_u64() <= Some(2), "{json}");
}
