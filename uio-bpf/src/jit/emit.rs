//! The encoder: instructions of x86-64, 64-bit mode (Intel SDM, volume 2, chapter 2).
//!
//! It writes into a buffer, and goes on counting where the buffer ends: with an empty buffer it only
//! tells how long code is.

/// A general register by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reg(pub u8);

/// `rax`.
pub const RAX: Reg = Reg(0);
/// `rcx`.
pub const RCX: Reg = Reg(1);
/// `rdx`.
pub const RDX: Reg = Reg(2);
/// `rbx`.
pub const RBX: Reg = Reg(3);
/// `rsp`.
pub const RSP: Reg = Reg(4);
/// `rbp`.
pub const RBP: Reg = Reg(5);
/// `rsi`.
pub const RSI: Reg = Reg(6);
/// `rdi`.
pub const RDI: Reg = Reg(7);
/// `r8`.
pub const R8: Reg = Reg(8);
/// `r9`.
pub const R9: Reg = Reg(9);
/// `r10`.
pub const R10: Reg = Reg(10);
/// `r11`.
pub const R11: Reg = Reg(11);
/// `r12`.
pub const R12: Reg = Reg(12);
/// `r13`.
pub const R13: Reg = Reg(13);
/// `r14`.
pub const R14: Reg = Reg(14);
/// `r15`.
pub const R15: Reg = Reg(15);

/// How wide an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Eight bits: byte registers need a prefix to be the low bytes of `rsp` to `rdi`.
    Byte,
    /// Sixteen bits.
    Word,
    /// 32 bits; the high half of a register that is written becomes zero.
    Long,
    /// 64 bits.
    Quad,
}

/// An operand that is a register or memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rm {
    /// A register.
    Reg(Reg),
    /// Memory at a register plus a distance in bytes.
    Mem(Reg, i32),
}

/// Arithmetic of the classical group: the `/n` of `83 /n ib`, and the row of its opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arith {
    /// `add`.
    Add = 0,
    /// `or`.
    Or = 1,
    /// `and`.
    And = 4,
    /// `sub`.
    Sub = 5,
    /// `xor`.
    Xor = 6,
    /// `cmp`.
    Cmp = 7,
}

/// Arithmetic with one operand: the `/n` of `f7 /n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `neg`.
    Neg = 3,
    /// `div`, of `rdx:rax`.
    Div = 6,
    /// `idiv`, of `rdx:rax`.
    Idiv = 7,
}

/// Shifts: the `/n` of `c1 /n ib` and `d3 /n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// `rol`.
    Rol = 0,
    /// `shl`.
    Shl = 4,
    /// `shr`.
    Shr = 5,
    /// `sar`.
    Sar = 7,
}

/// Conditions: the low four bits of `7x` and `0f 8x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cond {
    /// Unsigned less.
    Below = 0x2,
    /// Unsigned greater or equal.
    AboveEqual = 0x3,
    /// Equal, or zero.
    Equal = 0x4,
    /// Not equal, or not zero.
    NotEqual = 0x5,
    /// Unsigned less or equal.
    BelowEqual = 0x6,
    /// Unsigned greater.
    Above = 0x7,
    /// Signed less.
    Less = 0xc,
    /// Signed greater or equal.
    GreaterEqual = 0xd,
    /// Signed less or equal.
    LessEqual = 0xe,
    /// Signed greater.
    Greater = 0xf,
}

impl Cond {
    /// The opposite.
    #[must_use]
    pub fn inverted(self) -> u8 {
        self as u8 ^ 1
    }
}

/// Opcodes that take their operands as ModRM; `0f` in front where the high byte says so.
pub mod op {
    // The names are those of the manual.
    pub const MOV_STORE: u16 = 0x89;
    pub const MOV_STORE_BYTE: u16 = 0x88;
    pub const MOV_LOAD: u16 = 0x8b;
    pub const LEA: u16 = 0x8d;
    pub const TEST: u16 = 0x85;
    pub const XCHG: u16 = 0x87;
    pub const MOVSXD: u16 = 0x63;
    pub const CALL_OR_JMP: u16 = 0xff;
    pub const MOVZX_BYTE: u16 = 0x0fb6;
    pub const MOVZX_WORD: u16 = 0x0fb7;
    pub const MOVSX_BYTE: u16 = 0x0fbe;
    pub const MOVSX_WORD: u16 = 0x0fbf;
    pub const IMUL: u16 = 0x0faf;
    pub const XADD: u16 = 0x0fc1;
    pub const CMPXCHG: u16 = 0x0fb1;
}

/// A place in the code from which a short jump goes forward.
#[derive(Clone, Copy, Debug)]
#[must_use = "a jump that ends nowhere"]
pub struct Forward(usize);

/// Where instructions go.
pub struct Emitter<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Emitter<'a> {
    /// Writes into `out`, from its start.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    /// Bytes so far, those that had no room included.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// One byte.
    #[inline(never)]
    pub fn byte(&mut self, byte: u8) {
        if let Some(slot) = self.out.get_mut(self.at) {
            *slot = byte;
        }
        self.at += 1;
    }

    /// The low `count` bytes of a value, lowest first.
    #[inline(never)]
    fn bytes(&mut self, mut value: u64, count: u32) {
        for _ in 0..count {
            self.byte(value as u8);
            value >>= 8;
        }
    }

    /// Four bytes.
    pub fn dword(&mut self, value: u32) {
        self.bytes(u64::from(value), 4);
    }

    /// `lock` in front of the next instruction.
    pub fn lock(&mut self) {
        self.byte(0xf0);
    }

    /// An instruction with a ModRM byte, without its immediate. `reg` is a register or the digit that
    /// extends the opcode.
    #[inline(never)]
    pub fn modrm(&mut self, width: Width, opcode: u16, reg: u8, rm: Rm) {
        let (base, is_register) = match rm {
            Rm::Reg(base) => (base.0, true),
            Rm::Mem(base, _) => (base.0, false),
        };
        if width == Width::Word {
            self.byte(0x66);
        }
        let rex = (reg >> 3) << 2 | base >> 3 | if width == Width::Quad { 8 } else { 0 };
        let low_byte = width == Width::Byte && (reg >= 4 || (is_register && base >= 4));
        if rex != 0 || low_byte {
            self.byte(0x40 | rex);
        }
        if opcode > 0xff {
            self.byte((opcode >> 8) as u8);
        }
        self.byte(opcode as u8);
        let fields = (reg & 7) << 3 | base & 7;
        match rm {
            Rm::Reg(_) => self.byte(0xc0 | fields),
            Rm::Mem(_, distance) => self.memory(fields, distance),
        }
    }

    /// ModRM, SIB and displacement of memory at a register.
    fn memory(&mut self, fields: u8, distance: i32) {
        let base = fields & 7;
        // `rbp` and `r13` have no form without a displacement.
        let (form, count) = if distance == 0 && base != RBP.0 {
            (0x00, 0)
        } else if i8::try_from(distance).is_ok() {
            (0x40, 1)
        } else {
            (0x80, 4)
        };
        self.byte(form | fields);
        // `rsp` and `r12` are named in a SIB byte.
        if base == RSP.0 {
            self.byte(0x24);
        }
        self.bytes(distance as u64, count);
    }

    /// An operation of a register and a register or memory; which is read and which written, the opcode tells.
    pub fn op(&mut self, width: Width, opcode: u16, reg: Reg, rm: Rm) {
        self.modrm(width, opcode, reg.0, rm);
    }

    /// `mov to, from`.
    #[inline(never)]
    pub fn mov(&mut self, width: Width, to: Reg, from: Reg) {
        self.op(width, op::MOV_STORE, from, Rm::Reg(to));
    }

    /// `mov to, [memory]`.
    #[inline(never)]
    pub fn load(&mut self, width: Width, to: Reg, from: Rm) {
        self.op(width, op::MOV_LOAD, to, from);
    }

    /// `mov [memory], from`.
    #[inline(never)]
    pub fn store(&mut self, width: Width, to: Rm, from: Reg) {
        let opcode = if width == Width::Byte {
            op::MOV_STORE_BYTE
        } else {
            op::MOV_STORE
        };
        self.op(width, opcode, from, to);
    }

    /// `mov [memory], value`; 64 bits are the value with its sign.
    #[inline(never)]
    pub fn store_imm(&mut self, width: Width, to: Rm, value: i32) {
        let (opcode, count) = match width {
            Width::Byte => (0xc6, 1),
            Width::Word => (0xc7, 2),
            Width::Long | Width::Quad => (0xc7, 4),
        };
        self.modrm(width, opcode, 0, to);
        self.bytes(value as u64, count);
    }

    /// A register's value becomes `value`, in the shortest form. Changes the flags.
    #[inline(never)]
    pub fn set(&mut self, to: Reg, value: u64) {
        if value == 0 {
            self.op(Width::Long, 0x31, to, Rm::Reg(to));
        } else if value >> 32 == 0 {
            self.opcode_with_register(false, 0xb8, to);
            self.dword(value as u32);
        } else if value as i64 == i64::from(value as i32) {
            self.store_imm(Width::Quad, Rm::Reg(to), value as i32);
        } else {
            self.opcode_with_register(true, 0xb8, to);
            self.bytes(value, 8);
        }
    }

    /// An opcode that has its register in its low three bits.
    #[inline(never)]
    fn opcode_with_register(&mut self, wide: bool, opcode: u8, reg: Reg) {
        let rex = reg.0 >> 3 | if wide { 8 } else { 0 };
        if rex != 0 {
            self.byte(0x40 | rex);
        }
        self.byte(opcode | reg.0 & 7);
    }

    /// `push`.
    #[inline(never)]
    pub fn push(&mut self, reg: Reg) {
        self.opcode_with_register(false, 0x50, reg);
    }

    /// `pop`.
    #[inline(never)]
    pub fn pop(&mut self, reg: Reg) {
        self.opcode_with_register(false, 0x58, reg);
    }

    /// `bswap`, of 32 or 64 bits.
    pub fn bswap(&mut self, width: Width, reg: Reg) {
        let rex = reg.0 >> 3 | if width == Width::Quad { 8 } else { 0 };
        if rex != 0 {
            self.byte(0x40 | rex);
        }
        self.byte(0x0f);
        self.byte(0xc8 | reg.0 & 7);
    }

    /// `to = to OP from`; or a comparison.
    #[inline(never)]
    pub fn arith(&mut self, width: Width, what: Arith, to: Rm, from: Reg) {
        self.op(width, (what as u16) << 3 | 1, from, to);
    }

    /// `to = to OP value`; 64 bits take the value with its sign.
    #[inline(never)]
    pub fn arith_imm(&mut self, width: Width, what: Arith, to: Rm, value: i32) {
        let (opcode, count) = if i8::try_from(value).is_ok() {
            (0x83, 1)
        } else {
            (0x81, 4)
        };
        self.modrm(width, opcode, what as u8, to);
        self.bytes(value as u64, count);
    }

    /// `test reg, value`.
    pub fn test_imm(&mut self, width: Width, reg: Reg, value: i32) {
        if (0..0x80).contains(&value) {
            self.modrm(Width::Byte, 0xf6, 0, Rm::Reg(reg));
            self.byte(value as u8);
        } else {
            // A value without a sign has no high half to test.
            let width = if value >= 0 { Width::Long } else { width };
            self.modrm(width, 0xf7, 0, Rm::Reg(reg));
            self.dword(value as u32);
        }
    }

    /// `to = from * value`; 64 bits take the value with its sign.
    pub fn imul_imm(&mut self, width: Width, to: Reg, from: Reg, value: i32) {
        let (opcode, count) = if i8::try_from(value).is_ok() {
            (0x6b, 1)
        } else {
            (0x69, 4)
        };
        self.op(width, opcode, to, Rm::Reg(from));
        self.bytes(value as u64, count);
    }

    /// An operation with one operand.
    #[inline(never)]
    pub fn unary(&mut self, width: Width, what: Unary, rm: Rm) {
        self.modrm(width, 0xf7, what as u8, rm);
    }

    /// `cqo` or `cdq`: the sign of `rax` fills `rdx`.
    pub fn sign_into_rdx(&mut self, width: Width) {
        if width == Width::Quad {
            self.byte(0x48);
        }
        self.byte(0x99);
    }

    /// A shift by a constant.
    #[inline(never)]
    pub fn shift_imm(&mut self, width: Width, what: Shift, reg: Reg, by: u8) {
        self.modrm(width, 0xc1, what as u8, Rm::Reg(reg));
        self.byte(by);
    }

    /// A shift by `cl`.
    pub fn shift(&mut self, width: Width, what: Shift, reg: Reg) {
        self.modrm(width, 0xd3, what as u8, Rm::Reg(reg));
    }

    /// `call reg`.
    pub fn call_reg(&mut self, reg: Reg) {
        self.modrm(Width::Long, op::CALL_OR_JMP, 2, Rm::Reg(reg));
    }

    /// `rep stosq`: `rcx` times `rax` from `rdi` on.
    pub fn fill(&mut self) {
        self.byte(0xf3);
        self.byte(0x48);
        self.byte(0xab);
    }

    /// `ret`.
    pub fn ret(&mut self) {
        self.byte(0xc3);
    }

    /// `lea to, [rip + distance]`, the distance from the instruction's end.
    pub fn lea_rip(&mut self, to: Reg, target: usize) {
        self.byte(0x48 | (to.0 >> 3) << 2);
        self.byte(op::LEA as u8);
        self.byte((to.0 & 7) << 3 | 5);
        self.relative(target);
    }

    /// The distance from behind these four bytes to a target.
    #[inline(never)]
    fn relative(&mut self, target: usize) {
        self.dword((target as u32).wrapping_sub((self.at as u32).wrapping_add(4)));
    }

    /// `call target`.
    pub fn call(&mut self, target: usize) {
        self.byte(0xe8);
        self.relative(target);
    }

    /// Whether a short jump from here reaches.
    #[must_use]
    pub fn short_reaches(&self, target: usize) -> bool {
        i8::try_from(target as i64 - (self.at as i64 + 2)).is_ok()
    }

    /// A jump, on a condition (the low four bits of its opcode) or always, in the short or the long form.
    #[inline(never)]
    pub fn jump(&mut self, condition: Option<u8>, target: usize, long: bool) {
        if !long {
            self.byte(condition.map_or(0xeb, |c| 0x70 | c));
            self.byte((target as u8).wrapping_sub((self.at as u8).wrapping_add(1)));
            return;
        }
        match condition {
            Some(c) => {
                self.byte(0x0f);
                self.byte(0x80 | c);
            }
            None => self.byte(0xe9),
        }
        self.relative(target);
    }

    /// A short jump to a place further on, which [`Emitter::here`] tells.
    #[inline(never)]
    pub fn forward(&mut self, condition: Option<u8>) -> Forward {
        self.byte(condition.map_or(0xeb, |c| 0x70 | c));
        self.byte(0);
        Forward(self.at)
    }

    /// A short jump comes here.
    #[inline(never)]
    pub fn here(&mut self, from: Forward) {
        let distance = self.at - from.0;
        if let Some(slot) = self.out.get_mut(from.0 - 1) {
            *slot = distance as u8;
        }
    }
}
