//! What the interpreter lets programs do, and where it stops them.
#![allow(unsafe_code, reason = "starting a run promises what its memory is")]

mod support;

use std::sync::Arc;

use support::asm::{
    add, add_register, copy, exit, function, helper, jump, jump_if, load, load_byte, map,
    map_value, mov, store, store_imm, store_wide_imm, value,
};
use support::{Fake, HELPERS, build, map_def, run, shared};
use uio_bpf::bundle::{MapKind, map_flags};
use uio_bpf::interpreter::{self, Machine};
use uio_bpf::isa::{FRAME_LEN, Insn};
use uio_bpf::kind::Kind;
use uio_bpf::map::Map;
use uio_bpf::program::Program;
use uio_bpf::run::{End, Memory, Run, STACK_LEN, Stop};

/// A call of a function, so far behind the next instruction.
fn call(distance: i32) -> Insn {
    Insn {
        opcode: 0x85,
        regs: 1 << 4,
        off: 0,
        imm: distance,
    }
}

/// `callx`.
fn call_register(register: u8) -> Insn {
    Insn {
        opcode: 0x8d,
        regs: register,
        off: 0,
        imm: 0,
    }
}

fn ends(code: &[Insn]) -> End {
    let program = build(Kind::Executable, &[], code);
    run(&program, &Fake::default(), &mut [0; 16])
}

fn ends_with(maps: &[Arc<Map>], code: &[Insn]) -> End {
    let program = build(Kind::Executable, maps, code);
    run(&program, &Fake::default(), &mut [0; 16])
}

/// Whether it was stopped at that instruction by an access of so many bytes.
fn denied(end: End, at: u32, len: u32, write: bool) {
    match end {
        End::Stopped {
            why: Stop::Access {
                len: l, write: w, ..
            },
            at: a,
        } => assert_eq!((a, l, w), (at, len, write)),
        other => panic!("{other:?}"),
    }
}

#[repr(C, align(16))]
struct Stack([u8; STACK_LEN]);

/// Hands over a run with a budget, on a stack that is full of what others left.
fn with_run<T>(program: &Program, budget: i64, work: impl FnOnce(&mut Run<'_>) -> T) -> T {
    let host = Fake::default();
    let mut stack = Box::new(Stack([0xa5; STACK_LEN]));
    let place = (&raw mut stack.0).cast::<u8>();
    place.expose_provenance();
    let mut run = Run::new(program, Memory::NONE, place, &HELPERS, &host);
    run.budget = budget;
    work(&mut run)
}

fn ends_within(code: &[Insn], budget: i64) -> End {
    let program = build(Kind::Executable, &[], code);
    with_run(&program, budget, |run| {
        // SAFETY: `with_run` made the stack; there is no other memory.
        unsafe { interpreter::run(run, [0; 2]) }
    })
}

fn out_of_budget(at: u32) -> End {
    let why = Stop::Budget;
    End::Stopped { why, at }
}

#[test]
fn a_program_costs_its_instructions() {
    let code = code!(mov(0, 1), add(0, 1), value(3, 1 << 40), exit());
    assert_eq!(ends_within(&code, 5), End::Returned(2));
    assert_eq!(ends_within(&code, 4), out_of_budget(0));
    assert_eq!(ends_within(&code, 0), out_of_budget(0));
}

#[test]
fn a_jump_backwards_costs_what_it_repeats() {
    // Ten rounds of three instructions: nine times back, over three.
    let code = code!(mov(0, 0), add(0, 1), jump_if(0, 10, 1), jump(-3), exit(),);
    let cost = 5 + 9 * 3;
    assert_eq!(ends_within(&code, cost), End::Returned(10));
    assert_eq!(ends_within(&code, cost - 1), out_of_budget(3));
}

#[test]
fn a_call_costs_the_function() {
    let code = code!(call(2), call(1), exit(), mov(0, 1), add(0, 1), exit());
    let cost = 3 + 2 * 3;
    assert_eq!(ends_within(&code, cost), End::Returned(2));
    assert_eq!(ends_within(&code, cost - 1), out_of_budget(1));
    assert_eq!(ends_within(&code, 3 + 2), out_of_budget(0));
}

#[test]
fn nothing_runs_for_ever() {
    for code in [
        code!(jump(-1)),
        code!(mov(0, 1), jump_if(0, 1, -1), exit()),
        // Functions that call each other by their addresses, and return.
        code!(
            function(6, 3),
            call_register(6),
            jump(-2),
            mov(0, 0),
            exit()
        ),
    ] {
        match ends(&code) {
            End::Stopped { why, .. } => assert_eq!(why, Stop::Budget),
            End::Returned(value) => panic!("returned {value}"),
        }
    }
}

#[test]
fn a_run_goes_on_where_its_budget_ended() {
    let code = code!(
        mov(0, 0),
        add(0, 1),
        mov(1, 3),
        call(3),
        jump_if(0, 4 * 20, 1),
        jump(-5),
        exit(),
        add_register(0, 1),
        exit(),
    );
    let program = build(Kind::Executable, &[], &code);
    for slice in 10..40 {
        let (end, slices) = with_run(&program, slice, |run| {
            // SAFETY: `with_run` made the stack; there is no other memory.
            let mut machine = unsafe { Machine::new(run, [0; 2]) };
            let mut slices = 0;
            loop {
                // SAFETY: only the budget was changed.
                let end = unsafe { machine.resume() };
                slices += 1;
                let why = Stop::Budget;
                if !matches!(end, End::Stopped { why: w, .. } if w == why) || slices > 1000 {
                    break (end, slices);
                }
                machine.run.budget = slice;
            }
        });
        assert_eq!(end, End::Returned(80), "in slices of {slice}");
        assert!(slices > 3, "{slices} slices of {slice}");
    }
}

#[test]
fn a_function_finds_zeros_in_its_frame() {
    // Adds all of the frame up, from its end to its beginning.
    let sum = code!(
        mov(0, 0),
        copy(1, 10),
        mov(2, 0),
        add(1, -8),
        load(3, 1, 0),
        add_register(0, 3),
        add(2, 1),
        jump_if(2, FRAME_LEN as i32 / 8, 1),
        jump(-6),
        exit(),
    );
    assert_eq!(ends(&sum), End::Returned(0));
    // After another function that left something in the same place.
    let mut code = code!(call(2), call(3), exit(), store_wide_imm(10, -8, -1), exit());
    code.extend(&sum);
    assert_eq!(ends(&code), End::Returned(0));
    // And before that one has used all of it, from the other end.
    let code = code!(store_imm(10, -512, 7), load_byte(0, 10, -300), exit());
    assert_eq!(ends(&code), End::Returned(0));
}

#[test]
fn a_frame_ends_with_its_function() {
    let below = |off| code!(copy(1, 10), add(1, off), load(0, 1, 0), exit());
    assert_eq!(ends(&below(-8)), End::Returned(0));
    assert_eq!(ends(&below(-512)), End::Returned(0));
    for off in [-513, -520, -1024, -4096, -5000, -7, 0, 8] {
        denied(ends(&below(off)), 2, 8, false);
    }
    // A pointer to a caller's frame may be used, one to the frame of a function that returned not: also where another
    // function has used it just before.
    let code = code!(
        call(2),
        load(0, 0, 0),
        exit(),
        // Hands its frame down, and the pointer up.
        store_wide_imm(10, -8, 5),
        copy(1, 10),
        add(1, -8),
        copy(6, 1),
        call(2),
        copy(0, 6),
        exit(),
        load(2, 1, 0),
        add(2, 1),
        store(1, 0, 2),
        exit(),
    );
    denied(ends(&code), 1, 8, false);
    let mut returns = code.clone();
    returns[8] = load(0, 6, 0);
    returns[1] = mov(1, 0);
    assert_eq!(ends(&returns), End::Returned(6));
}

#[test]
fn an_object_does_not_reach_into_another_frame() {
    // Eight bytes, of which four are in the caller's frame.
    let code = code!(
        store_wide_imm(10, -8, 1),
        store_imm(10, -512, 1),
        call(1),
        exit(),
        copy(1, 10),
        add(1, -4),
        load(0, 1, 0),
        exit(),
    );
    denied(ends(&code), 6, 8, false);
}

#[test]
fn functions_may_be_eight_deep() {
    // Calls itself by its address as often as register 6 says.
    let deep = |times| {
        code!(
            mov(6, times),
            jump_if(6, 0, 4),
            add(6, -1),
            function(1, -4),
            call_register(1),
            exit(),
        )
    };
    // What the first function does when it is called again begins with `mov r6`, so the depth is not bounded.
    let why = Stop::Frames;
    assert_eq!(ends(&deep(3)), End::Stopped { why, at: 5 });
    assert_eq!(ends(&deep(0)), End::Returned(0));
}

#[test]
fn registers_are_zero_at_first() {
    let sum = code!(
        add_register(0, 3),
        add_register(0, 4),
        add_register(0, 5),
        add_register(0, 6),
        add_register(0, 7),
        add_register(0, 8),
        add_register(0, 9),
        exit(),
    );
    assert_eq!(ends(&sum), End::Returned(0));
}

#[test]
fn only_the_context_itself() {
    let at = |off| ends(&code!(load(0, 1, off), exit()));
    assert_eq!(at(0), End::Returned(0));
    assert_eq!(at(8), End::Returned(0));
    for off in [-8, -1, 9, 15, 16, i16::MIN, i16::MAX] {
        denied(at(off), 0, 8, false);
    }
    let program = build(Kind::Fentry, &[], &code!(store_wide_imm(1, 8, 1), exit()));
    let mut context = [7; 64];
    let end = run(&program, &Fake::default(), &mut context);
    denied(end, 0, 8, true);
    assert_eq!(context, [7; 64]);
    let program = build(Kind::Fentry, &[], &code!(load(0, 1, 56), exit()));
    let end = run(&program, &Fake::default(), &mut context);
    assert_eq!(end, End::Returned(0x0707_0707_0707_0707));
}

#[test]
fn addresses_wrap_nowhere() {
    for address in [
        0,
        1,
        8,
        u64::MAX,
        u64::MAX - 7,
        1 << 63,
        0xb9f0_0000_0000_0000,
    ] {
        denied(
            ends(&code!(value(1, address), load(0, 1, 0), exit())),
            2,
            8,
            false,
        );
        denied(
            ends(&code!(value(1, address), store_imm(1, 0, 1), exit())),
            2,
            4,
            true,
        );
        denied(
            ends(&code!(value(1, address), load(0, 1, 8), exit())),
            2,
            8,
            false,
        );
    }
}

#[test]
fn only_one_value_of_a_map() {
    let two = shared(&map_def("two", MapKind::Array, 4, 24, 4));
    let other = shared(&map_def("other", MapKind::Array, 4, 8, 2));
    let maps = [two, other];
    let at = |off| ends_with(&maps, &code!(map_value(1, 0, 0), load(0, 1, off), exit()));
    assert_eq!(at(0), End::Returned(0));
    assert_eq!(at(16), End::Returned(0));
    // Across two values.
    denied(at(17), 2, 8, false);
    denied(at(23), 2, 8, false);
    // In the second one.
    assert_eq!(at(24), End::Returned(0));
    denied(at(-1), 2, 8, false);
    denied(at(4 * 24), 2, 8, false);
    // Not where a map that the program does not name has its values, nor in the map itself.
    let elsewhere = maps[1].first_value().unwrap().address;
    let code = code!(
        map_value(1, 0, 0),
        value(2, elsewhere),
        load(0, 2, 0),
        exit()
    );
    denied(ends_with(&maps, &code), 4, 8, false);
    denied(
        ends_with(&maps, &code!(map(1, 0), load(0, 1, 0), exit())),
        2,
        8,
        false,
    );
}

#[test]
fn values_of_several_maps_in_turn() {
    let maps = [3, 5, 9].map(|size| shared(&map_def("map", MapKind::Array, 4, size * 8, 2)));
    let code = code!(
        map_value(6, 0, 8),
        map_value(7, 1, 16),
        map_value(8, 2, 64),
        store_wide_imm(6, 0, 1),
        store_wide_imm(7, 0, 2),
        store_wide_imm(8, 0, 4),
        load(1, 6, 0),
        load(2, 7, 0),
        load(3, 8, 0),
        copy(0, 1),
        add_register(0, 2),
        add_register(0, 3),
        store(10, -8, 0),
        load(4, 6, 0),
        add_register(0, 4),
        exit(),
    );
    assert_eq!(ends_with(&maps, &code), End::Returned(8));
}

#[test]
fn values_that_are_only_read() {
    let mut def = map_def("rodata", MapKind::Array, 4, 8, 1);
    def.flags = map_flags::READ_ONLY;
    def.initial = vec![9; 8];
    let maps = [shared(&def)];
    let reads = code!(map_value(1, 0, 0), load_byte(0, 1, 3), exit());
    assert_eq!(ends_with(&maps, &reads), End::Returned(9));
    let writes = code!(
        map_value(1, 0, 0),
        load_byte(0, 1, 3),
        store_imm(1, 0, 1),
        exit()
    );
    denied(ends_with(&maps, &writes), 3, 4, true);
    // Also by what a look-up gave.
    let found = code!(
        store_imm(10, -4, 0),
        map(1, 0),
        copy(2, 10),
        add(2, -4),
        helper(1),
        jump_if(0, 0, 1),
        store_imm(0, 0, 1),
        exit(),
    );
    denied(ends_with(&maps, &found), 7, 4, true);
}

#[test]
fn what_a_look_up_gave_ends_with_the_value() {
    let kinds = [MapKind::Array, MapKind::Hash, MapKind::PerCpuArray];
    for kind in kinds {
        let map_of = shared(&map_def("map", kind, 4, 12, 4));
        map_of
            .update(&1_u32.to_le_bytes(), &[3; 12], 0, 0)
            .expect("there is room");
        let at = |off| {
            let code = code!(
                store_imm(10, -4, 1),
                map(1, 0),
                copy(2, 10),
                add(2, -4),
                helper(1),
                jump_if(0, 0, 1),
                load_byte(0, 0, off),
                exit(),
            );
            ends_with(&[Arc::clone(&map_of)], &code)
        };
        assert_eq!(at(0), End::Returned(3), "{kind:?}");
        assert_eq!(at(11), End::Returned(3), "{kind:?}");
        denied(at(12), 7, 1, false);
        // A missing key gives null, which the program has to look at.
        let code = code!(
            store_imm(10, -4, 77),
            map(1, 0),
            copy(2, 10),
            add(2, -4),
            helper(1),
            load_byte(0, 0, 0),
            exit(),
        );
        denied(ends_with(&[Arc::clone(&map_of)], &code), 6, 1, false);
    }
}

#[test]
fn the_key_of_a_look_up_is_checked() {
    let maps = [shared(&map_def("map", MapKind::Array, 4, 8, 4))];
    let with_key = |key: Vec<Insn>| ends_with(&maps, &code!(key, map(1, 0), helper(1), exit()));
    let argument = |end: End| match end {
        End::Stopped {
            why: Stop::Argument {
                argument, helper, ..
            },
            ..
        } => (helper, argument),
        other => panic!("{other:?}"),
    };
    let near_end = code!(copy(2, 10), add(2, -3));
    assert_eq!(argument(with_key(near_end)), (1, 2));
    assert_eq!(argument(with_key(code!(mov(2, 0)))), (1, 2));
    assert_eq!(argument(with_key(code!(value(2, u64::MAX - 1)))), (1, 2));
    let code = code!(copy(2, 10), add(2, -4), mov(1, 8), helper(1), exit());
    assert_eq!(argument(ends_with(&maps, &code)), (1, 1));
}

#[test]
fn reports_name_the_instruction() {
    let code = code!(mov(0, 0), call(1), exit(), mov(1, 0), load(0, 1, 5), exit());
    let why = Stop::Access {
        address: 5,
        len: 8,
        write: false,
    };
    assert_eq!(ends(&code), End::Stopped { why, at: 4 });
    let why = Stop::Callee {
        value: 0x1_0000_0000,
    };
    let code = code!(value(3, 0x1_0000_0000), call_register(3), exit());
    assert_eq!(ends(&code), End::Stopped { why, at: 2 });
}
