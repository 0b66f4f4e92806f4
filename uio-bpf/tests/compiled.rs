//! Compiled code: what it costs to enter, how it is left, and where it goes on.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(unsafe_code, reason = "starting a run promises what its memory is")]

mod support;

use std::arch::naked_asm;
use std::sync::Arc;

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};
use support::asm::{
    add, copy, exit, function, helper, jump, jump_if, load, map, mov, store, store_imm, value,
};
use support::{Fake, build, map_def, shared};
use uio_bpf::bundle::MapKind;
use uio_bpf::check::{Environment, check};
use uio_bpf::helper::{self, Argument, Helper, Prototype, Returned, Table, kinds};
use uio_bpf::isa::{FRAME_LEN, Insn, MAX_FRAMES, MAX_INSNS};
use uio_bpf::jit::host::Compiled;
use uio_bpf::jit::{self, Error, compile};
use uio_bpf::kind::Kind;
use uio_bpf::map::{Map, Record};
use uio_bpf::program::Program;
use uio_bpf::run::{End, Memory, Run, STACK_LEN, Stop};

/// The helper that ends the run as a fault in it does.
const FAULT_ID: i32 = 900;

const HELPERS: Table<'_> = Table {
    own: helper::OWN,
    application: &[],
};

#[repr(C, align(16))]
struct Stack([u8; STACK_LEN]);

/// Runs a program with a budget.
fn go(program: &Program, table: &Table<'_>, budget: i64, compiled: bool) -> (End, i64) {
    start(program, table, budget, compiled, 0)
}

/// Runs a program with a budget, and a number in register 1.
fn start(
    program: &Program,
    table: &Table<'_>,
    budget: i64,
    compiled: bool,
    first: u64,
) -> (End, i64) {
    let host = Fake::default();
    let mut stack = Stack([0xa5; STACK_LEN]);
    let place = (&raw mut stack.0).cast::<u8>();
    let _ = place.expose_provenance();
    let mut run = Run::new(program, Memory::NONE, place, table, &host);
    run.budget = budget;
    // SAFETY: the stack is this run's, the program was checked with these helpers and uses only what it may.
    let end = unsafe {
        if compiled {
            jit::run(&mut run, [first, 0])
        } else {
            uio_bpf::interpreter::run(&mut run, [first, 0])
        }
    };
    (end, run.budget)
}

fn compiled(code: &[Insn]) -> Compiled {
    Compiled::new(build(Kind::Fentry, &[], code), &HELPERS).expect("it compiles")
}

fn instructions(compiled: &Compiled) -> Vec<Instruction> {
    let decoder = Decoder::new(64, compiled.bytes(), DecoderOptions::NONE);
    decoder.into_iter().collect()
}

/// How many instructions there are up to the first return.
fn straight(compiled: &Compiled) -> usize {
    let all = instructions(compiled);
    let end = all.iter().position(|one| one.mnemonic() == Mnemonic::Ret);
    end.expect("a return") + 1
}

#[test]
fn a_program_that_does_nothing_takes_nothing() {
    assert_eq!(straight(&compiled(&[mov(0, 0), exit()])), 2);
}

#[test]
fn a_counter_takes_few_instructions() {
    let counters = shared(&map_def("counters", MapKind::Array, 4, 8, 16));
    let code = counter();
    let program = build(Kind::Fentry, &[Arc::clone(&counters)], &code);
    let compiled = Compiled::new(program, &HELPERS).expect("it compiles");
    assert!(straight(&compiled) <= 18, "{}", straight(&compiled));
    for _ in 0..3 {
        let (end, _) = go(compiled.program(), &HELPERS, 100, true);
        assert_eq!(end, End::Returned(0));
    }
    let value = counters.lookup(&5_u32.to_le_bytes(), 0).expect("entry 5");
    // SAFETY: the value is there and has 8 bytes.
    assert_eq!(unsafe { value.cast::<u64>().read() }, 3);
}

/// Adds one to entry 5 of an array.
fn counter() -> Vec<Insn> {
    let increment = Insn {
        opcode: 0xdb,
        regs: 0x10,
        off: 0,
        imm: 0,
    };
    code![
        store_imm(10, -4, 5),
        copy(2, 10),
        add(2, -4),
        map(1, 0),
        helper(1),
        jump_if(0, 0, 2),
        mov(1, 1),
        increment,
        mov(0, 0),
        exit(),
    ]
}

#[test]
fn a_program_saves_only_what_it_writes() {
    let pushes = |code: &[Insn]| {
        let all = instructions(&compiled(code));
        all.iter()
            .filter(|one| one.mnemonic() == Mnemonic::Push)
            .count()
    };
    assert_eq!(pushes(&[mov(0, 1), exit()]), 0);
    assert_eq!(pushes(&[mov(6, 1), copy(0, 6), exit()]), 1);
    assert_eq!(pushes(&[mov(6, 1), mov(9, 1), copy(0, 6), exit()]), 2);
}

#[test]
fn both_engines_stop_at_the_same_instruction_for_every_budget() {
    // A loop, around a function that loops, too.
    let programs = [
        code![
            mov(6, 5),
            add(6, -1),
            jump_if(6, 0, 1),
            jump(-3),
            mov(0, 7),
            exit()
        ],
        code![
            mov(6, 3),
            call(4),
            add(6, -1),
            jump_if(6, 0, 1),
            jump(-4),
            exit(),
            mov(0, 4),
            add(0, -1),
            jump_if(0, 0, 1),
            jump(-3),
            exit(),
        ],
        code![
            function(1, 4),
            call_register(1),
            mov(0, 1),
            exit(),
            call_register(1),
            exit()
        ],
    ];
    for code in programs {
        let compiled = compiled(&code);
        let mut ends = Vec::new();
        for budget in 0..200 {
            let expected = go(compiled.program(), &HELPERS, budget, false);
            assert_eq!(
                go(compiled.program(), &HELPERS, budget, true),
                expected,
                "{budget}"
            );
            ends.push(expected.0);
        }
        ends.dedup();
        assert!(ends.len() > 2, "{ends:?}");
    }
}

#[test]
fn functions_that_call_each_other_by_address_are_bounded() {
    // A function that is given its own address.
    let code = code![
        function(1, 3),
        call_register(1),
        exit(),
        call_register(1),
        exit()
    ];
    let compiled = compiled(&code);
    let (end, _) = go(compiled.program(), &HELPERS, 1000, true);
    let (why, at) = (Stop::Frames, 4);
    assert_eq!(end, End::Stopped { why, at });
    assert_eq!(go(compiled.program(), &HELPERS, 1000, false).0, end);
    assert_eq!(STACK_LEN, FRAME_LEN * MAX_FRAMES);
}

/// CALL of a function of the program.
fn call(distance: i32) -> Insn {
    Insn {
        opcode: 0x85,
        regs: 0x10,
        off: 0,
        imm: distance,
    }
}

/// CALLX.
fn call_register(register: u8) -> Insn {
    Insn {
        opcode: 0x8d,
        regs: register,
        off: 0,
        imm: 0,
    }
}

/// Programs that go on in the one of entry 0, and give 7 if they cannot.
fn chained(programs: &Arc<Map>, result: i32) -> Program {
    let code = code![map(2, 0), mov(3, 0), helper(12), mov(0, result), exit(),];
    build(Kind::Fentry, &[Arc::clone(programs)], &code)
}

#[test]
fn tail_calls_go_on_whatever_engine_the_next_program_has() {
    let ending = || code![mov(0, 9), exit()];
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let programs = shared(&map_def("programs", MapKind::ProgramArray, 4, 4, 1));
        // The memory of its code stays as long as the map has it.
        let next = Box::leak(Box::new(compiled(&ending())));
        let mut target = build(Kind::Fentry, &[], &ending());
        target.native = next.program().native.filter(|_| second);
        let table = programs.programs().expect("an array of programs");
        table.set(0, Some(Arc::new(target)), 0).expect("entry 0");
        let caller = Compiled::new(chained(&programs, 7), &HELPERS).expect("it compiles");
        let (end, _) = go(caller.program(), &HELPERS, 100, first);
        assert_eq!(end, End::Returned(9), "compiled: {first}, then {second}");
    }
}

#[test]
fn tail_calls_are_counted() {
    for engine in [false, true] {
        let programs = shared(&map_def("programs", MapKind::ProgramArray, 4, 4, 1));
        let itself = chained(&programs, 7);
        let compiled = Compiled::new(itself, &HELPERS).expect("it compiles");
        let code = compiled.program().native.filter(|_| engine);
        let mut again = chained(&programs, 7);
        again.native = code;
        let table = programs.programs().expect("an array of programs");
        table.set(0, Some(Arc::new(again)), 0).expect("entry 0");
        let (end, budget) = go(compiled.program(), &HELPERS, 1000, engine);
        assert_eq!(end, End::Returned(7));
        // The first one and 33 more, of six instructions.
        assert_eq!(budget, 1000 - 34 * 6);
        table.set(0, None, 0).expect("entry 0");
    }
}

#[test]
fn what_a_program_holds_at_its_end_is_given_back() {
    for ends in [true, false] {
        let ring = shared(&map_def("ring", MapKind::RingBuffer, 0, 0, 4096));
        let last = if ends { mov(0, 0) } else { jump(-1) };
        let code = code![map(1, 0), mov(2, 16), mov(3, 0), helper(131), last, exit()];
        let program = build(Kind::Fentry, &[Arc::clone(&ring)], &code);
        let compiled = Compiled::new(program, &HELPERS).expect("it compiles");
        let (end, _) = go(compiled.program(), &HELPERS, 1000, true);
        match end {
            End::Returned(0) => assert!(ends),
            End::Stopped {
                why: Stop::Budget,
                at: 5,
            } => assert!(!ends),
            other => panic!("{other:?}"),
        }
        // A record that nobody gave back would be in the way of this one.
        let code = code![
            map(1, 0),
            copy(2, 10),
            add(2, -8),
            store(10, -8, 1),
            mov(3, 8),
            mov(4, 0),
            helper(130),
            exit()
        ];
        let program = build(Kind::Fentry, &[Arc::clone(&ring)], &code);
        let (end, _) = go(&program, &HELPERS, 1000, false);
        assert_eq!(end, End::Returned(0));
        let ring = ring.ring().expect("a ring buffer");
        let mut bytes = [0; 64];
        assert_eq!(
            ring.read(&mut bytes),
            Record::Read(8),
            "the other one was discarded"
        );
        assert_eq!(ring.read(&mut bytes), Record::None);
    }
}

const FAULT: Helper<'static> = Helper {
    id: FAULT_ID as u32,
    name: "fault",
    prototype: Prototype::new(&[Argument::Anything], Returned::Nothing),
    doc: "Ends the run as a fault does.",
    kinds: kinds::ALL,
    call: fault_handler,
};

/// Does what a handler of faults does, and loses everything that a function may change, and what it may
/// not, as it was not at its end.
///
/// # Safety
/// Called by compiled code; the first argument is where it is left.
#[unsafe(naked)]
unsafe extern "sysv64" fn fault_handler(
    leave: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    run: *mut Run<'_>,
) -> u64 {
    naked_asm!(
        "mov qword ptr [r9 + {left}], 1",
        "mov rsp, [r9 + {entry}]",
        "mov rax, -1",
        "mov rbx, rax",
        "mov rcx, rax",
        "mov rdx, rax",
        "mov rbp, rax",
        "mov r12, rax",
        "mov r13, rax",
        "mov r14, rax",
        "mov r15, rax",
        "jmp rdi",
        left = const core::mem::offset_of!(Run<'static>, leave),
        entry = const core::mem::offset_of!(Run<'static>, entry),
    )
}

#[test]
fn a_run_can_be_ended_from_anywhere() {
    let own = [FAULT];
    let table = Table {
        own: &own,
        application: &[],
    };
    let environment = Environment {
        maps: &[],
        variables: &[],
        helpers: &table,
    };
    // In the program itself, and three functions deep.
    let depths = [
        code![mov(6, 1), mov(7, 2), helper(FAULT_ID), exit()],
        code![
            mov(6, 1),
            call(1),
            exit(),
            mov(7, 1),
            call(1),
            exit(),
            mov(8, 1),
            mov(9, 1),
            helper(FAULT_ID),
            exit(),
        ],
    ];
    for code in depths {
        let program = check("fault", Kind::Fentry, &code, &environment).expect("right");
        let compiled = Compiled::new(program, &table).expect("it compiles");
        let leave = compiled.program().native.expect("it was compiled").leave;
        let (end, _) = start(compiled.program(), &table, 100, true, leave);
        let why = Stop::Interrupted;
        assert_eq!(end, End::Stopped { why, at: 0 });
    }
}

#[test]
fn every_address_belongs_to_an_instruction() {
    let code = code![
        mov(6, 5),
        value(1, 1 << 40),
        load(2, 10, -8),
        add(6, -1),
        jump_if(6, 0, 1),
        jump(-4),
        mov(0, 7),
        exit()
    ];
    let compiled = compiled(&code);
    let program = compiled.program();
    let native = program.native.expect("it was compiled");
    let mut last = 0;
    for address in native.range() {
        let Some(at) = native.instruction_at(program, &HELPERS, address) else {
            assert_eq!(
                last as usize,
                code.len() - 1,
                "then comes what is left for the end"
            );
            break;
        };
        assert!(at >= last, "{at} after {last}");
        assert!(at != 2, "the second half of a wide instruction");
        last = at;
    }
    assert_eq!(
        native.instruction_at(program, &HELPERS, native.range().end),
        None
    );
    assert_eq!(
        native.instruction_at(program, &HELPERS, native.range().start - 1),
        None
    );
    let load = instructions(&compiled).into_iter().find(|one| {
        one.mnemonic() == Mnemonic::Mov
            && one.memory_displacement64() == -8_i64 as u64
            && one.op0_kind() == iced_x86::OpKind::Register
    });
    let address = native.range().start + load.expect("the load").ip();
    assert_eq!(native.instruction_at(program, &HELPERS, address), Some(3));
}

#[test]
fn long_programs_jump_as_far_as_they_must() {
    // From the first instruction to the last ones, and from each group of ten there, too.
    let mut code = vec![mov(0, 1), mov(6, 0)];
    while code.len() + 20 < 32_000 {
        code.push(jump_if(6, 1, 0));
        code.extend((0..9).map(|_| add(0, 1)));
    }
    let end = code.len();
    code.extend(code![exit()]);
    for (at, insn) in code.iter_mut().enumerate() {
        if insn.opcode == 0x15 {
            insn.off = (end - at - 1) as i16;
        }
    }
    let compiled = compiled(&code);
    let added = code.iter().filter(|insn| insn.opcode == 0x07).count() as u64;
    let (end, _) = go(compiled.program(), &HELPERS, 1_000_000, true);
    assert_eq!(end, End::Returned(1 + added));
    assert_eq!(go(compiled.program(), &HELPERS, 1_000_000, false).0, end);
}

#[test]
fn the_longest_program_is_compiled() {
    let mut code = vec![mov(0, 3); MAX_INSNS - 1];
    code.push(exit());
    let (end, _) = go(compiled(&code).program(), &HELPERS, 1_000_000, true);
    assert_eq!(end, End::Returned(3));
}

#[test]
fn a_plan_wants_a_buffer_of_its_length() {
    let program = build(Kind::Fentry, &[], &[mov(0, 0), exit()]);
    let mut plan = compile(&program, &HELPERS).expect("a plan");
    let planned = plan.len();
    assert!(!plan.is_empty());
    for actual in [0, planned - 1, planned + 1] {
        let refused = plan.emit(&mut vec![0; actual], 0x1000);
        assert_eq!(refused, Err(Error::Length { planned, actual }));
    }
    let code = plan
        .emit(&mut vec![0; planned], 0x1000)
        .expect("its length");
    assert_eq!(code.range(), 0x1000..0x1000 + planned as u64);
    assert_eq!(code.entry, 0x1000);
}

#[test]
fn a_helper_that_is_not_there_is_said() {
    let program = build(Kind::Fentry, &[], &[mov(0, 0), helper(5), exit()]);
    let none = Table {
        own: &[],
        application: &[],
    };
    assert_eq!(
        compile(&program, &none).err(),
        Some(Error::Helper { at: 1 })
    );
}
