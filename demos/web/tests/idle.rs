//! A server that holds requests back sleeps. In a process of its own: the time of all of it is looked at.
#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;
use std::{fs, thread};

use support::Running;
use support::programs;
use web::probes::DELAY;

/// Hundredths of a second that this process used, by proc(5).
fn used() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("proc");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let numbers = fields.split_whitespace().skip(11).take(2);
    numbers
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum()
}

#[test]
fn connections_that_end_during_a_delay_keep_nothing_busy() {
    programs::attach();
    let server = Running::start("");
    let request = format!("GET /decide/{} HTTP/1.1\r\nHost: h\r\n\r\n", DELAY | 60_000);
    let mut clients = Vec::new();
    for number in 0..8 {
        let mut client = server.connect();
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        if number % 2 == 0 {
            assert_eq!(client.answer().status, 200);
        } else {
            // With an answer that is never read, so that closing is a reset.
            thread::sleep(Duration::from_millis(20));
        }
        client.send(&request);
        thread::sleep(Duration::from_millis(20));
        match number % 4 {
            0 => clients.push(client),
            1 | 2 => drop(client),
            _ => {
                client
                    .stream
                    .shutdown(std::net::Shutdown::Write)
                    .expect("it is open");
                clients.push(client);
            }
        }
    }
    let before = used();
    thread::sleep(Duration::from_millis(1_500));
    let used = used() - before;
    assert!(used < 40, "{used} hundredths of a second in 1.5 s of sleep");
}
