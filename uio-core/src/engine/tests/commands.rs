//! The commands that are not about files.

use std::vec::Vec;

use uio_console::Policy;
use uio_console::record::{Failure, Job, Record, UsageProblem};

use crate::fake::{Answer, Host};

fn lines(answer: &Answer) -> Vec<u64> {
    let number = |record| match record {
        Record::Log(line) => line.number,
        other => panic!("{other:?}"),
    };
    answer.records().map(number).collect()
}

#[test]
fn help_names_every_command() {
    let mut host = Host::connected();
    let answer = host.run(&["help"]);
    let names: Vec<_> = answer
        .records()
        .map(|record| match record {
            Record::Command { name } => name,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names.join(" "), crate::commands::NAMES);
    for name in names {
        assert_eq!(crate::commands::find(name.as_bytes()).unwrap().name, name);
    }
}

#[test]
fn inline_commands_answer() {
    let mut host = Host::connected();
    let answer = host.run(&["version"]);
    assert_eq!(
        answer.records().next(),
        Some(Record::Version {
            kernel: "hermit 0.11.0",
            overlay: crate::VERSION,
            arch: "x86_64",
            build_id: &[0xb1, 0x1d],
            features: "pci uio",
            isolation: "none",
            policy: Policy::Full,
        })
    );
    let answer = host.run(&["free"]);
    assert!(matches!(
        answer.records().next(),
        Some(Record::Memory(memory)) if memory.heap_used == 3 << 20
            && memory.programs == 0
            && memory.overlay > 12 << 10
    ));
    let answer = host.run(&["uptime"]);
    assert!(matches!(
        answer.records().next(),
        Some(Record::Uptime { cores: 1, now_us, .. }) if now_us > 1_700_000_000_000_000
    ));
    assert_eq!(
        host.platform
            .spawned
            .load(std::sync::atomic::Ordering::SeqCst),
        0,
        "no worker was needed"
    );
}

#[test]
fn exit_gives_its_status() {
    let mut host = Host::connected();
    for (args, status) in [
        (&["exit"][..], 0),
        (&["exit", "255"], 255),
        (&["exit", "256"], 2),
        (&["exit", "-1"], 2),
        (&["exit", "1", "2"], 2),
    ] {
        assert_eq!(host.run(args).status, Some(status), "{args:?}");
    }
}

#[test]
fn ps_lists_tasks_and_requests() {
    let mut host = Host::connected();
    host.platform.tasks.lock().unwrap().extend(
        // More than one batch.
        (10..500).map(|id| (id, std::format!("thread {id}"))),
    );
    let answer = host.run(&["ps"]);
    let ids: Vec<_> = answer
        .records()
        .filter_map(|record| match record {
            Record::Task(task) => Some(task.id),
            _ => None,
        })
        .collect();
    let want: Vec<_> = (0..3).chain(10..500).collect();
    assert_eq!(ids, want);
    assert!(matches!(
        answer.records().last(),
        Some(Record::Job(Job { name: b"ps", .. }))
    ));
}

#[test]
fn log_shows_the_last_lines() {
    let mut host = Host::connected();
    host.platform
        .log_start
        .store(100, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(lines(&host.run(&["log"])), []);
    for number in 0..300 {
        let line = std::format!("line {number}");
        host.platform.log.lock().unwrap().push(line);
    }
    let all: Vec<u64> = (100..400).collect();
    assert_eq!(lines(&host.run(&["log"])), all);
    assert_eq!(lines(&host.run(&["log", "-n", "3"])), [397, 398, 399]);
    assert_eq!(lines(&host.run(&["log", "-n9999"])), all);
    assert_eq!(lines(&host.run(&["log", "-n", "0"])), []);
    assert_eq!(host.run(&["log", "-n", "x"]).status, Some(2));
    assert_eq!(host.run(&["log", "x"]).status, Some(2));
}

#[test]
fn every_form_of_a_signal_reaches_the_handler() {
    let mut host = Host::connected();
    host.platform.handlers.lock().unwrap().extend([1, 10, 15]);
    for args in [
        &["kill", "HUP"][..],
        &["kill", "-HUP"],
        &["kill", "SIGHUP"],
        &["kill", "hup"],
        &["kill", "1"],
        &["kill", "-1"],
        &["kill", "-s", "HUP"],
        &["kill", "--", "HUP"],
    ] {
        assert_eq!(host.run(args).status, Some(0), "{args:?}");
    }
    assert_eq!(*host.platform.signals.lock().unwrap(), [1; 8]);
    host.run(&["kill", "USR1"]);
    host.run(&["kill", "-TERM"]);
    assert_eq!(host.platform.signals.lock().unwrap()[8..], [10, 15]);
    let answer = host.run(&["kill", "USR2"]);
    assert_eq!(answer.status, Some(1));
    let none = Failure::NoHandler { signal: 12 };
    assert_eq!(answer.failures, [Host::text(&none)]);
}

#[test]
fn kill_refuses_what_is_no_signal() {
    let mut host = Host::connected();
    for (args, arg, problem) in [
        (&["kill"][..], 0, UsageProblem::Missing),
        (&["kill", "-s"], 1, UsageProblem::Missing),
        (&["kill", "FOO"], 1, UsageProblem::UnknownSignal),
        (&["kill", "0"], 1, UsageProblem::UnknownSignal),
        (&["kill", "32"], 1, UsageProblem::UnknownSignal),
        (&["kill", "SIG"], 1, UsageProblem::UnknownSignal),
        (&["kill", "-s", ""], 2, UsageProblem::UnknownSignal),
        (&["kill", ""], 1, UsageProblem::UnknownSignal),
        (&["kill", "%x"], 1, UsageProblem::NotANumber),
        (&["kill", "HUP", "1"], 2, UsageProblem::Extra),
        (&["kill", "-s", "HUP", "1"], 3, UsageProblem::Extra),
    ] {
        let answer = host.run(args);
        assert_eq!(answer.status, Some(2), "{args:?}");
        assert_eq!(
            answer.failures,
            [Host::text(&Failure::Usage { arg, problem })]
        );
    }
    let list = host.run(&["kill", "-l"]).stdout;
    assert!(list.starts_with(b"HUP INT QUIT ") && list.ends_with(b" SYS\n"));
}

#[test]
fn peek_shows_memory_up_to_where_it_ends() {
    let mut host = Host::connected();
    let bytes: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
    host.platform
        .memory
        .lock()
        .unwrap()
        .insert(0x1000, bytes.clone());
    let show = |host: &mut Host, args: &[&str]| {
        let answer = host.run(args);
        let mut all = Vec::new();
        for record in answer.records() {
            let Record::Bytes { at, data } = record else {
                panic!("{record:?}");
            };
            assert_eq!(at, 0x1000 + all.len() as u64);
            all.extend_from_slice(data);
        }
        (all, answer.failures, answer.status)
    };
    let (seen, _, status) = show(&mut host, &["peek", "0x1000"]);
    assert_eq!((&seen[..], status), (&bytes[..64], Some(0)));
    let (seen, ..) = show(&mut host, &["peek", "4096", "0"]);
    assert_eq!(seen, []);
    let (seen, failures, status) = show(&mut host, &["peek", "0x1000", "0x2000"]);
    assert_eq!((seen, status), (bytes, Some(1)));
    let bad = Failure::BadAddress {
        address: 0x1000 + 5000,
    };
    assert_eq!(failures, [Host::text(&bad)]);
    for (args, status) in [
        (&["peek"][..], 2),
        (&["peek", "0x1000", "x"], 2),
        (&["peek", "0x1000", "99999999"], 2),
        (&["peek", "1", "2", "3"], 2),
        (&["peek", "0"], 1),
        (&["peek", "0xffffffffffffffff", "64"], 1),
        (&["peek", "0xffffffffffffffff+9", "64"], 1),
        (&["peek", "no_such_symbol"], 1),
    ] {
        let answer = host.run(args);
        assert_eq!(answer.status, Some(status), "{args:?}");
        assert_eq!(answer.failures.len(), 1, "{args:?}");
    }
}
