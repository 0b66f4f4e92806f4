//! Where instructions go: translated blocks by the functions that they are in.

use std::collections::HashMap;
use std::fmt::Write;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::counter::Blocks;
use super::http::Connection;
use super::image::{BASE, Image, is_overlay, owner};
use super::lab::{Lab, profiled};
use super::stats::number;
use super::vm::Vm;

/// Requests over one connection when those are profiled.
const REQUESTS: u64 = 200;

/// What to profile.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Args {
    /// A command of the overlay; `{share}` stands for the share's mount point.
    #[arg(trailing_var_arg = true, required_unless_present_any = ["boot", "requests"])]
    command: Vec<String>,
    /// A command to run before each repetition, uncounted.
    #[arg(long)]
    before: Option<String>,
    /// In place of a command: everything from power-on until the web server listens.
    #[arg(long, conflicts_with_all = ["requests", "command"])]
    boot: bool,
    /// In place of a command: requests to the web server, one after the other.
    #[arg(long, conflicts_with = "command")]
    requests: bool,
    /// Of the image without the overlay.
    #[arg(long)]
    pub without: bool,
    /// How many functions to print.
    #[arg(long, default_value_t = 40)]
    pub lines: usize,
}

impl Args {
    /// Measures it.
    ///
    /// # Errors
    /// When the guest does not do as it should.
    pub fn measure(&self, lab: &Lab) -> Result<Vec<Line>> {
        let image = if self.without {
            lab.without()?
        } else {
            &lab.with
        };
        let share = lab.share();
        let vm = Vm::start(&super::vm::Config {
            deterministic: self.boot,
            ..lab.config(image, Some(&share))
        })?;
        let (blocks, repetitions) = if self.boot {
            (vm.counter.blocks()?, 1)
        } else if self.requests {
            (requests(&vm)?, REQUESTS)
        } else {
            ensure!(!self.without, "commands need the overlay");
            (self.commands(&vm, lab.repetitions)?, lab.repetitions as u64)
        };
        Ok(by_function(image, &blocks, repetitions))
    }

    fn commands(&self, vm: &Vm, repetitions: usize) -> Result<Blocks> {
        let mut session = vm.attach()?;
        let share = session.hello.share.clone();
        let before = self.before.clone().unwrap_or_default();
        let [command, before] =
            [self.command.join(" "), before].map(|text| text.replace("{share}", &share));
        session.run(&command)?;
        let mut blocks = Blocks::new();
        for _ in 0..repetitions {
            if !before.is_empty() {
                session.run(&before)?;
            }
            for (block, count) in profiled(vm, &mut || session.run(&command).map(drop))? {
                *blocks.entry(block).or_default() += count;
            }
        }
        Ok(blocks)
    }
}

fn requests(vm: &Vm) -> Result<Blocks> {
    let mut connection = Connection::new(vm.port)?;
    connection.request()?;
    profiled(vm, &mut || {
        (0..REQUESTS).try_for_each(|_| connection.request())
    })
}

/// A function and the instructions that it took itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its Rust path or name, or the range of addresses of code that is no part of the image.
    pub function: String,
    /// Which part of the image it belongs to.
    pub owner: &'static str,
    /// Instructions, a repetition.
    pub instructions: f64,
    /// How often it was entered at its first instruction, a repetition.
    pub calls: f64,
}

/// The functions that took the instructions in `blocks`, most first, each divided by `repetitions`.
pub fn by_function(image: &Image, blocks: &Blocks, repetitions: u64) -> Vec<Line> {
    let mut functions: HashMap<(String, &'static str), (u64, u64)> = HashMap::new();
    for (&(address, instructions), &executed) in blocks {
        let (function, entry) = match image.at(address) {
            Some(symbol) => (
                (symbol.path.clone(), owner(symbol)),
                BASE + symbol.address == address,
            ),
            None => ((elsewhere(address), "outside the image"), false),
        };
        let (all, calls) = functions.entry(function).or_default();
        *all += executed;
        *calls += u64::from(entry) * executed / instructions.max(1);
    }
    let repetitions = repetitions.max(1) as f64;
    let mut lines: Vec<Line> = functions
        .into_iter()
        .map(|((function, owner), (executed, calls))| Line {
            function,
            owner,
            instructions: executed as f64 / repetitions,
            calls: calls as f64 / repetitions,
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

/// The instructions in `blocks` that are not the allocator's.
pub fn besides_allocator(image: &Image, blocks: &Blocks) -> u64 {
    let allocator = |address| {
        image
            .at(address)
            .is_some_and(|symbol| symbol.path.contains("talc::"))
    };
    blocks
        .iter()
        .filter(|((address, _), _)| !allocator(*address))
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
    let _ = writeln!(out, "\n{:>12}  {:>8}  function", "instructions", "calls");
    for line in lines.iter().take(limit) {
        let [instructions, calls] = [line.instructions, line.calls].map(number);
        let _ = writeln!(out, "{instructions:>12}  {calls:>8}  {}", line.function);
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
                "calls": line.calls,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::image::Symbol;
    use super::*;

    fn image() -> Image {
        let symbol = |address, size, path: &str| Symbol {
            address,
            size,
            name: path.to_owned(),
            path: path.to_owned(),
            code: true,
            kernel: true,
            in_file: true,
        };
        Image {
            bootable: Default::default(),
            unstripped: Default::default(),
            stripped_bytes: 0,
            entry: 0,
            sections: Vec::new(),
            symbols: vec![
                symbol(0x100, 0x40, "uio_core::engine::run"),
                symbol(0x140, 0x40, "hermit::scheduler::run"),
                symbol(0x180, 0x40, "talc::Talc::malloc"),
            ],
        }
    }

    fn blocks() -> Blocks {
        Blocks::from([
            ((BASE + 0x100, 2), 20),
            ((BASE + 0x110, 3), 30),
            ((BASE + 0x140, 1), 400),
            ((BASE + 0x180, 1), 6),
            ((0xf_0000, 1), 8),
        ])
    }

    #[test]
    fn blocks_are_added_up_by_function() {
        let lines = by_function(&image(), &blocks(), 2);
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line.function.as_str(), line.instructions))
            .collect();
        assert_eq!(
            told,
            [
                ("hermit::scheduler::run", 200.0),
                ("uio_core::engine::run", 25.0),
                ("firmware", 4.0),
                ("talc::Talc::malloc", 3.0),
            ]
        );
        assert_eq!((lines[0].calls, lines[1].calls), (200.0, 5.0));
    }

    #[test]
    fn shares_of_overlay_and_allocator() {
        assert_eq!(of_overlay(&image(), &blocks()), 50);
        assert_eq!(besides_allocator(&image(), &blocks()), 458);
    }
}
