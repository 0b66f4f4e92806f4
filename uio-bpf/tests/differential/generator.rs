//! Programs at random that both engines must run alike: what they access is there, and what they
//! branch to exists, but neither of that makes sense.
//!
//! Register 9 points to the context in functions that have it; the others have the stack and maps only,
//! so that helpers can call them.

use uio_bpf::isa::{
    FUNCTION_TOKEN, Insn, SOURCE_REGISTER, alu, atomic, call, class, jump, mode, size, wide,
};

use super::lab::{CONTEXT_LEN, MAP_VALUES, VALUE_LEN, helper};

/// Where decisions come from.
pub enum Source<'a> {
    /// A seed.
    Seed(u64),
    /// Bytes, then zeros.
    Bytes(&'a [u8]),
}

impl Source<'_> {
    fn next(&mut self) -> u64 {
        match self {
            Self::Seed(state) => {
                // SplitMix64.
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            Self::Bytes(bytes) => {
                let mut value = [0; 8];
                let (now, later) = bytes.split_at(bytes.len().min(2));
                value[..now.len()].copy_from_slice(now);
                *bytes = later;
                u64::from_le_bytes(value)
            }
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Values at which things go wrong.
const EDGES: [u64; 20] = [
    0,
    1,
    2,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];

/// A program under construction.
struct Maker<'s, 'a> {
    source: &'s mut Source<'a>,
    code: Vec<Insn>,
    /// Where pieces of the function begin that belong together.
    pieces: Vec<usize>,
    /// Jumps of the function that lead nowhere yet.
    jumps: Vec<usize>,
    /// Calls, by where they are, of functions by their number.
    calls: Vec<(usize, usize)>,
    functions: usize,
    /// The function under construction.
    number: usize,
    /// The first function without a context.
    bare: usize,
}

/// Makes a program.
pub fn program(source: &mut Source<'_>) -> Vec<Insn> {
    let functions = 1 + source.below(4);
    let bare = source.below(functions) + 1;
    let mut maker = Maker {
        source,
        code: Vec::new(),
        pieces: Vec::new(),
        jumps: Vec::new(),
        calls: Vec::new(),
        functions,
        number: 0,
        bare,
    };
    let mut starts = Vec::new();
    for number in 0..functions {
        maker.number = number;
        starts.push(maker.code.len());
        maker.function();
    }
    let mut code = maker.code;
    for (at, callee) in maker.calls {
        code[at].imm = starts[callee] as i32 - at as i32 - 1;
    }
    code
}

fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn {
        opcode,
        regs: dst | src << 4,
        off,
        imm,
    }
}

impl Maker<'_, '_> {
    fn push(&mut self, opcode: u8, dst: u8, src: u8, off: i16, imm: i32) {
        self.code.push(insn(opcode, dst, src, off, imm));
    }

    fn function(&mut self) {
        let start = self.code.len();
        self.pieces.clear();
        self.jumps.clear();
        if self.number == 0 {
            self.push(class::ALU64 | alu::MOV | SOURCE_REGISTER, 9, 1, 0, 0);
        }
        let most = self.source.pick(&[4, 12, 40]);
        for _ in 0..self.source.below(most) {
            self.pieces.push(self.code.len());
            self.piece();
        }
        self.pieces.push(self.code.len());
        self.push(class::JMP | jump::EXIT, 0, 0, 0, 0);
        debug_assert!(self.code.len() > start);
        for at in self.jumps.clone() {
            let forwards = !self.source.one_in(4);
            let mut places = self.pieces.clone();
            if forwards {
                places.retain(|&place| place > at);
            }
            let target = self.source.pick(&places);
            let distance = target as i32 - at as i32 - 1;
            if self.code[at].opcode == class::JMP32 | jump::JA {
                self.code[at].imm = distance;
            } else {
                self.code[at].off = distance as i16;
            }
        }
    }

    fn piece(&mut self) {
        match self.source.below(20) {
            0..=6 => self.arithmetic(),
            7 | 8 => self.constant(),
            9..=11 => self.access(),
            12 => self.atomic(),
            13 => self.derived(),
            14 | 15 => self.jump(),
            16 => self.local(),
            17 => self.indirect(),
            18 => self.helper(),
            _ => self.map(),
        }
    }

    /// A register to write: not the one with the context.
    fn dst(&mut self) -> u8 {
        self.source.below(9) as u8
    }

    /// A register to read, the frame pointer and the context's included.
    fn any(&mut self) -> u8 {
        self.source.below(11) as u8
    }

    fn imm(&mut self) -> i32 {
        if self.source.one_in(2) {
            self.source.pick(&EDGES) as i32
        } else {
            self.source.next() as i32
        }
    }

    fn arithmetic(&mut self) {
        let class = self.source.pick(&[class::ALU, class::ALU64]);
        let operation = (self.source.below(14) as u8) << 4;
        let register = self.source.one_in(2);
        let dst = self.dst();
        match operation {
            alu::NEG => self.push(class | operation, dst, 0, 0, 0),
            alu::END => {
                let swap = class == class::ALU && register;
                let imm = self.source.pick(&[16, 32, 64]);
                let bit = if swap { SOURCE_REGISTER } else { 0 };
                self.push(class | operation | bit, dst, 0, 0, imm);
            }
            _ => {
                let off = match operation {
                    alu::DIV | alu::MOD => self.source.pick(&[0, 1]),
                    alu::MOV if register && class == class::ALU64 => {
                        self.source.pick(&[0, 0, 8, 16, 32])
                    }
                    alu::MOV if register => self.source.pick(&[0, 0, 8, 16]),
                    _ => 0,
                };
                if register {
                    let src = self.any();
                    self.push(class | operation | SOURCE_REGISTER, dst, src, off, 0);
                } else {
                    let imm = self.imm();
                    self.push(class | operation, dst, 0, off, imm);
                }
            }
        }
    }

    fn constant(&mut self) {
        let value = if self.source.one_in(2) {
            self.source.pick(&EDGES)
        } else {
            self.source.next() << 32 | self.source.next() & 0xffff_ffff
        };
        let dst = self.dst();
        self.wide(dst, wide::VALUE, value as i32, (value >> 32) as i32);
    }

    fn wide(&mut self, dst: u8, src: u8, low: i32, high: i32) {
        self.push(class::LD | mode::IMM | size::DW, dst, src, 0, low);
        self.push(0, 0, 0, 0, high);
    }

    /// A base register and an offset where `len` bytes are, aligned to them if that is asked for.
    fn place(&mut self, len: usize, aligned: bool) -> (u8, i16) {
        let (base, room, from) = if self.number < self.bare && self.source.one_in(2) {
            (9, CONTEXT_LEN, 0)
        } else {
            let room = self.source.pick(&[16, 64, 512]);
            (10, room, -(room as i16))
        };
        let mut at = self.source.below(room - len + 1);
        if aligned {
            at -= at % len;
        }
        (base, from + at as i16)
    }

    fn width(&mut self) -> (u8, usize) {
        self.source
            .pick(&[(size::B, 1), (size::H, 2), (size::W, 4), (size::DW, 8)])
    }

    fn access(&mut self) {
        let (width, len) = self.width();
        let (base, off) = self.place(len, false);
        self.access_at(width, base, off);
    }

    /// A load or a store.
    fn access_at(&mut self, width: u8, base: u8, off: i16) {
        match self.source.below(4) {
            0 => {
                let dst = self.dst();
                self.push(class::LDX | mode::MEM | width, dst, base, off, 0);
            }
            1 => {
                let dst = self.dst();
                let mode = if width == size::DW {
                    mode::MEM
                } else {
                    mode::MEMSX
                };
                self.push(class::LDX | mode | width, dst, base, off, 0);
            }
            2 => {
                let imm = self.imm();
                self.push(class::ST | mode::MEM | width, base, 0, off, imm);
            }
            _ => {
                let src = self.any();
                self.push(class::STX | mode::MEM | width, base, src, off, 0);
            }
        }
    }

    fn atomic(&mut self) {
        let (width, len) = self.source.pick(&[(size::W, 4), (size::DW, 8)]);
        let (base, off) = self.place(len, true);
        self.atomic_at(width, base, off);
    }

    fn atomic_at(&mut self, width: u8, base: u8, off: i16) {
        let what = self.source.pick(&[
            atomic::ADD,
            atomic::OR,
            atomic::AND,
            atomic::XOR,
            atomic::ADD | atomic::FETCH,
            atomic::OR | atomic::FETCH,
            atomic::AND | atomic::FETCH,
            atomic::XOR | atomic::FETCH,
            atomic::XCHG,
            atomic::CMPXCHG,
        ]);
        let src = self.dst();
        self.push(class::STX | mode::ATOMIC | width, base, src, off, what);
    }

    /// Accesses at an address that is made of the frame pointer.
    fn derived(&mut self) {
        let register = self.dst();
        let below = 16 + self.source.below(240) as i32 * 2;
        self.push(
            class::ALU64 | alu::MOV | SOURCE_REGISTER,
            register,
            10,
            0,
            0,
        );
        self.push(class::ALU64 | alu::ADD, register, 0, 0, -below);
        let (width, len) = self.width();
        let off = self.source.below(16 - len + 1) as i16;
        if self.source.one_in(4) && len >= 4 && below % 8 == 0 {
            let off = if off >= 8 { 8 } else { 0 };
            self.atomic_at(width, register, off);
        } else {
            self.access_at(width, register, off);
        }
    }

    fn jump(&mut self) {
        let class = self.source.pick(&[class::JMP, class::JMP32]);
        let operation = self.source.pick(&[
            jump::JA,
            jump::JEQ,
            jump::JGT,
            jump::JGE,
            jump::JSET,
            jump::JNE,
            jump::JSGT,
            jump::JSGE,
            jump::JLT,
            jump::JLE,
            jump::JSLT,
            jump::JSLE,
        ]);
        self.jumps.push(self.code.len());
        if operation == jump::JA {
            return self.push(class | operation, 0, 0, 0, 0);
        }
        let dst = self.any();
        if self.source.one_in(2) {
            let src = self.any();
            self.push(class | operation | SOURCE_REGISTER, dst, src, 0, 0);
        } else {
            let imm = self.imm();
            self.push(class | operation, dst, 0, 0, imm);
        }
    }

    /// A function further on: so calls do not go round.
    fn local(&mut self) {
        let first = self.number + 1;
        if first >= self.functions {
            return self.constant();
        }
        let callee = first + self.source.below(self.functions - first);
        self.calls.push((self.code.len(), callee));
        self.push(class::JMP | jump::CALL, 0, call::LOCAL, 0, 0);
    }

    /// `CALLX` of a function, round or not, of a helper, or of nothing.
    fn indirect(&mut self) {
        let register = self.dst();
        let first = if self.number < self.bare {
            0
        } else {
            self.bare
        };
        let choice = self.source.below(8);
        if choice == 0 {
            // The look-up is not called with just anything.
            let value = match self.source.pick(&EDGES) {
                value if value == u64::from(helper::LOOKUP) => 0,
                value => value,
            };
            self.wide(register, wide::VALUE, value as i32, (value >> 32) as i32);
        } else if choice < 4 || first == self.functions {
            let id = self
                .source
                .pick(&[helper::MIX, helper::CLOBBER, helper::ALIGNED]);
            self.push(class::ALU64 | alu::MOV, register, 0, 0, id as i32);
        } else if choice == 4 {
            // Behind the last function.
            let token = FUNCTION_TOKEN + self.functions as u64;
            self.wide(register, wide::VALUE, token as i32, (token >> 32) as i32);
        } else {
            // Function 0 expects its context in register 1.
            let callee = (first + self.source.below(self.functions - first)).max(1);
            if callee >= self.functions {
                return;
            }
            self.calls.push((self.code.len(), callee));
            self.wide(register, wide::FUNCTION, 0, 0);
        }
        self.push(class::JMP | jump::CALL | SOURCE_REGISTER, register, 0, 0, 0);
    }

    fn helper(&mut self) {
        let id = self.source.pick(&[
            helper::MIX,
            helper::CLOBBER,
            helper::ALIGNED,
            helper::LEAVE,
            helper::REPEAT,
            helper::REPEAT,
        ]);
        match id {
            helper::LEAVE => {
                let imm = i32::from(self.source.one_in(8));
                self.push(class::ALU64 | alu::MOV, 1, 0, 0, imm);
            }
            helper::REPEAT => {
                let callee = self.bare.max(1);
                if callee >= self.functions {
                    return self.constant();
                }
                let callee = callee + self.source.below(self.functions - callee);
                self.calls.push((self.code.len(), callee));
                self.wide(1, wide::FUNCTION, 0, 0);
                let rounds = self.source.below(4) as i32;
                self.push(class::ALU64 | alu::MOV, 2, 0, 0, rounds);
            }
            _ => {}
        }
        self.push(class::JMP | jump::CALL, 0, call::HELPER, 0, id as i32);
    }

    /// Accesses of maps: by the address of a value, or by a key.
    fn map(&mut self) {
        let map = self.source.below(MAP_VALUES.len());
        let register = self.dst();
        let (width, len) = self.width();
        let off = self.source.below(VALUE_LEN - len + 1) as i16;
        if self.source.one_in(2) {
            self.wide(register, wide::MAP_INDEX_VALUE, map as i32, 0);
            return self.access_at(width, register, off);
        }
        let key = self.source.below(MAP_VALUES[map] as usize + 2) as i32;
        let place = -4 - 4 * self.source.below(8) as i16;
        self.push(class::ST | mode::MEM | size::W, 10, 0, place, key);
        self.push(class::ALU64 | alu::MOV | SOURCE_REGISTER, 2, 10, 0, 0);
        self.push(class::ALU64 | alu::ADD, 2, 0, 0, i32::from(place));
        self.wide(1, wide::MAP_INDEX, map as i32, 0);
        self.push(
            class::JMP | jump::CALL,
            0,
            call::HELPER,
            0,
            helper::LOOKUP as i32,
        );
        self.push(class::JMP | jump::JEQ, 0, 0, 1, 0);
        self.access_at(width, 0, off);
    }
}
