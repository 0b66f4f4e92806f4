//! The structure of a program, before it runs: what it is made of, not what it does.
//!
//! After [`check`], an engine can rely on these: opcodes and registers exist, register 10 is not
//! written, fields without a meaning are zero, jumps stay in their function and no function runs
//! off its end, called functions and helpers exist, and direct calls are no deeper than there are frames.

mod functions;
mod insn;
pub(crate) mod memory;
mod why;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use why::{Reject, Why};

use crate::helper::Table;
use crate::interpreter::Ops;
use crate::isa::{FUNCTION_TOKEN, Insn, MAX_INSNS, call, class, jump, wide};
use crate::kind::Kind;
use crate::map::Map;
use crate::program::{Function, Program};

pub use functions::{function_target, jump_target};

/// What the numbers in a program mean.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// Maps by their numbers in the bundle.
    pub maps: &'a [Arc<Map>],
    /// Addresses of variables by their numbers in the bundle.
    pub variables: &'a [u64],
    /// The helpers.
    pub helpers: &'a Table<'a>,
}

/// Checks a program and makes it ready for the engines.
///
/// # Errors
/// The first instruction that breaks a rule, and the rule.
pub fn check(
    name: &str,
    kind: Kind,
    code: &[Insn],
    environment: &Environment<'_>,
) -> Result<Program, Reject> {
    let whole = |why| Reject {
        at: code.len() as u32,
        why,
    };
    let second = alone(code)?;
    let functions = functions::functions(code, &second)?;
    helpers(code, &second, kind, environment.helpers)?;
    let mut insns = memory::copy(code).map_err(whole)?.into_boxed_slice();
    let maps = resolve(&mut insns, &second, &functions, environment)?;
    let ops = Ops::new(&insns, &functions, environment.helpers).map_err(whole)?;
    let name = memory::copy(name.as_bytes()).map_err(whole)?;
    Ok(Program {
        name: String::from_utf8(name).unwrap_or_default().into_boxed_str(),
        kind,
        insns,
        functions: functions.into_boxed_slice(),
        maps,
        ops,
        native: None,
        symbols: Arc::default(),
        memory: None,
    })
}

/// Checks each instruction by itself. Says of each whether it is the second half of a wide one.
fn alone(code: &[Insn]) -> Result<Vec<bool>, Reject> {
    let whole = |why| Reject {
        at: code.len() as u32,
        why,
    };
    if code.is_empty() {
        return Err(whole(Why::Empty));
    }
    if code.len() > MAX_INSNS {
        return Err(whole(Why::Length));
    }
    let mut second = memory::list(code.len()).map_err(whole)?;
    let mut wide = false;
    for (at, &insn) in code.iter().enumerate() {
        let reject = |why| Reject { at: at as u32, why };
        second.push(wide);
        wide = if wide {
            insn::second_half(insn).map_err(reject)?;
            false
        } else {
            insn::insn(insn).map_err(reject)?
        };
    }
    if wide {
        return Err(Reject {
            at: code.len() as u32 - 1,
            why: Why::WideHalf,
        });
    }
    Ok(second)
}

/// Checks that the helpers exist, and that programs of that type may call them.
fn helpers(code: &[Insn], second: &[bool], kind: Kind, table: &Table<'_>) -> Result<(), Reject> {
    for (at, insn) in code.iter().enumerate() {
        let calls = insn.opcode == class::JMP | jump::CALL && insn.src() == call::HELPER;
        if second[at] || !calls {
            continue;
        }
        let why = match table.get(insn.imm as u32) {
            Some(helper) if helper.is_for(kind) => continue,
            Some(_) => Why::HelperKind,
            None => Why::NoHelper,
        };
        return Err(Reject { at: at as u32, why });
    }
    Ok(())
}

/// Puts values into the wide instructions. Gives the maps that they name.
fn resolve(
    insns: &mut [Insn],
    second: &[bool],
    functions: &[Function],
    environment: &Environment<'_>,
) -> Result<Vec<Arc<Map>>, Reject> {
    let mut maps: Vec<Arc<Map>> = Vec::new();
    for at in 0..insns.len().saturating_sub(1) {
        if !second[at] {
            insns[at] = insn::usual(insns[at]);
        }
        let [low, high] = [insns[at], insns[at + 1]];
        if second[at] || low.class() != class::LD {
            continue;
        }
        let value = match low.src() {
            wide::VALUE => continue,
            wide::FUNCTION => function(low, high, at, functions),
            wide::VARIABLE => variable(low, high, environment),
            source => map(source, low, high, environment, &mut maps),
        };
        let value = value.map_err(|why| Reject { at: at as u32, why })?;
        insns[at].imm = value as i32;
        insns[at + 1].imm = (value >> 32) as i32;
    }
    Ok(maps)
}

fn function(low: Insn, high: Insn, at: usize, functions: &[Function]) -> Result<u64, Why> {
    if high.imm != 0 {
        return Err(Why::ReservedImmediate);
    }
    function_target(low, at)
        .and_then(|target| functions::number(functions, target as u32))
        .map(|number| FUNCTION_TOKEN + u64::from(number))
        .ok_or(Why::CallOutside)
}

fn variable(low: Insn, high: Insn, environment: &Environment<'_>) -> Result<u64, Why> {
    if high.imm != 0 {
        return Err(Why::ReservedImmediate);
    }
    let found = environment.variables.get(low.imm as u32 as usize);
    found.copied().ok_or(Why::NoVariable)
}

fn map(
    source: u8,
    low: Insn,
    high: Insn,
    environment: &Environment<'_>,
    named: &mut Vec<Arc<Map>>,
) -> Result<u64, Why> {
    let found = environment.maps.get(low.imm as u32 as usize);
    let map = found.ok_or(Why::NoMap)?;
    if !named.iter().any(|other| Arc::ptr_eq(other, map)) {
        named.try_reserve(1).map_err(|_| Why::Memory)?;
        named.push(Arc::clone(map));
    }
    if source == wide::MAP || source == wide::MAP_INDEX {
        if high.imm != 0 {
            return Err(Why::ReservedImmediate);
        }
        return Ok(Arc::as_ptr(map) as u64);
    }
    let value = map.first_value().ok_or(Why::NoMapValue)?;
    let offset = u64::from(high.imm as u32);
    if offset > value.len {
        return Err(Why::MapValueOffset);
    }
    Ok(value.address + offset)
}
