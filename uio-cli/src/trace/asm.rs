//! Writing eBPF programs instruction by instruction, with names for places.

use uio_bpf::isa::{Insn, SOURCE_REGISTER, alu, call, class, jump, mode, size, wide};

/// A program that is being written.
#[derive(Debug, Default)]
pub struct Asm {
    insns: Vec<Insn>,
    /// Jumps, and the place each goes to.
    jumps: Vec<(usize, Place)>,
    /// Where places are.
    places: Vec<Option<usize>>,
}

/// A place to jump to.
#[derive(Clone, Copy, Debug)]
pub struct Place(usize);

/// A register.
pub type Register = u8;

const WIDE_IMMEDIATE: u8 = class::LD | mode::IMM | size::DW;

impl Asm {
    fn push(&mut self, opcode: u8, dst: Register, src: Register, off: i16, imm: i32) {
        self.insns.push(Insn {
            opcode,
            regs: src << 4 | dst,
            off,
            imm,
        });
    }

    /// `dst = src`.
    pub fn copy(&mut self, dst: Register, src: Register) {
        self.alu(alu::MOV, dst, src);
    }

    /// `dst = value`.
    pub fn set(&mut self, dst: Register, value: i32) {
        self.alu_by(alu::MOV, dst, value);
    }

    /// `dst = value`, of 64 bits.
    pub fn set_wide(&mut self, dst: Register, value: u64) {
        self.push(WIDE_IMMEDIATE, dst, wide::VALUE, 0, value as i32);
        self.push(0, 0, 0, 0, (value >> 32) as i32);
    }

    /// 64-bit arithmetic with a register.
    pub fn alu(&mut self, operation: u8, dst: Register, src: Register) {
        self.push(class::ALU64 | SOURCE_REGISTER | operation, dst, src, 0, 0);
    }

    /// 64-bit arithmetic with a value.
    pub fn alu_by(&mut self, operation: u8, dst: Register, value: i32) {
        self.push(class::ALU64 | operation, dst, 0, 0, value);
    }

    /// `dst = *(u64 *)(src + off)`.
    pub fn load(&mut self, dst: Register, src: Register, off: i16) {
        self.push(class::LDX | mode::MEM | size::DW, dst, src, off, 0);
    }

    /// `*(u64 *)(dst + off) = src`.
    pub fn store(&mut self, dst: Register, off: i16, src: Register) {
        self.push(class::STX | mode::MEM | size::DW, dst, src, off, 0);
    }

    /// `*(u64 *)(dst + off) = value`.
    pub fn store_value(&mut self, dst: Register, off: i16, value: i32) {
        self.push(class::ST | mode::MEM | size::DW, dst, 0, off, value);
    }

    /// `*(u64 *)(dst + off) += src`, at once.
    pub fn add_atomically(&mut self, dst: Register, off: i16, src: Register) {
        self.push(class::STX | mode::ATOMIC | size::DW, dst, src, off, 0);
    }

    /// `dst =` the map of that index.
    pub fn map(&mut self, dst: Register, index: usize) {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        self.push(WIDE_IMMEDIATE, dst, wide::MAP_INDEX, 0, index);
        self.push(0, 0, 0, 0, 0);
    }

    /// Calls the helper of that number.
    pub fn call(&mut self, helper: u32) {
        self.push(class::JMP | jump::CALL, 0, call::HELPER, 0, helper as i32);
    }

    /// Ends the program.
    pub fn exit(&mut self) {
        self.push(class::JMP | jump::EXIT, 0, 0, 0, 0);
    }

    /// A place that is put somewhere later.
    pub fn place(&mut self) -> Place {
        self.places.push(None);
        Place(self.places.len() - 1)
    }

    /// Puts a place here.
    pub fn here(&mut self, place: Place) {
        if let Some(at) = self.places.get_mut(place.0) {
            *at = Some(self.insns.len());
        }
    }

    /// Jumps to a place if the comparison of `dst` with `value` holds.
    pub fn jump_if(&mut self, comparison: u8, dst: Register, value: i32, to: Place) {
        self.jumps.push((self.insns.len(), to));
        self.push(class::JMP | comparison, dst, 0, 0, value);
    }

    /// The program's bytes.
    ///
    /// # Panics
    /// When a jump goes to a place that was put nowhere, or too far: a mistake in the program that is written.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        for (at, place) in std::mem::take(&mut self.jumps) {
            let target = self.places[place.0].expect("the place was put somewhere");
            let distance = target as i64 - at as i64 - 1;
            self.insns[at].off = i16::try_from(distance).expect("programs here are short");
        }
        self.insns.iter().flat_map(|insn| insn.to_bytes()).collect()
    }
}
