//! What the encoder writes, as a disassembler of others reads it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::emit::*;

const WIDTHS: [Width; 4] = [Width::Byte, Width::Word, Width::Long, Width::Quad];
const DISTANCES: [i32; 9] = [0, 1, -1, 127, -128, 128, -129, i32::MAX, i32::MIN];
const VALUES: [i32; 9] = [0, 1, -1, 127, -128, 128, 0x7fff, i32::MAX, i32::MIN];

fn registers() -> impl Iterator<Item = Reg> {
    (0..16).map(Reg)
}

/// The disassembler's register of that number and width.
fn register(reg: Reg, width: Width) -> Register {
    let first = match width {
        // Without `ah` to `bh`, which have numbers of their own.
        Width::Byte if reg.0 >= 4 => return Register::SPL + (u32::from(reg.0) - 4),
        Width::Byte => Register::AL,
        Width::Word => Register::AX,
        Width::Long => Register::EAX,
        Width::Quad => Register::RAX,
    };
    first + u32::from(reg.0)
}

fn bytes(write: impl Fn(&mut Emitter<'_>)) -> Vec<u8> {
    let mut counter = Emitter::new(&mut []);
    write(&mut counter);
    let mut bytes = alloc::vec![0; counter.at()];
    let mut emitter = Emitter::new(&mut bytes);
    write(&mut emitter);
    assert_eq!(emitter.at(), bytes.len(), "counted and written");
    bytes
}

/// Reads the one instruction that is written.
fn one(write: impl Fn(&mut Emitter<'_>)) -> Instruction {
    let bytes = bytes(write);
    let mut decoder = Decoder::new(64, &bytes, DecoderOptions::NONE);
    let instruction = decoder.decode();
    assert!(!instruction.is_invalid(), "{bytes:02x?} is no instruction");
    assert_eq!(
        instruction.len(),
        bytes.len(),
        "{bytes:02x?}: {instruction}"
    );
    instruction
}

fn is_memory(instruction: &Instruction, base: Reg, distance: i32, width: Width) {
    assert_eq!(
        instruction.memory_base(),
        register(base, Width::Quad),
        "{instruction}"
    );
    assert_eq!(instruction.memory_index(), Register::None, "{instruction}");
    let there = instruction.memory_displacement64();
    assert_eq!(there, i64::from(distance) as u64, "{instruction}");
    let len = [1, 2, 4, 8][width as usize];
    assert_eq!(instruction.memory_size().size(), len, "{instruction}");
}

#[test]
fn loads_and_stores_name_any_register_at_any_distance() {
    for base in registers() {
        for reg in registers() {
            for distance in DISTANCES {
                let memory = Rm::Mem(base, distance);
                for width in WIDTHS {
                    let store = one(|to| to.store(width, memory, reg));
                    assert_eq!(store.mnemonic(), Mnemonic::Mov);
                    assert_eq!(store.op1_register(), register(reg, width), "{store}");
                    is_memory(&store, base, distance, width);
                }
                for width in [Width::Long, Width::Quad] {
                    let load = one(|to| to.load(width, reg, memory));
                    assert_eq!(load.op0_register(), register(reg, width), "{load}");
                    is_memory(&load, base, distance, width);
                }
            }
        }
    }
}

#[test]
fn extending_loads_read_what_they_say() {
    let forms = [
        (Width::Long, op::MOVZX_BYTE, Mnemonic::Movzx, Width::Byte),
        (Width::Long, op::MOVZX_WORD, Mnemonic::Movzx, Width::Word),
        (Width::Quad, op::MOVSX_BYTE, Mnemonic::Movsx, Width::Byte),
        (Width::Quad, op::MOVSX_WORD, Mnemonic::Movsx, Width::Word),
        (Width::Quad, op::MOVSXD, Mnemonic::Movsxd, Width::Long),
    ];
    for (width, opcode, mnemonic, from) in forms {
        for base in registers() {
            for reg in registers() {
                let load = one(|to| to.op(width, opcode, reg, Rm::Mem(base, 5)));
                assert_eq!(load.mnemonic(), mnemonic, "{load}");
                assert_eq!(load.op0_register(), register(reg, width), "{load}");
                is_memory(&load, base, 5, from);
            }
        }
    }
}

#[test]
fn extensions_of_byte_registers_name_the_low_byte() {
    for from in registers() {
        for to in registers() {
            let zero = one(|emit| emit.op(Width::Byte, op::MOVZX_BYTE, to, Rm::Reg(from)));
            assert_eq!(zero.op0_register(), register(to, Width::Long), "{zero}");
            assert_eq!(zero.op1_register(), register(from, Width::Byte), "{zero}");
            let sign = one(|emit| emit.op(Width::Byte, op::MOVSX_BYTE, to, Rm::Reg(from)));
            assert_eq!(sign.op0_register(), register(to, Width::Long), "{sign}");
            assert_eq!(sign.op1_register(), register(from, Width::Byte), "{sign}");
            let wide = one(|emit| emit.op(Width::Quad, op::MOVSX_BYTE, to, Rm::Reg(from)));
            assert_eq!(wide.op0_register(), register(to, Width::Quad), "{wide}");
            assert_eq!(wide.op1_register(), register(from, Width::Byte), "{wide}");
        }
    }
}

const ARITHMETIC: [(Arith, Mnemonic); 6] = [
    (Arith::Add, Mnemonic::Add),
    (Arith::Or, Mnemonic::Or),
    (Arith::And, Mnemonic::And),
    (Arith::Sub, Mnemonic::Sub),
    (Arith::Xor, Mnemonic::Xor),
    (Arith::Cmp, Mnemonic::Cmp),
];

#[test]
fn arithmetic_takes_registers_and_values() {
    for width in [Width::Long, Width::Quad] {
        for (what, mnemonic) in ARITHMETIC {
            for dst in registers() {
                for src in registers() {
                    let plain = one(|to| to.arith(width, what, Rm::Reg(dst), src));
                    assert_eq!(plain.mnemonic(), mnemonic, "{plain}");
                    assert_eq!(plain.op0_register(), register(dst, width), "{plain}");
                    assert_eq!(plain.op1_register(), register(src, width), "{plain}");
                }
                for value in VALUES {
                    let with = one(|to| to.arith_imm(width, what, Rm::Reg(dst), value));
                    assert_eq!(with.mnemonic(), mnemonic, "{with}");
                    assert_eq!(with.op0_register(), register(dst, width), "{with}");
                    assert_eq!(with.immediate(1) as i32, value, "{with}");
                    assert!(width == Width::Long || with.immediate(1) as i64 == i64::from(value));
                }
            }
        }
    }
}

#[test]
fn stores_of_values_keep_their_sign() {
    for width in WIDTHS {
        for value in VALUES {
            let store = one(|to| to.store_imm(width, Rm::Mem(R13, 0), value));
            is_memory(&store, R13, 0, width);
            let bits = [8, 16, 32, 64][width as usize];
            let mask = u64::MAX >> (64 - bits);
            assert_eq!(
                store.immediate(1) & mask,
                i64::from(value) as u64 & mask,
                "{store}"
            );
        }
    }
}

#[test]
fn registers_are_set_to_any_value() {
    for reg in registers() {
        for value in [
            0,
            1,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            1 << 32,
            u64::MAX,
            1 << 63,
            !0x7fff_ffff,
        ] {
            let set = one(|to| to.set(reg, value));
            if value == 0 {
                assert_eq!(set.mnemonic(), Mnemonic::Xor, "{set}");
                assert_eq!(set.op0_register(), set.op1_register(), "{set}");
                continue;
            }
            assert_eq!(set.mnemonic(), Mnemonic::Mov, "{set}");
            let wide = set.op0_register() == register(reg, Width::Quad);
            assert!(
                wide || set.op0_register() == register(reg, Width::Long),
                "{set}"
            );
            let immediate = set.immediate(1);
            let becomes = if wide {
                immediate
            } else {
                immediate & 0xffff_ffff
            };
            assert_eq!(becomes, value, "{set}");
        }
    }
}

#[test]
fn tests_see_the_bits_that_are_named() {
    for width in [Width::Long, Width::Quad] {
        for reg in registers() {
            for value in VALUES {
                let test = one(|to| to.test_imm(width, reg, value));
                assert_eq!(test.mnemonic(), Mnemonic::Test, "{test}");
                assert_eq!(
                    test.op0_register().full_register(),
                    register(reg, Width::Quad),
                    "{test}"
                );
                let mask = match test.op0_register().size() {
                    1 => test.immediate(1) & 0xff,
                    4 => test.immediate(1) & 0xffff_ffff,
                    _ => test.immediate(1),
                };
                let all = if width == Width::Quad {
                    u64::MAX
                } else {
                    0xffff_ffff
                };
                assert_eq!(mask, i64::from(value) as u64 & all, "{test}");
                assert!(
                    test.op0_register().size() > 1 || value < 0x80,
                    "{test}: the sign"
                );
            }
        }
    }
}

#[test]
fn multiplications_divisions_and_shifts_are_as_named() {
    for width in [Width::Long, Width::Quad] {
        for reg in registers() {
            for value in VALUES {
                let times = one(|to| to.imul_imm(width, reg, R9, value));
                assert_eq!(times.mnemonic(), Mnemonic::Imul, "{times}");
                assert_eq!(times.op0_register(), register(reg, width), "{times}");
                assert_eq!(times.op1_register(), register(R9, width), "{times}");
                assert_eq!(times.immediate(2) as i32, value, "{times}");
            }
            for (what, mnemonic) in [
                (Unary::Neg, Mnemonic::Neg),
                (Unary::Div, Mnemonic::Div),
                (Unary::Idiv, Mnemonic::Idiv),
            ] {
                let unary = one(|to| to.unary(width, what, Rm::Reg(reg)));
                assert_eq!(unary.mnemonic(), mnemonic, "{unary}");
                assert_eq!(unary.op0_register(), register(reg, width), "{unary}");
                let memory = one(|to| to.unary(width, what, Rm::Mem(reg, 8)));
                is_memory(&memory, reg, 8, width);
            }
            for (what, mnemonic) in [
                (Shift::Rol, Mnemonic::Rol),
                (Shift::Shl, Mnemonic::Shl),
                (Shift::Shr, Mnemonic::Shr),
                (Shift::Sar, Mnemonic::Sar),
            ] {
                let by = one(|to| to.shift_imm(width, what, reg, 29));
                assert_eq!((by.mnemonic(), by.immediate(1)), (mnemonic, 29), "{by}");
                assert_eq!(by.op0_register(), register(reg, width), "{by}");
                let by = one(|to| to.shift(width, what, reg));
                assert_eq!(by.mnemonic(), mnemonic, "{by}");
                assert_eq!(by.op0_register(), register(reg, width), "{by}");
                assert_eq!(by.op1_register(), Register::CL, "{by}");
            }
            let swap = one(|to| to.bswap(width, reg));
            assert_eq!(swap.mnemonic(), Mnemonic::Bswap, "{swap}");
            assert_eq!(swap.op0_register(), register(reg, width), "{swap}");
        }
    }
    assert_eq!(
        one(|to| to.sign_into_rdx(Width::Quad)).mnemonic(),
        Mnemonic::Cqo
    );
    assert_eq!(
        one(|to| to.sign_into_rdx(Width::Long)).mnemonic(),
        Mnemonic::Cdq
    );
    assert_eq!(one(|to| to.fill()).code(), Code::Stosq_m64_RAX);
    assert!(one(|to| to.fill()).has_rep_prefix());
    let word = one(|to| to.shift_imm(Width::Word, Shift::Rol, RDI, 8));
    assert_eq!(word.op0_register(), Register::DI, "{word}");
}

#[test]
fn locked_operations_are_as_named() {
    for (opcode, mnemonic) in [
        (op::XADD, Mnemonic::Xadd),
        (op::CMPXCHG, Mnemonic::Cmpxchg),
        (op::XCHG, Mnemonic::Xchg),
    ] {
        for width in [Width::Long, Width::Quad] {
            let locked = one(|to| {
                to.lock();
                to.op(width, opcode, R14, Rm::Mem(R15, -8));
            });
            assert_eq!(locked.mnemonic(), mnemonic, "{locked}");
            assert!(locked.has_lock_prefix());
            assert_eq!(locked.op1_register(), register(R14, width), "{locked}");
            is_memory(&locked, R15, -8, width);
        }
    }
}

#[test]
fn registers_are_pushed_popped_and_called() {
    for reg in registers() {
        let whole = register(reg, Width::Quad);
        let push = one(|to| to.push(reg));
        assert_eq!(
            (push.mnemonic(), push.op0_register()),
            (Mnemonic::Push, whole)
        );
        let pop = one(|to| to.pop(reg));
        assert_eq!((pop.mnemonic(), pop.op0_register()), (Mnemonic::Pop, whole));
        let call = one(|to| to.call_reg(reg));
        assert_eq!(
            (call.mnemonic(), call.op0_register()),
            (Mnemonic::Call, whole)
        );
    }
    assert_eq!(one(|to| to.ret()).mnemonic(), Mnemonic::Ret);
}

/// Jumps of every condition, as text.
#[test]
fn jumps_lead_where_they_should_in_both_forms() {
    let conditions = [
        (Some(Cond::Below as u8), "jb"),
        (Some(Cond::AboveEqual as u8), "jae"),
        (Some(Cond::Equal as u8), "je"),
        (Some(Cond::NotEqual as u8), "jne"),
        (Some(Cond::BelowEqual as u8), "jbe"),
        (Some(Cond::Above as u8), "ja"),
        (Some(Cond::Less as u8), "jl"),
        (Some(Cond::GreaterEqual as u8), "jge"),
        (Some(Cond::LessEqual as u8), "jle"),
        (Some(Cond::Greater as u8), "jg"),
        (None, "jmp"),
    ];
    for (condition, name) in conditions {
        for (target, long) in [
            (0, false),
            (100, false),
            (0, true),
            (100, true),
            (100_000, true),
        ] {
            let jump = one(|to| to.jump(condition, target, long));
            assert_eq!(jump.near_branch64(), target as u64, "{jump}");
            let text: String = jump.to_string();
            assert!(text.starts_with(&alloc::format!("{name} ")), "{text}");
            assert_eq!(jump.op0_kind(), OpKind::NearBranch64);
        }
    }
    assert_eq!(Cond::Below.inverted(), Cond::AboveEqual as u8);
    assert_eq!(Cond::Greater.inverted(), Cond::LessEqual as u8);
    assert_eq!(one(|to| to.call(77)).near_branch64(), 77);
    let address = one(|to| to.lea_rip(R10, 1234));
    assert_eq!(address.memory_displacement64(), 1234, "{address}");
    assert_eq!(address.op0_register(), Register::R10, "{address}");
}

#[test]
fn a_short_jump_reaches_127_bytes_and_no_further() {
    let emitter = Emitter::new(&mut []);
    assert!(emitter.short_reaches(2 + 127));
    assert!(!emitter.short_reaches(2 + 128));
    let mut emitter = Emitter::new(&mut []);
    (0..126).for_each(|_| emitter.byte(0x90));
    assert!(emitter.short_reaches(0));
    emitter.byte(0x90);
    assert!(!emitter.short_reaches(0));
}

#[test]
fn forward_jumps_end_where_it_is_said() {
    let bytes = bytes(|to| {
        let over = to.forward(Some(Cond::Equal as u8));
        to.ret();
        to.ret();
        to.here(over);
        to.ret();
    });
    let jump = Decoder::new(64, &bytes, DecoderOptions::NONE).decode();
    assert_eq!(jump.near_branch64(), 4);
}
