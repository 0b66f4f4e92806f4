//! Functions of a program: where they begin and end, where they jump, whom they call, how much stack
//! they use.

use alloc::vec::Vec;

use super::memory;
use super::why::{Reject, Why};
use crate::isa::{
    FRAME_LEN, FRAME_POINTER, Insn, MAX_FRAMES, SOURCE_REGISTER, alu, call, class, jump, mode,
    size, wide,
};
use crate::program::Function;

/// A call of a function by another one.
#[derive(Clone, Copy)]
struct Edge {
    at: u32,
    caller: u32,
    callee: u32,
}

/// Where the instruction jumps to, if it does. `JA` counts, calls do not.
#[must_use]
pub fn jump_target(insn: Insn, at: usize) -> Option<i64> {
    let narrow = match insn.class() {
        class::JMP => false,
        class::JMP32 => true,
        _ => return None,
    };
    match insn.opcode & 0xf0 {
        jump::CALL | jump::EXIT => None,
        jump::JA if narrow => Some(at as i64 + 1 + i64::from(insn.imm)),
        _ => Some(at as i64 + 1 + i64::from(insn.off)),
    }
}

/// Where the function begins that the instruction calls or takes the address of, if it does.
#[must_use]
pub fn function_target(insn: Insn, at: usize) -> Option<i64> {
    let names = insn.opcode == class::LD | mode::IMM | size::DW && insn.src() == wide::FUNCTION;
    (is_call(insn) || names).then(|| at as i64 + 1 + i64::from(insn.imm))
}

/// Whether it calls a function of the program by its place.
fn is_call(insn: Insn) -> bool {
    insn.opcode == class::JMP | jump::CALL && insn.src() == call::LOCAL
}

/// Finds the functions, and checks what concerns them. `second` says of each instruction whether it
/// is the second half of a wide one.
///
/// # Errors
/// The first instruction that breaks a rule.
#[inline(never)]
pub fn functions(code: &[Insn], second: &[bool]) -> Result<Vec<Function>, Reject> {
    let whole = |why| Reject {
        at: code.len() as u32,
        why,
    };
    let mut functions = starts(code, second)?;
    let calls = code
        .iter()
        .zip(second)
        .filter(|(insn, half)| !**half && is_call(**insn));
    let mut edges = memory::list(calls.count()).map_err(whole)?;
    for (number, function) in functions.iter_mut().enumerate() {
        last(code, second, function)?;
        jumps(code, second, function)?;
        function.stack = stack(code, second, function)?;
        for at in instructions(function, second) {
            let insn = code[at];
            if is_call(insn)
                && let Some(target) = function_target(insn, at)
            {
                edges.push(Edge {
                    at: at as u32,
                    caller: number as u32,
                    callee: target as u32,
                });
            }
        }
    }
    for edge in &mut edges {
        edge.callee = number(&functions, edge.callee).unwrap_or(0);
    }
    depth(functions.len(), &edges, code.len() as u32)?;
    Ok(functions)
}

/// The number of the function that begins there.
#[must_use]
pub fn number(functions: &[Function], start: u32) -> Option<u32> {
    let found = functions.binary_search_by_key(&start, |function| function.start);
    found.ok().map(|index| index as u32)
}

fn instructions(function: &Function, second: &[bool]) -> impl Iterator<Item = usize> {
    (function.start as usize..function.end as usize).filter(|&at| !second[at])
}

fn starts(code: &[Insn], second: &[bool]) -> Result<Vec<Function>, Reject> {
    let whole = |why| Reject {
        at: code.len() as u32,
        why,
    };
    let mut begins = memory::filled(false, code.len()).map_err(whole)?;
    if let Some(first) = begins.first_mut() {
        *first = true;
    }
    for (at, &insn) in code.iter().enumerate() {
        if second[at] {
            continue;
        }
        let Some(target) = function_target(insn, at) else {
            continue;
        };
        let to = usize::try_from(target).unwrap_or(usize::MAX);
        let why = match (second.get(to), begins.get_mut(to)) {
            (Some(false), Some(begins)) => {
                *begins = true;
                continue;
            }
            (Some(true), _) => Why::CallIntoWide,
            _ => Why::CallOutside,
        };
        return Err(Reject { at: at as u32, why });
    }
    let count = begins.iter().filter(|begins| **begins).count();
    let mut functions: Vec<Function> = memory::list(count).map_err(whole)?;
    for (at, begins) in begins.into_iter().enumerate() {
        if begins {
            if let Some(before) = functions.last_mut() {
                before.end = at as u32;
            }
            functions.push(Function {
                start: at as u32,
                end: code.len() as u32,
                stack: 0,
            });
        }
    }
    Ok(functions)
}

/// Checks that the function does not run off its end.
fn last(code: &[Insn], second: &[bool], function: &Function) -> Result<(), Reject> {
    let at = function.end - 1;
    let insn = code[at as usize];
    let ends = !second[at as usize]
        && match insn.class() {
            class::JMP => {
                insn.opcode == class::JMP | jump::EXIT || insn.opcode == class::JMP | jump::JA
            }
            class::JMP32 => insn.opcode == class::JMP32 | jump::JA,
            _ => false,
        };
    if ends {
        return Ok(());
    }
    Err(Reject {
        at,
        why: Why::NoEnd,
    })
}

fn jumps(code: &[Insn], second: &[bool], function: &Function) -> Result<(), Reject> {
    for at in instructions(function, second) {
        let Some(target) = jump_target(code[at], at) else {
            continue;
        };
        let inside = i64::from(function.start)..i64::from(function.end);
        let why = if !inside.contains(&target) {
            Why::JumpOutside
        } else if second[target as usize] {
            Why::JumpIntoWide
        } else {
            continue;
        };
        return Err(Reject { at: at as u32, why });
    }
    Ok(())
}

/// How many bytes of stack the function's instructions name.
fn stack(code: &[Insn], second: &[bool], function: &Function) -> Result<u16, Reject> {
    let mut used = 0;
    for at in instructions(function, second) {
        let insn = code[at];
        let (base, other) = match insn.class() {
            class::LDX => (insn.src(), 0),
            class::ST => (insn.dst(), 0),
            class::STX => (insn.dst(), insn.src()),
            class::ALU | class::ALU64 if insn.opcode & 0xf0 == alu::END => continue,
            class::ALU | class::ALU64 | class::JMP | class::JMP32 => {
                let named = insn.dst() == FRAME_POINTER
                    || insn.opcode & SOURCE_REGISTER != 0 && insn.src() == FRAME_POINTER;
                if named {
                    used = FRAME_LEN;
                }
                continue;
            }
            _ => continue,
        };
        if other == FRAME_POINTER {
            used = FRAME_LEN;
        }
        if base == FRAME_POINTER {
            let deep = below(insn).map_err(|why| Reject { at: at as u32, why })?;
            used = used.max(deep);
        }
    }
    Ok(used.next_multiple_of(8) as u16)
}

/// How far below the frame pointer an access by it begins.
fn below(insn: Insn) -> Result<usize, Why> {
    let len = match insn.opcode & 0x18 {
        size::B => 1,
        size::H => 2,
        size::W => 4,
        _ => 8,
    };
    let off = i32::from(insn.off);
    if off + len > 0 {
        return Err(Why::StackEnd);
    }
    let deep = off.unsigned_abs() as usize;
    if deep > FRAME_LEN {
        Err(Why::Stack)
    } else {
        Ok(deep)
    }
}

/// Checks that calls do not go round, nor deeper than there are frames. `end` is the program's.
fn depth(functions: usize, edges: &[Edge], end: u32) -> Result<(), Reject> {
    let whole = |why| Reject { at: end, why };
    // How deep what each function calls is, itself included, as far as it is known.
    let mut heights = memory::filled(1_usize, functions).map_err(whole)?;
    let mut grew = true;
    while grew {
        grew = false;
        for edge in edges {
            let height = heights[edge.callee as usize] + 1;
            if height <= heights[edge.caller as usize] {
                continue;
            }
            if height > MAX_FRAMES {
                return Err(too_deep(functions, edges, edge).unwrap_or_else(whole));
            }
            heights[edge.caller as usize] = height;
            grew = true;
        }
    }
    Ok(())
}

/// How often functions that call none that is left are taken away, at most: deeper ones are too deep.
const ROUNDS: usize = 256;

/// Why calls are too deep at an edge: takes away functions that call none that is left, until there are only
/// those that go round, and those that lead to them.
fn too_deep(functions: usize, edges: &[Edge], edge: &Edge) -> Result<Reject, Why> {
    let mut left = memory::filled(true, functions)?;
    for _ in 0..ROUNDS {
        let mut calling = memory::filled(false, functions)?;
        for edge in edges.iter().filter(|edge| left[edge.callee as usize]) {
            calling[edge.caller as usize] = true;
        }
        if calling == left {
            break;
        }
        left = calling;
    }
    let round = edges
        .iter()
        .find(|edge| left[edge.caller as usize] && left[edge.callee as usize]);
    let (at, why) = match round {
        Some(edge) => (edge.at, Why::Recursion),
        None => (edge.at, Why::Frames),
    };
    Ok(Reject { at, why })
}
