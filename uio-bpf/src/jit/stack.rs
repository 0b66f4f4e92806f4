//! Which part of its frame a function has to clear, so that it finds zeros where it has written
//! nothing, and nothing of what ran before.
//!
//! A compiler writes most of what it reads, and writes it first. So only those words are cleared that
//! the function names, by accesses or by addresses that it makes of its frame pointer, and that
//! are not written before its first branch. What lies below the lowest address that it names is left alone, unless it
//! makes addresses in other ways than by adding constants.

use super::facts::{Facts, SECOND, TARGET, bit, is_helper_call};
use crate::check::jump_target;
use crate::isa::{
    FRAME_LEN, FRAME_POINTER, Insn, SOURCE_REGISTER, alu, atomic, class, jump, mode, size,
};
use crate::program::{Function, Program};

/// Words of eight bytes in a frame.
const WORDS: usize = FRAME_LEN / 8;

/// The whole frame.
const WHOLE: i32 = -(FRAME_LEN as i32);

/// Words to clear: bit 0 is the one right below the frame pointer.
#[must_use]
pub fn words(program: &Program, facts: &Facts, function: Function) -> u64 {
    let mut scan = Scan {
        facts,
        low: 0,
        pointers: [None; 10],
        written: [0; WORDS],
        open: true,
    };
    for at in function.start as usize..function.end as usize {
        let mark = facts.mark(at);
        if mark & SECOND != 0 {
            continue;
        }
        if mark & TARGET != 0 && at != function.start as usize {
            scan.pointers = [None; 10];
            scan.open = false;
        }
        if let Some(&insn) = program.insns.get(at) {
            scan.instruction(insn, at);
        }
    }
    scan.words()
}

struct Scan<'a> {
    facts: &'a Facts,
    /// The lowest address that is named, from the frame pointer.
    low: i32,
    /// Registers 0 to 9 that point into the frame.
    pointers: [Option<i32>; 10],
    /// Bytes that are written before anything else is done, as bits; the first is the word right below the frame
    /// pointer.
    written: [u8; WORDS],
    /// Nothing was done yet that could read what is not written.
    open: bool,
}

impl Scan<'_> {
    fn pointer(&self, register: u8) -> Option<i32> {
        if register == FRAME_POINTER {
            return Some(0);
        }
        self.pointers.get(usize::from(register)).copied().flatten()
    }

    fn set(&mut self, register: u8, pointer: Option<i32>) {
        if let Some(place) = self.pointers.get_mut(usize::from(register)) {
            *place = pointer;
        }
    }

    /// An address goes where it is not followed. The end of the frame is of no use there but to
    /// reckon others from.
    #[inline(never)]
    fn escape(&mut self, pointer: i32) {
        let named = if pointer < 0 { pointer } else { WHOLE };
        self.low = self.low.min(named);
        self.open = false;
    }

    fn instruction(&mut self, insn: Insn, at: usize) {
        let (dst, src) = (insn.dst(), insn.src());
        match insn.class() {
            class::LD => self.set(dst, None),
            class::LDX => {
                if let Some(base) = self.pointer(src) {
                    self.access(insn, base, true);
                }
                self.set(dst, None);
            }
            class::ST | class::STX => self.store(insn),
            class::ALU | class::ALU64 => self.arithmetic(insn),
            _ => self.branch(insn, at),
        }
    }

    fn store(&mut self, insn: Insn) {
        let atomically = insn.class() == class::STX && insn.opcode & 0xe0 == mode::ATOMIC;
        if let Some(base) = self.pointer(insn.dst()) {
            self.access(insn, base, atomically);
        }
        if insn.class() == class::STX
            && let Some(stored) = self.pointer(insn.src())
        {
            self.escape(stored);
        }
        if atomically && insn.imm == atomic::CMPXCHG {
            self.set(0, None);
        } else if atomically && insn.imm & atomic::FETCH != 0 {
            self.set(insn.src(), None);
        }
    }

    /// An access from an address in the frame.
    #[inline(never)]
    fn access(&mut self, insn: Insn, base: i32, reads: bool) {
        let from = base + i32::from(insn.off);
        self.low = self.low.min(from);
        let len = match insn.opcode & 0x18 {
            size::B => 1,
            size::H => 2,
            size::W => 4,
            _ => 8,
        };
        for byte in from..from + len {
            let below = usize::try_from(-1 - byte).unwrap_or(usize::MAX);
            let Some(word) = self.written.get_mut(below / 8) else {
                continue;
            };
            let here = 0x80 >> (below % 8);
            if !reads && self.open {
                *word |= here;
            }
            self.open &= *word & here != 0;
        }
    }

    fn arithmetic(&mut self, insn: Insn) {
        let (dst, register) = (insn.dst(), insn.opcode & SOURCE_REGISTER != 0);
        let operation = insn.opcode & 0xf0;
        let wide = insn.class() == class::ALU64;
        let old = self.pointer(dst);
        if operation == alu::MOV && register && wide && insn.off == 0 {
            let copied = self.pointer(insn.src());
            return self.set(dst, copied);
        }
        if operation == alu::ADD && !register && wide {
            return self.set(dst, old.map(|pointer| pointer.wrapping_add(insn.imm)));
        }
        let from = register && operation != alu::END && self.pointer(insn.src()).is_some();
        if from || old.is_some() && operation != alu::MOV {
            self.escape(WHOLE);
        }
        self.set(dst, None);
    }

    fn branch(&mut self, insn: Insn, at: usize) {
        let target = jump_target(insn, at);
        let call = insn.class() == class::JMP && insn.opcode & 0xf0 == jump::CALL;
        // What is read there, or here by what is called.
        let seen = match target {
            Some(target) => self.facts.mark(target as usize) | self.facts.mark(at + 1),
            None if call => self.facts.mark(at) & super::facts::ARGUMENTS,
            None => 0,
        };
        for register in 0..10 {
            if seen & bit(register) != 0
                && let Some(pointer) = self.pointer(register)
            {
                self.escape(pointer);
            }
        }
        self.open = false;
        if call {
            let kept = if is_helper_call(insn) { 1 } else { 6 };
            for register in 0..kept {
                self.set(register, None);
            }
        }
    }

    #[inline(never)]
    fn words(&self) -> u64 {
        let named = self.low.max(WHOLE).unsigned_abs() as usize;
        let mut words = 0;
        for (number, &written) in self.written.iter().enumerate() {
            let bytes = named.saturating_sub(number * 8).min(8);
            // The highest bytes of the word, which are its high bits.
            let needed = !(0xff_u32 >> bytes) as u8;
            if needed & !written != 0 {
                words |= 1 << number;
            }
        }
        words
    }
}
