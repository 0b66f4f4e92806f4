//! What programs at the probes decide on, and what they see: bytes in, bytes out, and time as the test
//! has it.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use support::programs::{self, answered_on, asked_by, text};
use web::clock::Clock;
use web::config::Config;
use web::conn::{Conn, Context};
use web::probes::{Asked, DELAY, LENGTH_UNKNOWN};
use web::site::Site;

const DELAY_20: u64 = DELAY | 20;

/// A connection, and all it needs.
struct Rig {
    site: Site,
    clock: Clock,
    log: Vec<u8>,
    conn: Conn,
    number: u64,
    peer: String,
}

impl Rig {
    fn new() -> Self {
        programs::attach();
        static NUMBER: AtomicU64 = AtomicU64::new(1_000);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let peer = format!("peer-{number}");
        let mut text =
            String::from("[limits]\nrequest_ms = 1000\nwrite_ms = 2000\nkeep_alive_ms = 3000\n");
        for decision in [0, 200, DELAY_20] {
            text.push_str(&format!(
                "[[document]]\npath = '/decide/{decision}'\nbody = 'made {decision}'\n"
            ));
        }
        let config = Config::parse(&text).expect("valid");
        let mut clock = Clock::new(Instant::now());
        clock.now_ms = 100;
        Self {
            site: Site::new(&config, Path::new("/nonexistent"), 1).expect("valid"),
            clock,
            log: Vec::new(),
            conn: Conn::new(peer.clone(), number, 1_000),
            number,
            peer,
        }
    }

    fn with(&mut self, work: impl FnOnce(&mut Conn, &mut Context<'_>)) {
        let mut context = Context {
            site: &self.site,
            clock: &self.clock,
            log: &mut self.log,
            open: 1,
        };
        work(&mut self.conn, &mut context);
    }

    fn feed(&mut self, bytes: &str) {
        self.with(|conn, context| conn.feed(bytes.as_bytes(), context));
    }

    /// As the loop does it at that time.
    fn at(&mut self, now: u64) {
        self.clock.now_ms = now;
        if self.conn.deadline() <= now {
            self.with(|conn, context| conn.expire(context));
        }
    }

    /// Sends all there is; gives it.
    fn sent(&mut self) -> String {
        let mut taken = Vec::new();
        self.conn.out().send(&mut taken).expect("memory takes all");
        self.with(|conn, context| conn.sent(context));
        String::from_utf8(taken).expect("text")
    }

    /// The statuses of what is sent.
    fn statuses(&mut self) -> Vec<String> {
        let sent = self.sent();
        let lines = sent.split("HTTP/1.1 ").skip(1);
        lines.map(|answer| answer[..3].to_owned()).collect()
    }

    fn asked(&self) -> Vec<Asked> {
        asked_by(&self.peer)
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

fn decide(decision: u64) -> String {
    get(&format!("/decide/{decision}"))
}

#[test]
fn requests_are_answered_as_usual_when_nothing_else_is_decided() {
    let mut rig = Rig::new();
    rig.feed(&(get("/robots.txt") + &decide(0) + &decide(200) + &get("/none")));
    assert_eq!(rig.statuses(), ["200", "200", "200", "404"]);
    assert_eq!(rig.asked().len(), 4);
}

#[test]
fn a_refusal_is_a_plain_answer_and_the_connection_stays() {
    let mut rig = Rig::new();
    rig.feed(&decide(403));
    let answer = rig.sent();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n403 Forbidden\n"), "{answer}");
    assert!(
        !answer.contains("Retry-After") && !answer.contains("Connection"),
        "{answer}"
    );
    for (status, field) in [
        (429, "\r\nRetry-After: 1\r\n"),
        (503, "\r\nRetry-After: 1\r\n"),
        (405, "\r\nAllow: GET, HEAD\r\n"),
        (400, "HTTP/1.1 400 Bad Request\r\n"),
        (599, "HTTP/1.1 599 Unknown\r\n"),
    ] {
        rig.feed(&decide(status));
        let answer = rig.sent();
        assert!(answer.contains(field), "{status}: {answer}");
    }
    rig.feed(&get("/"));
    assert_eq!(rig.statuses(), ["200"]);
    let log = String::from_utf8_lossy(&rig.log);
    assert!(
        log.contains("\"GET /decide/403 HTTP/1.1\" 403 14\n"),
        "{log}"
    );
}

#[test]
fn a_refused_head_has_no_content() {
    let mut rig = Rig::new();
    rig.feed("HEAD /decide/403 HTTP/1.1\r\nHost: h\r\n\r\n");
    let answer = rig.sent();
    assert!(answer.contains("\r\nContent-Length: 14\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn the_body_of_a_refused_request_is_read_past() {
    let mut rig = Rig::new();
    let head = "POST /decide/403 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n";
    rig.feed(&format!("{head}\r\nGE"));
    assert_eq!(rig.sent(), "");
    rig.feed(&format!("T /{}", get("/")));
    assert_eq!(rig.statuses(), ["403", "200"]);
    // A client that asks first need not send it.
    rig.feed(&format!("{head}Expect: 100-continue\r\n\r\n"));
    let answer = rig.sent();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert!(rig.conn.is_over());
}

#[test]
fn a_delayed_request_is_answered_in_its_time_and_asked_about_once() {
    let mut rig = Rig::new();
    rig.feed(&decide(DELAY_20));
    assert_eq!(rig.conn.held_until(), Some(121));
    assert_eq!(rig.conn.deadline(), 121);
    assert!(!rig.conn.wants_input());
    rig.at(120);
    rig.with(|conn, context| conn.expire(context));
    assert_eq!(rig.sent(), "");
    assert!(!rig.conn.is_idle_since(u64::MAX, 0));
    rig.at(121);
    let answer = rig.sent();
    assert!(
        answer.ends_with(&format!("\r\n\r\nmade {DELAY_20}")),
        "{answer}"
    );
    assert_eq!(rig.conn.held_until(), None);
    assert!(rig.conn.wants_input());
    assert_eq!(rig.conn.deadline(), 3_121);
    assert_eq!(rig.asked().len(), 1);
}

#[test]
fn what_is_behind_a_delay_waits_and_keeps_its_order() {
    let mut rig = Rig::new();
    rig.feed(&(get("/robots.txt") + "\r\n" + &decide(DELAY_20) + &decide(404)));
    assert_eq!(rig.statuses(), ["200"]);
    rig.feed(&(decide(DELAY_20) + &get("/none")[..9]));
    assert_eq!(rig.sent(), "");
    assert_eq!(rig.asked().len(), 2);
    rig.at(130);
    assert_eq!(rig.statuses(), ["200", "404"]);
    assert_eq!(rig.conn.held_until(), Some(151));
    rig.feed(&get("/none")[9..]);
    rig.at(150);
    assert_eq!(rig.sent(), "");
    rig.at(151);
    assert_eq!(rig.statuses(), ["200", "404"]);
    assert_eq!(rig.asked().len(), 5);
    let numbers: Vec<u32> = rig.asked().iter().map(|asked| asked.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn a_delayed_head_has_no_content() {
    let mut rig = Rig::new();
    rig.feed(&decide(DELAY_20).replace("GET", "HEAD"));
    assert_eq!(rig.sent(), "");
    rig.at(121);
    let answer = rig.sent();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_delayed_body_has_all_of_its_time_afterwards() {
    let mut rig = Rig::new();
    rig.feed("POST /decide/4294967316 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(rig.sent(), "");
    rig.at(121);
    // No document takes a POST, and the client is told so before it sends its body.
    assert_eq!(rig.statuses(), ["405"]);
    assert!(rig.conn.is_over());

    let mut rig = Rig::new();
    rig.clock.now_ms = 500;
    rig.feed("GET /decide/4294967316 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    rig.at(521);
    assert_eq!(rig.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(rig.conn.deadline(), 1_521);
    rig.feed("abcd");
    assert_eq!(rig.statuses(), ["200"]);
    assert_eq!(rig.asked().len(), 1);
}

#[test]
fn a_request_that_closes_is_delayed_too() {
    let mut rig = Rig::new();
    rig.feed("GET /decide/4294967316 HTTP/1.0\r\n\r\n");
    assert!(!rig.conn.is_over());
    rig.at(121);
    assert_eq!(rig.statuses(), ["200"]);
    assert!(rig.conn.is_over());
}

#[test]
fn a_client_that_says_its_last_word_during_a_delay_gets_its_answer() {
    let mut rig = Rig::new();
    rig.feed(&decide(DELAY_20));
    rig.conn.end_of_input();
    rig.at(121);
    assert_eq!(rig.statuses(), ["200"]);
    rig.conn.end_of_input();
    assert!(rig.conn.is_over());
}

#[test]
fn a_connection_that_breaks_during_a_delay_is_over() {
    let mut rig = Rig::new();
    rig.feed(&(get("/") + &decide(DELAY_20)));
    rig.conn.abandon();
    assert!(rig.conn.is_over());
    rig.at(10_000);
    assert_eq!(rig.sent(), "");
}

#[test]
fn a_client_that_takes_nothing_is_not_kept_by_a_delay() {
    let mut rig = Rig::new();
    rig.feed(&(get("/") + &decide(DELAY | 5_000)));
    // The answer before it is waited for no longer than any.
    assert_eq!(rig.conn.deadline(), 2_100);
    rig.at(2_100);
    assert!(rig.conn.is_over());

    let mut rig = Rig::new();
    rig.feed(&(get("/") + &decide(DELAY_20)));
    assert_eq!(rig.conn.deadline(), 121);
    rig.at(121);
    assert_eq!(rig.statuses(), ["200", "200"]);
}

#[test]
fn a_delay_has_a_limit() {
    let mut rig = Rig::new();
    rig.feed(&decide(DELAY | 90_000));
    assert_eq!(rig.conn.held_until(), Some(60_101));
}

#[test]
fn programs_see_what_is_asked_for() {
    let mut rig = Rig::new();
    let long = format!("/{}", "a".repeat(200));
    rig.feed("GET //x/%79?query HTTP/1.1\r\nHost: h\r\n\r\n");
    rig.feed("PROPPATCH /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    rig.feed(&format!(
        "POST {long} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ));
    let asked = rig.asked();
    let seen = |at: usize| {
        let asked = &asked[at];
        (
            text(&asked.method),
            text(&asked.path),
            asked.path_len,
            asked.body_bytes,
            asked.number,
        )
    };
    assert_eq!(asked.len(), 3);
    assert_eq!(seen(0), ("GET", "/x/y", 4, 0, 1));
    assert_eq!(seen(1), ("PROPPAT", "/p", 2, 3, 2));
    assert_eq!(seen(2), ("POST", &long[..127], 201, LENGTH_UNKNOWN, 3));
    assert!(asked.iter().all(|asked| asked.connection == rig.number));
}

#[test]
fn what_is_not_a_request_is_not_asked_about() {
    let mut rig = Rig::new();
    rig.feed("GET /half HTTP/1.1\r\nHo");
    rig.feed("st: a b\r\n\r\n");
    assert_eq!(rig.statuses(), ["400"]);
    assert_eq!(rig.asked().len(), 0);
    let answers = answered_on(rig.number);
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].status, answers[0].micros), (400, 0));
}

#[test]
fn programs_see_every_answer() {
    let mut rig = Rig::new();
    rig.feed(&(decide(0) + &decide(403) + "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"));
    let answers = answered_on(rig.number);
    let seen: Vec<_> = answers
        .iter()
        .map(|one| (one.status, one.bytes, one.path_len, text(&one.path)))
        .collect();
    let expected = [
        (200, 6, 9, "/decide/0"),
        (403, 14, 11, "/decide/403"),
        (200, 0, 1, "/"),
    ];
    assert_eq!(seen, expected);
    assert!(answers.iter().all(|one| one.micros < 10_000_000));

    let mut late = Rig::new();
    late.feed("GET /late HTTP/1.1\r\n");
    late.at(1_100);
    let answers = answered_on(late.number);
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].status, answers[0].micros), (408, 0));
    assert_eq!(text(&answers[0].path), "/late");
}
