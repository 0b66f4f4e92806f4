//! The form of instructions (RFC 9669, section 3) and the names of their parts (sections 4 and 5).

/// One instruction; a wide one (`LDDW`) is two of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Insn {
    /// Class and operation.
    pub opcode: u8,
    /// Destination register in the low four bits, source register in the high four.
    pub regs: u8,
    /// Signed distance: of an access in bytes, of a jump in instructions.
    pub off: i16,
    /// Immediate value.
    pub imm: i32,
}

impl Insn {
    /// The length of one instruction in bytes.
    pub const LEN: usize = 8;

    /// Reads one as a little-endian machine has it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let [opcode, regs, o0, o1, i0, i1, i2, i3] = *bytes;
        Self {
            opcode,
            regs,
            off: i16::from_le_bytes([o0, o1]),
            imm: i32::from_le_bytes([i0, i1, i2, i3]),
        }
    }

    /// As a little-endian machine has it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let [o0, o1] = self.off.to_le_bytes();
        let [i0, i1, i2, i3] = self.imm.to_le_bytes();
        [self.opcode, self.regs, o0, o1, i0, i1, i2, i3]
    }

    /// The destination register.
    #[must_use]
    pub fn dst(self) -> u8 {
        self.regs & 0xf
    }

    /// The source register.
    #[must_use]
    pub fn src(self) -> u8 {
        self.regs >> 4
    }

    /// The class of its opcode.
    #[must_use]
    pub fn class(self) -> u8 {
        self.opcode & 7
    }
}

/// Instruction classes (RFC 9669, table 2).
pub mod class {
    /// Non-standard loads: `LDDW`, and the legacy packet loads.
    pub const LD: u8 = 0;
    /// Loads into a register.
    pub const LDX: u8 = 1;
    /// Stores of an immediate.
    pub const ST: u8 = 2;
    /// Stores of a register, and atomics.
    pub const STX: u8 = 3;
    /// 32-bit arithmetic.
    pub const ALU: u8 = 4;
    /// 64-bit jumps, calls, exit.
    pub const JMP: u8 = 5;
    /// 32-bit jumps.
    pub const JMP32: u8 = 6;
    /// 64-bit arithmetic.
    pub const ALU64: u8 = 7;
}

/// The bit of arithmetic and jumps that says that the source is a register (RFC 9669, table 3).
pub const SOURCE_REGISTER: u8 = 8;

/// Arithmetic operations: the high four bits of the opcode (RFC 9669, section 4.1).
pub mod alu {
    #![expect(missing_docs, reason = "the names are those of RFC 9669, section 4.1")]
    pub const ADD: u8 = 0x00;
    pub const SUB: u8 = 0x10;
    pub const MUL: u8 = 0x20;
    pub const DIV: u8 = 0x30;
    pub const OR: u8 = 0x40;
    pub const AND: u8 = 0x50;
    pub const LSH: u8 = 0x60;
    pub const RSH: u8 = 0x70;
    pub const NEG: u8 = 0x80;
    pub const MOD: u8 = 0x90;
    pub const XOR: u8 = 0xa0;
    pub const MOV: u8 = 0xb0;
    pub const ARSH: u8 = 0xc0;
    pub const END: u8 = 0xd0;
}

/// Jumps: the high four bits of the opcode (RFC 9669, section 4.3).
pub mod jump {
    #![expect(missing_docs, reason = "the names are those of RFC 9669, section 4.3")]
    pub const JA: u8 = 0x00;
    pub const JEQ: u8 = 0x10;
    pub const JGT: u8 = 0x20;
    pub const JGE: u8 = 0x30;
    pub const JSET: u8 = 0x40;
    pub const JNE: u8 = 0x50;
    pub const JSGT: u8 = 0x60;
    pub const JSGE: u8 = 0x70;
    pub const CALL: u8 = 0x80;
    pub const EXIT: u8 = 0x90;
    pub const JLT: u8 = 0xa0;
    pub const JLE: u8 = 0xb0;
    pub const JSLT: u8 = 0xc0;
    pub const JSLE: u8 = 0xd0;
}

/// Sizes of accesses: bits 3 and 4 of the opcode (RFC 9669, table 12).
pub mod size {
    /// Four bytes.
    pub const W: u8 = 0x00;
    /// Two bytes.
    pub const H: u8 = 0x08;
    /// One byte.
    pub const B: u8 = 0x10;
    /// Eight bytes.
    pub const DW: u8 = 0x18;
}

/// Modes of accesses: the high three bits of the opcode (RFC 9669, table 11).
pub mod mode {
    /// 64-bit immediate.
    pub const IMM: u8 = 0x00;
    /// Legacy packet access.
    pub const ABS: u8 = 0x20;
    /// Legacy packet access.
    pub const IND: u8 = 0x40;
    /// Memory.
    pub const MEM: u8 = 0x60;
    /// Memory, with sign extension.
    pub const MEMSX: u8 = 0x80;
    /// Atomic operation.
    pub const ATOMIC: u8 = 0xc0;
}

/// Atomic operations: the immediate (RFC 9669, section 5.3).
pub mod atomic {
    #![expect(missing_docs, reason = "the names are those of RFC 9669, section 5.3")]
    pub const ADD: i32 = 0x00;
    pub const OR: i32 = 0x40;
    pub const AND: i32 = 0x50;
    pub const XOR: i32 = 0xa0;
    pub const FETCH: i32 = 0x01;
    pub const XCHG: i32 = 0xe0 | FETCH;
    pub const CMPXCHG: i32 = 0xf0 | FETCH;
}

/// Sources of `LDDW`: its source register (RFC 9669, section 5.4).
pub mod wide {
    /// The value of the two immediates.
    pub const VALUE: u8 = 0;
    /// A map by descriptor; here the same as by index.
    pub const MAP: u8 = 1;
    /// Address in the first value of a map by descriptor; here the same as by index.
    pub const MAP_VALUE: u8 = 2;
    /// Address of a variable of the platform: an index into [`crate::bundle::Bundle::variables`].
    pub const VARIABLE: u8 = 3;
    /// A function of the program, relative to the next instruction.
    pub const FUNCTION: u8 = 4;
    /// A map by index into [`crate::bundle::Bundle::maps`].
    pub const MAP_INDEX: u8 = 5;
    /// Address in the first value of a map by index.
    pub const MAP_INDEX_VALUE: u8 = 6;
}

/// What `CALL` calls: its source register (RFC 9669, section 4.3.1).
pub mod call {
    /// A helper by its number.
    pub const HELPER: u8 = 0;
    /// A function of the program, relative to the next instruction.
    pub const LOCAL: u8 = 1;
    /// A helper by the identifier of its BTF type, which only Linux has.
    pub const BTF: u8 = 2;
}

/// How many registers there are, the frame pointer included.
pub const REGISTERS: usize = 11;

/// The frame pointer: read-only, the end of the function's stack frame.
pub const FRAME_POINTER: u8 = 10;

/// Bytes of stack that one function has.
pub const FRAME_LEN: usize = 512;

/// How deep functions of a program may call each other, the first included.
pub const MAX_FRAMES: usize = 8;

/// How often a run may go on in another program by a tail call.
pub const MAX_TAIL_CALLS: u32 = 33;

/// Most instructions of a program.
pub const MAX_INSNS: usize = 65_536;

/// Address of a function of a program as the program sees it: this plus the function's number in
/// [`crate::program::Program::functions`]. No memory is there.
pub const FUNCTION_TOKEN: u64 = 0xb9f0_0000_0000_0000;
