//! The life of a session.

use std::vec::Vec;

use uio_console::frame::{encode, stuff};
use uio_console::message::CloseReason;
use uio_console::record::{Failure, UsageProblem};
use uio_console::{FromGuest, MAX_FRAME, PROTOCOL_VERSION, RequestId, Terms, ToGuest};

use crate::engine::MAX_REQUESTS;
use crate::fake::Host;

fn closed(reason: CloseReason) -> std::string::String {
    std::format!("Closed {reason:?}")
}

/// Makes the guest run `count` requests that do not end by themselves.
fn occupy(host: &mut Host, count: usize) -> Vec<u32> {
    let ids: Vec<u32> = (0..count).map(|_| host.start(8192, &["cat"])).collect();
    host.until(|host| ids.iter().all(|id| host.answer(*id).credit != 0))
        .expect("all of them read");
    ids
}

#[test]
fn a_hello_tells_of_the_guest() {
    let host = Host::connected();
    for part in [
        "version: 2,",
        "hermit 0.11.0",
        "x86_64",
        "isolation: \"none\", policy: Full",
        "share: \"/uio\"",
        "max_requests: 16",
        "help ls cat cp mv rm mkdir stat hexdump ps free uptime log sym addr peek kill run",
    ] {
        assert!(host.session[0].contains(part), "{part}: {:?}", host.session);
    }
}

#[test]
fn a_guest_without_a_share_says_so() {
    let mut host = Host::new();
    host.files.detach();
    host.hello().unwrap();
    assert!(host.session[0].contains("share: \"\""));
}

#[test]
fn a_message_before_the_hello_closes() {
    let mut host = Host::new();
    host.start(8192, &["version"]);
    host.until(|host| !host.session.is_empty()).unwrap();
    assert_eq!(host.session, [closed(CloseReason::NoHello)]);
    // Silence until the next hello.
    host.start(8192, &["version"]);
    host.raw(b"\x05garbage\0");
    host.hello().unwrap();
    assert_eq!(host.session.len(), 2);
    assert_eq!(host.run(&["exit", "3"]).status, Some(3));
}

#[test]
fn another_version_is_refused_each_time() {
    let mut host = Host::new();
    for count in 1..=3 {
        host.send(&ToGuest::Hello { version: 77 });
        host.until(|host| host.session.len() == count).unwrap();
        assert_eq!(
            host.session[count - 1],
            closed(CloseReason::Version(PROTOCOL_VERSION))
        );
    }
    host.hello().unwrap();
    assert_eq!(host.run(&["exit"]).status, Some(0));
}

#[test]
fn what_breaks_the_protocol_closes_the_session_and_no_more() {
    let mut unknown = [0; 8];
    let unknown_len = stuff(&[99], &mut unknown).unwrap();
    let mut cut = [0; MAX_FRAME];
    let argv = b"version\0";
    let id = RequestId(1);
    let credit = 8192;
    let exec = ToGuest::Exec {
        id,
        credit,
        terms: Terms::default(),
        argv,
    };
    let cut_len = encode(&exec, &mut cut).unwrap();
    let cases: [(Vec<u8>, CloseReason); 4] = [
        (unknown[..unknown_len].to_vec(), CloseReason::Malformed),
        ([&cut[..cut_len / 2], &[0]].concat(), CloseReason::Malformed),
        (std::vec![7; 3 * MAX_FRAME], CloseReason::Oversized),
        (b"\x03ab\x09x\0".to_vec(), CloseReason::Malformed),
    ];
    for (bytes, reason) in cases {
        let mut host = Host::connected();
        let running = occupy(&mut host, 2);
        host.raw(&bytes);
        host.until(|host| host.session.len() == 2).unwrap();
        assert_eq!(host.session[1], closed(reason));
        host.raw(b"\0");
        host.hello().unwrap();
        assert_eq!(host.session.len(), 3, "closed once: {:?}", host.session);
        for id in running {
            assert_eq!(
                host.answer(id).status,
                None,
                "an exit of the closed session"
            );
        }
        assert_eq!(host.run(&["exit", "9"]).status, Some(9));
    }
}

#[test]
fn an_identifier_in_use_closes() {
    let mut host = Host::connected();
    let id = occupy(&mut host, 1)[0];
    host.start_as(id, 8192, &["version"]);
    host.until(|host| host.session.len() == 2).unwrap();
    assert_eq!(host.session[1], closed(CloseReason::DuplicateId));
    // Also when the command is refused for another reason.
    let mut host = Host::connected();
    let id = occupy(&mut host, 1)[0];
    host.start_as(id, 8192, &["nonsense"]);
    host.until(|host| host.session.len() == 2).unwrap();
    assert_eq!(host.session[1], closed(CloseReason::DuplicateId));
}

#[test]
fn an_identifier_is_free_again_after_its_exit() {
    let mut host = Host::connected();
    for status in 0..50 {
        let text = std::format!("{status}");
        host.start_as(5, 8192, &["exit", &text]);
        assert_eq!(host.exit(5).unwrap().status, Some(status));
        host.start_as(5, 8192, &["help"]);
        assert_eq!(host.exit(5).unwrap().status, Some(0));
    }
    assert_eq!(host.session.len(), 1);
}

#[test]
fn requests_beyond_the_table_are_refused() {
    let mut host = Host::connected();
    let running = occupy(&mut host, MAX_REQUESTS);
    let answer = host.run(&["version"]);
    assert_eq!(answer.status, Some(1));
    let max = MAX_REQUESTS as u16;
    assert_eq!(answer.failures, [Host::text(&Failure::Busy { max })]);
    // Without credit, only the status.
    let id = host.start(0, &["version"]);
    let answer = host.exit(id).unwrap();
    assert_eq!((answer.status, answer.failures.len()), (Some(1), 0));
    for id in running {
        host.send(&ToGuest::StdinEnd { id: RequestId(id) });
        assert_eq!(host.exit(id).unwrap().status, Some(0));
    }
    assert_eq!(host.run(&["version"]).status, Some(0));
}

#[test]
fn every_slot_is_free_as_soon_as_its_exit_was_read() {
    let mut host = Host::connected();
    let mut running = occupy(&mut host, MAX_REQUESTS);
    for _ in 0..100 {
        let id = running.remove(0);
        host.send(&ToGuest::StdinEnd { id: RequestId(id) });
        host.exit(id).unwrap();
        running.push(host.start(8192, &["cat"]));
    }
    for id in running {
        host.send(&ToGuest::StdinEnd { id: RequestId(id) });
        assert_eq!(host.exit(id).unwrap().status, Some(0));
    }
}

#[test]
fn unsound_command_lines_are_refused_with_the_reason() {
    let mut host = Host::connected();
    let long = "x".repeat(1025);
    let many: Vec<&str> = std::iter::repeat_n("x", 65).collect();
    for (args, status, failure) in [
        (&["nonsense"][..], 127, Failure::UnknownCommand),
        (&[""][..], 127, Failure::UnknownCommand),
        (
            &["cat", &long][..],
            2,
            Failure::ArgumentTooLong { arg: 1, max: 1024 },
        ),
        (&many[..], 2, Failure::TooManyArguments { max: 64 }),
        (
            &[][..],
            2,
            Failure::Usage {
                arg: 255,
                problem: UsageProblem::Missing,
            },
        ),
        (
            &["version", "x"][..],
            2,
            Failure::Usage {
                arg: 1,
                problem: UsageProblem::Extra,
            },
        ),
        (
            &["cat", "-x"][..],
            2,
            Failure::Usage {
                arg: 1,
                problem: UsageProblem::UnknownOption,
            },
        ),
    ] {
        let answer = host.run(args);
        assert_eq!(answer.status, Some(status), "{args:?}");
        assert_eq!(answer.failures, [Host::text(&failure)], "{args:?}");
    }
    assert_eq!(host.session.len(), 1, "the session goes on");
}

#[test]
fn nothing_of_an_earlier_session_follows_a_hello() {
    // Slow sends make a hello fall into the middle of one; sixteen requests send all the time.
    for round in 0..8 {
        let mut host = Host::connected();
        host.generous = false;
        host.channel.set_room(10_000);
        host.channel
            .slow
            .store(true, std::sync::atomic::Ordering::SeqCst);
        host.files.add("/uio/big", &[1; 300_000]);
        let old: Vec<u32> = (0..MAX_REQUESTS)
            .map(|_| host.start(u32::MAX, &["cat", "big"]))
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(3 + round));
        host.hello().unwrap();
        host.channel
            .slow
            .store(false, std::sync::atomic::Ordering::SeqCst);
        host.generous = true;
        std::thread::sleep(std::time::Duration::from_millis(20));
        let id = host.start(8192, &["help"]);
        let answer = host.exit(id).unwrap();
        assert_eq!(answer.status, Some(0), "{answer:?}");
        for id in &old {
            assert!(!host.answers.contains_key(id), "a frame of the old session");
        }
    }
}

#[test]
fn many_hellos_while_nothing_can_be_sent_are_answered_when_it_can() {
    let mut host = Host::connected();
    host.channel.set_room(0);
    for _ in 0..100 {
        host.send(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        });
    }
    let id = host.start(8192, &["version"]);
    let other = host.start(8192, &["help"]);
    host.channel.set_room(4);
    let answer = host.exit(id).unwrap();
    assert_eq!(answer.status, Some(0));
    assert_eq!(answer.records.len(), 1);
    assert_eq!(host.exit(other).unwrap().status, Some(0));
    assert_eq!(host.session.len(), 2);
}

#[test]
fn nothing_precedes_the_hello_of_its_session() {
    let mut host = Host::connected();
    for _ in 0..50 {
        host.channel.set_room(0);
        host.send(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        });
        let ids: Vec<u32> = (0..4).map(|_| host.start(8192, &["help"])).collect();
        std::thread::yield_now();
        host.channel.set_room(1);
        let first = host
            .channel
            .take(std::time::Duration::from_secs(10))
            .unwrap();
        assert!(matches!(crate::fake::owned(&first), FromGuest::Hello(_)));
        for id in ids {
            assert_eq!(host.exit(id).unwrap().status, Some(0));
        }
    }
}

#[test]
fn a_host_that_never_reads_is_shut_out_and_the_next_one_served() {
    let mut host = Host::connected();
    host.channel.set_room(0);
    for _ in 0..2000 {
        host.start(8192, &["exit", "1"]);
        host.start(8192, &["version"]);
        host.start(8192, &["unknown"]);
    }
    host.answers.clear();
    host.channel.set_room(64);
    host.until(|host| host.session.len() == 2).unwrap();
    assert_eq!(host.session[1], closed(CloseReason::Flooded));
    host.hello().unwrap();
    host.answers.clear();
    assert_eq!(host.run(&["version"]).status, Some(0));
}

#[test]
fn without_memory_for_tasks_inline_commands_still_answer() {
    use std::sync::atomic::Ordering::SeqCst;
    let mut host = Host::connected();
    host.platform.refuse_spawn.store(true, SeqCst);
    assert_eq!(host.run(&["version"]).status, Some(0));
    let answer = host.run(&["help"]);
    assert_eq!(answer.status, Some(1));
    assert_eq!(
        answer.failures,
        [Host::text(&Failure::NoMemory { bytes: 0 })]
    );
    host.platform.refuse_spawn.store(false, SeqCst);
    assert_eq!(host.run(&["help"]).status, Some(0));
}

#[test]
fn idle_workers_are_few() {
    use std::sync::atomic::Ordering::SeqCst;
    let mut host = Host::connected();
    let running = occupy(&mut host, MAX_REQUESTS);
    assert_eq!(host.platform.workers.load(SeqCst), MAX_REQUESTS);
    for id in running {
        host.send(&ToGuest::StdinEnd { id: RequestId(id) });
        host.exit(id).unwrap();
    }
    host.until(|host| host.platform.workers.load(SeqCst) <= crate::engine::PARKED_WORKERS)
        .expect("the others end");
    let spawned = host.platform.spawned.load(SeqCst);
    for _ in 0..100 {
        host.run(&["help"]);
    }
    assert_eq!(
        host.platform.spawned.load(SeqCst),
        spawned,
        "a parked worker is used"
    );
}

#[test]
fn workers_end_when_nobody_talks_for_long() {
    use std::sync::atomic::Ordering::SeqCst;
    let mut host = Host::connected();
    assert_eq!(host.run(&["help"]).status, Some(0));
    host.until(|host| host.platform.spawned.load(SeqCst) == 1)
        .unwrap();
    host.until(|host| {
        host.platform.skip_ms(crate::engine::PARKED_MS);
        host.platform.workers.load(SeqCst) == 0
    })
    .expect("it ends");
    assert_eq!(host.run(&["help"]).status, Some(0));
}

/// A worker that is about to end while its number is given to a new one must not run its request.
#[test]
fn workers_that_come_and_go_run_each_request_once() {
    let mut host = Host::connected();
    let commands = crate::commands::NAMES.split(' ').count();
    for _ in 0..2000 {
        let ids: Vec<u32> = (0..5).map(|_| host.start(8192, &["help"])).collect();
        for id in ids {
            let answer = host.exit(id).unwrap();
            assert_eq!((answer.status, answer.records.len()), (Some(0), commands));
        }
    }
}
