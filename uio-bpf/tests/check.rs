//! Each rule of the check: a program that breaks it beside one that does not, the two as close as they can be.

mod support;

use std::sync::Arc;

use support::{HELPERS, map_def, shared};
use uio_bpf::bundle::{MapKind, map_flags};
use uio_bpf::check::{Environment, Reject, Why, check};
use uio_bpf::isa::{FUNCTION_TOKEN, Insn, MAX_INSNS};
use uio_bpf::kind::Kind;
use uio_bpf::map::Map;
use uio_bpf::program::Program;

fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn {
        opcode,
        regs: dst | src << 4,
        off,
        imm,
    }
}

const EXIT: Insn = Insn {
    opcode: 0x95,
    regs: 0,
    off: 0,
    imm: 0,
};

/// `mov r0, imm`.
fn mov(imm: i32) -> Insn {
    insn(0xb7, 0, 0, 0, imm)
}

/// `call` of a function, so far behind the next instruction.
fn call(distance: i32) -> Insn {
    insn(0x85, 0, 1, 0, distance)
}

/// `lddw`.
fn wide(dst: u8, src: u8, low: i32, high: i32) -> [Insn; 2] {
    [insn(0x18, dst, src, 0, low), insn(0, 0, 0, 0, high)]
}

/// The second half of `lddw`.
const HALF: Insn = Insn {
    opcode: 0,
    regs: 0,
    off: 0,
    imm: 0,
};

fn maps() -> Vec<Arc<Map>> {
    let data = map_def("data", MapKind::Array, 4, 16, 1);
    let hash = map_def("hash", MapKind::Hash, 4, 8, 4);
    [data, hash].iter().map(shared).collect()
}

fn try_check(kind: Kind, code: &[Insn]) -> Result<Program, Reject> {
    let maps = maps();
    let environment = Environment {
        maps: &maps,
        variables: &[0xffff_8000_1234_5678],
        helpers: &HELPERS,
    };
    check("program", kind, code, &environment)
}

fn passes(code: &[Insn]) {
    let checked = try_check(Kind::Executable, code);
    assert_eq!(checked.err(), None, "{code:x?}");
}

fn refused(code: &[Insn], at: u32, why: Why) {
    let checked = try_check(Kind::Executable, code);
    assert_eq!(checked.err(), Some(Reject { at, why }), "{code:x?}");
}

/// One instruction among others, and the same with something wrong.
fn pair(right: Insn, wrong: Insn, why: Why) {
    passes(&[mov(0), right, EXIT]);
    refused(&[mov(0), wrong, EXIT], 1, why);
}

#[test]
fn instructions_of_no_meaning() {
    let add = insn(0x07, 1, 0, 0, 1);
    for opcode in [0xe7, 0xf7, 0xef, 0xe4] {
        pair(add, Insn { opcode, ..add }, Why::Opcode);
    }
    let jump = insn(0x15, 1, 0, 0, 0);
    for opcode in [0xe5, 0xf5, 0xe6, 0xfe] {
        pair(jump, Insn { opcode, ..jump }, Why::Opcode);
    }
    // `neg` of a register as the source, and the unconditional swap of class ALU64 likewise.
    let neg = insn(0x87, 1, 0, 0, 0);
    pair(
        neg,
        Insn {
            opcode: 0x8f,
            ..neg
        },
        Why::Opcode,
    );
    let swap = insn(0xd7, 1, 0, 0, 16);
    pair(
        swap,
        Insn {
            opcode: 0xdf,
            ..swap
        },
        Why::Opcode,
    );
    // `exit`, `call` and `ja` with other classes and sources.
    for opcode in [0x96, 0x9d, 0x9e] {
        refused(&[mov(0), Insn { opcode, ..EXIT }, EXIT], 1, Why::Opcode);
    }
    let helper = insn(0x85, 0, 0, 0, 5);
    for opcode in [0x86, 0x8e] {
        pair(helper, Insn { opcode, ..helper }, Why::Opcode);
    }
    let ja = insn(0x05, 0, 0, 0, 0);
    for opcode in [0x0d, 0x0e] {
        pair(ja, Insn { opcode, ..ja }, Why::Opcode);
    }
    // Modes of loads and stores.
    let load = insn(0x79, 1, 10, -8, 0);
    for opcode in [0x99, 0xb9, 0xd9, 0x19, 0x39, 0xf9] {
        pair(load, Insn { opcode, ..load }, Why::Opcode);
    }
    let store = insn(0x7a, 10, 0, -8, 0);
    for opcode in [0x9a, 0xda, 0x1a, 0x3a] {
        pair(store, Insn { opcode, ..store }, Why::Opcode);
    }
    let register = insn(0x7b, 10, 1, -8, 0);
    for opcode in [0x9b, 0xbb, 0x1b, 0xfb] {
        pair(register, Insn { opcode, ..register }, Why::Opcode);
    }
    for opcode in [0x00, 0x08, 0x10, 0x60, 0x78, 0xc0] {
        refused(&[mov(0), Insn { opcode, ..HALF }, EXIT], 1, Why::Opcode);
    }
}

#[test]
fn loads_of_packets() {
    for opcode in [0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x58] {
        refused(&[mov(0), Insn { opcode, ..HALF }, EXIT], 1, Why::PacketLoad);
    }
}

#[test]
fn registers() {
    pair(
        insn(0xbf, 9, 1, 0, 0),
        insn(0xbf, 11, 1, 0, 0),
        Why::Register,
    );
    pair(
        insn(0xbf, 9, 1, 0, 0),
        insn(0xbf, 9, 11, 0, 0),
        Why::Register,
    );
    pair(
        insn(0xbf, 9, 1, 0, 0),
        insn(0xbf, 15, 15, 0, 0),
        Why::Register,
    );
    // Register 10 is read, not written.
    let why = Why::FramePointer;
    pair(insn(0xbf, 9, 10, 0, 0), insn(0xbf, 10, 9, 0, 0), why);
    pair(insn(0x07, 9, 0, 0, 8), insn(0x07, 10, 0, 0, 8), why);
    pair(insn(0x87, 9, 0, 0, 0), insn(0x87, 10, 0, 0, 0), why);
    pair(insn(0xd7, 9, 0, 0, 64), insn(0xd7, 10, 0, 0, 64), why);
    pair(insn(0x79, 9, 1, 0, 0), insn(0x79, 10, 1, 0, 0), why);
    pair(insn(0xdb, 10, 9, -8, 1), insn(0xdb, 10, 10, -8, 1), why);
    pair(
        insn(0xdb, 10, 9, -8, 0xe1),
        insn(0xdb, 10, 10, -8, 0xe1),
        why,
    );
    refused(&[wide(10, 0, 1, 2)[0], HALF, mov(0), EXIT], 0, why);
    // What an atomic only reads may be register 10: plain operations, and CMPXCHG.
    passes(&[mov(0), insn(0xdb, 10, 10, -8, 0), EXIT]);
    passes(&[mov(0), insn(0xdb, 10, 10, -8, 0xf1), EXIT]);
}

#[test]
fn fields_without_a_meaning() {
    let set =
        |right: Insn, dst: Option<Why>, src: Option<Why>, off: Option<Why>, imm: Option<Why>| {
            let wrongs = [
                (
                    dst,
                    Insn {
                        regs: right.regs | 1,
                        ..right
                    },
                ),
                (
                    src,
                    Insn {
                        regs: right.regs | 1 << 4,
                        ..right
                    },
                ),
                (off, Insn { off: 3, ..right }),
                (imm, Insn { imm: 1, ..right }),
            ];
            for (why, wrong) in wrongs {
                if let Some(why) = why {
                    pair(right, wrong, why);
                }
            }
        };
    let dst = Some(Why::ReservedDestination);
    let src = Some(Why::ReservedSource);
    let off = Some(Why::ReservedOffset);
    let imm = Some(Why::ReservedImmediate);
    set(EXIT, dst, src, off, imm);
    set(insn(0x05, 0, 0, 0, 0), dst, src, None, imm);
    set(insn(0x06, 0, 0, 0, 0), dst, src, off, None);
    set(insn(0x15, 1, 0, 0, 7), None, src, None, None);
    set(insn(0x1d, 1, 2, 0, 0), None, None, None, imm);
    set(insn(0x16, 1, 0, 0, 7), None, src, None, None);
    set(insn(0x85, 0, 0, 0, 5), dst, None, off, None);
    set(insn(0x07, 2, 0, 0, 7), None, src, off, None);
    set(insn(0x0f, 2, 4, 0, 0), None, None, off, imm);
    set(insn(0xb7, 2, 0, 0, 7), None, src, off, None);
    set(insn(0x87, 2, 0, 0, 0), None, src, off, imm);
    set(insn(0xd4, 2, 0, 0, 16), None, src, off, None);
    set(insn(0x79, 2, 10, -8, 0), None, None, None, imm);
    set(insn(0x81, 2, 10, -8, 0), None, None, None, imm);
    set(insn(0x7a, 10, 0, -8, 7), None, src, None, None);
    set(insn(0x7b, 10, 2, -8, 0), None, None, None, imm);
    set(insn(0x8d, 2, 0, 0, 0), None, src, off, imm);
}

#[test]
fn offsets_with_a_meaning() {
    let why = Why::ReservedOffset;
    for opcode in [0x37, 0x97, 0x34, 0x94] {
        passes(&[mov(0), insn(opcode, 1, 0, 1, 7), EXIT]);
        pair(insn(opcode, 1, 0, 0, 7), insn(opcode, 1, 0, 2, 7), why);
        pair(insn(opcode, 1, 0, 1, 7), insn(opcode, 1, 0, -1, 7), why);
    }
    for width in [8, 16, 32] {
        pair(
            insn(0xbf, 1, 2, width, 0),
            insn(0xbf, 1, 2, width + 1, 0),
            why,
        );
        pair(insn(0xbf, 1, 2, width, 0), insn(0xb7, 1, 0, width, 0), why);
    }
    // There is no sign extension from 32 bits to 32.
    pair(insn(0xbc, 1, 2, 16, 0), insn(0xbc, 1, 2, 32, 0), why);
}

#[test]
fn swaps_and_atomics() {
    for opcode in [0xd4, 0xdc, 0xd7] {
        for width in [16, 32, 64] {
            let (right, wrong) = (
                insn(opcode, 1, 0, 0, width),
                insn(opcode, 1, 0, 0, width + 8),
            );
            pair(right, wrong, Why::SwapWidth);
        }
    }
    for imm in [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1] {
        for opcode in [0xc3, 0xdb] {
            passes(&[mov(0), insn(opcode, 10, 1, -8, imm), EXIT]);
        }
    }
    for imm in [0x10, 0x30, 0x42, 0xe0, 0xf0, 0x101, -1] {
        let (right, wrong) = (insn(0xdb, 10, 1, -8, 0), insn(0xdb, 10, 1, -8, imm));
        pair(right, wrong, Why::AtomicOperation);
    }
    for opcode in [0xcb, 0xd3] {
        let (right, wrong) = (insn(0xdb, 10, 1, -8, 0), insn(opcode, 10, 1, -8, 0));
        pair(right, wrong, Why::AtomicSize);
    }
}

#[test]
fn wide_instructions() {
    let [low, high] = wide(1, 0, 1, 2);
    passes(&[low, high, EXIT]);
    refused(&[EXIT, low], 1, Why::WideHalf);
    for second in [EXIT, Insn { regs: 1, ..high }, Insn { off: 1, ..high }, low] {
        refused(&[low, second, EXIT], 1, Why::WideReserved);
    }
    refused(
        &[Insn { off: 1, ..low }, high, EXIT],
        0,
        Why::ReservedOffset,
    );
    let with = |src, low, high| [wide(1, src, low, high)[0], wide(1, src, low, high)[1], EXIT];
    refused(&with(7, 0, 0), 0, Why::WideSource);
    for source in [1, 5] {
        passes(&with(source, 1, 0));
        refused(&with(source, 2, 0), 0, Why::NoMap);
        refused(&with(source, -1, 0), 0, Why::NoMap);
        refused(&with(source, 1, 1), 0, Why::ReservedImmediate);
    }
    for source in [2, 6] {
        passes(&with(source, 0, 15));
        passes(&with(source, 0, 16));
        refused(&with(source, 0, 17), 0, Why::MapValueOffset);
        refused(&with(source, 0, -1), 0, Why::MapValueOffset);
        refused(&with(source, 1, 0), 0, Why::NoMapValue);
        refused(&with(source, 2, 0), 0, Why::NoMap);
    }
    passes(&with(3, 0, 0));
    refused(&with(3, 1, 0), 0, Why::NoVariable);
    refused(&with(3, 0, 1), 0, Why::ReservedImmediate);
    let function = |low, high| [with(4, low, high).as_slice(), &[mov(1), EXIT]].concat();
    passes(&function(2, 0));
    refused(&function(2, 1), 0, Why::ReservedImmediate);
    refused(&function(9, 0), 0, Why::CallOutside);
    refused(&function(0, 0), 0, Why::CallIntoWide);
}

#[test]
fn wide_instructions_get_their_values() {
    let code = [
        wide(1, 1, 1, 0),
        wide(2, 6, 0, 8),
        wide(3, 3, 0, 0),
        wide(4, 4, 2, 0),
    ];
    let code = [code.concat().as_slice(), &[EXIT, mov(0), EXIT]].concat();
    let maps = maps();
    let environment = Environment {
        maps: &maps,
        variables: &[0xffff_8000_1234_5678],
        helpers: &HELPERS,
    };
    let program = check("program", Kind::Executable, &code, &environment).unwrap();
    let value = |at: usize| {
        let [low, high] = [program.insns[at].imm, program.insns[at + 1].imm];
        u64::from(low as u32) | (high as u64) << 32
    };
    assert_eq!(value(0), Arc::as_ptr(&maps[1]) as u64);
    assert_eq!(value(2), maps[0].first_value().unwrap().address + 8);
    assert_eq!(value(4), 0xffff_8000_1234_5678);
    assert_eq!(value(6), FUNCTION_TOKEN + 1);
    assert_eq!(program.functions.len(), 2);
    assert_eq!(
        (program.functions[1].start, program.functions[1].end),
        (9, 11)
    );
    assert_eq!(program.maps.len(), 2);
}

#[test]
fn jumps_and_ends() {
    let jump = |off| insn(0x05, 0, 0, off, 0);
    let [low, high] = wide(1, 0, 0, 0);
    passes(&[jump(2), low, high, EXIT]);
    refused(&[jump(1), low, high, EXIT], 0, Why::JumpIntoWide);
    passes(&[mov(0), jump(-2), EXIT]);
    refused(&[mov(0), jump(-3), EXIT], 1, Why::JumpOutside);
    refused(&[mov(0), jump(1), EXIT], 1, Why::JumpOutside);
    // Class JMP32 jumps by its immediate.
    passes(&[insn(0x06, 0, 0, 0, 1), mov(0), EXIT]);
    refused(&[insn(0x06, 0, 0, 0, 2), mov(0), EXIT], 0, Why::JumpOutside);
    refused(&[insn(0x06, 0, 0, 0, i32::MAX), EXIT], 0, Why::JumpOutside);
    refused(&[insn(0x06, 0, 0, 0, i32::MIN), EXIT], 0, Why::JumpOutside);
    // Conditions have the offset.
    passes(&[insn(0x16, 1, 0, 1, 9), mov(0), EXIT]);
    refused(&[insn(0x16, 1, 0, 2, 9), mov(0), EXIT], 0, Why::JumpOutside);
    // Into another function.
    passes(&[call(1), EXIT, mov(1), jump(-2), EXIT]);
    refused(
        &[call(1), EXIT, mov(1), jump(-3), EXIT],
        3,
        Why::JumpOutside,
    );
    refused(&[call(2), jump(1), EXIT, mov(1), EXIT], 1, Why::JumpOutside);
    // Ends.
    passes(&[mov(0), jump(-2)]);
    refused(&[mov(0)], 0, Why::NoEnd);
    refused(&[EXIT, insn(0x15, 0, 0, -2, 0)], 1, Why::NoEnd);
    refused(&[EXIT, low, high], 2, Why::NoEnd);
    refused(&[EXIT, insn(0x85, 0, 0, 0, 5)], 1, Why::NoEnd);
    refused(&[call(0), mov(1), EXIT], 0, Why::NoEnd);
}

#[test]
fn calls() {
    let with = |call| [call, EXIT, mov(0), EXIT];
    let right = call(1);
    passes(&with(right));
    refused(&with(Insn { imm: 3, ..right }), 0, Why::CallOutside);
    refused(&with(Insn { imm: -2, ..right }), 0, Why::CallOutside);
    refused(
        &with(Insn {
            regs: 2 << 4,
            ..right
        }),
        0,
        Why::CallBtf,
    );
    refused(
        &with(Insn {
            regs: 3 << 4,
            ..right
        }),
        0,
        Why::CallSource,
    );
    let [low, high] = wide(1, 0, 0, 0);
    passes(&[call(1), EXIT, low, high, EXIT]);
    refused(&[call(2), EXIT, low, high, EXIT], 0, Why::CallIntoWide);
    pair(
        insn(0x85, 0, 0, 0, 5),
        insn(0x85, 0, 0, 0, 9999),
        Why::NoHelper,
    );
    pair(
        insn(0x85, 0, 0, 0, 5),
        insn(0x85, 0, 0, 0, -1),
        Why::NoHelper,
    );
}

#[test]
fn helpers_of_other_program_types() {
    // `get_func_ret` needs a function that returned.
    let code = [insn(0x85, 0, 0, 0, 184), EXIT];
    assert_eq!(try_check(Kind::Fexit, &code).err(), None);
    let refused = try_check(Kind::Fentry, &code).err();
    let why = Why::HelperKind;
    assert_eq!(refused, Some(Reject { at: 0, why }));
}

#[test]
fn depth_and_recursion() {
    // Functions that call the next one, so many in a row: `call; exit`.
    let chain = |functions: usize| -> Vec<Insn> {
        let mut code = [call(1), EXIT].repeat(functions - 1);
        code.extend([mov(0), EXIT]);
        code
    };
    passes(&chain(8));
    let Err(Reject { why, .. }) = try_check(Kind::Executable, &chain(9)) else {
        panic!("nine functions are too deep");
    };
    assert_eq!(why, Why::Frames);
    // Many functions beside each other are not deep.
    let mut wide: Vec<Insn> = (0..100).map(|n| call(100 - n + n * 2)).collect();
    wide.push(EXIT);
    wide.extend([mov(0), EXIT].repeat(100));
    passes(&wide);
    // Round: by itself, by another one, and far from where it begins.
    let why = Why::Recursion;
    passes(&[call(1), EXIT, mov(0), EXIT]);
    refused(&[call(1), EXIT, call(-1), EXIT], 0, why);
    refused(&[call(-1), EXIT], 0, why);
    refused(&[call(1), EXIT, call(1), EXIT, call(-3), EXIT], 0, why);
    // What only the address of is taken may go round: that has a bound when it runs.
    let [low, high] = [insn(0x18, 1, 4, 0, -1), HALF];
    passes(&[low, high, EXIT]);
}

#[test]
fn stacks() {
    let store = |off| insn(0x7a, 10, 0, off, 0);
    pair(store(-512), store(-513), Why::Stack);
    pair(store(-8), store(-7), Why::StackEnd);
    pair(store(-8), store(0), Why::StackEnd);
    pair(
        insn(0x71, 1, 10, -1, 0),
        insn(0x71, 1, 10, 0, 0),
        Why::StackEnd,
    );
    pair(
        insn(0xc3, 10, 1, -4, 0),
        insn(0xdb, 10, 1, -4, 0),
        Why::StackEnd,
    );
    let used = |code: &[Insn]| try_check(Kind::Executable, code).unwrap().functions[0].stack;
    assert_eq!(used(&[mov(0), EXIT]), 0);
    assert_eq!(used(&[store(-8), store(-24), EXIT]), 24);
    assert_eq!(used(&[insn(0x72, 10, 0, -1, 0), EXIT]), 8);
    // Anything else with the frame pointer may use all of it.
    for other in [
        insn(0xbf, 1, 10, 0, 0),
        insn(0x0f, 1, 10, 0, 0),
        insn(0x7b, 1, 10, 0, 0),
        insn(0x1d, 1, 10, 0, 0),
        insn(0x15, 10, 0, 0, 0),
    ] {
        assert_eq!(used(&[other, EXIT]), 512, "{other:x?}");
    }
}

#[test]
fn lengths() {
    refused(&[], 0, Why::Empty);
    let mut code = vec![mov(0); MAX_INSNS - 1];
    code.push(EXIT);
    passes(&code);
    code.push(EXIT);
    refused(&code, MAX_INSNS as u32 + 1, Why::Length);
}

#[test]
fn the_old_form_of_callx_becomes_the_usual_one() {
    let old = insn(0x8d, 0, 0, 0, 3);
    let program = try_check(Kind::Executable, &[old, EXIT]).unwrap();
    assert_eq!(program.insns[0], insn(0x8d, 3, 0, 0, 0));
    pair(old, insn(0x8d, 0, 0, 0, 10), Why::ReservedImmediate);
    pair(old, insn(0x8d, 1, 0, 0, 3), Why::ReservedImmediate);
}

#[test]
fn maps_that_programs_only_read_can_be_named() {
    let mut def = map_def("rodata", MapKind::Array, 4, 16, 1);
    def.flags = map_flags::READ_ONLY;
    let maps = [shared(&def)];
    let environment = Environment {
        maps: &maps,
        variables: &[],
        helpers: &HELPERS,
    };
    let [low, high] = wide(1, 6, 0, 0);
    let checked = check(
        "program",
        Kind::Executable,
        &[low, high, EXIT],
        &environment,
    );
    assert_eq!(checked.err(), None);
}
