//! Loading, listing and unloading.

use uio_bpf::bundle::MapKind;
use uio_bpf::check::{Reject, Why};
use uio_bpf::kind::Kind;
use uio_bpf::load::LoadError;
use uio_bpf::wire::{Refusal, Trouble, What};
use uio_console::record::{Failure, Record, UsageProblem};
use uio_core::fake::Host;

use crate::support::*;

fn refusal(answer: &uio_core::fake::Answer, name: &str, error: LoadError) {
    let rule = &postcard::to_allocvec(&error).unwrap()[..];
    failed(answer, NONE, &Trouble::Load(Refusal { name, rule }));
    assert_eq!(answer.status, Some(1));
}

#[test]
fn a_bundle_comes_and_goes() {
    let mut host = Host::connected();
    let held = |host: &mut Host| match host.run(&["free"]).records().next() {
        Some(Record::Memory(memory)) => memory.programs,
        other => panic!("{other:?}"),
    };
    let before = held(&mut host);
    let answer = load(&mut host, &counting("count"));
    let listed = told(&answer);
    assert_eq!(
        listed,
        [
            "Program(Program { id: 1, name: \"count\", kind: Fentry, target: \"\", insns: 13, native: 0, links: 0 })"
        ]
    );
    assert!(held(&mut host) > before);
    assert_eq!(told(&fine(&mut host, &["bpf", "list"])), listed);
    assert_eq!(told(&fine(&mut host, &["bpf", "show", "1"])), listed);
    assert_eq!(told(&fine(&mut host, &["bpf", "show", "count"])), listed);
    let maps = told(&fine(&mut host, &["bpf", "map", "list"]));
    assert!(
        maps.len() == 1 && maps[0].contains("name: \"counts\""),
        "{maps:?}"
    );
    fine(&mut host, &["bpf", "unload", "count"]);
    assert!(told(&fine(&mut host, &["bpf", "list"])).is_empty());
    assert!(told(&fine(&mut host, &["bpf", "map", "list"])).is_empty());
    assert_eq!(held(&mut host), before);
    let what = What::Program;
    fails(
        &mut host,
        &["bpf", "unload", "count"],
        2,
        &Trouble::None { what },
    );
    fails(&mut host, &["bpf", "show", "9"], 2, &Trouble::None { what });
}

#[test]
fn bundles_are_read_from_files_too() {
    let mut host = Host::connected();
    host.files.add("/uio/count.bundle", &counting("count"));
    fine(&mut host, &["bpf", "load", "count.bundle"]);
    assert_eq!(told(&fine(&mut host, &["bpf", "list"])).len(), 1);
    let answer = host.run(&["bpf", "load", "none.bundle"]);
    assert_eq!(
        answer.failures,
        [Host::text(&Failure::Os { arg: 2, errno: 2 })]
    );
}

#[test]
fn bytecode_is_loaded_as_it_is() {
    let mut host = Host::connected();
    let code = bytes(&countdown(3));
    let answer = with_input(
        &mut host,
        &["bpf", "load", "--raw", "executable", "down"],
        &code,
    );
    assert_eq!(
        told(&answer),
        [
            "Program(Program { id: 1, name: \"down\", kind: Executable, target: \"\", insns: 5, native: 0, links: 0 })"
        ]
    );
    let long = "n".repeat(200);
    let code = vec![0; 8 * 300];
    let answer = with_input(
        &mut host,
        &["bpf", "load", "--raw", "executable", &long],
        &code,
    );
    let reject = Reject {
        at: 0,
        why: Why::Opcode,
    };
    refusal(&answer, &long, LoadError::Rejected(reject));
    for (args, arg, problem) in [
        (
            &["bpf", "load", "--raw", "executable"][..],
            3,
            UsageProblem::Missing,
        ),
        (
            &["bpf", "load", "--raw", "socket", "x"],
            3,
            UsageProblem::UnknownWord,
        ),
        (&["bpf", "load", "a", "b"], 3, UsageProblem::Extra),
        (&["bpf", "load", "--fast"], 2, UsageProblem::UnknownOption),
        (&["bpf", "load", "--jit=1"], 2, UsageProblem::UnknownOption),
        (&["bpf"], 0, UsageProblem::Missing),
        (&["bpf", "lode"], 1, UsageProblem::UnknownWord),
        (&["bpf", "map"], 1, UsageProblem::Missing),
        (&["bpf", "map", "dum"], 2, UsageProblem::UnknownWord),
        (&["bpf", "show"], 1, UsageProblem::Missing),
        (&["bpf", "show", "a", "b"], 3, UsageProblem::Extra),
    ] {
        let answer = host.run(args);
        assert_eq!(
            answer.failures,
            [Host::text(&Failure::Usage { arg, problem })]
        );
        assert_eq!(answer.status, Some(2), "{args:?}");
    }
}

#[test]
fn what_breaks_a_rule_is_refused_whole() {
    let mut host = Host::connected();
    let good = program("good", Kind::Fentry, "", &countdown(1));
    let bad = program("bad", Kind::Fentry, "", &[mov(0, 0), mov(10, 0), exit()]);
    let refused = bundle(
        vec![map_def("m", MapKind::Hash, 4, 4, 8)],
        vec![good.clone(), bad],
    );
    let answer = with_input(&mut host, &["bpf", "load"], &refused);
    let reject = Reject {
        at: 1,
        why: Why::FramePointer,
    };
    refusal(&answer, "bad", LoadError::Rejected(reject));
    assert!(told(&fine(&mut host, &["bpf", "list"])).is_empty());
    assert!(told(&fine(&mut host, &["bpf", "map", "list"])).is_empty());
    let whole = counting("count");
    for cut in [0, 1, 5, whole.len() - 1] {
        let answer = with_input(&mut host, &["bpf", "load"], &whole[..cut]);
        assert_eq!(answer.status, Some(1), "{cut}");
    }
    load(&mut host, &counting("count"));
    let other = bundle(vec![map_def("counts", MapKind::Hash, 4, 8, 2)], vec![good]);
    let answer = with_input(&mut host, &["bpf", "load"], &other);
    refusal(&answer, "counts", LoadError::Differs);
}

#[test]
fn what_is_attached_is_not_unloaded() {
    let mut host = Host::connected();
    load(&mut host, &counting("count"));
    fine(&mut host, &["bpf", "attach", "count", "+0x10"]);
    fails(&mut host, &["bpf", "unload", "count"], 2, &Trouble::InUse);
    fine(&mut host, &["bpf", "unload", "--force", "count"]);
    assert_eq!(*tracing(&host).changes.lock().unwrap(), [1, -1]);
    assert!(told(&fine(&mut host, &["bpf", "list"])).is_empty());
}

#[test]
fn variables_are_looked_up_before() {
    let mut host = Host::connected();
    let mut bundle = uio_bpf::bundle::Bundle {
        version: 1,
        license: String::new(),
        maps: Vec::new(),
        variables: vec!["?absent".into()],
        programs: vec![program("x", Kind::Executable, "", &countdown(1))],
    };
    // There is no index, so even what may be missing cannot be said to be.
    let bytes = postcard::to_allocvec(&bundle).unwrap();
    let answer = with_input(&mut host, &["bpf", "load"], &bytes);
    assert_eq!(answer.failures, [Host::text(&Failure::NoSymbols)]);
    bundle.variables.clear();
    load(&mut host, &postcard::to_allocvec(&bundle).unwrap());
}

#[test]
fn kernels_without_ebpf_say_so() {
    let mut host = Host::connected();
    *host.platform.tracing.lock().unwrap() = None;
    let answer = host.run(&["bpf", "list"]);
    assert_eq!(
        answer.failures,
        [Host::text(&Failure::NoFeature { feature: "uio-bpf" })]
    );
    assert_eq!(answer.status, Some(1));
}

#[test]
fn two_requests_at_once_take_turns() {
    let mut host = Host::connected();
    let ids: Vec<u32> = (0..8).map(|_| host.start(8192, &["bpf", "list"])).collect();
    for id in ids {
        assert_eq!(host.exit(id).unwrap().status, Some(0));
    }
}
