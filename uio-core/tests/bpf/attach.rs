//! Attaching, detaching, swapping.

use uio_bpf::bundle::MapKind;
use uio_bpf::kind::Kind;
use uio_bpf::wire::{Trouble, What};
use uio_console::record::{Failure, UsageProblem};
use uio_core::fake::Host;

use crate::support::*;

/// Where the fake image is.
const BASE: u64 = 0x20_0000;

fn four() -> Vec<u8> {
    bundle(
        vec![map_def("counts", MapKind::Array, 4, 8, 2)],
        vec![
            program("enter", Kind::Fentry, "", &counter(1)),
            program("leave", Kind::Fexit, "", &counter(10)),
            program("allow", Kind::Probe, "web.request", &countdown(1)),
            program("tick", Kind::Timer, "99hz", &counter(100)),
            program("once", Kind::Executable, "", &countdown(1)),
        ],
    )
}

#[test]
fn programs_run_where_they_are_attached() {
    let mut host = Host::connected();
    load(&mut host, &four());
    let tracing = tracing(&host);
    let answer = fine(
        &mut host,
        &[
            "bpf", "attach", "enter", "+0x10", "+0x20", "--budget", "500",
        ],
    );
    assert_eq!(
        told(&answer),
        [
            "Link(Link { id: 1, program: 1, name: \"enter\", kind: Fentry, to: Functions { count: 2, first: 16 }, \
             runs: 0, stopped: 0, last: None })"
        ]
    );
    assert_eq!(tracing.budget(1), Some(500));
    fine(&mut host, &["bpf", "attach", "allow"]);
    fine(&mut host, &["bpf", "attach", "tick"]);
    fine(&mut host, &["bpf", "attach", "tick", "10ms"]);
    let mut context = [0; 8];
    assert_eq!(
        tracing.fire(BASE + 0x20, "web.request", &mut context),
        Some(7)
    );
    assert_eq!(tracing.fire(10_101, "", &mut context), Some(101));
    assert_eq!(tracing.fire(10_000, "", &mut context), Some(201));
    let links = told(&fine(&mut host, &["bpf", "links"]));
    assert_eq!(links.len(), 4);
    assert!(links[1].contains("to: Probe(\"web.request\"), runs: 1"));
    assert!(links[2].contains("to: Timer(10101), runs: 1"));
    let one = told(&fine(&mut host, &["bpf", "links", "enter"]));
    assert_eq!(
        one[1..],
        ["Function { offset: 16 }", "Function { offset: 32 }"]
    );
    let programs = told(&fine(&mut host, &["bpf", "show", "tick"]));
    assert!(programs[0].contains("links: 2"));
    fine(&mut host, &["bpf", "detach", "1", "tick"]);
    assert_eq!(told(&fine(&mut host, &["bpf", "links"])).len(), 1);
    assert_eq!(tracing.fire(BASE + 0x20, "", &mut context), None);
}

#[test]
fn offsets_come_on_standard_input() {
    let mut host = Host::connected();
    load(&mut host, &four());
    let offsets: Vec<u8> = (0..3000_u32).flat_map(|n| (n * 16).to_le_bytes()).collect();
    let answer = with_input(&mut host, &["bpf", "attach", "leave", "-"], &offsets);
    assert!(told(&answer)[0].contains("count: 3000, first: 0"));
    let places = [[0x10, 0, 0, 0, 3], [0x40, 0, 0, 0, 1]].concat();
    let answer = with_input(
        &mut host,
        &["bpf", "attach", "--breakpoints", "enter", "-"],
        &places,
    );
    assert!(told(&answer)[0].contains("count: 2, first: 16"));
    let mut context = [0; 8];
    assert_eq!(
        tracing(&host).fire(BASE + 0x40, "", &mut context),
        Some(11),
        "both are there"
    );
}

#[test]
fn what_cannot_be_attached_is_said() {
    let mut host = Host::connected();
    load(&mut host, &four());
    tracing(&host)
        .without_site
        .lock()
        .unwrap()
        .insert(BASE + 0x30);
    let at = 0x30;
    fails(
        &mut host,
        &["bpf", "attach", "enter", "+0x10", "+0x30"],
        2,
        &Trouble::NoSite { at },
    );
    fails(
        &mut host,
        &["bpf", "attach", "once", "+0x10"],
        2,
        &Trouble::Kind(Kind::Executable),
    );
    fails(
        &mut host,
        &["bpf", "attach", "allow", "web.other"],
        2,
        &Trouble::NoProbe,
    );
    let what = What::Program;
    fails(
        &mut host,
        &["bpf", "attach", "none"],
        2,
        &Trouble::None { what },
    );
    let what = What::Link;
    fails(
        &mut host,
        &["bpf", "detach", "7"],
        2,
        &Trouble::None { what },
    );
    fails(
        &mut host,
        &["bpf", "links", "enter"],
        2,
        &Trouble::None { what },
    );
    for (args, arg, problem) in [
        (&["bpf", "attach", "enter"][..], 2, UsageProblem::Missing),
        (
            &["bpf", "attach", "tick", "often"],
            3,
            UsageProblem::NotATime,
        ),
        (
            &["bpf", "attach", "enter", "+x"],
            3,
            UsageProblem::NotANumber,
        ),
        (
            &["bpf", "attach", "enter", "+1", "--budget", "0"],
            5,
            UsageProblem::OutOfRange,
        ),
        (
            &["bpf", "attach", "enter", "+1", "--budget=1x"],
            4,
            UsageProblem::NotANumber,
        ),
    ] {
        let answer = host.run(args);
        assert_eq!(
            answer.failures,
            [Host::text(&Failure::Usage { arg, problem })]
        );
    }
    // No index of symbols is there.
    let answer = host.run(&["bpf", "attach", "enter", "main"]);
    assert_eq!(answer.failures, [Host::text(&Failure::NoSymbols)]);
    assert!(told(&fine(&mut host, &["bpf", "links"])).is_empty());
}

#[test]
fn swapping_leaves_no_gap() {
    let mut host = Host::connected();
    load(&mut host, &four());
    let deny = [mov(0, 1), exit()];
    let new = bundle(
        Vec::new(),
        vec![
            program("deny", Kind::Probe, "", &deny),
            program("enter2", Kind::Fentry, "", &deny),
        ],
    );
    load(&mut host, &new);
    fine(&mut host, &["bpf", "attach", "allow"]);
    let answer = fine(&mut host, &["bpf", "swap", "allow", "deny"]);
    assert!(
        told(&answer)[0]
            .contains("id: 2, program: 6, name: \"deny\", kind: Probe, to: Probe(\"web.request\")")
    );
    assert_eq!(*tracing(&host).changes.lock().unwrap(), [1, 2, -1]);
    fails(
        &mut host,
        &["bpf", "swap", "2", "enter2"],
        3,
        &Trouble::Kind(Kind::Fentry),
    );
    let what = What::Link;
    fails(
        &mut host,
        &["bpf", "swap", "allow", "deny"],
        2,
        &Trouble::None { what },
    );
    fine(&mut host, &["bpf", "attach", "enter", "+1"]);
    fine(&mut host, &["bpf", "attach", "enter", "+2"]);
    fails(
        &mut host,
        &["bpf", "swap", "enter", "enter2"],
        2,
        &Trouble::InUse,
    );
    fine(&mut host, &["bpf", "swap", "3", "enter2"]);
}
