extern crate std;
use std::vec::Vec;

use super::*;
use crate::frame::{decode_payload, encode_payload};
use crate::message::{CloseReason, FromGuest, Hello};
use crate::record::{
    Bounds, Entry, Failure, Frame, Job, JobState, Kind, Memory, ObjectError, Owner, Record,
    SectionRule, Stat, Task, TaskState, UsageProblem,
};

/// A small generator with a fixed seed, so that a failure repeats.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn same<T: Serialize>(message: &T) {
    let mut out = [0xee; 512];
    let len = encode_payload(message, &mut out).unwrap();
    assert_eq!(&out[..len], postcard::to_allocvec(message).unwrap());
    for short in 0..len {
        assert_eq!(
            encode_payload(message, &mut out[..short]),
            Err(Error::NoRoom)
        );
    }
}

/// Numbers at the edges of each length of a varint.
fn edges() -> impl Iterator<Item = u64> {
    (0..64).flat_map(|bit| {
        let power = 1u64 << bit;
        [power - 1, power, power | 1]
    })
}

#[test]
fn messages_are_written_as_postcard_writes_them() {
    let id = RequestId(77);
    for number in edges() {
        let stat = Stat {
            kind: Kind::Link,
            mode: number as u32,
            size: number,
            modified_ns: !number,
            inode: number,
            links: 1,
            uid: number as u32,
            gid: 0,
        };
        let task = Task {
            id: number as i32,
            name: "täsk",
            state: TaskState::Idle,
            priority: number as u8,
            core: number as u16,
            stack_used: number,
            stack_size: u64::MAX,
        };
        let memory = Memory {
            total: number,
            frames_free: 0,
            heap_total: 1,
            heap_used: number,
            overlay: 2,
            programs: number,
        };
        let name = &[0, 0xff, b'n'][..];
        for record in [
            Record::Stat(stat),
            Record::Entry(Entry {
                name,
                kind: Kind::Directory,
                stat: None,
            }),
            Record::Entry(Entry {
                name,
                kind: stat.kind,
                stat: Some(stat),
            }),
            Record::Task(task),
            Record::Memory(memory),
            Record::Bytes {
                at: number,
                data: &[0; 200],
            },
            Record::Loaded { size: number },
            Record::Registers {
                general: [number; 16],
                flags: !number,
            },
            Record::Job(Job {
                number: number as u32,
                name,
                task: number as i32,
                state: JobState::Ending,
                age_ms: number,
                bounds: Some(Bounds {
                    policy: Policy::Control,
                    time_ms: (number % 2 == 0).then_some(number),
                    cpu_share: 50,
                    below: true,
                }),
            }),
            Record::Frame(Frame {
                address: number,
                name,
                offset: number,
                owner: Owner::Image,
                caller: number % 2 == 0,
            }),
        ] {
            same(&FromGuest::Record { id, record });
        }
        for failure in [
            Failure::UnknownCommand,
            Failure::Os {
                arg: 255,
                errno: -(number as i32 >> 1),
            },
            Failure::Usage {
                arg: 1,
                problem: UsageProblem::NotANumber,
            },
            Failure::Object {
                arg: 1,
                error: ObjectError::Section {
                    index: number as u32,
                    rule: SectionRule::Link,
                },
            },
            Failure::UnknownSymbol { name },
        ] {
            same(&FromGuest::Failure { id, failure });
        }
        same(&FromGuest::Exit {
            id: RequestId(number as u32),
            status: number as i32,
        });
    }
    same(&FromGuest::Hello(Hello {
        version: 2,
        kernel: "0.11.0",
        overlay: "",
        arch: "x86_64",
        build_id: &[1, 2, 3],
        features: "a b",
        isolation: "none",
        policy: Policy::Observe,
        commands: "ls",
        share: "/uio",
        max_requests: 16,
    }));
}

#[test]
fn any_payload_is_read_as_postcard_reads_it() {
    let mut random = Random(0x1234_5678);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let len = random.next() as usize % 14;
        let mut payload: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        // Mostly known variants and small numbers, with some full bytes between them.
        for byte in &mut payload {
            match random.next() % 4 {
                0 => *byte %= 8,
                1 => *byte |= 0xf0,
                _ => {}
            }
        }
        if let Some(first) = payload.first_mut() {
            *first %= 8;
        }
        let want = decode_payload::<ToGuest<'_>>(&payload);
        assert_eq!(read(&payload), want, "{payload:02x?}");
        accepted += usize::from(want.is_ok());
    }
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn terms_are_read_as_postcard_writes_them() {
    let id = RequestId(77);
    for number in edges() {
        for policy in Policy::ALL {
            let terms = Terms {
                policy,
                announce: number % 2 == 0,
                fresh: (number % 3 != 0).then_some(Fresh(number.to_le_bytes())),
            };
            let exec = ToGuest::Exec {
                id,
                credit: number as u32,
                terms,
                argv: b"run\0x.o\0",
            };
            let payload = postcard::to_allocvec(&exec).unwrap();
            assert_eq!(read(&payload), Ok(exec));
            for cut in 0..payload.len() {
                assert_eq!(read(&payload[..cut]), Err(Error::Malformed));
            }
        }
    }
}

#[test]
fn messages_in_parts_are_the_same() {
    let mut out = [0; 600];
    let mut same = |message: FromGuest<'_>| {
        let len = match &message {
            FromGuest::Hello(hello) => write(variant::HELLO, None, hello, &mut out),
            FromGuest::Stdout { id, data } => write_data(variant::STDOUT, *id, data, &mut out),
            FromGuest::Stderr { id, data } => write_data(variant::STDERR, *id, data, &mut out),
            FromGuest::Record { id, record } => write(variant::RECORD, Some(*id), record, &mut out),
            FromGuest::Failure { id, failure } => {
                write(variant::FAILURE, Some(*id), failure, &mut out)
            }
            FromGuest::Credit { id, bytes } => write(variant::CREDIT, Some(*id), bytes, &mut out),
            FromGuest::Exit { id, status } => write(variant::EXIT, Some(*id), status, &mut out),
            FromGuest::Closed { reason } => write(variant::CLOSED, None, reason, &mut out),
        };
        let want = postcard::to_allocvec(&message).unwrap();
        assert_eq!(&out[..len.unwrap()], want);
    };
    for id in [0, 127, 128, 1 << 14, u32::MAX] {
        let id = RequestId(id);
        for data in [&[][..], &[0; 127], &[7; 128], &[0xff; 500]] {
            same(FromGuest::Stdout { id, data });
            same(FromGuest::Stderr { id, data });
        }
        let record = Record::Copied { bytes: 300 };
        same(FromGuest::Record { id, record });
        let failure = Failure::Busy { max: 16 };
        same(FromGuest::Failure { id, failure });
        same(FromGuest::Credit { id, bytes: id.0 });
        for status in [0, 1, -1, 130, i32::MAX, i32::MIN] {
            same(FromGuest::Exit { id, status });
        }
    }
    for reason in [CloseReason::Malformed, CloseReason::Version(300)] {
        same(FromGuest::Closed { reason });
    }
    same(FromGuest::Hello(Hello {
        version: 2,
        kernel: "0.11.0",
        overlay: "0.1.0",
        arch: "x86_64",
        build_id: &[1, 2, 3],
        features: "a b",
        isolation: "none",
        policy: Policy::Observe,
        commands: "ls",
        share: "",
        max_requests: 16,
    }));
    let data = [1; 10];
    for short in 0..13 {
        let written = write_data(variant::STDOUT, RequestId(1), &data, &mut out[..short]);
        assert_eq!(
            written,
            if short < 13 {
                Err(Error::NoRoom)
            } else {
                Ok(13)
            }
        );
    }
}

#[test]
fn files_are_told_apart_by_all_that_is_known() {
    assert_eq!(
        Fresh::of(0, 0, 0).0,
        0x81d2_3fd7_003c_2305_u64.to_le_bytes()
    );
    let mut seen = Vec::new();
    for size in [0, 1, 256, 1 << 40] {
        for modified_ns in [0, 1, 1_700_000_000_000_000_000, 1_700_000_000_000_000_001] {
            for inode in [0, 1, 77, u64::MAX] {
                let fresh = Fresh::of(size, modified_ns, inode);
                assert!(!seen.contains(&fresh));
                seen.push(fresh);
            }
        }
    }
}
