//! What which sessions may do.

use std::sync::atomic::Ordering::SeqCst;

use uio_bpf::bundle::MapKind;
use uio_bpf::kind::Kind;
use uio_bpf::wire::Trouble;
use uio_console::{Policy, Terms};
use uio_core::fake::Host;

use crate::support::*;

fn host(policy: Policy) -> Host {
    let mut host = Host::connected();
    host.terms = Terms {
        policy,
        ..Terms::default()
    };
    let maps = vec![
        map_def("limits", MapKind::Array, 4, 8, 2),
        map_def("seen", MapKind::Array, 4, 8, 2),
    ];
    let mut other = counter(1);
    // Of the second map.
    other[3].imm = 1;
    let programs = vec![
        program("allow", Kind::Probe, "web.request", &counter(1)),
        program("look", Kind::Probe, "web.done", &other),
        program("enter", Kind::Fentry, "", &other),
        program("once", Kind::Executable, "", &countdown(1)),
    ];
    load(&mut host, &bundle(maps, programs));
    host
}

const CONTROL: Trouble<'static> = Trouble::Policy { needed: "control" };
const FULL: Trouble<'static> = Trouble::Policy { needed: "full" };

#[test]
fn observers_observe() {
    let mut host = host(Policy::Observe);
    fine(&mut host, &["bpf", "attach", "enter", "+1"]);
    fine(&mut host, &["bpf", "run", "once"]);
    fine(&mut host, &["bpf", "attach", "look"]);
    fine(&mut host, &["bpf", "map", "dump", "limits"]);
    fine(&mut host, &["bpf", "detach", "enter"]);
    fails(&mut host, &["bpf", "attach", "allow"], 2, &CONTROL);
    fails(
        &mut host,
        &["bpf", "map", "set", "limits", "0", "1"],
        3,
        &CONTROL,
    );
    fails(
        &mut host,
        &["bpf", "attach", "enter", "-", "--breakpoints"],
        3,
        &CONTROL,
    );
    let answer = host.run(&["bpf", "load", "--jit"]);
    failed(&answer, NONE, &FULL);
}

#[test]
fn what_others_decide_by_stays() {
    let mut host = host(Policy::Control);
    fine(&mut host, &["bpf", "attach", "allow"]);
    fine(&mut host, &["bpf", "map", "set", "limits", "0", "1"]);
    let answer = host.run(&["bpf", "load", "--jit"]);
    failed(&answer, NONE, &FULL);
    host.terms.policy = Policy::Observe;
    fails(&mut host, &["bpf", "detach", "allow"], 2, &CONTROL);
    fails(&mut host, &["bpf", "swap", "allow", "look"], 2, &CONTROL);
    fails(
        &mut host,
        &["bpf", "unload", "--force", "allow"],
        3,
        &CONTROL,
    );
    assert_eq!(told(&fine(&mut host, &["bpf", "links"])).len(), 1);
}

#[test]
fn compiled_programs_keep_their_memory() {
    let mut host = host(Policy::Full);
    let bundle = bundle(
        Vec::new(),
        vec![program("fast", Kind::Fentry, "", &countdown(4))],
    );
    let answer = with_input(&mut host, &["bpf", "load", "--jit"], &bundle);
    let told = told(&answer);
    assert!(
        told[0].contains("native: ") && !told[0].contains("native: 0,"),
        "{told:?}"
    );
    fine(&mut host, &["bpf", "unload", "fast"]);
    tracing(&host).no_memory.store(true, SeqCst);
    let answer = with_input(&mut host, &["bpf", "load", "--jit"], &bundle);
    failed(&answer, NONE, &Trouble::Native);
    load(&mut host, &bundle);
    fails(
        &mut host,
        &["bpf", "attach", "fast", "+1"],
        2,
        &Trouble::Memory,
    );
}
