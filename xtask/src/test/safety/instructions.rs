//! Privileged instructions, each alone in a program: refused by the scanner, and where all of them are
//! granted, by the processor.

use std::path::Path;

use anyhow::{Result, ensure};

use super::super::report::Report;
use super::World;
use super::ending::Ending::{self, Exception, Idle};
use super::matrix::told;
use super::rows::Backend;
use super::run::{self, hello};
use crate::vm::Vm;

/// An instruction.
pub struct Instruction {
    /// In assembly. `rbx` points to memory, rax is 0, rcx 0x10, rdx 0x80.
    pub code: &'static str,
    /// The class that it is refused for.
    pub class: &'static str,
    /// How the program ends where every class is granted, with `pku`.
    pub granted: Ending,
}

const fn one(class: &'static str, code: &'static str, granted: Ending) -> Instruction {
    Instruction {
        code,
        class,
        granted,
    }
}

/// The processor refuses it in ring 3.
const GP: Ending = Exception(13);

/// The same, unless the processor lacks it.
const NEITHER: Ending = Ending::Either(6, 13);

/// All of them.
pub const INSTRUCTIONS: &[Instruction] = &[
    one("xrstor", "xrstor (%rbx)", Idle),
    one("msr", "wrmsr", GP),
    one("control-register", "mov %rax, %cr0", GP),
    one("control-register", "mov %rax, %cr3", GP),
    one("control-register", "mov %rax, %cr4", GP),
    one("control-register", "lmsw %ax", GP),
    one("control-register", "clts", GP),
    one("control-register", "xsetbv", GP),
    one("debug-register", "mov %rax, %dr7", GP),
    one("descriptor-table", "lgdt (%rbx)", GP),
    one("descriptor-table", "lidt (%rbx)", GP),
    one("descriptor-table", "lldt %ax", GP),
    one("descriptor-table", "ltr %ax", GP),
    one("interrupt-flag", "cli", GP),
    one("interrupt-flag", "sti", GP),
    one("interrupt-flag", "push %rax; popfq", Idle),
    one("access-flag", "clac", Exception(6)),
    one("access-flag", "stac", Exception(6)),
    one("port-io", "in %dx, %al", GP),
    one("port-io", "out %al, %dx", GP),
    one("port-io", "mov %rbx, %rdi; insb", GP),
    one("port-io", "mov %rbx, %rsi; outsb", GP),
    one("halt", "hlt", GP),
    one("halt", "monitor", Exception(6)),
    one("halt", "mwait", Exception(6)),
    one("segment-base", "wrfsbase %rax", Idle),
    one("segment-base", "wrgsbase %rax", Idle),
    one("segment-base", "swapgs", GP),
    one("segment-base", "mov %eax, %fs", Idle),
    one("return", "iretq", GP),
    one("return", "sysretq", GP),
    one("return", "sysexit", NEITHER),
    one("far-branch", "ljmp *(%rbx)", GP),
    one("far-branch", "push %rax; push %rbx; lretq", GP),
    one("system-call", "mov $1000, %eax; syscall", Idle),
    one("system-call", "sysenter", NEITHER),
    one("system-call", "int $0x80", GP),
    one("tlb", "invlpg (%rbx)", GP),
    one("tlb", "invpcid (%rbx), %rax", NEITHER),
    one("cache", "invd", GP),
    one("cache", "wbinvd", GP),
    one("virtualization", "vmcall", Exception(6)),
    one("virtualization", "vmrun", Exception(6)),
    one("virtualization", "vmmcall", Exception(6)),
    one("enclave", "encls", Exception(6)),
];

/// The name of the program for an instruction.
fn name(number: usize) -> String {
    format!("privileged-{number}")
}

/// Compiles them all.
pub fn compile(world: &World, source: &Path) -> Result<()> {
    for (number, instruction) in INSTRUCTIONS.iter().enumerate() {
        let code = instruction.code.replace('%', "%%");
        let define = format!("-DINSTRUCTION=\"{code}\"");
        world.compile(source, &name(number), &[&define])?;
    }
    Ok(())
}

/// Runs all of them.
pub fn run(report: &mut Report, world: &World) {
    for backend in Backend::ALL {
        let count = INSTRUCTIONS.len();
        report.check(
            &format!("{}: {count} instructions are refused", backend.name()),
            || {
                let vm = world.server(&world.web, backend, &[])?;
                each(&vm, |instruction| Ending::Refused(instruction.class))
            },
        );
    }
    report.check("pku: granted, the processor refuses them", || {
        let mut classes: Vec<&str> = INSTRUCTIONS.iter().map(|one| one.class).collect();
        classes.dedup();
        let classes = classes.join(",");
        let vm = world.server(&world.web, Backend::Pku, &["--grant", &classes])?;
        each(&vm, |instruction| instruction.granted)
    });
}

/// Runs each, and the next program after it.
fn each(vm: &Vm<'_>, ending: impl Fn(&Instruction) -> Ending) -> Result<()> {
    let mut failures = Vec::new();
    for (number, instruction) in INSTRUCTIONS.iter().enumerate() {
        let ran = run::run(vm, "full", "2s", &name(number))?;
        if let Err(error) = ending(instruction).check(&ran) {
            failures.push(format!("`{}`: {error}", instruction.code));
        }
        hello(vm)?;
    }
    told(&failures)?;
    let page = vm.get("/")?;
    ensure!(page.status == 200, "the server answers {}", page.head);
    Ok(())
}
