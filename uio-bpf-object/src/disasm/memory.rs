//! Loads, stores and atomic operations (RFC 9669, 5).

use uio_bpf::isa::{Insn, atomic, class, mode, size, wide};

use super::{LDDW, offset, register};

/// The size of an access in bits.
fn bits(insn: Insn) -> u8 {
    match insn.opcode & size::DW {
        size::B => 8,
        size::H => 16,
        size::W => 32,
        _ => 64,
    }
}

/// Wide loads, and the legacy packet loads.
pub(super) fn wide(insn: Insn, second: Option<Insn>) -> Option<String> {
    let dst = register(insn.dst(), true);
    let bits = bits(insn);
    match insn.opcode & 0xe0 {
        mode::ABS if bits < 64 => return Some(format!("r0 = *(u{bits} *)skb[{}]", insn.imm)),
        mode::IND if bits < 64 => {
            let index = register(insn.src(), true);
            let imm = insn.imm;
            return Some(format!("r0 = *(u{bits} *)skb[{index} + {imm}]"));
        }
        _ if insn.opcode != LDDW => return None,
        _ => {}
    }
    let high = second?.imm;
    let low = insn.imm;
    Some(match insn.src() {
        wide::VALUE => {
            let value = u64::from(high.cast_unsigned()) << 32 | u64::from(low.cast_unsigned());
            format!("{dst} = {value:#x} ll")
        }
        wide::MAP | wide::MAP_INDEX => format!("{dst} = map[{low}] ll"),
        wide::MAP_VALUE | wide::MAP_INDEX_VALUE => format!("{dst} = map[{low}] value + {high} ll"),
        wide::VARIABLE => format!("{dst} = variable[{low}] ll"),
        wide::FUNCTION => format!("{dst} = function {low:+} ll"),
        _ => return None,
    })
}

/// Loads into a register.
pub(super) fn load(insn: Insn) -> Option<String> {
    let bits = bits(insn);
    let sign = match insn.opcode & 0xe0 {
        mode::MEM => 'u',
        mode::MEMSX if bits < 64 => 's',
        _ => return None,
    };
    let (dst, base) = (register(insn.dst(), true), register(insn.src(), true));
    let off = offset(insn.off);
    Some(format!("{dst} = *({sign}{bits} *)({base} {off})"))
}

/// Stores, and atomic operations.
pub(super) fn store(insn: Insn) -> Option<String> {
    let from_register = insn.class() == class::STX;
    let bits = bits(insn);
    let base = register(insn.dst(), true);
    let off = offset(insn.off);
    let source = match from_register {
        // Narrow stores of a whole register are the same as of its lower half.
        true => register(insn.src(), true),
        false => insn.imm.to_string(),
    };
    match insn.opcode & 0xe0 {
        mode::MEM => Some(format!("*(u{bits} *)({base} {off}) = {source}")),
        mode::ATOMIC if from_register && bits >= 32 => atomic(insn, bits),
        _ => None,
    }
}

fn atomic(insn: Insn, bits: u8) -> Option<String> {
    let base = register(insn.dst(), true);
    let off = offset(insn.off);
    let is_wide = bits == 64;
    let source = register(insn.src(), is_wide);
    // LLVM's name for the operations on 32 bits.
    let suffix = if is_wide { "_64" } else { "32_32" };
    let (operator, name) = match insn.imm & !atomic::FETCH {
        atomic::ADD => ("+=", "add"),
        atomic::OR => ("|=", "or"),
        atomic::AND => ("&=", "and"),
        atomic::XOR => ("^=", "xor"),
        _ => {
            let zero = register(0, is_wide);
            return match insn.imm {
                atomic::XCHG => Some(format!("{source} = xchg{suffix}({base} {off}, {source})")),
                atomic::CMPXCHG => Some(format!(
                    "{zero} = cmpxchg{suffix}({base} {off}, {zero}, {source})"
                )),
                _ => None,
            };
        }
    };
    Some(match insn.imm & atomic::FETCH {
        0 => format!("lock *(u{bits} *)({base} {off}) {operator} {source}"),
        _ => format!("{source} = atomic_fetch_{name}((u{bits} *)({base} {off}), {source})"),
    })
}
