//! The broker with the guest's real engine behind it, and clients of every kind before it.

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use common::{FakeVm, PATIENCE, shell, sleeper};
use uio_cli::client::Client;
use uio_cli::client::drive::{Drive, Ending, drive};
use uio_cli::error::Error;
use uio_console::frame::{Deframer, decode_payload, encode};
use uio_console::message::CloseReason;
use uio_console::{FromGuest, MAX_FRAME, PROTOCOL_VERSION, Policy, RequestId, Terms, ToGuest};

fn frame<T: serde::Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = vec![0; MAX_FRAME];
    let len = encode(message, &mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

fn hello() -> Vec<u8> {
    frame(&ToGuest::Hello {
        version: PROTOCOL_VERSION,
    })
}

/// Why the broker closed a session, after which it closed the connection.
fn close_reason(stream: &mut UnixStream) -> Option<CloseReason> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let mut rest = &bytes[..];
    let mut deframer = Deframer::new();
    let mut reason = None;
    while !rest.is_empty() {
        let (used, item) = deframer.next(rest);
        rest = &rest[used..];
        if let Some(Ok(payload)) = item
            && let Ok(FromGuest::Closed { reason: why }) = decode_payload(payload)
        {
            reason = Some(why);
        }
    }
    reason
}

#[test]
fn commands_answer_through_the_broker() {
    let vm = FakeVm::new();
    let files = vm.host.as_ref().unwrap().files;
    let bytes: Vec<u8> = (0..300_000u32).map(|n| (n * 7) as u8).collect();
    files.add("/big", &bytes);
    let mut client = vm.client();
    assert!(client.guest().commands.contains(&"cat".to_owned()));
    // More than the window of broker and client together.
    let answer = client.run(&["cat", "/big", "/big", "/none"]).unwrap();
    assert_eq!(answer.stdout.len(), 2 * bytes.len());
    assert!(answer.stdout.chunks(bytes.len()).all(|half| half == bytes));
    assert_eq!(answer.failures, ["cat: /none: No such file or directory"]);
    assert_eq!(answer.status, 1);
    let answer = client.run(&["nonsense"]).unwrap();
    assert_eq!(answer.status, 127);
    assert!(vm.end().stopped);
}

#[test]
fn clients_work_at_once() {
    let vm = FakeVm::new();
    let files = vm.host.as_ref().unwrap().files;
    thread::scope(|scope| {
        for number in 0..4u8 {
            let name = format!("/file{number}");
            files.add(&name, &[number; 50_000]);
            let mut client = vm.client();
            scope.spawn(move || {
                for _ in 0..5 {
                    let answer = client.run(&["cat", &name]).unwrap();
                    assert_eq!(answer.status, 0, "{:?}", answer.failures);
                    assert_eq!(answer.stdout, [number; 50_000]);
                }
            });
        }
    });
    vm.end();
}

#[test]
fn a_client_that_never_reads_holds_nobody_up() {
    let vm = FakeVm::new();
    vm.host.as_ref().unwrap().files.add("/big", &[1; 2_000_000]);
    let mut silent = vm.raw();
    silent.write_all(&hello()).unwrap();
    for id in 1..4 {
        let exec = ToGuest::Exec {
            id: RequestId(id),
            credit: u32::MAX,
            terms: Terms::default(),
            argv: b"cat\0/big\0",
        };
        silent.write_all(&frame(&exec)).unwrap();
    }
    for _ in 0..20 {
        vm.still_serves();
    }
    drop(silent);
    vm.still_serves();
    vm.end();
}

#[test]
fn a_client_may_vanish_at_any_byte() {
    let vm = FakeVm::new();
    let mut bytes = hello();
    bytes.extend(frame(&ToGuest::Exec {
        id: RequestId(1),
        credit: 1000,
        terms: Terms::default(),
        argv: b"cat\0",
    }));
    for cut in 0..=bytes.len() {
        let mut client = vm.raw();
        client.write_all(&bytes[..cut]).unwrap();
    }
    // All those `cat`s wait for input; each must have been interrupted to make room for these.
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = vm.client().run(&["exit"]).unwrap();
        if answer.status == 0 {
            break;
        }
        assert!(Instant::now() < until, "{:?}", answer.failures);
        thread::sleep(Duration::from_millis(10));
    }
    for _ in 0..20 {
        vm.still_serves();
    }
    vm.end();
}

#[test]
fn garbage_ends_the_session_that_sent_it() {
    let vm = FakeVm::new();
    let mut bystander = vm.client();
    let exec = frame(&ToGuest::Exec {
        id: RequestId(1),
        credit: 1,
        terms: Terms::default(),
        argv: b"ps\0",
    });
    let cases: [(Vec<u8>, CloseReason); 5] = [
        (vec![9; 3 * MAX_FRAME], CloseReason::Oversized),
        (b"\x30cut off\0".to_vec(), CloseReason::Malformed),
        (frame(&99u8), CloseReason::Malformed),
        (exec, CloseReason::NoHello),
        (
            frame(&ToGuest::Hello { version: 77 }),
            CloseReason::Version(PROTOCOL_VERSION),
        ),
    ];
    for (bytes, reason) in cases {
        let mut client = vm.raw();
        // The broker may have closed the connection before all of it is written.
        let _ = client.write_all(&bytes);
        assert_eq!(close_reason(&mut client), Some(reason));
    }
    assert_eq!(bystander.run(&["exit", "3"]).unwrap().status, 3);
    vm.still_serves();
    assert!(vm.log().contains("Oversized"));
    vm.end();
}

#[test]
fn standard_input_and_interrupts_go_through() {
    let vm = FakeVm::new();
    let mut client = vm.client();
    let (mut theirs, mut stdin) = UnixStream::pair().unwrap();
    let writer = thread::spawn(move || theirs.write_all(&[b'x'; 100_000]).unwrap());
    let mut echoed = 0;
    let with = Drive {
        stdin: Some(&mut stdin),
        interrupts: None,
        timeout: None,
        announce: false,
    };
    let ending = drive(&mut client, &[b"cat".to_vec()], with, &mut |message| {
        if let FromGuest::Stdout { data, .. } = message {
            echoed += data.len();
        }
        true
    });
    writer.join().unwrap();
    assert_eq!(ending.unwrap(), Ending::Status(0));
    assert_eq!(echoed, 100_000);

    let (mut ctrl_c, mut interrupts) = UnixStream::pair().unwrap();
    let (_open, mut stdin) = UnixStream::pair().unwrap();
    ctrl_c.write_all(b"x").unwrap();
    let with = Drive {
        stdin: Some(&mut stdin),
        interrupts: Some(&mut interrupts),
        timeout: None,
        announce: false,
    };
    let ending = drive(&mut client, &[b"cat".to_vec()], with, &mut |_| true);
    assert_eq!(ending.unwrap(), Ending::Interrupted(Some(130)));

    let with = Drive {
        stdin: Some(&mut stdin),
        interrupts: None,
        timeout: Some(Duration::from_millis(50)),
        announce: false,
    };
    let ending = drive(&mut client, &[b"cat".to_vec()], with, &mut |_| true);
    assert_eq!(ending.unwrap(), Ending::TimedOut);
    assert_eq!(client.run(&["exit", "4"]).unwrap().status, 4);
    vm.end();
}

#[test]
fn a_vm_that_dies_tells_its_clients() {
    let vm = FakeVm::new();
    let mut client = vm.client();
    Command::new("kill")
        .args(["-KILL", &vm.pid.to_string()])
        .status()
        .unwrap();
    let ended = vm.broker.join().unwrap();
    assert!(!ended.stopped);
    assert!(matches!(client.run(&["ps"]), Err(Error::VmEnded(_))));
    let gone = Client::connect_to("web", &vm.socket, PATIENCE);
    assert!(matches!(gone, Err(Error::VmEnded(_))));
}

#[test]
fn what_a_vm_says_last_is_kept() {
    let (console, _guest) = UnixStream::pair().unwrap();
    let vm = FakeVm::with_console(console, shell("echo serial; echo complaint >&2; exit 3"));
    let (room, broker) = (vm.room, vm.broker);
    assert_eq!(broker.join().unwrap().status.code(), Some(3));
    let log = std::fs::read_to_string(room.0.join("log")).unwrap();
    assert!(log.contains("serial") && log.contains("complaint"), "{log}");
}

#[test]
fn a_guest_without_the_overlay_is_no_answer() {
    let (console, _guest) = UnixStream::pair().unwrap();
    let vm = FakeVm::with_console(console, sleeper());
    let wait = Duration::from_millis(100);
    let error = Client::connect_to("web", &vm.socket, wait).err().unwrap();
    assert!(matches!(error, Error::NoAnswer { .. }));
    assert_eq!(error.exit_code(), 4);
    vm.end();
}

#[test]
fn a_guest_that_sends_garbage_loses_its_session_and_gets_a_new_one() {
    let (console, mut guest) = UnixStream::pair().unwrap();
    let vm = FakeVm::with_console(console, sleeper());
    let answer = frame(&FromGuest::Hello(uio_console::Hello {
        version: PROTOCOL_VERSION,
        kernel: "0.11.0",
        overlay: "0.1.0",
        arch: "x86_64",
        build_id: &[],
        features: "",
        isolation: "none",
        policy: Policy::Full,
        commands: "",
        share: "",
        max_requests: 4,
    }));
    guest.write_all(&answer).unwrap();
    let mut client = vm.client();
    guest.write_all(b"\x02\xff\x02\xff\0").unwrap();
    let ended = client.run(&["ps"]);
    assert!(matches!(
        ended,
        Err(Error::Closed(CloseReason::Malformed) | Error::VmEnded(_))
    ));
    guest.write_all(&answer).unwrap();
    vm.client();
    vm.end();
}

#[test]
fn a_monitor_that_ignores_sigterm_is_killed() {
    let (console, _guest) = UnixStream::pair().unwrap();
    let vm = FakeVm::with_console(console, shell("trap '' TERM; while :; do sleep 1; done"));
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    let ended = vm.end();
    assert!(ended.stopped && !ended.status.success());
    assert!(begun.elapsed() < Duration::from_secs(8));
}
