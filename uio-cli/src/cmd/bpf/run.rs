//! `uio bpf run`: a program on request, in a guest; with `--local` in this process, without any VM.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use uio_bpf::helper::{OWN, Table};
use uio_bpf::jit::host::Compiled;
use uio_bpf::kind::{FunctionEntry, FunctionExit, Kind, Tick};
use uio_bpf::program::Program;
use uio_bpf::run::{BUDGET, End, Stop};
use uio_bpf_object::Object;

use super::dump::no_program;
use super::engine::{Given, Outcome, interpret, native};
use super::guest::{self, Request, Vm};
use super::host::Local;
use super::input::Input;
use super::local::{Loaded, Refusal};
use super::maps;
use super::words::{Spot, stop};
use crate::cmd::{print, print_json};
use crate::error::{Error, Result, exit};
use crate::render::{Format, complain};

/// Exit code of a program that was stopped.
const STOPPED: u8 = exit::FAILURE;

/// Bytes of a context at most.
const LARGEST: usize = 1 << 24;

/// `uio bpf run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The file.
    #[command(flatten)]
    pub input: Input,
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// Run a program of the file in this process: on the host's build of the runtime, without a VM. Without this, the
    /// argument is the name or number of a program that is loaded.
    #[arg(long, conflicts_with_all = ["vm", "policy", "timeout"])]
    pub local: bool,
    /// Ends it after that long: a number of ms, s or m; or none.
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
    /// The program, when the object has several.
    #[arg(long, value_name = "NAME", requires = "local")]
    pub program: Option<String>,
    /// The context, in hexadecimal; `@FILE` takes it from a file. Contexts of attached programs are zero without it.
    #[arg(long, value_name = "HEX")]
    pub mem: Option<String>,
    /// Instructions that it may take.
    #[arg(long, value_name = "N", default_value_t = BUDGET)]
    pub budget: u64,
    /// What runs it.
    #[arg(long, value_enum, default_value = "interpreter", requires = "local")]
    pub engine: Engine,
    /// The program does nothing that it must not: needed for compiled code, whose accesses are not checked.
    #[arg(long, requires = "local")]
    pub trust: bool,
    /// Show what is in maps afterwards.
    #[arg(long, requires = "local")]
    pub maps: bool,
}

/// What runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The interpreter, which checks every access.
    Interpreter,
    /// The compiler to machine code.
    Jit,
}

/// Runs it. The exit code is 0 when it returned, and 1 when it was stopped.
///
/// # Errors
/// [`Error::Usage`] when the file or the context cannot be read, or the program is refused.
pub fn run(args: &RunArgs, format: Format) -> Result<u8> {
    if !args.local {
        return in_guest(args, format);
    }
    if args.engine == Engine::Jit && !args.trust {
        return Err(Error::Usage(
            "accesses of compiled code are not checked, and this process has no protection from it: \
             add `--trust`, or leave `--engine jit` out"
                .into(),
        ));
    }
    let object = args.input.read()?;
    let index = chosen(&object, args.program.as_deref())?;
    let def = &object.bundle.programs[index];
    let memory = context(args.mem.as_deref(), def.kind)?;
    let helpers = Table {
        own: OWN,
        application: &[],
    };
    let made = Loaded::new(&object, &helpers).and_then(|loaded| {
        let program = loaded.check(def)?;
        loaded.fill_program_arrays()?;
        Ok((loaded, program))
    });
    let (loaded, program) = match made {
        Ok(made) => made,
        Err(refusal) => return refused(&refusal, format),
    };
    if format == Format::Text {
        for note in &object.notes {
            complain(&mut std::io::stderr(), format, &format!("note: {note}")).ok();
        }
    }
    go(args, &loaded, program, &helpers, memory, format)
}

/// Runs a program that is loaded in a guest.
fn in_guest(args: &RunArgs, format: Format) -> Result<u8> {
    let program = args.input.file.to_string_lossy().into_owned();
    if args.input.raw || args.input.file.is_file() {
        return Err(Error::Usage(format!(
            "{program}: add `--local` to run a program of a file here; in a guest, load it first (`uio bpf load`), then \
             give its name"
        )));
    }
    let mut words = vec!["bpf".to_owned(), "run".to_owned()];
    words.push(format!("--budget={}", args.budget));
    words.extend(args.timeout.iter().map(|time| format!("--timeout={time}")));
    words.push(program);
    let memory = context(args.mem.as_deref(), Kind::Executable)?;
    guest::run(&args.vm, format, |_| {
        if args.mem.is_some() {
            words.push("-".to_owned());
        }
        let request = Request::new(&words);
        Ok(vec![match args.mem {
            Some(_) => request.with(memory),
            None => request,
        }])
    })
}

/// The program that is meant.
fn chosen(object: &Object, wanted: Option<&str>) -> Result<usize> {
    let programs = &object.bundle.programs;
    if let Some(wanted) = wanted {
        let found = programs.iter().position(|program| program.name == wanted);
        return found.ok_or_else(|| no_program(object, wanted));
    }
    let mut executable = programs
        .iter()
        .enumerate()
        .filter(|(_, program)| programs.len() == 1 || program.kind == Kind::Executable);
    match (executable.next(), executable.next()) {
        (Some((index, _)), None) => Ok(index),
        _ => {
            let names: Vec<&str> = programs.iter().map(|program| &*program.name).collect();
            Err(Error::Usage(format!(
                "the object has several programs ({}); choose one with `--program NAME`",
                names.join(", ")
            )))
        }
    }
}

/// The bytes of the context.
fn context(given: Option<&str>, kind: Kind) -> Result<Vec<u8>> {
    let wrong = |e: String| Error::Usage(format!("--mem: {e}"));
    let bytes = match given {
        Some(text) => match text.strip_prefix('@') {
            Some(file) => std::fs::read(Path::new(file)).map_err(|e| wrong(e.to_string()))?,
            None => hex(text).ok_or_else(|| {
                wrong("write bytes as pairs of hexadecimal digits, or @FILE".to_owned())
            })?,
        },
        None => vec![
            0;
            match kind {
                Kind::Executable => 0,
                Kind::Fentry | Kind::Syscall => size_of::<FunctionEntry>(),
                Kind::Fexit => size_of::<FunctionExit>(),
                Kind::Timer => size_of::<Tick>(),
                Kind::Probe => {
                    let words = "the context of a probe is the application's; write its bytes";
                    return Err(wrong(words.to_owned()));
                }
            }
        ],
    };
    match bytes.len() {
        0..=LARGEST => Ok(bytes),
        len => Err(wrong(format!("{len} bytes are more than {LARGEST}"))),
    }
}

/// Bytes of pairs of digits, between which there may be spaces.
fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '_')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Tells that the object is refused.
fn refused(refusal: &Refusal, format: Format) -> Result<u8> {
    let lines = refusal.spot.as_deref().map(Spot::lines).unwrap_or_default();
    if format == Format::Text {
        return Err(Error::Usage(format!("{}{lines}", refusal.words)));
    }
    eprintln!(
        "{}",
        json!({ "error": refusal.words, "instruction": refusal.spot.as_deref().map(Spot::json) })
    );
    Ok(exit::USAGE)
}

fn go(
    args: &RunArgs,
    loaded: &Loaded<'_>,
    program: Program,
    helpers: &Table<'_>,
    before: Vec<u8>,
    format: Format,
) -> Result<u8> {
    let host = Local::new();
    let mut words = to_words(&before);
    let given = Given {
        memory: &mut words,
        len: before.len(),
        budget: args.budget,
        helpers,
        host: &host,
    };
    let outcome = match args.engine {
        Engine::Interpreter => interpret(&program, given),
        Engine::Jit => {
            let compiled = Compiled::new(program, helpers)
                .map_err(|e| Error::Failed(format!("the program cannot be compiled: {e:?}")))?;
            native(&compiled, given)
        }
    };
    let mut after: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    after.truncate(before.len());
    let changed = (after != before).then_some(after.as_slice());
    match outcome.end {
        End::Returned(value) => {
            returned(args, loaded, &outcome, value, changed, format)?;
            Ok(exit::OK)
        }
        End::Stopped { why, at } => {
            stopped(args, loaded, &outcome, &why, at, format)?;
            Ok(STOPPED)
        }
    }
}

/// Bytes as words, of which the last is filled up with zeros.
fn to_words(bytes: &[u8]) -> Vec<u64> {
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    };
    bytes.chunks(8).map(word).collect()
}

fn returned(
    args: &RunArgs,
    loaded: &Loaded<'_>,
    outcome: &Outcome,
    value: u64,
    changed: Option<&[u8]>,
    format: Format,
) -> Result<()> {
    if format == Format::Json {
        let mut document = json!({
            "program": outcome.last,
            "returned": value,
            "hex": format!("{value:#x}"),
            "charged": outcome.charged,
            "memory": changed.map(hex_text),
        });
        if args.maps {
            document["maps"] = maps_json(loaded);
        }
        return print_json(&document);
    }
    let mut text = format!("r0 = {value} ({value:#x})\n");
    if let Some(bytes) = changed {
        text += "memory:\n";
        for (line, bytes) in bytes.chunks(16).enumerate() {
            let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            text += &format!("  {:04x}: {}\n", line * 16, pairs.join(" "));
        }
    }
    if args.maps {
        text += &maps_text(loaded);
    }
    print(&text)
}

fn stopped(
    args: &RunArgs,
    loaded: &Loaded<'_>,
    outcome: &Outcome,
    why: &Stop,
    at: u32,
    format: Format,
) -> Result<()> {
    let name = outcome.last.as_str();
    let words = format!("the program `{name}` was stopped: {}", stop(why));
    let spot = loaded.spot(name, at);
    if format == Format::Json {
        let mut document = json!({
            "error": words,
            "program": name,
            "instruction": spot.json(),
            "charged": outcome.charged,
        });
        if args.maps {
            document["maps"] = maps_json(loaded);
        }
        eprintln!("{document}");
        return Ok(());
    }
    eprintln!("uio: {words}{}", spot.lines());
    if args.maps {
        print(&maps_text(loaded))?;
    }
    Ok(())
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn maps_text(loaded: &Loaded<'_>) -> String {
    loaded.maps.iter().map(|map| maps::text(map)).collect()
}

fn maps_json(loaded: &Loaded<'_>) -> Value {
    loaded.maps.iter().map(|map| maps::json(map)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_read() {
        assert_eq!(hex("0a 0B_0c"), Some(vec![10, 11, 12]));
        assert_eq!(hex("0x01"), Some(vec![1]));
        assert_eq!(hex(""), Some(Vec::new()));
        for wrong in ["1", "0g", "012"] {
            assert_eq!(hex(wrong), None, "{wrong}");
        }
        assert_eq!(context(None, Kind::Fexit).unwrap().len(), 80);
        assert!(context(None, Kind::Probe).is_err());
        assert_eq!(context(Some("01"), Kind::Probe).unwrap(), [1]);
    }

    #[test]
    fn words_have_the_bytes_in_order() {
        assert_eq!(to_words(&[1, 0, 0, 0, 0, 0, 0, 0, 2]), [1, 2]);
        assert!(to_words(&[]).is_empty());
    }
}
