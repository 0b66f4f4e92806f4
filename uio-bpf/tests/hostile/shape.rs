//! Programs out of bytes.

use uio_bpf::helper;
use uio_bpf::isa::{Insn, SOURCE_REGISTER, alu, class, jump};

/// The instruction that the bytes are.
pub fn as_it_is(bytes: &[u8]) -> Insn {
    let mut whole = [0; Insn::LEN];
    whole.copy_from_slice(bytes);
    Insn::from_bytes(&whole)
}

/// A program that has a chance: each eight bytes choose an instruction among those that there are, with fields that
/// have a meaning.
pub fn likely(bytes: &[u8]) -> Vec<Insn> {
    let mut code = Vec::new();
    let count = bytes.len() / 8;
    for chunk in bytes.chunks_exact(8) {
        let insn = as_it_is(chunk);
        if insn.class() == class::LD {
            wide(insn, &mut code);
        } else {
            code.push(one(insn, code.len(), count));
        }
    }
    code.push(Insn {
        opcode: class::JMP | jump::EXIT,
        ..Insn::default()
    });
    code
}

fn registers(dst: u8, src: u8) -> u8 {
    (dst % 10) | ((src % 11) << 4)
}

/// `LDDW` of what there is: a number, maps, the first value of a map, a variable, a function.
fn wide(insn: Insn, code: &mut Vec<Insn>) {
    let source = insn.src() % 7;
    let (low, high) = match source {
        0 => (insn.imm, i32::from(insn.off)),
        1 | 5 => (insn.imm & 1, 0),
        2 | 6 => (insn.imm & 1, (insn.imm >> 1) & 31),
        3 => (0, 0),
        _ => (insn.imm % 8, 0),
    };
    code.push(Insn {
        opcode: 0x18,
        regs: (insn.dst() % 10) | (source << 4),
        off: 0,
        imm: low,
    });
    code.push(Insn {
        imm: high,
        ..Insn::default()
    });
}

fn one(insn: Insn, at: usize, count: usize) -> Insn {
    let regs = registers(insn.dst(), insn.src());
    let base = Insn { regs, ..insn };
    match insn.class() {
        class::LDX => {
            let modes = [0x60, 0x80];
            let mode = modes[usize::from((insn.opcode >> 5) & 1)];
            let size = if mode == 0x80 && insn.opcode & 0x18 == 0x18 {
                0
            } else {
                insn.opcode & 0x18
            };
            Insn {
                opcode: class::LDX | mode | size,
                off: near(insn.off),
                imm: 0,
                ..base
            }
        }
        class::ST => Insn {
            opcode: class::ST | 0x60 | insn.opcode & 0x18,
            regs: insn.dst() % 11,
            off: near(insn.off),
            ..insn
        },
        class::STX => store(insn),
        class::ALU | class::ALU64 => arithmetic(base),
        _ => branch(base, at, count),
    }
}

/// Offsets that have a chance to be inside of something.
fn near(off: i16) -> i16 {
    match off & 7 {
        0..=4 => -((off >> 3) & 63) - 1,
        5 => (off >> 3) & 63,
        _ => off,
    }
}

fn store(insn: Insn) -> Insn {
    let operations = [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1];
    let atomic = insn.opcode & 0x80 != 0;
    let size = if atomic {
        (insn.opcode & 0x08) | 0x10
    } else {
        insn.opcode & 0x18
    };
    let size = if atomic && size == 0x10 { 0 } else { size };
    Insn {
        opcode: class::STX | if atomic { 0xc0 } else { 0x60 } | size,
        regs: (insn.dst() % 11) | ((insn.src() % 10) << 4),
        off: if atomic {
            near(insn.off) & !7
        } else {
            near(insn.off)
        },
        imm: if atomic {
            operations[insn.imm.rem_euclid(10) as usize]
        } else {
            0
        },
    }
}

fn arithmetic(insn: Insn) -> Insn {
    let operation = (insn.opcode % 14) << 4;
    let mut register = insn.opcode & SOURCE_REGISTER;
    let narrow = insn.class() == class::ALU;
    if operation == alu::NEG || operation == alu::END && !narrow {
        register = 0;
    }
    let off = match operation {
        alu::DIV | alu::MOD => insn.off & 1,
        alu::MOV if register != 0 => {
            [0, 8, 16, if narrow { 0 } else { 32 }][usize::from(insn.off as u16 & 3)]
        }
        _ => 0,
    };
    let imm = match operation {
        alu::NEG => 0,
        alu::END => [16, 32, 64][insn.imm.rem_euclid(3) as usize],
        _ if register != 0 => 0,
        _ => insn.imm,
    };
    let from_register = register != 0 && operation != alu::END;
    Insn {
        opcode: insn.class() | operation | register,
        regs: if from_register { insn.regs } else { insn.dst() },
        off,
        imm,
    }
}

fn branch(insn: Insn, at: usize, count: usize) -> Insn {
    let operation = (insn.opcode % 14) << 4;
    let register = insn.opcode & SOURCE_REGISTER;
    let narrow = insn.class() == class::JMP32;
    // Somewhere near, and mostly forwards.
    let left = count.saturating_sub(at).max(1) as i16;
    let off = if insn.off & 7 == 0 {
        -((insn.off >> 3) & 7)
    } else {
        (insn.off >> 3).rem_euclid(left)
    };
    match operation {
        jump::JA => Insn {
            opcode: insn.class(),
            regs: 0,
            off: if narrow { 0 } else { off },
            imm: if narrow { off.into() } else { 0 },
        },
        jump::CALL if register != 0 => Insn {
            opcode: class::JMP | jump::CALL | SOURCE_REGISTER,
            regs: insn.dst(),
            ..Insn::default()
        },
        jump::CALL if insn.off & 1 == 0 => Insn {
            opcode: class::JMP | jump::CALL,
            regs: 1 << 4,
            off: 0,
            imm: off.into(),
        },
        jump::CALL => Insn {
            opcode: class::JMP | jump::CALL,
            imm: helper::OWN[insn.imm.rem_euclid(helper::OWN.len() as i32) as usize].id as i32,
            ..Insn::default()
        },
        jump::EXIT => Insn {
            opcode: class::JMP | jump::EXIT,
            ..Insn::default()
        },
        _ => Insn {
            opcode: insn.class() | operation | register,
            regs: if register != 0 { insn.regs } else { insn.dst() },
            off,
            imm: if register != 0 { 0 } else { insn.imm },
        },
    }
}
