//! What each instruction may be made of: opcodes, registers, and fields that must be zero (RFC 9669,
//! sections 3 to 5).

use super::why::Why;
use crate::isa::{
    FRAME_POINTER, Insn, REGISTERS, SOURCE_REGISTER, alu, atomic, call, class, jump, mode, size,
    wide,
};

/// Checks one instruction by itself. Says whether it is the first half of a wide one.
///
/// # Errors
/// The rule that it breaks.
pub fn insn(insn: Insn) -> Result<bool, Why> {
    let registers = REGISTERS as u8;
    if insn.dst() >= registers || insn.src() >= registers {
        // Pseudo sources and the rest of what is no register are below eleven too.
        return Err(Why::Register);
    }
    match insn.class() {
        class::LD => return load_wide(insn).map(|()| true),
        class::LDX => load(insn)?,
        class::ST | class::STX => store(insn)?,
        class::ALU | class::ALU64 => arithmetic(insn)?,
        _ => branch(insn)?,
    }
    Ok(false)
}

/// The second half of a wide instruction.
pub fn second_half(insn: Insn) -> Result<(), Why> {
    ensure(
        insn.opcode == 0 && insn.regs == 0 && insn.off == 0,
        Why::WideReserved,
    )
}

fn ensure(right: bool, why: Why) -> Result<(), Why> {
    if right { Ok(()) } else { Err(why) }
}

fn no_dst(insn: Insn) -> Result<(), Why> {
    ensure(insn.dst() == 0, Why::ReservedDestination)
}

fn no_src(insn: Insn) -> Result<(), Why> {
    ensure(insn.src() == 0, Why::ReservedSource)
}

fn no_off(insn: Insn) -> Result<(), Why> {
    ensure(insn.off == 0, Why::ReservedOffset)
}

fn no_imm(insn: Insn) -> Result<(), Why> {
    ensure(insn.imm == 0, Why::ReservedImmediate)
}

fn writes(register: u8) -> Result<(), Why> {
    ensure(register != FRAME_POINTER, Why::FramePointer)
}

/// Class `LD`: section 5.4, and the legacy loads of section 5.5.
fn load_wide(insn: Insn) -> Result<(), Why> {
    match insn.opcode & 0xe0 {
        mode::ABS | mode::IND => return Err(Why::PacketLoad),
        mode::IMM if insn.opcode & 0x18 == size::DW => {}
        _ => return Err(Why::Opcode),
    }
    writes(insn.dst())?;
    no_off(insn)?;
    ensure(insn.src() <= wide::MAP_INDEX_VALUE, Why::WideSource)
}

/// Class `LDX`: sections 5.1 and 5.2.
fn load(insn: Insn) -> Result<(), Why> {
    match insn.opcode & 0xe0 {
        mode::MEM => {}
        mode::MEMSX if insn.opcode & 0x18 != size::DW => {}
        _ => return Err(Why::Opcode),
    }
    writes(insn.dst())?;
    no_imm(insn)
}

/// Classes `ST` and `STX`: sections 5.1 and 5.3.
fn store(insn: Insn) -> Result<(), Why> {
    let immediate = insn.class() == class::ST;
    match insn.opcode & 0xe0 {
        mode::MEM if immediate => no_src(insn),
        mode::MEM => no_imm(insn),
        mode::ATOMIC if !immediate => {
            let width = insn.opcode & 0x18;
            ensure(width == size::W || width == size::DW, Why::AtomicSize)?;
            match insn.imm {
                atomic::ADD | atomic::OR | atomic::AND | atomic::XOR | atomic::CMPXCHG => Ok(()),
                atomic::XCHG => writes(insn.src()),
                imm => match imm & !atomic::FETCH {
                    atomic::ADD | atomic::OR | atomic::AND | atomic::XOR => writes(insn.src()),
                    _ => Err(Why::AtomicOperation),
                },
            }
        }
        _ => Err(Why::Opcode),
    }
}

/// Classes `ALU` and `ALU64`: sections 4.1 and 4.2.
fn arithmetic(insn: Insn) -> Result<(), Why> {
    let operation = insn.opcode & 0xf0;
    let register = insn.opcode & SOURCE_REGISTER != 0;
    let wide = insn.class() == class::ALU64;
    if operation > alu::END || operation == alu::NEG && register {
        return Err(Why::Opcode);
    }
    if operation == alu::END && wide && register {
        return Err(Why::Opcode);
    }
    writes(insn.dst())?;
    let off = match operation {
        alu::DIV | alu::MOD => insn.off == 0 || insn.off == 1,
        alu::MOV if register => matches!(insn.off, 0 | 8 | 16) || wide && insn.off == 32,
        _ => insn.off == 0,
    };
    ensure(off, Why::ReservedOffset)?;
    match operation {
        alu::NEG => {
            no_src(insn)?;
            no_imm(insn)
        }
        alu::END => {
            no_src(insn)?;
            ensure(matches!(insn.imm, 16 | 32 | 64), Why::SwapWidth)
        }
        _ if register => no_imm(insn),
        _ => no_src(insn),
    }
}

/// Classes `JMP` and `JMP32`: section 4.3.
fn branch(insn: Insn) -> Result<(), Why> {
    let operation = insn.opcode & 0xf0;
    let register = insn.opcode & SOURCE_REGISTER != 0;
    let narrow = insn.class() == class::JMP32;
    match operation {
        jump::JA if !register => {
            no_dst(insn)?;
            no_src(insn)?;
            if narrow { no_off(insn) } else { no_imm(insn) }
        }
        jump::CALL if !narrow => calls(insn, register),
        jump::EXIT if !narrow && !register => {
            no_dst(insn)?;
            no_src(insn)?;
            no_off(insn)?;
            no_imm(insn)
        }
        jump::JA | jump::CALL | jump::EXIT => Err(Why::Opcode),
        _ if operation > jump::JSLE => Err(Why::Opcode),
        _ if register => no_imm(insn),
        _ => no_src(insn),
    }
}

/// `CALL` and `CALLX`.
fn calls(insn: Insn, register: bool) -> Result<(), Why> {
    no_off(insn)?;
    if register {
        no_src(insn)?;
        // LLVM before 19 has the register in the immediate: `usual` puts it right.
        let old = insn.dst() == 0 && (1..i32::from(FRAME_POINTER)).contains(&insn.imm);
        return if old { Ok(()) } else { no_imm(insn) };
    }
    no_dst(insn)?;
    match insn.src() {
        call::HELPER | call::LOCAL => Ok(()),
        call::BTF => Err(Why::CallBtf),
        _ => Err(Why::CallSource),
    }
}

/// The instruction in its usual form: with the register of `CALLX` as the destination.
#[must_use]
pub fn usual(insn: Insn) -> Insn {
    if insn.opcode == class::JMP | jump::CALL | SOURCE_REGISTER && insn.imm != 0 {
        return Insn {
            regs: insn.imm as u8,
            imm: 0,
            ..insn
        };
    }
    insn
}
