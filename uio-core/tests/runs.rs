//! `run`, on fakes: what is loaded when, within what bounds programs run, and what is told of how they end.

#[allow(dead_code, reason = "the linker's tests use the rest of it")]
#[path = "linker/builder.rs"]
mod builder;

use std::sync::atomic::Ordering::SeqCst;

use uio_console::record::{Bounds, Failure, Frame, Job, JobState, Owner, Record, UsageProblem};
use uio_console::{Fresh, Policy, Terms};
use uio_core::fake::{Answer, Host};
use uio_core::isolation::{End, Fault, Limits};

use builder::{ALLOC, EXECUTE, GLOBAL_FUNCTION, Object, PROGBITS, Section};

const PATH: &str = "/uio/x.o";

/// An object with `main` in one section of code and `helper` at 0x20 of another.
fn object() -> Vec<u8> {
    Object::new()
        .section(Section {
            name: ".text.helper",
            kind: PROGBITS,
            flags: ALLOC | EXECUTE,
            align: 16,
            contents: vec![0xc3; 0x40],
            ..Section::default()
        })
        .symbol("helper", GLOBAL_FUNCTION, 2, 0x20)
        .build()
}

fn host() -> Host {
    let host = Host::connected();
    host.files.add(PATH, &object());
    host
}

/// Whether a program was loaded for the run.
fn loaded(answer: &Answer) -> bool {
    let loaded = |record| matches!(record, Record::Loaded { .. });
    answer.records().any(loaded)
}

fn failed(answer: &Answer, failure: &Failure<'_>) {
    assert_eq!(answer.failures, [Host::text(failure)]);
}

/// What the file is like, as a host sees it.
fn fresh(host: &mut Host) -> Fresh {
    match host.run(&["stat", PATH]).records().next() {
        Some(Record::Stat(stat)) => Fresh::of(stat.size, stat.modified_ns, stat.inode),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_in_memory_is_run_without_asking_if_the_host_knows_the_file() {
    let mut host = host();
    let seen = fresh(&mut host);
    assert!(loaded(&host.run(&["run", PATH])));
    let asked = host.files.asked();
    assert!(!loaded(&host.run(&["run", PATH])));
    assert!(host.files.asked() > asked, "nobody said that it is fresh");
    let asked = host.files.asked();
    host.terms.fresh = Some(seen);
    for _ in 0..3 {
        assert!(!loaded(&host.run(&["run", PATH, "argument"])));
    }
    assert_eq!(host.files.asked(), asked);
    // A path of another form takes the long way to the same program.
    assert!(!loaded(&host.run(&["run", "x.o"])));
    assert!(host.files.asked() > asked);
    assert_eq!(host.isolation.runs.load(SeqCst), 6);
}

#[test]
fn a_changed_file_is_loaded_again_whatever_the_host_says() {
    let mut host = host();
    host.run(&["run", PATH]);
    let old = fresh(&mut host);
    // Of the same size, with another time of modification.
    host.files.touch();
    let new = fresh(&mut host);
    assert_ne!(new, old);
    host.terms.fresh = Some(new);
    assert!(loaded(&host.run(&["run", PATH])));
    assert!(!loaded(&host.run(&["run", PATH])));
    // Of other numbers, as with a server that makes up its own: the server is asked.
    let asked = host.files.asked();
    host.terms.fresh = Some(Fresh::of(1, 2, 3));
    assert!(!loaded(&host.run(&["run", PATH])));
    assert!(host.files.asked() > asked);
    // A hint for a file that was never loaded is none.
    host.terms.fresh = Some(new);
    assert!(!loaded(&host.run(&["run", "/uio/none.o"])));
}

#[test]
fn options_become_limits() {
    let mut host = host();
    let default = Limits {
        policy: Policy::Full,
        time_ms: Some(10_000),
        cpu_share: Limits::CPU_SHARE,
        below: false,
    };
    let cases: [(&[&str], Limits); 6] = [
        (&[], default),
        (
            &["--timeout", "500ms"],
            Limits {
                time_ms: Some(500),
                ..default
            },
        ),
        (
            &["--timeout=none", "--cpu-share=100"],
            Limits {
                time_ms: None,
                cpu_share: 100,
                ..default
            },
        ),
        (
            &["--priority", "below", "--timeout", "2m"],
            Limits {
                below: true,
                time_ms: Some(120_000),
                ..default
            },
        ),
        (&["--priority=above"], default),
        (&["--"], default),
    ];
    for (options, limits) in cases {
        let argv: Vec<&str> = [&["run"], options, &[PATH, "--timeout", "x"]].concat();
        host.isolation.set_program(|_, argv| {
            assert_eq!(argv, b"/uio/x.o\0--timeout\0x\0");
            End::Exited(7)
        });
        assert_eq!(host.run(&argv).status, Some(7), "{options:?}");
        assert_eq!(host.isolation.limits.lock().unwrap().pop(), Some(limits));
    }
}

#[test]
fn bad_options_are_named() {
    use UsageProblem::{Missing, NotANumber, NotATime, OutOfRange, UnknownOption, UnknownWord};
    let mut host = host();
    let cases: [(&[&str], u8, UsageProblem); 11] = [
        (&["run"], 0, Missing),
        (&["run", "--timeout"], 1, Missing),
        (&["run", "--timeout", "2s"], 2, Missing),
        (&["run", "--timeout", "soon", PATH], 2, NotATime),
        (&["run", "--timeout=soon", PATH], 1, NotATime),
        (&["run", "--timeout", "0", PATH], 2, OutOfRange),
        (&["run", "--cpu-share", "101", PATH], 2, OutOfRange),
        (
            &["run", "--timeout=1s", "--cpu-share", "all", PATH],
            3,
            NotANumber,
        ),
        (&["run", "--priority", "high", PATH], 2, UnknownWord),
        (&["run", "--verbose", "x", PATH], 1, UnknownOption),
        (&["run", "-v", PATH], 1, UnknownOption),
    ];
    for (argv, arg, problem) in cases {
        let answer = host.run(argv);
        assert_eq!(answer.status, Some(2), "{argv:?}");
        failed(&answer, &Failure::Usage { arg, problem });
    }
    assert_eq!(host.isolation.runs.load(SeqCst), 0);
}

#[test]
fn a_program_at_its_limit_is_told() {
    let mut host = host();
    host.isolation.set_program(|_, _| End::TimedOut);
    let answer = host.run(&["run", "--timeout", "1500ms", PATH]);
    assert_eq!(answer.status, Some(124));
    failed(&answer, &Failure::TimedOut { ms: 1500 });
    host.isolation.set_program(|_, _| End::Interrupted);
    let answer = host.run(&["run", PATH]);
    assert_eq!(answer.status, Some(130));
    failed(&answer, &Failure::Interrupted);
}

fn limits_of_a_run(host: &mut Host, policy: Policy) -> Policy {
    host.terms.policy = policy;
    assert_eq!(host.run(&["run", PATH]).status, Some(0));
    let limits = host.isolation.limits.lock().unwrap().pop();
    limits.expect("it ran").policy
}

#[test]
fn the_lower_of_both_policies_is_in_force() {
    use Policy::{Control, Full, Observe};
    let mut host = host();
    for (machine, session, in_force) in [
        (Full, Full, Full),
        (Full, Observe, Observe),
        (Control, Full, Control),
        (Control, Observe, Observe),
        (Observe, Full, Observe),
    ] {
        *host.isolation.policy.lock().unwrap() = machine;
        assert_eq!(limits_of_a_run(&mut host, session), in_force);
        let answer = host.run(&["policy"]);
        let told = Record::Policy {
            machine,
            session: in_force,
        };
        assert_eq!(answer.records().next(), Some(told));
    }
}

#[test]
fn a_policy_is_lowered_and_never_raised() {
    let mut host = host();
    host.terms.policy = Policy::Control;
    for name in ["control", "observe"] {
        let answer = host.run(&["policy", name]);
        assert_eq!(answer.status, Some(0));
        let told = Record::Policy {
            machine: Policy::Full,
            session: Policy::from_name(name.as_bytes()).unwrap(),
        };
        assert_eq!(answer.records().collect::<Vec<_>>(), [told]);
    }
    let answer = host.run(&["policy", "full"]);
    assert_eq!(answer.status, Some(1));
    failed(
        &answer,
        &Failure::NotRaised {
            policy: Policy::Control,
        },
    );
    let answer = host.run(&["policy", "none"]);
    assert_eq!(answer.status, Some(2));
}

/// The jobs that `jobs` lists, their names and ages apart.
fn jobs(host: &mut Host) -> Vec<(String, Job<'static>)> {
    let answer = host.run(&["jobs"]);
    let owned = |record| match record {
        Record::Job(job) => (
            String::from_utf8(job.name.to_vec()).unwrap(),
            Job { name: b"", ..job },
        ),
        other => panic!("{other:?}"),
    };
    answer.records().map(owned).collect()
}

#[test]
fn jobs_tell_of_the_bounds_of_programs() {
    let mut host = host();
    let engine = host.engine;
    host.isolation.set_program(move |worker, _| {
        while engine.job(worker).sleep_ms(1000) == 0 {}
        End::Interrupted
    });
    let id = host.start(8192, &["run", "--timeout", "3s", "--priority=below", PATH]);
    host.until(|host| host.isolation.runs.load(SeqCst) == 1)
        .unwrap();
    host.platform.skip_ms(1234);
    let listed = jobs(&mut host);
    let (name, job) = &listed[0];
    assert_eq!(name, PATH);
    assert_eq!(job.state, JobState::Running);
    assert!((1234..60_000).contains(&job.age_ms), "{}", job.age_ms);
    let bounds = Bounds {
        policy: Policy::Full,
        time_ms: Some(3000),
        cpu_share: Limits::CPU_SHARE,
        below: true,
    };
    assert_eq!(job.bounds, Some(bounds));
    let (name, job) = &listed[1];
    assert_eq!((&**name, job.bounds), ("jobs", None));
    let number = listed[0].1.number;
    assert_eq!(host.run(&["kill", &format!("%{number}")]).status, Some(0));
    assert_eq!(host.exit(id).unwrap().status, Some(130));
}

#[test]
fn an_announced_request_tells_its_number_first() {
    let mut host = host();
    host.terms.announce = true;
    for argv in [&["run", PATH][..], &["version"], &["none"]] {
        let answer = host.run(argv);
        let first = answer.records().next();
        match first {
            Some(Record::Job(job)) => {
                let name = if argv.len() == 2 { argv[1] } else { argv[0] };
                assert_eq!(job.name, name.as_bytes());
                assert_eq!(job.state, JobState::Running);
                assert!(job.number != 0);
            }
            // There is no such command, and so no job.
            other => assert_eq!((other, argv), (None, &["none"][..])),
        }
    }
    host.terms = Terms::default();
    assert!(matches!(
        host.run(&["version"]).records().next(),
        Some(Record::Version { .. })
    ));
}

/// Runs a program that a fault ends; gives its answer.
fn crash(host: &mut Host, fault: impl Fn(u64) -> Fault + Send + Sync + 'static) -> Answer {
    let isolation = host.isolation;
    host.isolation.set_program(move |_, _| {
        // `main` is the first byte of the program.
        let base = *isolation.mains.lock().unwrap().last().unwrap();
        End::Fault(Box::new(fault(base)))
    });
    host.run(&["run", PATH])
}

/// The frames of an answer: name, offset, owner, whether of the caller.
fn frames(answer: &Answer) -> Vec<(String, u64, Owner, bool)> {
    let frame = |record| match record {
        Record::Frame(Frame {
            name,
            offset,
            owner,
            caller,
            ..
        }) => Some((
            String::from_utf8_lossy(name).into_owned(),
            offset,
            owner,
            caller,
        )),
        _ => None,
    };
    answer.records().filter_map(frame).collect()
}

/// An address in the image of the fake platform.
const IN_IMAGE: u64 = 0x20_1234;

fn null_write(base: u64) -> Fault {
    Fault {
        vector: 14,
        code: 6,
        instruction: base + 0x10 + 0x24,
        access: 0,
        registers: (0..16).collect(),
        flags: 0x246,
        // The second is the end of `helper`, and of its section.
        // The last is what called the program.
        frames: vec![base + 2, base + 0x10 + 0x40, 0x66, IN_IMAGE, 0x77],
        ..Fault::default()
    }
}

#[test]
fn a_fault_comes_with_registers_and_the_way_that_led_to_it() {
    let mut host = host();
    let answer = crash(&mut host, null_write);
    assert_eq!(answer.status, Some(128 + 14));
    let base = *host.isolation.mains.lock().unwrap().last().unwrap();
    failed(
        &answer,
        &Failure::Fault {
            vector: 14,
            code: 6,
            instruction: base + 0x34,
            access: 0,
            in_call: false,
        },
    );
    let general: [u64; 16] = core::array::from_fn(|index| index as u64);
    assert!(answer.records().any(|record| record
        == Record::Registers {
            general,
            flags: 0x246
        }));
    let frame = |name: &str, offset, owner| (name.to_owned(), offset, owner, false);
    assert_eq!(
        frames(&answer),
        [
            frame("helper", 4, Owner::Program),
            frame("main", 2, Owner::Program),
            frame("helper", 0x20, Owner::Program),
            frame("", 0, Owner::Nobody),
            frame("", 0x1234, Owner::Image),
        ]
    );
    // It runs again as if nothing had happened.
    host.isolation.set_program(|_, _| End::Exited(0));
    assert_eq!(host.run(&["run", PATH]).status, Some(0));
}

#[test]
fn a_fault_in_a_called_function_comes_with_both_ways() {
    let mut host = host();
    let answer = crash(&mut host, |base| Fault {
        vector: 0,
        instruction: IN_IMAGE,
        frames: vec![IN_IMAGE + 1],
        in_call: true,
        caller: vec![base + 0x10 + 0x28],
        ..Fault::default()
    });
    assert_eq!(answer.status, Some(128));
    assert_eq!(
        frames(&answer),
        [
            (String::new(), 0x1234, Owner::Image, false),
            (String::new(), 0x1235, Owner::Image, false),
            ("helper".to_owned(), 8, Owner::Program, true),
        ]
    );
    let registers = |record| matches!(record, Record::Registers { .. });
    assert!(!answer.records().any(registers), "none are known");
}

#[test]
fn without_the_file_a_fault_is_told_by_addresses() {
    let mut host = host();
    let first = crash(&mut host, null_write);
    assert_eq!(frames(&first)[0].0, "helper");
    let files = host.files.clone();
    let isolation = host.isolation;
    // It changes while the program runs.
    isolation.set_program(move |_, _| {
        files.touch();
        let base = *isolation.mains.lock().unwrap().last().unwrap();
        End::Fault(Box::new(null_write(base)))
    });
    let answer = host.run(&["run", PATH]);
    assert_eq!(answer.status, Some(128 + 14));
    let plain = (String::new(), 0x34, Owner::Program, false);
    assert_eq!(frames(&answer)[0], plain);
    // It cannot be read.
    let answer = crash(&mut host, null_write);
    assert_eq!(frames(&answer)[0].0, "helper");
    host.files.set_bad_from(1);
    let answer = crash(&mut host, null_write);
    assert_eq!(frames(&answer)[0], plain);
    assert_eq!(host.files.open_files(), 0);
}

#[test]
fn a_program_with_forbidden_code_is_refused_and_not_kept() {
    let mut host = host();
    // In the middle of `.text.helper`: section 1 has 16 bytes, and `helper` begins at 0x20.
    *host.isolation.forbidden.lock().unwrap() = vec![0x0f, 0x01, 0xef];
    let mut code = vec![0x90; 0x40];
    code[0x28..0x2b].copy_from_slice(&[0x0f, 0x01, 0xef]);
    let object = Object::new()
        .section(Section {
            name: ".text.helper",
            kind: PROGBITS,
            flags: ALLOC | EXECUTE,
            align: 16,
            contents: code.clone(),
            ..Section::default()
        })
        .symbol("helper", GLOBAL_FUNCTION, 2, 0x20);
    host.files.add(PATH, &object.build());
    let mut bytes = code[0x28..].to_vec();
    bytes.resize(30, 0);
    for _ in 0..3 {
        let answer = host.run(&["run", PATH]);
        failed(
            &answer,
            &Failure::Forbidden {
                arg: 1,
                class: "wrpkru",
                section: b".text.helper",
                offset: 0x28,
                function: b"helper",
                start: 0x20,
                within: 0,
                len: 3,
                bytes: &bytes,
            },
        );
        assert_eq!(answer.status, Some(126));
    }
    assert_eq!(host.isolation.runs.load(SeqCst), 0);
    assert!(host.run(&["programs"]).records().next().is_none());
    // What is granted later, or never was forbidden, runs.
    host.isolation.forbidden.lock().unwrap().clear();
    assert_eq!(host.run(&["run", PATH]).status, Some(0));
}

#[test]
fn a_program_with_an_unlucky_address_is_placed_elsewhere() {
    const R_X86_64_64: u32 = 1;
    let mut host = host();
    // `helper` is at 0x30 of the first memory that there is, which is at 0x30_0000.
    let mut code = vec![0x90; 0x40];
    code[0x20..0x22].copy_from_slice(&[0x48, 0xb8]);
    let object = Object::new()
        .section(Section {
            name: ".text.helper",
            kind: PROGBITS,
            flags: ALLOC | EXECUTE,
            align: 16,
            contents: code,
            ..Section::default()
        })
        .symbol("helper", GLOBAL_FUNCTION, 2, 0x20)
        .relocations(2, &[(0x22, R_X86_64_64, 2, 0)]);
    host.files.add(PATH, &object.build());
    *host.isolation.forbidden.lock().unwrap() = vec![0x30, 0x00, 0x30];
    host.isolation.within.store(2, SeqCst);
    let answer = host.run(&["run", PATH]);
    assert_eq!((answer.status, answer.failures.len()), (Some(0), 0));
    // Bytes that are the same wherever it is are refused, and told of once.
    *host.isolation.forbidden.lock().unwrap() = vec![0x48, 0xb8];
    host.run(&["unload", PATH]);
    let answer = host.run(&["run", PATH]);
    assert_eq!((answer.status, answer.failures.len()), (Some(126), 1));
    assert!(host.run(&["programs"]).records().next().is_none());
}

#[test]
fn without_isolation_no_program_is_loaded() {
    let mut host = host();
    host.isolation.unavailable.store(true, SeqCst);
    let asked = host.files.asked();
    let answer = host.run(&["run", PATH]);
    failed(&answer, &Failure::NoIsolation);
    assert_eq!(answer.status, Some(126));
    assert_eq!(host.files.asked(), asked);
    assert_eq!(host.isolation.runs.load(SeqCst), 0);
    host.isolation.unavailable.store(false, SeqCst);
    assert_eq!(host.run(&["run", PATH]).status, Some(0));
}
