//! Runs of programs in the guest, and how they ended.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::World;
use crate::process::{Output, run_on};
use crate::uio::LIMIT;
use crate::vm::Vm;

/// How long the commands of a script may take together.
const SCRIPT_LIMIT: Duration = Duration::from_secs(300);

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Status of the command.
    pub status: i32,
    /// What the client had to say.
    pub words: String,
    /// The same as it says it to programs.
    errors: Vec<Value>,
}

impl Ran {
    /// From what `uio --output json exec` printed.
    pub fn new(output: &Output) -> Self {
        let complaint = output.complaint();
        let errors: Vec<Value> = complaint
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let words: Vec<&str> = errors
            .iter()
            .filter_map(|error| error["error"].as_str())
            .collect();
        let words = match words.is_empty() {
            true => complaint.clone(),
            false => words.join("; "),
        };
        Self {
            status: output.status,
            words,
            errors,
        }
    }

    /// The report of a fault; null without one.
    pub fn fault(&self) -> &Value {
        let mut faults = self.errors.iter().map(|error| &error["fault"]);
        faults
            .find(|fault| !fault.is_null())
            .unwrap_or(&Value::Null)
    }

    /// The class of the instruction for which the program was refused.
    pub fn forbidden(&self) -> Option<&str> {
        let mut classes = self.errors.iter().map(|error| &error["forbidden"]["class"]);
        classes.find_map(Value::as_str)
    }
}

/// The command that runs a program with a time limit, in a session with a policy.
pub fn command(vm: &Vm<'_>, policy: &str, limit: &str, run: &str) -> Command {
    let mut args = vec![
        "--output", "json", "exec", "--policy", policy, &vm.name, "--",
    ];
    args.extend(["run", "--timeout", limit]);
    let (program, rest) = run.split_once(' ').unwrap_or((run, ""));
    let path = path(program);
    args.push(&path);
    args.extend(rest.split_whitespace());
    vm.uio().command(&args)
}

/// Where a program is in the guest.
pub fn path(program: &str) -> String {
    format!("/uio/{program}.o")
}

/// Runs a program with a time limit, in a session with a policy.
///
/// # Errors
/// When the client does not answer in time.
pub fn run(vm: &Vm<'_>, policy: &str, limit: &str, run: &str) -> Result<Ran> {
    let output = crate::process::run(&mut command(vm, policy, limit, run), LIMIT)?;
    Ok(Ran::new(&output))
}

/// Takes a program out of the guest's memory, and gives what memory there is then.
///
/// # Errors
/// When it cannot be unloaded, or there are other programs.
pub fn unload(vm: &Vm<'_>, program: &str) -> Result<Memory> {
    vm.ok(&["unload", &path(program)])?;
    memory(vm)
}

/// Memory of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of frames that are free, or that overlay and programs hold and account for. What is missing
    /// here is lost.
    pub frames: u64,
    /// Bytes of the heap that are used.
    pub heap_used: u64,
    /// Bytes of programs that are loaded.
    pub programs: u64,
}

/// What memory there is.
///
/// # Errors
/// When the guest does not say.
pub fn memory(vm: &Vm<'_>) -> Result<Memory> {
    let free = vm.json(&["free"])?;
    let member = |name: &str| {
        let bytes = free[name].as_u64();
        bytes.with_context(|| format!("`free` says no `{name}`: {free}"))
    };
    let programs = member("programs")?;
    Ok(Memory {
        frames: member("frames_free")? + member("overlay")? + programs,
        heap_used: member("heap_used")?,
        programs,
    })
}

/// Runs the program that has to run whatever others did before.
///
/// # Errors
/// When it does not.
pub fn hello(vm: &Vm<'_>) -> Result<()> {
    let output = vm.exec(&["run", &path("hello")])?;
    ensure!(
        output.status == 0 && output.text() == "hello\n",
        "the next program ended with status {} and printed {:?}: {}",
        output.status,
        output.text(),
        output.complaint()
    );
    Ok(())
}

/// Runs commands in one session, whatever they end with. Gives what the shell printed.
///
/// # Errors
/// When it does not end in time.
pub fn script(world: &World, vm: &Vm<'_>, policy: &str, lines: &str) -> Result<Output> {
    let file = world.share.join("commands");
    std::fs::write(&file, lines).with_context(|| file.display().to_string())?;
    let input = Stdio::from(File::open(&file)?);
    let shell = ["shell", "--policy", policy, &vm.name];
    run_on(&mut world.uio.command(&shell), input, SCRIPT_LIMIT)
}
