//! What an operator does to the server: configuration, signals, logs.

mod support;

use std::fs;

use support::{Running, eventually};
use uio_app::Signal;

#[test]
fn a_new_configuration_holds_for_the_next_request_of_an_open_connection() {
    let server = Running::start("greeting = 'first'");
    let mut client = server.connect();
    let ask = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    client.send(ask);
    assert!(client.answer().text().contains("first"));

    server.configure(
        "greeting = 'second'\n[headers]\nX-Served-By = 'test'\n\
         [[document]]\npath = '/new.txt'\nfile = 'new.txt'",
    );
    fs::write(server.path("new.txt"), "from a file").expect("written");
    server.handle.reload();
    eventually("the new configuration", || {
        server.log("error.log").contains("configuration 2 from")
    });
    client.send(ask);
    let answer = client.answer();
    assert!(answer.text().contains("second"));
    assert_eq!(answer.field("X-Served-By"), Some("test"));
    let file = server.get("/new.txt");
    assert_eq!(file.text(), "from a file");
    assert_eq!(
        file.field("Content-Type"),
        Some("text/plain; charset=utf-8")
    );
}

#[test]
fn a_broken_configuration_changes_nothing_and_says_why() {
    let server = Running::start("greeting = 'good'");
    for (complaints, (config, reason)) in [
        ("greeting = ", "error: configuration 1 stays in force"),
        ("greeting = 3", "invalid type"),
        ("[limits]\nconnections = 0", "limits.connections: too small"),
        ("[[document]]\npath = '/x'\nfile = 'none'", "cannot read"),
    ]
    .into_iter()
    .enumerate()
    {
        server.configure(config);
        server.handle.reload();
        eventually(reason, || {
            let log = server.log("error.log");
            let count = log.matches("stays in force").count();
            count > complaints && log.contains(reason)
        });
        assert!(server.get("/").text().contains("good"));
    }
    fs::remove_file(server.path("web.toml")).expect("removed");
    server.handle.reload();
    eventually("the missing file", || {
        server.log("error.log").contains("web.toml: No such file")
    });
    assert!(server.get("/").text().contains("good"));
    server.configure("greeting = 'better'");
    server.handle.reload();
    eventually("the mended one", || {
        server.get("/").text().contains("better")
    });
}

#[test]
fn no_configuration_is_fine_and_a_broken_first_one_is_told() {
    let without = Running::start("");
    assert!(without.get("/").text().contains("Hello from"));
    assert!(without.log("error.log").contains("notice: no "));

    let broken = Running::start("port = 'http'");
    assert!(broken.get("/").text().contains("Hello from"));
    let log = broken.log("error.log");
    assert!(
        log.contains("error: built-in configuration in force"),
        "{log}"
    );
}

#[test]
fn a_request_is_in_the_log_before_its_answer_is_out() {
    let server = Running::start("");
    for number in 0..200 {
        let path = format!("/number/{number}");
        assert_eq!(server.get(&path).status, 404);
        let log = server.log("access.log");
        let last = log.lines().last().expect("a line");
        assert!(last.starts_with("127.0.0.1 - - ["), "{last}");
        let end = format!("] \"GET {path} HTTP/1.1\" 404 14");
        assert!(last.ends_with(&end), "{last}");
    }
}

#[test]
fn nothing_a_client_sends_breaks_a_line_of_the_log() {
    let server = Running::start("");
    let mut client = server.connect();
    client.send("GET /\x1b[2J\"x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    let log = server.log("access.log");
    assert!(
        log.contains("\"GET /\\x1b[2J\\x22x HTTP/1.1\" 400"),
        "{log}"
    );
}

#[test]
fn the_log_keeps_its_newest_half() {
    let server = Running::start("[log]\naccess_bytes = 4096");
    for number in 0..300 {
        server.get(&format!("/{number}"));
        assert!(server.log("access.log").len() <= 4096);
    }
    let log = server.log("access.log");
    assert!(log.len() > 2048 - 100, "{}", log.len());
    let numbers: Vec<u32> = log
        .lines()
        .map(|line| {
            let path = line.split(' ').nth(6).expect("a path");
            path[1..].parse().expect("a number")
        })
        .collect();
    assert_eq!(numbers.last(), Some(&299));
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1));
}

#[test]
fn removed_logs_come_back_with_the_signal() {
    let server = Running::start("greeting = 'x'");
    server.get("/");
    fs::remove_file(server.path("var/log/access.log")).expect("removed");
    server.get("/");
    assert_eq!(server.log("access.log"), "");
    server.handle.reload();
    eventually("the log", || {
        server.get("/robots.txt");
        server.log("access.log").contains("/robots.txt")
    });
}

#[test]
fn signals_reload_and_end_the_server() {
    let server = Running::start("greeting = 'one'");
    web::signals::install(server.handle.clone()).expect("signals");
    server.configure("greeting = 'two'");
    if cfg!(feature = "uio") {
        uio_app::test::raise(Signal::Hup);
        eventually("the reload", || server.get("/").text().contains("two"));
        uio_app::test::raise(Signal::Term);
        eventually("the end", || {
            std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err()
        });
    } else {
        uio_app::test::raise(Signal::Hup);
        assert!(server.get("/").text().contains("one"), "nobody listens");
    }
}

#[test]
fn the_share_of_the_demo_is_a_valid_configuration() {
    let server = Running::start("");
    for name in ["web.toml", "requests.c"] {
        let from = concat!(env!("CARGO_MANIFEST_DIR"), "/share/").to_owned() + name;
        fs::copy(from, server.path(name)).expect("copied");
    }
    server.handle.reload();
    eventually("the share's configuration", || {
        server.log("error.log").contains("configuration 2 from")
    });
    assert_eq!(server.get("/motd").text(), "All is quiet.\n");
    assert!(
        server
            .get("/requests.c")
            .text()
            .contains("#include <uio.h>")
    );
    // What the file spells out is what holds without it.
    let spelled = fs::read_to_string(server.path("web.toml")).expect("there");
    let mut spelled = web::config::Config::parse(&spelled).expect("valid");
    spelled.documents.clear();
    spelled.headers.clear();
    assert_eq!(spelled, web::config::Config::default());
}
