use std::collections::VecDeque;

use uio_console::record::Record;
use uio_console::{Fresh, Hello, MAX_DATA, MAX_FRAME, Policy, RequestId, Terms, cost};

use super::*;

/// A mux between a scripted guest and any number of scripted clients.
struct Bench {
    mux: Mux,
    guest_in: Deframer,
}

/// A message, in the form that `Debug` gives it.
fn texts<F>(bytes: &[u8], deframer: &mut Deframer, mut text: F) -> VecDeque<String>
where
    F: FnMut(&[u8]) -> String,
{
    let mut rest = bytes;
    let mut messages = VecDeque::new();
    while !rest.is_empty() {
        let (used, item) = deframer.next(rest);
        rest = &rest[used..];
        if let Some(payload) = item {
            messages.push_back(text(payload.unwrap()));
        }
    }
    messages
}

fn encode<T: serde::Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = vec![0; MAX_FRAME];
    let len = frame::encode(message, &mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

fn hello() -> FromGuest<'static> {
    FromGuest::Hello(Hello {
        version: PROTOCOL_VERSION,
        kernel: "0.11.0",
        overlay: "0.1.0",
        arch: "x86_64",
        build_id: &[1, 2],
        features: "uio",
        isolation: "none",
        policy: Policy::Full,
        commands: "ps ls",
        share: "/uio",
        max_requests: 3,
    })
}

fn exec(id: u32, credit: u32) -> ToGuest<'static> {
    ToGuest::Exec {
        id: RequestId(id),
        credit,
        terms: Terms::default(),
        argv: b"ps\0",
    }
}

fn stdout(id: u32, data: &[u8]) -> FromGuest<'_> {
    let id = RequestId(id);
    FromGuest::Stdout { id, data }
}

impl Bench {
    /// A guest that has said nothing yet.
    fn silent() -> Self {
        Self {
            mux: Mux::new(),
            guest_in: Deframer::new(),
        }
    }

    /// A guest that has answered.
    fn new() -> Self {
        let mut bench = Self::silent();
        assert_eq!(bench.guest_got(), ["Hello { version: 2 }"]);
        bench.guest(&hello());
        bench
    }

    /// A client whose session is open.
    fn client(&mut self) -> ClientId {
        let id = self.mux.connect();
        self.send(
            id,
            &ToGuest::Hello {
                version: PROTOCOL_VERSION,
            },
        );
        assert!(self.client_got(id)[0].starts_with("Hello(Hello { version: 2"));
        id
    }

    fn send(&mut self, client: ClientId, message: &ToGuest<'_>) {
        self.mux.from_client(client, &encode(message));
    }

    fn guest(&mut self, message: &FromGuest<'_>) {
        self.mux.from_guest(&encode(message));
    }

    /// What went to the guest since the last call.
    fn guest_got(&mut self) -> VecDeque<String> {
        let mut bytes = Vec::new();
        while let [_, ..] = self.mux.guest_output() {
            bytes.extend_from_slice(self.mux.guest_output());
            self.mux.guest_sent(self.mux.guest_output().len());
        }
        texts(&bytes, &mut self.guest_in, |payload| {
            format!(
                "{:?}",
                frame::decode_payload::<ToGuest<'_>>(payload).unwrap()
            )
        })
    }

    /// What went to a client since the last call.
    fn client_got(&mut self, id: ClientId) -> VecDeque<String> {
        let mut bytes = Vec::new();
        while let [_, ..] = self.mux.client_output(id) {
            bytes.extend_from_slice(self.mux.client_output(id));
            self.mux.client_sent(id, self.mux.client_output(id).len());
        }
        texts(&bytes, &mut Deframer::new(), |payload| {
            format!(
                "{:?}",
                frame::decode_payload::<FromGuest<'_>>(payload).unwrap()
            )
        })
    }

    /// What closed a client's session; nothing else was left for it.
    fn closed(&mut self, id: ClientId) -> String {
        assert!(self.mux.is_closing(id));
        let last = self.client_got(id).pop_back().unwrap();
        assert!(self.mux.is_done(id));
        last
    }

    /// The guest still serves a client that connects now.
    fn still_serves(&mut self) {
        self.guest_got();
        let client = self.client();
        self.send(client, &exec(5, 1000));
        let asked = self.guest_got().pop_back().unwrap();
        let id: u32 = asked.split(['(', ')']).nth(1).unwrap().parse().unwrap();
        self.guest(&stdout(id, b"alive"));
        let status = 0;
        self.guest(&FromGuest::Exit {
            id: RequestId(id),
            status,
        });
        assert_eq!(self.client_got(client).len(), 2);
        self.mux.disconnect(client);
    }
}

#[test]
fn a_client_waits_until_the_guest_has_answered() {
    let mut mux = Mux::new();
    let client = mux.connect();
    mux.from_client(
        client,
        &encode(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        }),
    );
    assert!(mux.client_output(client).is_empty());
    mux.from_guest(b"boot noise\0");
    mux.from_guest(&encode(&hello()));
    assert!(!mux.client_output(client).is_empty());
    assert!(mux.is_open());
}

#[test]
fn two_clients_with_the_same_identifiers_do_not_meet() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.send(a, &exec(7, 1000));
    bench.send(b, &exec(7, 1000));
    let asked = bench.guest_got();
    assert!(asked[0].contains("RequestId(0)") && asked[1].contains("RequestId(1)"));
    bench.guest(&stdout(1, b"for b"));
    bench.guest(&stdout(0, b"for a"));
    let id = RequestId(0);
    bench.guest(&FromGuest::Record {
        id,
        record: Record::Copied { bytes: 9 },
    });
    bench.guest(&FromGuest::Exit { id, status: 3 });
    let to_a = bench.client_got(a);
    assert_eq!(to_a.len(), 3);
    assert!(to_a.iter().all(|message| message.contains("RequestId(7)")));
    assert!(to_a[2].contains("status: 3"));
    assert_eq!(bench.client_got(b).len(), 1);
    // The identifier is free again once its end was read, for both sides.
    bench.send(a, &exec(7, 1000));
    assert!(bench.guest_got()[0].contains("RequestId(0)"));
}

#[test]
fn messages_are_as_long_for_the_guest_as_for_the_client() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.send(client, &exec(u32::MAX, 1 << 20));
    let asked = bench.guest_got().pop_back().unwrap();
    assert!(asked.contains("RequestId(268435456)"), "{asked}");
    let id = RequestId(0x1000_0000);
    let data = [1; MAX_PAYLOAD - 32];
    let record = Record::Bytes {
        at: u64::MAX,
        data: &data,
    };
    bench.guest(&FromGuest::Record { id, record });
    assert_eq!(bench.client_got(client).len(), 1);
}

#[test]
fn a_client_that_never_reads_stalls_alone() {
    let mut bench = Bench::new();
    let silent = bench.client();
    bench.send(silent, &exec(1, u32::MAX));
    let asked = bench.guest_got().pop_back().unwrap();
    assert!(
        asked.contains(&format!("credit: {WINDOW}")),
        "no more than a window: {asked}"
    );
    let data = [0; MAX_DATA];
    let frames = WINDOW as usize / cost(MAX_DATA + 4) as usize;
    for _ in 0..frames {
        bench.guest(&stdout(0, &data));
    }
    assert!(
        bench.guest_got().is_empty(),
        "nothing was read, so no credit is renewed"
    );
    bench.still_serves();
    // Once it reads, its credit is renewed.
    assert_eq!(bench.client_got(silent).len(), frames);
    assert!(
        bench
            .guest_got()
            .iter()
            .any(|message| message.starts_with("Credit"))
    );
}

#[test]
fn a_client_whose_queue_is_high_is_not_read_from() {
    let mut bench = Bench::new();
    let (silent, other) = (bench.client(), bench.client());
    bench.send(silent, &exec(1, u32::MAX));
    let data = [0; MAX_DATA];
    // More than its window: what counts here is how much waits, however it came.
    for _ in 0..=QUEUE_HIGH / MAX_DATA {
        assert!(bench.mux.reads_from(silent));
        bench.guest(&stdout(0, &data));
    }
    assert!(!bench.mux.reads_from(silent));
    assert!(bench.mux.reads_from(other));
    bench.client_got(silent);
    assert!(bench.mux.reads_from(silent));
}

#[test]
fn credit_ends_at_what_the_client_gave_and_does_not_overflow() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.send(client, &exec(1, 100));
    assert!(bench.guest_got()[0].contains("credit: 100"));
    bench.guest(&stdout(0, &[0; 80]));
    bench.client_got(client);
    assert!(bench.guest_got().is_empty());
    let id = RequestId(1);
    for _ in 0..3 {
        bench.send(
            client,
            &ToGuest::Credit {
                id,
                bytes: u32::MAX,
            },
        );
    }
    let given: Vec<String> = bench.guest_got().into();
    assert_eq!(given.len(), 1, "bounded by the window: {given:?}");
    bench.still_serves();
}

#[test]
fn a_client_that_vanishes_gets_its_requests_interrupted_and_drained() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.send(client, &exec(1, 50));
    bench.guest_got();
    let half = &encode(&exec(2, 50))[..5];
    bench.mux.from_client(client, half);
    bench.mux.disconnect(client);
    let told = bench.guest_got();
    assert_eq!(told[0], "Interrupt { id: RequestId(0) }");
    assert!(
        told[1].starts_with("Credit"),
        "so that it can end: {told:?}"
    );
    for _ in 0..100 {
        bench.guest(&stdout(0, &[0; MAX_DATA]));
    }
    assert!(
        bench
            .guest_got()
            .iter()
            .all(|message| message.starts_with("Credit"))
    );
    assert_eq!(bench.mux.open_requests(), 1);
    let id = RequestId(0);
    bench.guest(&FromGuest::Exit { id, status: 130 });
    assert_eq!(bench.mux.open_requests(), 0);
    bench.still_serves();
}

#[test]
fn bad_frames_end_the_session_and_never_reach_the_guest() {
    let mut oversized = vec![7; 2 * MAX_FRAME];
    oversized.push(0);
    let truncated = [&encode(&exec(1, 1))[..4], &[0]].concat();
    let unknown = encode(&200u8);
    let wrong_side = encode(&hello());
    let cases = [
        (oversized, "Oversized"),
        (truncated, "Malformed"),
        (unknown, "Malformed"),
        (wrong_side, "Malformed"),
    ];
    for (bytes, reason) in cases {
        let mut bench = Bench::new();
        let bystander = bench.client();
        bench.send(bystander, &exec(1, 10));
        let client = bench.client();
        bench.guest_got();
        bench.mux.from_client(client, &bytes);
        assert!(bench.guest_got().is_empty(), "{reason}");
        assert!(bench.closed(client).contains(reason), "{reason}");
        assert!(!bench.mux.is_closing(bystander));
        bench.still_serves();
    }
}

#[test]
fn random_bytes_never_reach_the_guest() {
    let mut seed = 0x2545_f491u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut bench = Bench::new();
    for _ in 0..300 {
        let client = bench.client();
        let noise: Vec<u8> = (0..random() % 600).map(|_| random() as u8).collect();
        bench.mux.from_client(client, &noise);
        for message in bench.guest_got() {
            // The odds that noise makes a message are small; what it makes is one, not noise.
            assert!(message.starts_with("Exec"), "{message}");
        }
        bench.mux.disconnect(client);
        bench.guest_got();
        let open: Vec<u32> = (0..8).collect();
        for id in open {
            bench.guest(&FromGuest::Exit {
                id: RequestId(id),
                status: 0,
            });
        }
    }
    bench.still_serves();
}

#[test]
fn the_order_of_a_session_is_kept() {
    let reasons: [(&[ToGuest<'_>], &str); 4] = [
        (&[exec(1, 1)], "NoHello"),
        (&[ToGuest::Hello { version: 99 }], "Version(2)"),
        (
            &[
                ToGuest::Hello {
                    version: PROTOCOL_VERSION,
                },
                exec(1, 1),
                exec(1, 1),
            ],
            "DuplicateId",
        ),
        (
            &[
                ToGuest::Hello {
                    version: PROTOCOL_VERSION,
                },
                exec(1, 1),
                ToGuest::Stdin {
                    id: RequestId(1),
                    data: b"uninvited",
                },
            ],
            "Overrun",
        ),
    ];
    for (messages, reason) in reasons {
        let mut bench = Bench::new();
        let client = bench.mux.connect();
        for message in messages {
            bench.send(client, message);
        }
        assert!(bench.closed(client).contains(reason), "{reason}");
        bench.still_serves();
    }
}

#[test]
fn standard_input_goes_as_far_as_its_credit() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.send(client, &exec(9, 100));
    bench.guest_got();
    bench.guest(&FromGuest::Credit {
        id: RequestId(0),
        bytes: 4,
    });
    assert!(bench.client_got(client)[0].contains("id: RequestId(9), bytes: 4"));
    let id = RequestId(9);
    bench.send(client, &ToGuest::Stdin { id, data: b"four" });
    bench.send(client, &ToGuest::StdinEnd { id });
    bench.send(client, &ToGuest::StdinEnd { id });
    bench.send(client, &ToGuest::Interrupt { id });
    bench.send(client, &ToGuest::Interrupt { id });
    let told = bench.guest_got();
    assert_eq!(told.len(), 3, "{told:?}");
    bench.send(client, &ToGuest::Stdin { id, data: b"" });
    assert!(bench.closed(client).contains("Overrun"), "it had ended");
}

#[test]
fn messages_for_a_request_that_has_ended_are_no_fault() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.send(client, &exec(1, 100));
    bench.guest_got();
    let id = RequestId(0);
    bench.guest(&FromGuest::Exit { id, status: 0 });
    let id = RequestId(1);
    for message in [
        ToGuest::Interrupt { id },
        ToGuest::Credit { id, bytes: 9 },
        ToGuest::Stdin { id, data: b"late" },
    ] {
        bench.send(client, &message);
    }
    assert!(!bench.mux.is_closing(client));
    assert!(bench.guest_got().is_empty());
}

#[test]
fn no_client_has_more_requests_than_the_guest_takes() {
    let mut bench = Bench::new();
    let client = bench.client();
    for id in 0..4 {
        bench.send(client, &exec(id, 10));
    }
    assert_eq!(bench.guest_got().len(), 3);
    let answers = bench.client_got(client);
    assert!(answers[0].contains("Busy { max: 3 }"));
    assert!(answers[1].contains("Exit { id: RequestId(3)"));
}

#[test]
fn a_second_hello_begins_a_new_session() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.send(client, &exec(1, 1000));
    bench.guest(&stdout(0, b"old"));
    bench.send(
        client,
        &ToGuest::Hello {
            version: PROTOCOL_VERSION,
        },
    );
    assert_eq!(bench.client_got(client).len(), 1, "the hello alone");
    assert!(
        bench
            .guest_got()
            .iter()
            .any(|message| message.starts_with("Interrupt"))
    );
    bench.guest(&stdout(0, b"old"));
    assert!(bench.client_got(client).is_empty());
    bench.send(client, &exec(1, 10));
    assert!(
        bench
            .guest_got()
            .pop_back()
            .unwrap()
            .contains("Exec { id: RequestId(1)")
    );
}

#[test]
fn a_guest_that_sends_garbage_is_greeted_anew() {
    for garbage in [&b"\x05abc\0"[..], &[3, 99, 99, 0]] {
        let mut bench = Bench::new();
        let client = bench.client();
        bench.send(client, &exec(1, 1000));
        bench.guest_got();
        bench.mux.from_guest(garbage);
        assert!(bench.closed(client).contains("Malformed"));
        assert_eq!(bench.guest_got(), ["Hello { version: 2 }"]);
        assert!(!bench.mux.is_open() && bench.mux.may_greet_again());
        // Frames of the old session that are still on their way mean nothing.
        bench.guest(&stdout(0, b"old"));
        bench.mux.from_guest(garbage);
        let waiting = bench.mux.connect();
        bench.send(
            waiting,
            &ToGuest::Hello {
                version: PROTOCOL_VERSION,
            },
        );
        assert!(bench.client_got(waiting).is_empty());
        bench.guest(&hello());
        assert_eq!(bench.client_got(waiting).len(), 1);
        bench.still_serves();
    }
}

#[test]
fn a_hello_that_was_lost_is_said_again() {
    let mut bench = Bench::new();
    bench.mux.from_guest(&[3, 99, 99, 0]);
    bench.guest_got();
    bench.mux.greet_again();
    assert_eq!(bench.guest_got(), ["Hello { version: 2 }"]);
    bench.guest(&hello());
    bench.still_serves();
}

#[test]
fn a_guest_that_closes_or_restarts_the_session_ends_those_of_the_clients() {
    let reason = CloseReason::Flooded;
    for message in [FromGuest::Closed { reason }, hello()] {
        let mut bench = Bench::new();
        let client = bench.client();
        bench.send(client, &exec(1, 1000));
        bench.guest_got();
        bench.guest(&message);
        assert!(bench.closed(client).starts_with("Closed"));
        bench.guest(&hello());
        bench.still_serves();
    }
}

#[test]
fn a_guest_of_another_version_is_named_to_every_client() {
    let mut mux = Mux::new();
    let reason = CloseReason::Version(9);
    let early = mux.connect();
    mux.from_client(
        early,
        &encode(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        }),
    );
    mux.from_guest(&encode(&FromGuest::Closed { reason }));
    let late = mux.connect();
    mux.from_client(
        late,
        &encode(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        }),
    );
    let expected = encode(&FromGuest::Closed { reason });
    assert_eq!(mux.client_output(early), expected);
    assert_eq!(mux.client_output(late), expected);
}

#[test]
fn a_guest_that_ignores_its_credit_costs_its_client_the_session() {
    let mut bench = Bench::new();
    let client = bench.client();
    bench.send(client, &exec(1, 10));
    bench.guest_got();
    let data = [0; MAX_DATA];
    for _ in 0..=QUEUE_LIMIT / MAX_DATA {
        bench.guest(&stdout(0, &data));
    }
    assert!(bench.mux.is_closing(client));
    assert!(
        bench
            .guest_got()
            .iter()
            .any(|message| message.starts_with("Interrupt"))
    );
}

#[test]
fn a_guest_that_says_nothing_at_its_start_is_greeted_a_few_times() {
    let mut bench = Bench::silent();
    bench.guest_got();
    let mut greetings = 1;
    while bench.mux.may_greet_again() {
        bench.mux.greet_again();
        assert_eq!(bench.guest_got(), ["Hello { version: 2 }"]);
        greetings += 1;
    }
    assert_eq!(greetings, 6);
    // It answers each of them, and the session is open after the last answer.
    for _ in 0..greetings {
        assert!(!bench.mux.is_open());
        bench.guest(&hello());
    }
    assert!(bench.mux.is_open());
    bench.still_serves();
}

/// What the guest gets for requests of these policies, one after the other.
fn policies(bench: &mut Bench, client: ClientId, asked: &[Policy]) -> Vec<Policy> {
    let mut got = Vec::new();
    for &policy in asked {
        let terms = Terms {
            policy,
            ..Terms::default()
        };
        bench.guest_got();
        bench.send(
            client,
            &ToGuest::Exec {
                id: RequestId(1),
                credit: 1000,
                terms,
                argv: b"ps\0",
            },
        );
        let text = bench.guest_got().pop_front().unwrap();
        let id = text.split(['(', ')']).nth(1).unwrap().parse().unwrap();
        bench.guest(&FromGuest::Exit {
            id: RequestId(id),
            status: 0,
        });
        bench.client_got(client);
        let mut all = Policy::ALL.into_iter();
        got.extend(all.find(|policy| text.contains(&format!("policy: {policy:?}"))));
    }
    got
}

#[test]
fn a_clients_policy_is_lowered_and_never_raised() {
    use Policy::{Control, Full, Observe};
    let mut bench = Bench::new();
    let (one, other) = (bench.client(), bench.client());
    let got = policies(&mut bench, one, &[Full, Control, Full, Observe, Control]);
    assert_eq!(got, [Full, Control, Control, Observe, Observe]);
    assert_eq!(policies(&mut bench, other, &[Full]), [Full]);
    // A new session of the same client is no way around.
    bench.mux.from_client(
        one,
        &encode(&ToGuest::Hello {
            version: PROTOCOL_VERSION,
        }),
    );
    assert_eq!(policies(&mut bench, one, &[Full]), [Observe]);
}

/// A share with one file, which is always the same.
struct OneFile;

const ONE: Fresh = Fresh(*b"one file");

impl Files for OneFile {
    fn of(&self, mount: &[u8], argv: &[u8]) -> Option<Fresh> {
        (mount == b"/uio" && argv.starts_with(b"run\0")).then_some(ONE)
    }
}

#[test]
fn what_a_file_is_like_is_the_brokers_to_say() {
    let mut bench = Bench::new();
    let lie = Fresh(*b"a lie...");
    let exec = |id, fresh, argv| ToGuest::Exec {
        id: RequestId(id),
        credit: 1000,
        terms: Terms {
            fresh,
            ..Terms::default()
        },
        argv,
    };
    let client = bench.client();
    bench.guest_got();
    bench
        .mux
        .from_client(client, &encode(&exec(1, Some(lie), b"run\0x.o\0")));
    assert!(
        bench.guest_got()[0].contains("fresh: None"),
        "nothing is known of the share"
    );
    bench.mux.watch(Box::new(OneFile));
    bench
        .mux
        .from_client(client, &encode(&exec(2, Some(lie), b"run\0x.o\0")));
    assert!(bench.guest_got()[0].contains(&format!("fresh: Some({ONE:?})")));
    // What fills its frame goes without.
    let mut long = b"run\0x.o\0".to_vec();
    while long.len() + 1000 < MAX_PAYLOAD {
        long.extend([b'x'; 999]);
        long.push(0);
    }
    long.extend(vec![b'y'; MAX_PAYLOAD - 12 - long.len()]);
    long.push(0);
    bench
        .mux
        .from_client(client, &encode(&exec(3, None, &long)));
    let got = bench.guest_got();
    assert!(got[0].contains("fresh: None"), "{got:?}");
}
