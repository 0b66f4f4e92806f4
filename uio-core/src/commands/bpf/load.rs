//! `bpf load [--jit] [PATH]`: loads a bundle, which a host has made of an object; from standard input, or from a file.
//! `bpf load [--jit] --raw TYPE NAME`: loads a program, whose instructions come on standard input. All of it is
//! loaded, or nothing. `--jit` compiles the programs, which is for the policy `full`: compiled ones are trusted.

use alloc::vec::Vec;

use uio_bpf::helper::Table;
use uio_bpf::kind::Kind;
use uio_bpf::load::{LoadError, Loading, Refused, variables};
use uio_bpf::wire::{Refusal, Trouble};
use uio_console::Policy;
use uio_console::record::{NO_ARG, UsageProblem};

use super::answer::{self, Batch, encode};
use super::call::Call;
use super::line::{Word, option};
use super::list;
use super::native::compile;
use crate::command::Stop;
use crate::program::Wanted;
use crate::program::lookup::Lookup;

/// Types of programs by the names that sections have for them, in the order of their numbers.
const KINDS: [&[u8]; 6] = [
    b"executable",
    b"fentry",
    b"fexit",
    b"probe",
    b"timer",
    b"syscall",
];

pub(super) fn run(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let jit = call.line.has(option::JIT);
    if jit {
        call.need(NO_ARG, Policy::Full)?;
    }
    let bytes = if call.line.has(option::RAW) {
        raw(call)?
    } else {
        if call.line.count > 1 {
            let arg = call.line.last;
            return Err(call.misused(arg, UsageProblem::Extra));
        }
        let file = call.line.operand(call.cx, 0);
        call.input(file.filter(|word| word.bytes != b"-"))?
    };
    let mut wanted = Vec::new();
    if let Err(error) = variables(&bytes, &mut |name| {
        wanted.push(Wanted::new(name.as_bytes(), 0));
    }) {
        return Err(refused(call, &Refused { name: "", error }));
    }
    look_up(call, &mut wanted)?;
    place(call, &bytes, &wanted, jit)
}

/// Loads a bundle, and tells of its programs.
fn place(
    call: &mut Call<'_, '_>,
    bytes: &[u8],
    wanted: &[Wanted<'_>],
    jit: bool,
) -> Result<(), Stop> {
    let tracing = call.tracing;
    let table = table(call);
    let mut batch = Batch::new();
    let done = call.with(|runtime| {
        let mut loading = Loading {
            helpers: &table,
            cores: tracing.host().cores(),
            core: tracing.host().core(),
            address: &|name| {
                let mut known = wanted.iter();
                known.find(|known| known.name == name.as_bytes())?.address
            },
            prepare: &mut |program| !jit || compile(program, &table, tracing),
            // Programs have their machine code with them.
            discard: &mut |_| {},
        };
        let bundle = runtime.load(bytes, &mut loading)?;
        let programs = runtime.programs().iter();
        for loaded in programs.filter(|loaded| loaded.bundle == bundle) {
            batch.add(&list::told(loaded, 0));
        }
        Ok(())
    })?;
    match done {
        Ok(()) => batch.send(call.cx),
        Err(error) => Err(refused(call, &error)),
    }
}

/// The helpers that programs of this session may call: those of the application may do more than observe it.
pub(super) fn table(call: &Call<'_, '_>) -> Table<'static> {
    let mut table = call.tracing.helpers();
    if call.cx.policy() < Policy::Control {
        table.application = &[];
    }
    table
}

/// Says why a bundle is refused.
fn refused(call: &mut Call<'_, '_>, refused: &Refused<'_>) -> Stop {
    match refused.error {
        LoadError::Native => return call.trouble(NO_ARG, &Trouble::Native),
        LoadError::Memory | LoadError::Limit if refused.name.is_empty() => {
            return call.trouble(NO_ARG, &Trouble::Memory);
        }
        _ => {}
    }
    let mut rule = [0; 32];
    let len = encode(&refused.error, &mut rule).unwrap_or(0);
    let refusal = Refusal {
        name: answer::name(refused.name),
        rule: rule.get(..len).unwrap_or_default(),
    };
    call.trouble(NO_ARG, &Trouble::Load(refusal))
}

/// Has the symbol index say the addresses of variables.
fn look_up(call: &mut Call<'_, '_>, wanted: &mut [Wanted<'_>]) -> Result<(), Stop> {
    if wanted.is_empty() {
        return Ok(());
    }
    let base = call.cx.system().image().base;
    let mut lookup = Lookup::new();
    let result = lookup.with(call.cx, &mut |cx, index| {
        index.look_up(wanted, base, &mut || cx.check().is_ok())
    });
    call.cx.check()?;
    match result {
        Ok(()) => {
            lookup.keep(call.cx);
            Ok(())
        }
        Err(error) => {
            lookup.fail(call.cx, error)?;
            Err(Stop::Status(crate::command::FAILED))
        }
    }
}

/// A bundle of one program, whose instructions come on standard input.
fn raw(call: &mut Call<'_, '_>) -> Result<Vec<u8>, Stop> {
    let (kind, name) = (call.word(0), call.word(1));
    if name.bytes.is_empty() {
        let arg = call.line.last;
        return Err(call.misused(arg, UsageProblem::Missing));
    }
    let Some(number) = KINDS.iter().position(|known| *known == kind.bytes) else {
        return Err(call.misused(kind.arg, UsageProblem::UnknownWord));
    };
    let code = call.input(None)?;
    match bundle(number as u8, name, &code) {
        Some(bundle) => Ok(bundle),
        None => {
            let status = call.cx.no_memory(code.len() as u64)?;
            Err(Stop::Status(status))
        }
    }
}

/// The encoding of `uio_bpf::bundle::Bundle`.
fn bundle(kind: u8, name: Word<'_>, code: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let room = name.bytes.len() + code.len() + 32;
    bytes.try_reserve_exact(room).ok()?;
    // Version; neither license, nor maps, nor variables; one program.
    bytes.extend_from_slice(&[uio_bpf::bundle::VERSION as u8, 0, 0, 0, 1]);
    put(&mut bytes, name.bytes);
    // Its section names nothing.
    bytes.extend_from_slice(&[kind, 0]);
    put(&mut bytes, code);
    Some(bytes)
}

/// Adds bytes behind their length.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
}

const _: () = assert!(Kind::Syscall as usize == KINDS.len() - 1);
