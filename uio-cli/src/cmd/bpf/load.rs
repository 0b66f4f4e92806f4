//! `uio bpf load`: the programs of an object, into a guest.

use std::path::PathBuf;

use clap::Args;
use uio_bpf::kind::Kind;
use uio_bpf_object::{Object, section};

use super::guest::{Asked, Request, Vm, run as ask};
use super::input::Input;
use crate::error::{Error, Result};
use crate::render::Format;

/// `uio bpf load`
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The VM.
    #[command(flatten)]
    pub vm: Vm,
    /// The file.
    #[command(flatten)]
    pub input: Input,
    /// What the program is called in the guest; for a file with one program.
    #[arg(long)]
    pub name: Option<String>,
    /// Type of the program in bytecode: executable, fentry, fexit, probe, timer, syscall.
    #[arg(long = "type", value_name = "TYPE", requires = "raw", value_parser = parse_kind)]
    pub kind: Option<Kind>,
    /// Compile the programs; their accesses are not checked then. For the policy `full`.
    #[arg(long)]
    pub jit: bool,
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    const ALL: [Kind; 6] = [
        Kind::Executable,
        Kind::Fentry,
        Kind::Fexit,
        Kind::Probe,
        Kind::Timer,
        Kind::Syscall,
    ];
    let found = ALL.into_iter().find(|kind| section::word(*kind) == text);
    found.ok_or_else(|| format!("write one of {}", ALL.map(section::word).join(", ")))
}

/// Loads it.
///
/// # Errors
/// [`Error::Usage`] when the file cannot be read.
pub fn run(args: &LoadArgs, format: Format) -> Result<u8> {
    let mut object = args.input.read()?;
    if let (Some(kind), Some(program)) = (args.kind, object.bundle.programs.first_mut()) {
        program.kind = kind;
    }
    if let Some(name) = &args.name {
        rename(&mut object, name)?;
    }
    ask(&args.vm, format, |asked| {
        Ok(vec![request(asked, object, args.jit)?])
    })
}

fn rename(object: &mut Object, name: &str) -> Result<()> {
    let [program] = &mut object.bundle.programs[..] else {
        return Err(Error::Usage(
            "--name is for files with one program; this one has several, whose names are those of their functions"
                .to_owned(),
        ));
    };
    program.name = name.to_owned();
    Ok(())
}

/// The request that loads an object.
fn request(asked: &Asked<'_>, object: Object, jit: bool) -> Result<Request> {
    for note in &object.notes {
        asked.note(note);
    }
    let bytes = postcard::to_stdvec(&object.bundle)
        .map_err(|e| Error::Failed(format!("the object cannot be encoded: {e}")))?;
    let words: &[&str] = match jit {
        true => &["bpf", "load", "--jit"],
        false => &["bpf", "load"],
    };
    Ok(Request {
        object: Some(Box::new(object)),
        ..Request::new(words).with(bytes)
    })
}

/// `bpf load PATH` in the shell: an object on the share.
///
/// # Errors
/// [`Error::Usage`]
pub(super) fn in_shell(asked: &Asked<'_>, words: &[String]) -> Result<Vec<Request>> {
    let mut operands = words.iter().skip(2).filter(|word| !word.starts_with('-'));
    let raw = words.iter().any(|word| word == "--raw");
    let (Some(path), None, false) = (operands.next(), operands.next(), raw) else {
        return Ok(vec![Request::new(words)]);
    };
    let file: PathBuf = asked.on_host(path)?;
    let is_object = std::fs::read(&file).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"));
    if !is_object {
        // A bundle, or nothing at all: the guest says so.
        return Ok(vec![Request::new(words)]);
    }
    let object = Input { file, raw: false }.read()?;
    let jit = words.iter().any(|word| word == "--jit");
    Ok(vec![request(asked, object, jit)?])
}
