//! Instructions that are looked for at every byte. The opcode of each begins with 0F.

use super::class::{Class, Classes};
use super::length::{self, WINDOW};
use super::table::{SUSPECT, TWO};
use super::{Found, window};

/// The byte that opcodes of more than one byte begin with.
const ESCAPE: u8 = 0x0f;

/// Every byte of it is 1.
const ONES: u64 = u64::MAX / 255;

/// The first instruction in `code`, at whatever byte it begins, that could undo isolation at once.
/// Code has such bytes by accident four to nine times in a MiB.
///
/// An instruction is found that has its opcode and its ModRM byte in `code`. Where what lies
/// behind `code` can be executed too, give at least [`super::BEHIND`] bytes of that with it.
#[must_use]
pub fn anywhere(code: &[u8], granted: Classes) -> Option<Found> {
    let mut rest = code;
    let mut at = 0;
    while let Some(chunk) = rest.first_chunk() {
        let mut candidates = candidates(u64::from_le_bytes(*chunk));
        while candidates != 0 {
            let found = refused(code, at + candidates.trailing_zeros() as usize / 8, granted);
            if found.is_some() {
                return found;
            }
            candidates &= candidates - 1;
        }
        at += chunk.len();
        rest = rest.get(chunk.len()..).unwrap_or_default();
    }
    (at..code.len()).find_map(|at| refused(code, at, granted))
}

/// Has the highest bit of every byte set that is 0F in `bytes`, and perhaps that of others.
fn candidates(bytes: u64) -> u64 {
    let zeroes = bytes ^ (ONES * ESCAPE as u64);
    zeroes.wrapping_sub(ONES) & !zeroes & (ONES << 7)
}

/// The instruction whose byte 0F may be at `at`, if it is to be refused.
#[inline(always)]
fn refused(code: &[u8], at: usize, granted: Classes) -> Option<Found> {
    let op = *code.get(at + 1)?;
    if TWO[usize::from(op)] & SUSPECT == 0 {
        return None;
    }
    classify(code, at, op, granted)
}

#[inline(never)]
fn classify(code: &[u8], at: usize, op: u8, granted: Classes) -> Option<Found> {
    if code.get(at) != Some(&ESCAPE) {
        return None;
    }
    let (class, prefix) = class(code, at, op)?;
    let from = match prefix {
        Some(prefix) => prefixed(code, at, prefix)?,
        None => at,
    };
    if granted.contains(class) {
        return None;
    }
    let end = code.len() - from;
    let len = length::decode(&window(code, from)).len;
    if len == 0 {
        // The prefix that it needs is too far away.
        return None;
    }
    Some(Found {
        offset: from,
        len: len.min(end.min(WINDOW) as u8),
        class,
        within: 0,
    })
}

/// The class of the instruction whose byte 0F is at `at`, and the prefix without which it is none.
fn class(code: &[u8], at: usize, op: u8) -> Option<(Class, Option<u8>)> {
    match op {
        // SYSRET.
        0x07 => Some((Class::Return, None)),
        0x30 => Some((Class::Msr, None)),
        _ => with_operand(*code.get(at + 2)?, code.get(at + 3), op),
    }
}

/// The same for opcodes that a ModRM byte, or a third byte, is part of.
fn with_operand(next: u8, behind: Option<&u8>, op: u8) -> Option<(Class, Option<u8>)> {
    let register = next >> 3 & 7;
    let memory = next < 0xc0;
    let mut prefix = None;
    let class = match (op, register) {
        (0x00, 2 | 3) => Class::DescriptorTable,
        (0x00, 6) => {
            // LKGS.
            prefix = Some(0xf2);
            Class::SegmentBase
        }
        (0x01, _) if !memory => SYSTEM[usize::from(next & 63)]?,
        (0x01, 2 | 3) => Class::DescriptorTable,
        (0x01, 7) => Class::Tlb,
        // CR0, CR2, CR3, CR4 and, with a REX prefix, CR8: the others do not exist.
        (0x22, 0 | 2..=4) => Class::ControlRegister,
        (0x23, _) => Class::DebugRegister,
        (0xae, 5) if memory => Class::Xrstor,
        (0xae, 2 | 3) if !memory => {
            prefix = Some(0xf3);
            Class::SegmentBase
        }
        (0xc7, 3) if memory => Class::Xrstor,
        // VMPTRLD, VMCLEAR, VMXON; VMPTRST.
        (0xc7, 6 | 7) if memory => Class::Virtualization,
        // INVEPT, INVVPID, INVPCID.
        (0x38, _) if matches!(next, 0x80..=0x82) && behind.is_some_and(|&modrm| modrm < 0xc0) => {
            prefix = Some(0x66);
            if next == 0x82 {
                Class::Tlb
            } else {
                Class::Virtualization
            }
        }
        _ => return None,
    };
    Some((class, prefix))
}

/// The classes of `0F 01` with an operand in a register, each of which is an instruction of its own.
static SYSTEM: [Option<Class>; 64] = system();

const fn system() -> [Option<Class>; 64] {
    let mut table = [None; 64];
    let mut modrm = 0xc0;
    while modrm <= 0xff {
        table[modrm as usize & 63] = match modrm {
            0xc0 | 0xc5 | 0xcf | 0xd7 => Some(Class::Enclave),
            0xc1..=0xc4 | 0xd4 | 0xd8..=0xde => Some(Class::Virtualization),
            0xc6 => Some(Class::Msr),
            0xca | 0xcb => Some(Class::AccessFlag),
            0xd1 => Some(Class::ControlRegister),
            0xdf | 0xfe | 0xff => Some(Class::Tlb),
            0xef => Some(Class::Wrpkru),
            0xf8 => Some(Class::SegmentBase),
            _ => None,
        };
        modrm += 1;
    }
    table
}

/// Where the prefix is that counts for the opcode at `at`, if it is the one that is needed.
fn prefixed(code: &[u8], at: usize, needed: u8) -> Option<usize> {
    let before = code.get(..at)?;
    for (back, &byte) in before.iter().rev().take(length::MAX - 3).enumerate() {
        match byte {
            _ if byte == needed => return Some(at - back - 1),
            0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 => {}
            _ => return None,
        }
    }
    None
}
