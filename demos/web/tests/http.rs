//! What clients say to the server, and what it answers.

mod support;

use std::io::Read;
use std::thread;
use std::time::Duration;

use support::{Client, Running, eventually};

/// Sends `request` on a connection of its own, and expects `status` and the end of it.
fn refused(server: &Running, request: &str, status: u16) -> support::Answer {
    let mut client = server.connect();
    client.send(request);
    let answer = client.answer();
    assert_eq!(answer.status, status, "{request:?}: {}", answer.head);
    assert_eq!(answer.field("Connection"), Some("close"), "{request:?}");
    client.expect_end();
    answer
}

#[test]
fn documents_are_served_with_what_a_client_needs() {
    let server = Running::start("");
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("Hello from a unikernel"));
    let date = page.field("Date").expect("a date");
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    for (path, content_type) in [
        ("/style.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/about?why=not", "text/html; charset=utf-8"),
        ("http://any.host/about", "text/html; charset=utf-8"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.field("Content-Type"), Some(content_type), "{path}");
        assert!(!answer.body.is_empty());
    }
}

#[test]
fn head_describes_what_get_sends() {
    let server = Running::start("");
    let get = server.get("/");
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nHEAD /none HTTP/1.1\r\nHost: h\r\n\r\n");
    let head = client.head();
    assert_eq!(head.status, 200);
    for field in ["Content-Length", "Content-Type", "ETag"] {
        assert_eq!(head.field(field), get.field(field), "{field}");
    }
    assert_eq!(client.head().status, 404);
}

#[test]
fn a_connection_serves_many_requests_one_by_one_and_all_at_once() {
    let server = Running::start("");
    let mut client = server.connect();
    for _ in 0..10 {
        client.send("GET /style.css HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.status, answer.field("Connection")), (200, None));
    }
    let mut all = String::new();
    for number in 0..100 {
        let path = if number % 2 == 0 {
            "/robots.txt"
        } else {
            "/none"
        };
        all.push_str(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    client.send(&all);
    for number in 0..100 {
        let expected = if number % 2 == 0 { 200 } else { 404 };
        assert_eq!(client.answer().status, expected);
    }
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().field("Connection"), Some("close"));
    client.expect_end();
}

#[test]
fn old_clients_keep_a_connection_only_on_demand() {
    let server = Running::start("");
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_eq!(client.answer().field("Connection"), Some("keep-alive"));
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().field("Connection"), Some("close"));
    client.expect_end();
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Running::start("");
    let mut client = server.connect();
    for byte in b"\r\n\r\nGET /robots.txt HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n" {
        client.send_bytes(&[*byte]);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.answer().status, 200);
}

#[test]
fn what_cannot_be_understood_is_refused_and_the_connection_closed() {
    let server = Running::start("[limits]\nheader_bytes = 1024");
    for (request, status) in [
        ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
            501,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nExpect: the worst\r\n\r\n",
            417,
        ),
    ] {
        refused(&server, request, status);
    }
    let fields = "A: b\r\n".repeat(80);
    refused(
        &server,
        &format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"),
        431,
    );
    let long = "a".repeat(2_000);
    refused(
        &server,
        &format!("GET / HTTP/1.1\r\nHost: h\r\nA: {long}\r\n\r\n"),
        431,
    );
    refused(
        &server,
        &format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"),
        414,
    );
    refused(&server, &"x".repeat(100_000), 414);
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn what_is_not_offered_is_refused_and_the_connection_goes_on() {
    let server = Running::start("");
    let mut client = server.connect();
    for (line, status) in [
        ("GET /none", 404),
        ("DELETE /", 405),
        ("OPTIONS *", 405),
        ("BREW /", 501),
        ("GET /../etc/passwd", 400),
        ("GET /a/%2e%2e/%2e%2e/etc/passwd", 400),
        ("GET /..%5c..%5cboot.ini", 400),
        ("GET /%zz", 400),
        ("GET /%00", 400),
        ("GET robots.txt", 400),
    ] {
        client.send(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(answer.status, status, "{line}");
        let allow = (status == 405).then_some("GET, HEAD");
        assert_eq!(answer.field("Allow"), allow, "{line}");
    }
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.answer().status, 200);
}

#[test]
fn bodies_are_read_past() {
    let server = Running::start("[limits]\nbody_bytes = 1000");
    let mut client = server.connect();
    let chunked = "Transfer-Encoding: chunked\r\n\r\n4;x\r\nGET \r\n2\r\n/ \r\n0\r\nT: t\r\n\r\n";
    for (line, rest, status) in [
        ("POST /", "Content-Length: 14\r\n\r\nGET / HTTP/1.1", 405),
        ("POST /", chunked, 405),
        ("GET /robots.txt", chunked, 200),
        ("GET /robots.txt", "Content-Length: 0\r\n\r\n", 200),
        ("GET /robots.txt", "\r\n", 200),
    ] {
        client.send(&format!("{line} HTTP/1.1\r\nHost: h\r\n{rest}"));
        assert_eq!(client.answer().status, status, "{line} {rest:?}");
    }
    client.send(
        "GET /robots.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.head().status, 100);
    client.send("abc");
    assert_eq!(client.answer().status, 200);

    let head = "POST / HTTP/1.1\r\nHost: h\r\n";
    refused(&server, &format!("{head}Content-Length: 1001\r\n\r\n"), 413);
    refused(
        &server,
        &format!("{head}Transfer-Encoding: chunked\r\n\r\n3e9\r\n"),
        413,
    );
    refused(
        &server,
        &format!("{head}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"),
        405,
    );
    let answer = refused(
        &server,
        &format!(
            "{head}Content-Length: 5000000\r\n\r\n{}",
            "a".repeat(500_000)
        ),
        413,
    );
    assert_eq!(answer.text(), "413 Content Too Large\n");
}

#[test]
fn conditions_and_ranges() {
    let server =
        Running::start("[[document]]\npath = '/ten'\nbody = '0123456789'\ntype = 'text/x'");
    let ask = |fields: &str| {
        let mut client = server.connect();
        client.send(&format!("GET /ten HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
        client.answer()
    };
    let whole = ask("");
    let etag = whole.field("ETag").expect("a tag").to_owned();
    assert_eq!(whole.field("Accept-Ranges"), Some("bytes"));
    assert_eq!(whole.field("Content-Type"), Some("text/x"));

    let same = ask(&format!("If-None-Match: \"x\", W/{etag}\r\n"));
    assert_eq!((same.status, same.field("ETag")), (304, Some(&*etag)));
    assert_eq!((same.field("Content-Length"), same.body.len()), (None, 0));
    assert_eq!(ask("If-None-Match: \"x\"\r\n").status, 200);

    let part = ask("Range: bytes=2-4\r\n");
    assert_eq!((part.status, part.text()), (206, "234"));
    assert_eq!(part.field("Content-Range"), Some("bytes 2-4/10"));
    assert_eq!(ask("Range: bytes=-2\r\n").text(), "89");
    let none = ask("Range: bytes=10-\r\n");
    assert_eq!(
        (none.status, none.field("Content-Range")),
        (416, Some("bytes */10"))
    );
    assert_eq!(ask("Range: bytes=0-1,4-5\r\n").status, 200);
    assert_eq!(
        ask(&format!("Range: bytes=0-1\r\nIf-Range: {etag}\r\n")).status,
        206
    );
    assert_eq!(ask("Range: bytes=0-1\r\nIf-Range: \"x\"\r\n").status, 200);
}

#[test]
fn a_client_that_does_not_get_on_is_told_so() {
    let server = Running::start("[limits]\nrequest_ms = 100\nkeep_alive_ms = 100");
    let mut half = server.connect();
    half.send("GET / HTTP/1.1\r\nHost:");
    let mut body = server.connect();
    body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    let mut silent = server.connect();
    let mut idle = server.connect();
    idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(idle.answer().status, 200);
    for client in [&mut half, &mut body] {
        assert_eq!(client.answer().status, 408);
        client.expect_end();
    }
    silent.expect_end();
    idle.expect_end();
    let log = server.log("access.log");
    assert!(log.contains("\"GET / HTTP/1.1\" 408 "), "{log}");
    assert!(log.contains("\"POST / HTTP/1.1\" 408 "), "{log}");
}

#[test]
fn a_client_that_does_not_read_holds_up_only_itself() {
    let large = "x".repeat(1 << 20);
    let server = Running::start(&format!(
        "[limits]\nwrite_ms = 300\n[[document]]\npath = '/large'\nbody = '{large}'"
    ));
    let mut deaf = server.connect();
    let ask = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n".repeat(64);
    deaf.send(&ask);
    let good = server.get("/large");
    assert_eq!((good.status, good.body.len()), (200, 1 << 20));
    thread::sleep(Duration::from_millis(1_000));
    let mut taken = Vec::new();
    // Whatever was on its way, and then the end: not all of the 64 MiB.
    let _ = deaf.stream.read_to_end(&mut taken);
    assert!(taken.len() < 48 << 20, "{}", taken.len());
}

#[test]
fn a_patient_reader_gets_all_of_many_large_answers() {
    let large = "0123456789abcdef".repeat(32 << 10);
    let server = Running::start(&format!("[[document]]\npath = '/large'\nbody = '{large}'"));
    let mut client = server.connect();
    client.send(&"GET /large HTTP/1.1\r\nHost: h\r\n\r\n".repeat(20));
    for _ in 0..20 {
        let answer = client.answer();
        assert!(answer.status == 200 && answer.body == large.as_bytes());
    }
}

#[test]
fn more_clients_than_places_all_get_their_turn() {
    let server = Running::start("[limits]\nconnections = 4");
    let mut first: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut first {
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.answer().status, 200);
    }
    // These have to wait until the idle ones are let go.
    let mut second: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut second {
        client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    }
    for client in &mut second {
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let server = Running::start("");
    for round in 0..50 {
        let mut client = server.connect();
        client.send(["", "GET / HT", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"][round % 3]);
    }
    let open = |answer: support::Answer| -> u64 {
        let json: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        json["open"].as_u64().expect("a number")
    };
    eventually("all but the one that asks are gone", || {
        open(server.get("/status")) == 1
    });
}

#[test]
fn the_status_is_json() {
    let server = Running::start("");
    let answer = server.get("/status");
    assert_eq!(answer.field("Content-Type"), Some("application/json"));
    assert_eq!(answer.field("Cache-Control"), Some("no-store"));
    let json: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(json["config_generation"], 1);
    for key in [
        "uptime_ms",
        "requests",
        "bytes",
        "connections",
        "open",
        "log_rotations",
    ] {
        assert!(json[key].is_u64(), "{key}: {json}");
    }
    assert!(json["answers"]["client_error"].is_u64());
}

#[test]
fn peers_that_do_not_close_hold_up_nobody_else() {
    let server = Running::start("");
    let ask = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    // More than there are threads at first; these never close their side.
    let mut stuck: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut stuck {
        client.send(ask);
        assert_eq!(client.answer().status, 200);
    }
    for _ in 0..20 {
        let mut good = server.connect();
        good.send(ask);
        assert_eq!(good.answer().status, 200);
        good.expect_end();
    }
    for client in &mut stuck {
        client.expect_end();
    }
}
