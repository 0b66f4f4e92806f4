//! Credits in both directions, several requests at once, a channel with little room.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use std::vec::Vec;

use uio_console::message::CloseReason;
use uio_console::{RequestId, Terms, ToGuest};

use crate::engine::STDIN_WINDOW;
use crate::fake::{Host, Random};

#[test]
fn a_request_never_sends_more_than_its_credit() {
    let mut host = Host::connected();
    host.generous = false;
    let text: Vec<u8> = (0..20_000u32).map(|n| (n * 7) as u8).collect();
    host.files.add("/uio/file", &text);
    let id = host.start(700, &["cat", "file"]);
    let mut given = 700;
    let mut random = Random(7);
    while host.answer(id).status.is_none() {
        host.poll(Duration::from_millis(3));
        let answer = host.answer(id);
        assert!(answer.cost <= given, "{} bytes for {given}", answer.cost);
        let more = random.below(2000);
        given += more;
        host.send(&ToGuest::Credit {
            id: RequestId(id),
            bytes: more as u32,
        });
    }
    assert_eq!(host.exit(id).unwrap().stdout, text);
}

#[test]
fn an_inline_command_waits_for_credit_on_a_worker() {
    let mut host = Host::connected();
    host.generous = false;
    let id = host.start(0, &["version"]);
    host.poll(Duration::from_millis(20));
    assert_eq!(host.answer(id), Default::default());
    host.send(&ToGuest::Credit {
        id: RequestId(id),
        bytes: 1000,
    });
    let answer = host.exit(id).unwrap();
    assert_eq!((answer.status, answer.records.len()), (Some(0), 1));
    // An empty answer needs none.
    let id = host.start(0, &["exit", "4"]);
    assert_eq!(host.exit(id).unwrap().status, Some(4));
}

#[test]
fn a_request_without_credit_stops_no_other() {
    let mut host = Host::connected();
    host.generous = false;
    host.files.add("/uio/file", &[b'x'; 100_000]);
    let stuck: Vec<u32> = (0..15).map(|_| host.start(562, &["cat", "file"])).collect();
    host.generous = true;
    for _ in 0..20 {
        assert_eq!(host.run(&["cat", "file"]).stdout.len(), 100_000);
        assert_eq!(host.run(&["version"]).status, Some(0));
    }
    for id in stuck {
        assert_eq!(host.answer(id).status, None);
        host.send(&ToGuest::Credit {
            id: RequestId(id),
            bytes: u32::MAX,
        });
        assert_eq!(host.exit(id).unwrap().stdout.len(), 100_000);
    }
}

#[test]
fn two_requests_interleave() {
    let mut host = Host::connected();
    let one = host.start(8192, &["cat"]);
    let other = host.start(8192, &["cat"]);
    for round in 0..50u8 {
        for id in [one, other] {
            host.until(|host| host.answer(id).credit > 10).unwrap();
            let data = [round, id as u8];
            host.answers.get_mut(&id).unwrap().credit -= 2;
            host.send(&ToGuest::Stdin {
                id: RequestId(id),
                data: &data,
            });
            let want = 2 * (usize::from(round) + 1);
            host.until(|host| host.answer(id).stdout.len() == want)
                .unwrap();
        }
    }
    for id in [one, other] {
        host.send(&ToGuest::StdinEnd { id: RequestId(id) });
        let answer = host.exit(id).unwrap();
        let want: Vec<u8> = (0..50).flat_map(|round| [round, id as u8]).collect();
        assert_eq!(answer.stdout, want);
    }
}

#[test]
fn all_of_the_input_comes_through_within_its_credit() {
    let mut host = Host::connected();
    host.channel.set_room(2);
    host.channel.refuse_every.store(3, SeqCst);
    let input: Vec<u8> = (0..300_000u32).map(|n| (n ^ n >> 8) as u8).collect();
    let id = host.start(8192, &["cat"]);
    let mut sent = 0;
    let mut random = Random(99);
    while sent < input.len() {
        host.until(|host| host.answer(id).credit != 0).unwrap();
        let credit = host.answer(id).credit;
        assert!(credit <= STDIN_WINDOW);
        let len = (1 + random.below(credit)).min(input.len() - sent).min(4000);
        host.answers.get_mut(&id).unwrap().credit -= len;
        host.send(&ToGuest::Stdin {
            id: RequestId(id),
            data: &input[sent..sent + len],
        });
        sent += len;
    }
    host.send(&ToGuest::StdinEnd { id: RequestId(id) });
    let answer = host.exit(id).unwrap();
    assert!(answer.stdout == input, "{} bytes", answer.stdout.len());
}

#[test]
fn input_beyond_its_credit_closes() {
    let overrun = std::format!("Closed {:?}", CloseReason::Overrun);
    // Before any was given: `help` never reads.
    let mut host = Host::connected();
    host.generous = false;
    let id = host.start(1, &["help"]);
    host.send(&ToGuest::Stdin {
        id: RequestId(id),
        data: b"x",
    });
    host.until(|host| host.session.len() == 2).unwrap();
    assert_eq!(host.session[1], overrun);
    // One byte too many.
    let mut host = Host::connected();
    host.generous = false;
    let id = host.start(0, &["cat"]);
    host.until(|host| host.answer(id).credit != 0).unwrap();
    for _ in 0..2 {
        host.send(&ToGuest::Stdin {
            id: RequestId(id),
            data: &[1; STDIN_WINDOW / 2],
        });
    }
    host.poll(Duration::from_millis(10));
    let more = host.answer(id).credit - STDIN_WINDOW;
    for _ in 0..more + 1 {
        host.send(&ToGuest::Stdin {
            id: RequestId(id),
            data: b"x",
        });
    }
    // Nothing was written yet: `cat` waits for credit with what it has read.
    host.until(|host| host.session.len() == 2).unwrap();
    assert_eq!(host.session[1], overrun);
    // After its end.
    let mut host = Host::connected();
    let id = host.start(0, &["cat"]);
    host.until(|host| host.answer(id).credit != 0).unwrap();
    host.send(&ToGuest::Stdin {
        id: RequestId(id),
        data: b"x",
    });
    host.send(&ToGuest::StdinEnd { id: RequestId(id) });
    host.send(&ToGuest::Stdin {
        id: RequestId(id),
        data: b"x",
    });
    host.until(|host| host.session.len() == 2).unwrap();
    assert_eq!(host.session[1], overrun);
}

#[test]
fn messages_for_a_request_that_has_ended_are_passed_over() {
    let mut host = Host::connected();
    let id = RequestId(host.start(8192, &["exit"]));
    host.exit(id.0).unwrap();
    host.send(&ToGuest::Stdin { id, data: b"late" });
    host.send(&ToGuest::StdinEnd { id });
    host.send(&ToGuest::Credit { id, bytes: 5 });
    host.send(&ToGuest::Interrupt { id });
    assert_eq!(host.run(&["version"]).status, Some(0));
    assert_eq!(host.session.len(), 1);
}

#[test]
fn answers_survive_a_channel_that_refuses() {
    let mut host = Host::connected();
    host.channel.set_room(1);
    host.channel.refuse_every.store(2, SeqCst);
    for index in 0..40 {
        let name = std::format!("/uio/file{index:02}");
        host.files.add(&name, b"1");
    }
    for _ in 0..20 {
        assert_eq!(host.run(&["ls"]).records.len(), 40);
        assert_eq!(host.run(&["version"]).records.len(), 1);
        assert_eq!(host.run(&["exit", "6"]).status, Some(6));
        assert_eq!(host.run(&["unknown"]).status, Some(127));
    }
}

#[test]
fn bytes_may_come_in_any_cut() {
    let mut stream = Vec::new();
    for id in 1..=3 {
        let mut frame = [0; 64];
        let message = ToGuest::Exec {
            id: RequestId(id),
            credit: 8192,
            terms: Terms::default(),
            argv: b"exit\x003\0",
        };
        let len = uio_console::frame::encode(&message, &mut frame).unwrap();
        stream.extend_from_slice(&frame[..len]);
    }
    for cut in 0..stream.len() {
        let mut host = Host::connected();
        host.raw(&stream[..cut]);
        host.raw(&stream[cut..]);
        for id in 1..=3 {
            assert_eq!(host.exit(id).unwrap().status, Some(3));
        }
    }
}
