//! Jumps, calls and the end (RFC 9669, 4.3).

use uio_bpf::isa::{Insn, SOURCE_REGISTER, call, class, jump};

use super::{Helpers, register};

/// The opcode of calls by number.
pub(super) const CALL_LOCAL: u8 = class::JMP | jump::CALL;

pub(super) fn text(insn: Insn, helpers: Helpers<'_>) -> Option<String> {
    let wide = insn.class() == class::JMP;
    let from_register = insn.opcode & SOURCE_REGISTER != 0;
    let operator = match insn.opcode & 0xf0 {
        jump::JA if from_register => return None,
        jump::JA if wide => return Some(format!("goto {:+}", insn.off)),
        jump::JA => return Some(format!("gotol {:+}", insn.imm)),
        jump::CALL if wide => return call(insn, from_register, helpers),
        jump::EXIT if wide && !from_register => return Some("exit".to_owned()),
        jump::JEQ => "==",
        jump::JNE => "!=",
        jump::JGT => ">",
        jump::JGE => ">=",
        jump::JLT => "<",
        jump::JLE => "<=",
        jump::JSGT => "s>",
        jump::JSGE => "s>=",
        jump::JSLT => "s<",
        jump::JSLE => "s<=",
        jump::JSET => "&",
        _ => return None,
    };
    let dst = register(insn.dst(), wide);
    let source = match from_register {
        true => register(insn.src(), wide),
        false => insn.imm.to_string(),
    };
    Some(format!("if {dst} {operator} {source} goto {:+}", insn.off))
}

fn call(insn: Insn, from_register: bool, helpers: Helpers<'_>) -> Option<String> {
    if from_register {
        // The register is the destination; compilers before LLVM 19 put its number into the immediate.
        let number = match (insn.dst(), u8::try_from(insn.imm)) {
            (0, Ok(number)) if (1..=9).contains(&number) => number,
            (number, _) => number,
        };
        return Some(format!("callx {}", register(number, true)));
    }
    match insn.src() {
        call::HELPER => Some(match helpers(insn.imm.cast_unsigned()) {
            Some(name) => format!("call {name}#{}", insn.imm),
            None => format!("call {}", insn.imm),
        }),
        call::LOCAL => Some(format!("call {:+}", insn.imm)),
        call::BTF => Some(format!("call btf#{}", insn.imm)),
        _ => None,
    }
}

/// How far a jump, a call of a function or a load of a function's address goes from the next instruction.
pub(super) fn distance(insn: Insn) -> Option<i64> {
    let operation = insn.opcode & 0xf0;
    match insn.class() {
        class::LD if insn.opcode == super::LDDW => {
            (insn.src() == uio_bpf::isa::wide::FUNCTION).then_some(insn.imm.into())
        }
        class::JMP if operation == jump::CALL => {
            let local = insn.opcode & SOURCE_REGISTER == 0 && insn.src() == call::LOCAL;
            local.then_some(insn.imm.into())
        }
        class::JMP if operation == jump::EXIT => None,
        class::JMP32 if operation == jump::JA => Some(insn.imm.into()),
        class::JMP | class::JMP32 if operation <= jump::JSLE => Some(insn.off.into()),
        _ => None,
    }
}
