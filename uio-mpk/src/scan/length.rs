//! Where an instruction ends.

use super::class::Class;
use super::table::{BYTES, FORM, MODRM, ONE, OTHER, SIB, SIZED, TWO, kind};

/// Most bytes of an instruction (SDM volume 2, 2.3.11).
pub const MAX: usize = 15;

/// Bytes that the decoder is shown.
pub const WINDOW: usize = MAX + 1;

/// What the decoder is shown.
pub type Window = [u8; WINDOW];

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of it; 0 for what is none.
    pub len: u8,
    /// Its class, if it is one of those that are looked for in order only.
    pub class: Option<Class>,
}

/// What is no instruction.
const INVALID: Step = Step {
    len: 0,
    class: None,
};

/// The instruction at the start of `code`, as a processor in 64-bit mode reads it (one from Intel,
/// where it matters: there a prefix 66 does not shorten the displacement of a branch).
///
/// The decoder is not told about every opcode that means nothing: it may give a length to those.
#[inline(never)]
pub fn decode(code: &Window) -> Step {
    let mut prefixes = Prefixes::default();
    let mut at = 0;
    let entry = loop {
        let op = byte(code, at);
        let entry = ONE[usize::from(op)];
        match entry {
            kind::OPERAND => prefixes.operand = true,
            kind::ADDRESS => prefixes.address = true,
            kind::REPNE => prefixes.repne = true,
            kind::PREFIX | kind::REX => {}
            _ => break entry,
        }
        // A REX prefix counts only right before the opcode.
        prefixes.wide = entry == kind::REX && op & 8 != 0;
        at += 1;
        if at == MAX {
            return INVALID;
        }
    };
    let (len, class) = other(code, at, entry, prefixes);
    if len > MAX {
        return INVALID;
    }
    Step {
        len: len as u8,
        class,
    }
}

/// What the prefixes say of an instruction's length.
#[derive(Clone, Copy, Default)]
struct Prefixes {
    operand: bool,
    address: bool,
    repne: bool,
    wide: bool,
}

impl Prefixes {
    /// Bytes of an immediate that follows the operand's size, up to four.
    fn immediate(self) -> usize {
        if self.operand && !self.wide { 2 } else { 4 }
    }
}

/// A byte; any of them from the window's end on, where the instruction is too long anyway.
fn byte(code: &Window, at: usize) -> u8 {
    code[at % WINDOW]
}

/// Where the operand ends whose ModRM byte is at `at`.
#[inline(never)]
fn operand(code: &Window, at: usize) -> usize {
    let form = FORM[usize::from(byte(code, at))];
    let more = if form & SIB != 0 && byte(code, at + 1) & 7 == 5 {
        4
    } else {
        0
    };
    at + usize::from(form & !SIB) + more
}

/// The end of an instruction whose opcode ends at `at` and has this entry in a table.
fn simple(code: &Window, at: usize, entry: u8) -> usize {
    let opcode = usize::from(entry & BYTES);
    if entry & MODRM != 0 {
        operand(code, at + 1) + opcode - 1
    } else {
        at + opcode
    }
}

fn other(code: &Window, at: usize, entry: u8, prefixes: Prefixes) -> (usize, Option<Class>) {
    let next = byte(code, at + 1);
    let register = next >> 3 & 7;
    let end = operand(code, at + 1);
    let plain = match entry {
        _ if entry & OTHER == 0 => {
            let end = simple(code, at, entry);
            if entry & SIZED != 0 {
                end - 4 + prefixes.immediate()
            } else {
                end
            }
        }
        kind::ESCAPE => {
            let class = system(next, byte(code, at + 2), byte(code, at + 3));
            return (escape(code, at, next, prefixes), class);
        }
        // Map 7 has RDMSR, WRMSRNS and their kin with an immediate, and nothing else.
        kind::VEX3 if next & 0x1f == 7 => return (operand(code, at + 4) + 4, Some(Class::Msr)),
        kind::EVEX if next & 7 == 7 => return (operand(code, at + 5) + 4, Some(Class::Msr)),
        kind::VEX2 => vector(code, at + 2, 1),
        kind::VEX3 => vector(code, at + 3, next & 0x1f),
        kind::EVEX => vector(code, at + 4, next & 7),
        kind::XOP if next & 0x1f >= 8 => vector(code, at + 3, next & 0x1f),
        kind::XOP => end,
        kind::GROUP3 => end + usize::from(register < 2),
        kind::GROUP3_SIZED if register < 2 => end + prefixes.immediate(),
        kind::GROUP3_SIZED => end,
        kind::MOV if prefixes.wide => at + 9,
        kind::MOV => at + 1 + prefixes.immediate(),
        kind::OFFSET if prefixes.address => at + 5,
        kind::OFFSET => at + 9,
        kind::INT if next == 3 => at + 2,
        // CALL and JMP with a far pointer in memory.
        kind::GROUP5 if next < 0xc0 && matches!(register, 3 | 5) => {
            return (end, Some(Class::FarBranch));
        }
        kind::GROUP5 => end,
        kind::SEGMENT if matches!(register, 0 | 2..=5) => {
            return (end, Some(Class::SegmentBase));
        }
        kind::SEGMENT => end,
        _ => return refused(at, entry),
    };
    (plain, None)
}

/// Opcodes of one byte that are refused whatever follows them, in the order of their kinds: bytes
/// and class.
static REFUSED: [(u8, Class); 8] = [
    (2, Class::SystemCall),
    (1, Class::InterruptFlag),
    (1, Class::Halt),
    (1, Class::Return),
    (1, Class::FarBranch),
    (3, Class::FarBranch),
    (1, Class::PortIo),
    (2, Class::PortIo),
];

fn refused(at: usize, entry: u8) -> (usize, Option<Class>) {
    match REFUSED.get(usize::from(entry.wrapping_sub(kind::INT))) {
        Some(&(bytes, class)) => (at + usize::from(bytes), Some(class)),
        None => (0, None),
    }
}

/// The end of an instruction whose byte 0F is at `at`.
fn escape(code: &Window, at: usize, op: u8, prefixes: Prefixes) -> usize {
    match op {
        // MOV from and to CR and DR: the operand is a register whatever its form says.
        0x20..=0x23 => at + 3,
        0x38 => operand(code, at + 3),
        0x3a => operand(code, at + 3) + 1,
        // EXTRQ and INSERTQ of SSE4a.
        0x78 => {
            operand(code, at + 2)
                + if prefixes.operand || prefixes.repne {
                    2
                } else {
                    0
                }
        }
        _ => {
            let entry = TWO[usize::from(op)];
            let entry = match entry & OTHER {
                0 => entry,
                _ if matches!(op, 0x01 | 0xb2..=0xb5) => 1 | MODRM,
                _ => 1,
            };
            simple(code, at + 1, entry)
        }
    }
}

/// The class of an opcode `0F op`, if it is looked for in order only.
fn system(op: u8, next: u8, modrm: u8) -> Option<Class> {
    let register = next >> 3 & 7;
    Some(match op {
        0x01 if register == 6 => Class::ControlRegister,
        0x01 if matches!(next, 0xc8 | 0xc9 | 0xfa | 0xfb) => Class::Halt,
        0x05 | 0x34 => Class::SystemCall,
        0x06 => Class::ControlRegister,
        0x08 | 0x09 => Class::Cache,
        0x35 | 0xaa => Class::Return,
        0x37 => Class::Virtualization,
        // URDMSR and UWRMSR.
        0x38 if next == 0xf8 && modrm >= 0xc0 => Class::Msr,
        0xa1 | 0xa9 => Class::SegmentBase,
        0xb2 | 0xb4 | 0xb5 if next < 0xc0 => Class::SegmentBase,
        _ => return None,
    })
}

/// The end of an instruction with a VEX, EVEX or XOP prefix, whose opcode is at `at`.
fn vector(code: &Window, at: usize, map: u8) -> usize {
    let end = operand(code, at + 1);
    match map {
        1 => match TWO[usize::from(byte(code, at))] {
            entry if entry & OTHER == 0 => simple(code, at, entry),
            _ => end,
        },
        3 | 8 => end + 1,
        10 => end + 4,
        _ => end,
    }
}
