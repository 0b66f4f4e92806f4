//! Where instructions go: translated blocks by the functions that they are in.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::counter::Blocks;
use super::image::{BASE, Image, is_overlay, owner};
use super::stats::number;

/// A function and the instructions that it took itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its Rust path or name, or the range of addresses of code that is no part of the image.
    pub function: String,
    /// Which part of the image it belongs to.
    pub owner: &'static str,
    /// Instructions, a repetition.
    pub instructions: f64,
}

/// The functions that took the instructions in `blocks`, most first, each divided by `repetitions`.
pub fn by_function(image: &Image, blocks: &Blocks, repetitions: u64) -> Vec<Line> {
    let mut functions: HashMap<(String, &'static str), u64> = HashMap::new();
    for (&(address, _), &executed) in blocks {
        let function = match image.at(address) {
            Some(symbol) => (symbol.path.clone(), owner(symbol)),
            None => (elsewhere(address), "outside the image"),
        };
        *functions.entry(function).or_default() += executed;
    }
    let mut lines: Vec<Line> = functions
        .into_iter()
        .map(|((function, owner), executed)| Line {
            function,
            owner,
            instructions: executed as f64 / repetitions.max(1) as f64,
        })
        .collect();
    lines.sort_by(|a, b| {
        b.instructions
            .total_cmp(&a.instructions)
            .then_with(|| a.function.cmp(&b.function))
    });
    lines
}

/// The instructions in `blocks` that are the overlay's own code.
pub fn of_overlay(image: &Image, blocks: &Blocks) -> u64 {
    let own = |address| image.at(address).is_some_and(|s| is_overlay(owner(s)));
    blocks
        .iter()
        .filter(|((address, _), _)| own(*address))
        .map(|(_, executed)| executed)
        .sum()
}

fn elsewhere(address: u64) -> String {
    match address {
        0..0x10_0000 => "firmware".to_owned(),
        0x10_0000..BASE => "boot loader".to_owned(),
        _ => format!("{:#x}…", address & !0xfff),
    }
}

/// The first `limit` lines as text.
pub fn text(lines: &[Line], limit: usize) -> String {
    let total: f64 = lines.iter().map(|line| line.instructions).sum();
    let mut out = format!("{:>12}  in all\n", number(total));
    let mut owners: HashMap<&str, f64> = HashMap::new();
    for line in lines {
        *owners.entry(line.owner).or_default() += line.instructions;
    }
    let mut owners: Vec<_> = owners.into_iter().collect();
    owners.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (owner, instructions) in owners {
        let _ = writeln!(out, "{:>12}  {owner}", number(instructions));
    }
    out.push('\n');
    for line in lines.iter().take(limit) {
        let _ = writeln!(out, "{:>12}  {}", number(line.instructions), line.function);
    }
    out
}

/// The lines as JSON.
pub fn json(lines: &[Line]) -> Value {
    lines
        .iter()
        .map(|line| {
            json!({
                "function": line.function,
                "owner": line.owner,
                "instructions": line.instructions,
            })
        })
        .collect()
}
