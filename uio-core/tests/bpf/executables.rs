//! `bpf run`.

use uio_bpf::kind::Kind;
use uio_bpf::wire::Trouble;
use uio_console::record::{Failure, UsageProblem};
use uio_console::{RequestId, ToGuest};
use uio_core::fake::Host;

use crate::support::*;

fn loaded() -> Host {
    let mut host = Host::connected();
    // Writes 0x55 to the first byte of the buffer and returns its length.
    let poke = [insn(0x72, 1, 0, 0, 0x55), insn(0xbf, 0, 2, 0, 0), exit()];
    let forever = [mov(0, 0), insn(0x05, 0, 0, -2, 0), exit()];
    let programs = vec![
        program("short", Kind::Executable, "", &countdown(5)),
        program("long", Kind::Executable, "", &countdown(100_000)),
        program("poke", Kind::Executable, "", &poke),
        program("forever", Kind::Executable, "", &forever),
        program("enter", Kind::Fentry, "", &countdown(1)),
    ];
    load(&mut host, &bundle(Vec::new(), programs));
    host
}

/// How a run ended.
fn end(answer: &uio_core::fake::Answer) -> String {
    let told = told(answer);
    let (end, _) = told[0].split_once(", duration").unwrap();
    end.to_owned()
}

#[test]
fn they_return_and_change_their_buffer() {
    let mut host = loaded();
    let answer = fine(&mut host, &["bpf", "run", "short"]);
    assert_eq!(end(&answer), "Ran { end: Returned(7)");
    let answer = fine(&mut host, &["bpf", "run", "poke", "--mem", "00112233"]);
    assert_eq!(end(&answer), "Ran { end: Returned(4)");
    assert_eq!(data(&answer), [0x55, 0x11, 0x22, 0x33]);
    let mut input: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
    let answer = with_input(&mut host, &["bpf", "run", "poke", "-"], &input);
    input[0] = 0x55;
    assert_eq!(data(&answer), input);
    assert_eq!(answer.status, Some(0));
}

#[test]
fn the_budget_bounds_them_whatever_the_slices_are() {
    let mut host = loaded();
    let answer = fine(&mut host, &["bpf", "run", "long"]);
    assert_eq!(end(&answer), "Ran { end: Returned(7)");
    for budget in ["1000", "20000", "150000"] {
        let answer = host.run(&["bpf", "run", "long", "--budget", budget]);
        assert_eq!(end(&answer), "Ran { end: Stopped(Budget, 2)");
        assert_eq!(answer.status, Some(1));
    }
    let answer = host.run(&["bpf", "run", "poke"]);
    assert!(end(&answer).contains("Stopped(Access"), "it has no buffer");
}

#[test]
fn functions_that_helpers_call_run_to_their_end() {
    let mut host = Host::connected();
    // Has `loop` call a function so often, which returns 0 each time.
    let mut code = vec![mov(1, 40_000)];
    code.extend([insn(0x18, 2, 4, 0, 5), insn(0, 0, 0, 0, 0)]);
    code.extend([mov(3, 0), mov(4, 0), call(181), exit(), mov(0, 0), exit()]);
    let programs = vec![program("often", Kind::Executable, "", &code)];
    load(&mut host, &bundle(Vec::new(), programs));
    let answer = fine(&mut host, &["bpf", "run", "often"]);
    assert_eq!(end(&answer), "Ran { end: Returned(40000)");
    let args = ["bpf", "run", "often", "--budget", "6000000"];
    let answer = host.run(&args);
    let problem = UsageProblem::OutOfRange;
    assert_eq!(
        answer.failures,
        [Host::text(&Failure::Usage { arg: 4, problem })]
    );
}

#[test]
fn they_end_when_they_must() {
    let mut host = loaded();
    let budget = "1000000000000";
    let answer = host.run(&[
        "bpf",
        "run",
        "forever",
        "--budget",
        budget,
        "--timeout",
        "50ms",
    ]);
    assert_eq!(answer.failures, [Host::text(&Failure::TimedOut { ms: 50 })]);
    assert_eq!(answer.status, Some(124));
    let id = host.start(8192, &["bpf", "run", "forever", "--budget", budget]);
    host.poll(std::time::Duration::from_millis(20));
    host.send(&ToGuest::Interrupt { id: RequestId(id) });
    assert_eq!(host.exit(id).unwrap().status, Some(130));
    // The application had its share of the time.
    fine(&mut host, &["bpf", "run", "short"]);
}

#[test]
fn nothing_else_is_run_on_request() {
    let mut host = loaded();
    fails(
        &mut host,
        &["bpf", "run", "enter"],
        2,
        &Trouble::Kind(Kind::Fentry),
    );
    for (args, arg, problem) in [
        (
            &["bpf", "run", "short", "--mem", "0"][..],
            4,
            UsageProblem::NotANumber,
        ),
        (
            &["bpf", "run", "short", "--mem", "0g"],
            4,
            UsageProblem::NotANumber,
        ),
        (&["bpf", "run", "short", "x"], 3, UsageProblem::Extra),
        (
            &["bpf", "run", "short", "--timeout", "soon"],
            4,
            UsageProblem::NotATime,
        ),
    ] {
        let answer = host.run(args);
        assert_eq!(
            answer.failures,
            [Host::text(&Failure::Usage { arg, problem })]
        );
    }
}
