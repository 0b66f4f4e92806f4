//! A host that says anything at all. Nothing of it may stop the guest from serving the next one.

use std::vec::Vec;

use uio_console::frame::encode;
use uio_console::{Fresh, MAX_FRAME, PROTOCOL_VERSION, Policy, RequestId, Terms, ToGuest};

use crate::fake::{Host, Random};

const WORDS: [&str; 24] = [
    "help", "ls", "cat", "cp", "mv", "rm", "mkdir", "stat", "hexdump", "ps", "free", "uptime",
    "log", "peek", "kill", "version", "exit", "jobs", "/uio/a", "-r", "-n", "5", "%1", "/uio",
];

/// A random argument list, sound or not.
fn argv(random: &mut Random) -> Vec<u8> {
    let mut argv = Vec::new();
    for _ in 0..random.below(5) {
        match random.below(12) {
            0 => argv.extend_from_slice(&std::vec![b'y'; random.below(1200)]),
            1 => argv.push(random.next() as u8),
            _ => argv.extend_from_slice(WORDS[random.below(WORDS.len())].as_bytes()),
        }
        argv.push(0);
    }
    if random.below(20) == 0 {
        argv.push(b'x');
    }
    argv.truncate(3900);
    argv
}

/// A random message, as a frame.
fn message(random: &mut Random) -> Vec<u8> {
    let id = RequestId(random.below(24) as u32);
    let argv = argv(random);
    let data = std::vec![random.next() as u8; random.below(600)];
    let bytes = [0, 10, 1000, 100_000, u32::MAX][random.below(5)];
    let message = match random.below(40) {
        0 => ToGuest::Hello {
            version: random.below(3) as u16,
        },
        1..=2 => ToGuest::Stdin { id, data: &data },
        3..=5 => ToGuest::StdinEnd { id },
        6..=13 => ToGuest::Credit { id, bytes },
        14..=20 => ToGuest::Interrupt { id },
        _ => ToGuest::Exec {
            id,
            credit: bytes,
            terms: Terms {
                policy: Policy::ALL[random.below(3)],
                announce: random.below(2) == 0,
                fresh: (random.below(2) == 0).then(|| Fresh(random.next().to_le_bytes())),
            },
            argv: &argv,
        },
    };
    let mut frame = [0; MAX_FRAME];
    let len = encode(&message, &mut frame).unwrap();
    frame[..len].to_vec()
}

/// Damages a frame, or not.
fn damage(random: &mut Random, frame: &mut Vec<u8>) {
    match random.below(60) {
        0 => frame.truncate(random.below(frame.len())),
        1 => {
            let at = random.below(frame.len());
            frame[at] = random.next() as u8;
        }
        2 => frame.extend((0..random.below(40)).map(|_| random.next() as u8)),
        3 if random.below(50) == 0 => {
            frame.splice(0..0, std::iter::repeat_n(0x11, 5000));
        }
        _ => {}
    }
}

/// Closes whatever is open, as a new client does, and sees that it is served.
fn served(host: &mut Host) {
    host.answers.clear();
    host.raw(b"\0");
    host.hello().expect("no hello");
    host.answers.clear();
    assert_eq!(host.run(&["exit", "42"]).status, Some(42));
}

#[test]
fn a_hundred_thousand_random_messages() {
    let mut random = Random(0x5eed);
    let mut host = Host::new();
    host.generous = false;
    host.files.add("/uio/a", &[b'a'; 5000]);
    host.hello().unwrap();
    for round in 0..100_000 {
        let mut frame = message(&mut random);
        damage(&mut random, &mut frame);
        let cut = random.below(frame.len() + 1);
        let (first, second) = frame.split_at(cut);
        host.raw(first);
        host.raw(second);
        // The frames themselves are looked at by other tests: identifiers come again here.
        while host.channel.waiting() != 0 && random.below(3) != 0 {
            let _ = host.channel.take(std::time::Duration::ZERO);
        }
        if round % 200 == 0 {
            // What ended sessions leave behind goes unread.
            while host.channel.take(std::time::Duration::ZERO).is_some() {}
            host.raw(b"\0");
            host.send(&ToGuest::Hello {
                version: PROTOCOL_VERSION,
            });
        }
    }
    drain(&mut host);
    served(&mut host);
}

#[test]
fn a_hundred_thousand_frames_of_noise() {
    let mut random = Random(0xbad);
    let mut host = Host::connected();
    let mut noise = Vec::new();
    for _ in 0..100_000 {
        noise.clear();
        for _ in 0..random.below(24) {
            noise.push((random.next() % 9 * 31) as u8);
        }
        noise.push(0);
        host.raw(&noise);
        if random.below(4) == 0 {
            host.raw(&[0x03, 0x00, 0x01, 0x00]);
        }
        while host.channel.take(std::time::Duration::ZERO).is_some() {}
    }
    drain(&mut host);
    served(&mut host);
}

/// Interrupts everything and reads what is left.
fn drain(host: &mut Host) {
    host.generous = true;
    host.raw(b"\0");
    host.send(&ToGuest::Hello {
        version: PROTOCOL_VERSION,
    });
    let quiet = std::time::Duration::from_millis(100);
    while host.channel.take(quiet).is_some() {}
}
